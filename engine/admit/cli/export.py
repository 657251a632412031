"""`admit export`: the same rules as manifests that an API server runs by itself."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from admit.cli.rules import KUBERNETES, engine_of, settings_from, with_settings
from admit.errors import UsageError
from admit.exporters import Exported, export
from admit.rules.yaml import dump

OUTPUT = click.option(
    "--output", "-o", metavar="DIR", default="-", show_default=True, help="A folder for a file a policy; - is here."
)
POLICY = click.option("--policy", metavar="NAME", help="Only what binds this policy.")
PARTIAL = click.option("--partial", is_flag=True, help="Write the rest, where something is refused.")


@click.group("export")
def command() -> None:
    """Write rules as manifests that an API server runs by itself.

    The exit status is 0 where all is exported, 1 where something is refused, 2 where the rules cannot be used.
    """


@command.command("vap")
@click.argument("rules", metavar="RULES...", nargs=-1, required=True)
@KUBERNETES
@POLICY
@click.option("--split", is_flag=True, help="A policy for each, also where several could be one.")
@click.option("--accept-expiring", is_flag=True, help="Exceptions that expire are exported without an end.")
@PARTIAL
@OUTPUT
@with_settings
@click.pass_context
def vap(
    ctx: click.Context,
    rules: tuple[str, ...],
    kubernetes: str,
    policy: str | None,
    split: bool,
    accept_expiring: bool,
    partial: bool,
    output: str,
    settings_json: str | None,
    settings_path: Path | None,
) -> None:
    """ValidatingAdmissionPolicies and their bindings.

    RULES are folders, rule files and names of policies of the library.
    """
    engine = engine_of(rules, kubernetes, settings_from(settings_json, settings_path))
    exported = export(engine, policy=policy, split=split, partial=partial, accept_expiring=accept_expiring)
    show(exported, output)
    ctx.exit(1 if exported.refused else 0)


def show(exported: Exported, output: str) -> None:
    """Writes the documents, and lists on standard error what is not, or not in every word, in them."""
    if output == "-":
        click.echo("---\n".join(map(dump, exported.documents)), nl=False)
    else:
        _write(exported.documents, Path(output))
    for note in exported.notes:
        click.echo(f"{click.style('note:', fg='yellow', bold=True)} {note}", err=True)
    for refusal in exported.refused:
        click.echo(f"{click.style('refused:', fg='red', bold=True)} {refusal}", err=True)


def _write(documents: tuple[Mapping[str, Any], ...], folder: Path) -> None:
    """A file for each policy, with its bindings."""
    files: dict[str, list[Mapping[str, Any]]] = {}
    for document in documents:
        name = document["spec"].get("policyName") or document["metadata"]["name"]
        files.setdefault(name, []).append(document)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, some in files.items():
            (folder / f"{name}.yaml").write_text("---\n".join(map(dump, some)))
    except OSError as error:
        raise UsageError(f"cannot write to {folder}: {error.strerror}") from None
