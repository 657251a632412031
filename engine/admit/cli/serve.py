"""`admit serve`: rules as an admission webhook. Its options are the fields of the server's configuration."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

import click

from admit.cli.rules import KUBERNETES, engine_of, with_pod_security
from admit.webhook import Configuration
from admit.webhook import serve as serve_webhook

OPTIONS = {
    "host": "The address to listen on.",
    "port": "The port; 0 for any that is free.",
    "tls": "Whether to speak HTTPS, as an API server demands.",
    "cert": "The certificate chain, PEM. Without one: a throw-away certificate, for development.",
    "key": "The key of the certificate, PEM.",
    "workers": "Processes that answer.",
    "body_limit": "Bytes that a request may have.",
    "timeout": "Seconds for an answer, where the request does not say.",
    "log_level": "What is logged.",
}
LOG_LEVELS = ("debug", "info", "warning", "error")


def configured(command: Callable[..., None]) -> Callable[..., None]:
    """Adds an option for each field of the configuration."""
    for field in reversed(fields(Configuration)):
        name = field.name.replace("_", "-")
        flag = f"--{name}/--no-{name}" if isinstance(field.default, bool) else f"--{name}"
        kind: click.ParamType[Any] | None = click.Path(path_type=Path) if field.default is None else None
        if field.name == "log_level":
            kind = click.Choice(LOG_LEVELS)
        option = click.option(flag, type=kind, default=field.default, show_default=True, help=OPTIONS[field.name])
        command = option(command)
    return command


@click.command("serve")
@click.argument("rules", metavar="[RULES]...", nargs=-1)
@configured
@with_pod_security
@KUBERNETES
def command(
    rules: tuple[str, ...], pod_security: str | None, enforce_controllers: bool, kubernetes: str, **options: Any
) -> None:
    """Serve rules as an admission webhook, until SIGTERM or SIGINT.

    RULES are folders, rule files and names of policies of the library. Each option can be given in the environment
    too: ADMIT_SERVE_PORT for --port.
    """
    configuration = Configuration(**options)
    engine = engine_of(rules, kubernetes, pod_security=pod_security, enforce_controllers=enforce_controllers)
    engine.warm()
    serve_webhook(engine, configuration, click.echo)
