"""`admit export`: the same rules as manifests that an API server runs by itself."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import click

from admit.cel.env import NEWEST, parse_version
from admit.cli.files import content_of
from admit.cli.output import tell
from admit.cli.rules import KUBERNETES, POD_SECURITY, engine_of, settings_from, tests_of, with_settings
from admit.errors import UsageError
from admit.exporters import Exported, export
from admit.exporters.model import Target
from admit.exporters.webhooks import Server, certificates, configurations
from admit.proof import Proof, prove
from admit.proof.cost import warnings
from admit.rules.yaml import dump

OUTPUT = click.option(
    "--output", "-o", metavar="DIR", default="-", show_default=True, help="A folder for a file a policy; - is here."
)
POLICY = click.option("--policy", metavar="NAME", help="Only what binds this policy.")
EXPIRING = click.option("--accept-expiring", is_flag=True, help="Exceptions that expire are exported without an end.")
PARTIAL = click.option("--partial", is_flag=True, help="Write the rest, where something is refused.")
SERVER = Server()


@click.group("export")
def command() -> None:
    """Write rules as manifests that an API server runs by itself.

    The exit status is 0 where all is exported, 1 where something is refused, 2 where the rules cannot be used.
    """


def exporting(command: Callable[..., None]) -> Callable[..., None]:
    """Adds what exports of policies take."""
    rules = click.argument("rules", metavar="RULES...", nargs=-1, required=True)
    for part in (with_settings, with_proof, OUTPUT, PARTIAL, EXPIRING, POLICY, KUBERNETES, rules):
        command = part(command)
    return command


def with_proof(command: Callable[..., None]) -> Callable[..., None]:
    """Adds what a proof takes."""
    for option in (
        click.option("--record", metavar="FILE", help="Where the record of --verify goes, as YAML."),
        click.option("--seed", default=0, show_default=True, help="What --verify makes its requests from."),
        click.option(
            "--requests",
            type=click.IntRange(min=0),
            default=1000,
            show_default=True,
            help="How many requests --verify makes.",
        ),
        click.option("--verify", is_flag=True, help="Ask the rules, and what is exported, their tests and more alike."),
    ):
        command = option(command)
    return command


@command.command("vap")
@exporting
@click.option("--split", is_flag=True, help="A policy for each, also where several could be one.")
@click.option(
    "--params", type=click.Choice(["configmap", "crd"]), help="Settings that the policy reads in the cluster."
)
@click.option("--params-namespace", metavar="NAME", default="default", show_default=True, help="That of ConfigMaps.")
@click.pass_context
def vap(ctx: click.Context, /, **given: Any) -> None:
    """ValidatingAdmissionPolicies and their bindings.

    RULES are folders, rule files and names of policies of the library.
    """
    _export(ctx, "vap", **given)


@command.command("map")
@exporting
@click.pass_context
def map_(ctx: click.Context, /, **given: Any) -> None:
    """MutatingAdmissionPolicies and their bindings.

    RULES are folders, rule files and names of policies of the library.
    """
    _export(ctx, "map", **given)


def _export(
    ctx: click.Context,
    target: Target,
    rules: tuple[str, ...],
    kubernetes: str,
    settings_json: str | None,
    settings_path: Path | None,
    output: str,
    verify: bool,
    requests: int,
    seed: int,
    record: str | None,
    **options: Any,
) -> None:
    parse_version(kubernetes)
    engine = engine_of(rules, f"1.{NEWEST}", settings_from(settings_json, settings_path))
    options |= {"kubernetes": kubernetes}
    exported = export(engine, target, **options)
    show(exported, output)
    proven = True
    if verify:
        proof = prove(engine, tests_of(rules), target, generated=requests, seed=seed, **options)
        _tell(proof, record)
        proven = proof.holds
    ctx.exit(1 if exported.refused or not proven else 0)


def _tell(proof: Proof, record: str | None) -> None:
    """Writes the record of a proof, and on standard error what it comes to."""
    if record is not None:
        try:
            Path(record).write_text(dump(proof.record()), encoding="utf-8")
        except OSError as error:
            raise UsageError(f"cannot write {record}: {error.strerror}") from None
    for difference in proof.differences:
        tell("differs", difference)
    for text in sorted(proof.untaken):
        tell("not taken by the API server", text)
    for text in warnings(proof.costs):
        tell("note", text, "yellow")
    click.echo(str(proof), err=True)


@command.command("webhooks")
@click.argument("rules", metavar="[RULES]...", nargs=-1)
@click.option("--ca", metavar="FILE", help="The certificates that the server's is trusted by, PEM.")
@click.option("--service", default=SERVER.service, show_default=True, help="The Service of the server.")
@click.option("--namespace", default=SERVER.namespace, show_default=True, help="The namespace of the Service.")
@click.option("--port", default=SERVER.port, show_default=True, help="The port of the Service.")
@click.option("--url", help="Where the server is, if not behind a Service: https://HOST:PORT.")
@click.option("--timeout", default=SERVER.timeout, show_default=True, help="Seconds that an API server waits.")
@click.option(
    "--exclude",
    metavar="NAMESPACE",
    multiple=True,
    default=SERVER.excluded,
    show_default=True,
    help="What is in it is not asked about, nor what is in the Service's.",
)
@POD_SECURITY
@KUBERNETES
@OUTPUT
def webhooks(
    rules: tuple[str, ...],
    ca: str | None,
    exclude: tuple[str, ...],
    pod_security: str | None,
    kubernetes: str,
    output: str,
    **options: Any,
) -> None:
    """Webhook configurations, by which an API server asks `admit serve` with these rules.

    RULES are folders, rule files and names of policies of the library.
    """
    server = Server(ca=None if ca is None else certificates(content_of(ca), ca), excluded=exclude, **options)
    engine = engine_of(rules, kubernetes, pod_security=pod_security)
    show(Exported(tuple(configurations(engine, server))), output)


def show(exported: Exported, output: str) -> None:
    """Writes the documents, and lists on standard error what is not, or not in every word, in them."""
    if output == "-":
        click.echo(_text(exported.documents), nl=False)
    else:
        _write(exported.documents, Path(output))
    for note in exported.notes:
        tell("note", note, "yellow")
    for refusal in exported.refused:
        tell("refused", refusal)


def _write(documents: tuple[Mapping[str, Any], ...], folder: Path) -> None:
    """A file for each policy, with its bindings."""
    files: dict[str, list[Mapping[str, Any]]] = {}
    for document in documents:
        files.setdefault(_file(document), []).append(document)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, some in files.items():
            (folder / name).write_text(_text(some))
    except OSError as error:
        raise UsageError(f"cannot write to {folder}: {error.strerror}") from None


def _file(document: Mapping[str, Any]) -> str:
    """What the file of a document is called; policies of both kinds may have one name."""
    if document["kind"].endswith("WebhookConfiguration"):
        return "webhooks.yaml"
    name = document.get("spec", {}).get("policyName") or document["metadata"]["name"]
    return f"{name}.mutating.yaml" if document["kind"].startswith("Mutating") else f"{name}.yaml"


def _text(documents: Iterable[Mapping[str, Any]]) -> str:
    return "---\n".join(dump(document, lists_in_lines=True) for document in documents)
