"""`admit run`: a request, or manifests as if they were created, decided by some rules."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click
import orjson

from admit.admission import Decision
from admit.cli.files import json_in, request_in
from admit.cli.kwctl import as_kwctl
from admit.cli.manifests import admitted, manifests_in
from admit.cli.output import OUTPUT, Form, show_data
from admit.cli.rules import KUBERNETES, engine_of, is_by_module, settings_from, with_pod_security, with_settings
from admit.engine import Engine
from admit.engine.tally import AUDIT_KEY
from admit.errors import RequestError, UsageError


@click.command("run")
@click.argument("policies", metavar="[POLICY]...", nargs=-1)
@click.option(
    "--request-path", "--request", "-r", "request", metavar="FILE", help="A review or its request; - is stdin."
)
@click.option("--raw", is_flag=True, help="The request is any JSON object, which one policy judges as the object.")
@click.option("--filename", "-f", "manifests", metavar="PATH", multiple=True, help="Manifests: files, folders, -.")
@click.option("--as-is", is_flag=True, help="Judge manifests as they are, without what an API server fills in.")
@with_settings
@with_pod_security
@KUBERNETES
@OUTPUT
@as_kwctl
@click.pass_context
def command(
    ctx: click.Context,
    policies: tuple[str, ...],
    request: str | None,
    raw: bool,
    manifests: tuple[str, ...],
    as_is: bool,
    settings_json: str | None,
    settings_path: Path | None,
    pod_security: str | None,
    enforce_controllers: bool,
    kubernetes: str,
    form: Form | None,
) -> None:
    """Decide on a request or on manifests.

    A request (-r) is answered as a webhook answers it; manifests (-f) are judged as if they were created. POLICY is a
    policy of the library or a Kubewarden module that it stands for, a rule file or a folder. The exit status is 0 where
    all is allowed, 1 where something is denied, 2 for an error.
    """
    if (request is None) == (not manifests):
        raise UsageError("either a request (-r) or manifests (-f) are needed")
    if raw and request is None:
        raise UsageError("--raw is about a request (-r), not about manifests")
    items = list(manifests_in(manifests))
    settings = settings_from(settings_json, settings_path)
    namespaces = [item for _, item in items if _is_namespace(item)]
    engine = engine_of(
        policies,
        kubernetes,
        settings,
        pod_security=pod_security,
        enforce_controllers=enforce_controllers,
        namespaces=namespaces,
    )
    denied = False
    decisions = _decisions(engine, items, as_is) if request is None else [_answer(engine, policies, request, raw)]
    for i, decision in enumerate(decisions):
        denied = denied or not decision.allowed
        if (form or ("json" if request is not None else "text")) == "text":
            _show(decision)
        else:
            show_data(_response(decision) if request is not None else _verdict(decision), form or "json", first=i == 0)
    ctx.exit(1 if denied else 0)


def _answer(engine: Engine, policies: Sequence[str], file: str, raw: bool) -> Decision:
    """The decision on a request; of one policy that is called by its Kubewarden module, as Kubewarden says it."""
    if not raw:
        by_module = engine.controller is None and len(policies) == 1 and is_by_module(policies[0])
        return engine.answer(request_in(file), binding=engine.bindings[0] if by_module else None)
    if len(engine.bindings) != 1:
        raise UsageError(f"--raw asks one policy, but {len(engine.bindings)} are in force")
    request = json_in(file)
    if not isinstance(request, dict):
        raise UsageError("--raw: expected a JSON object as the request")
    return engine.raw({"request": request}, engine.bindings[0])


def _is_namespace(item: Any) -> bool:
    match item:
        case {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": str()}}:
            return True
        case _:
            return False


def _decisions(engine: Engine, manifests: Iterable[tuple[str, Any]], as_is: bool) -> Iterator[Decision]:
    for file, item in manifests:
        try:
            yield engine.decide(item if as_is else admitted(item, file))
        except RequestError as error:
            raise RequestError(f"{file}: {error}") from None


def _response(decision: Decision) -> dict[str, Any]:
    """The response with every key that kwctl prints."""
    response: dict[str, Any] = decision.response["response"]
    return {**response, **{key: response.get(key) for key in ("auditAnnotations", "warnings")}}


def _verdict(decision: Decision) -> dict[str, Any]:
    """The response about a manifest, which has a name in place of a uid; and the findings."""
    request = decision.request
    named = {"kind": request.kind.kind, "namespace": request.namespace, "name": request.name}
    response = {key: value for key, value in _response(decision).items() if key != "uid"}
    return {**named, **response, "findings": [asdict(finding) for finding in decision.findings]}


def _show(decision: Decision) -> None:
    """One line for the verdict, and one for each finding, warning and change."""
    request = decision.request
    name = "/".join(part for part in (request.namespace, request.name or "(no name)") if part)
    word, colour = ("allowed", "green") if decision.allowed else ("denied", "red")
    said = f": {decision.message}" if decision.message else ""
    click.echo(f"{click.style(f'{word:8}', fg=colour, bold=True)} {request.kind.kind} {name}{said}")
    told = decision.message
    for finding in decision.findings:
        place = f" at {finding.field}" if finding.field else ""
        text = f": {finding.message}" if finding.message not in (decision.message, told) else ""
        told = finding.message
        click.echo(f"  {finding.action.lower():6} {finding.policy}, rule {finding.rule}{place}{text}")
    for warning in decision.warnings:
        click.echo(f"  {click.style('warning', fg='yellow')} {warning}")
    for key, note in decision.audit_annotations.items():
        if key != AUDIT_KEY:  # which says of the findings of Audit what is said above
            click.echo(f"  {'noted':6} {key}: {note}")
    for operation in decision.patch or ():
        value = f" {orjson.dumps(operation['value']).decode()}" if "value" in operation else ""
        click.echo(f"  {operation['op']:6} {operation['path']}{value}")
