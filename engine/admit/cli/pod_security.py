"""`admit pod-security`: what Pod Security would say of manifests."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

import click
import orjson

from admit.admission.patch import Operation, apply, pointer
from admit.cel.env import NEWEST
from admit.cli.manifests import admitted, manifests_in
from admit.cli.output import OUTPUT, Form, show_data
from admit.engine import Engine
from admit.errors import RequestError, UsageError
from admit.kubernetes.fitting import misfit
from admit.kubernetes.normalise import normalise
from admit.kubernetes.types import of_kind
from admit.loading import binding_of, load
from admit.podsecurity import evaluate
from admit.podsecurity.levels import LATEST, LEVELS, VERSION_EXPECTED, Level, Standard, is_version
from admit.podsecurity.objects import HOLDERS, held

REPAIR = "pod-security/repair"
REPAIRED: Level = "restricted"
"""The level whose demands can be met by saying more; those of baseline are about what is said already."""


@dataclass(frozen=True, slots=True)
class Left:
    """What no patch repairs without changing what is meant."""

    check: str
    message: str
    pointers: list[str]


@dataclass(frozen=True, slots=True)
class Standing:
    """The strictest level that a workload passes, and what it is short of the `next`: a `patch`, and what is `left`."""

    kind: str
    namespace: str
    name: str
    level: Level
    next: Level | None
    patch: list[Operation]
    left: list[Left]


@click.group("pod-security")
def command() -> None:
    """Say what Pod Security would say of manifests."""


@command.command("levels")
@click.option("--filename", "-f", "manifests", metavar="PATH", multiple=True, help="Manifests: files, folders, -.")
@click.option("--version", metavar="VERSION", default=LATEST, show_default=True, help="Of the standards: v1.31.")
@click.option("--at-least", type=click.Choice(LEVELS), default=LEVELS[0], help="Exit with 1 where a level is laxer.")
@click.option("--as-is", is_flag=True, help="Judge manifests as they are, without what an API server fills in.")
@OUTPUT
@click.pass_context
def levels(
    ctx: click.Context, manifests: tuple[str, ...], version: str, at_least: Level, as_is: bool, form: Form | None
) -> None:
    """Tell the strictest level that each workload passes, and the smallest patch to the next.

    A patch never changes what a manifest says; what would have to be changed is told in the words of the check. The
    exit status is 1 where a workload does not pass the level --at-least, else 0.
    """
    if not manifests:
        raise UsageError("manifests (-f) are needed")
    if not is_version(version):
        raise UsageError(f"there is no version {version!r}: {VERSION_EXPECTED}")
    laxer = False
    for i, standing in enumerate(_standings(manifests, version, as_is)):
        laxer = laxer or LEVELS.index(standing.level) < LEVELS.index(at_least)
        if form in ("json", "yaml"):
            show_data(asdict(standing), form, first=i == 0)
        else:
            _show(standing)
    ctx.exit(1 if laxer else 0)


def _standings(paths: tuple[str, ...], version: str, as_is: bool) -> Iterator[Standing]:
    asked = {"version": Standard(REPAIRED, version).at(NEWEST), "runAsNonRoot": True}
    repair = load([binding_of(REPAIR, asked)])
    for file, item in manifests_in(paths):
        match item:
            case {"apiVersion": str(api_version), "kind": str(kind)}:
                if (api_version, kind) not in HOLDERS:
                    continue
            case _:
                raise RequestError(f"{file}: expected objects with apiVersion and kind")
        try:
            yield _standing(item, _judged(item, file, as_is), version, repair, as_is)
        except RequestError as error:
            raise RequestError(f"{file}: {error}") from None


def _judged(item: Any, file: str, as_is: bool) -> Any:
    """The workload as it is judged. Raises RequestError for what no API server would read."""
    kind = of_kind(item["apiVersion"], item["kind"])
    if kind is not None and (problem := misfit(item, kind)):
        raise RequestError(str(problem))
    return item if as_is else admitted(item, file)


def _standing(item: Any, object: Any, version: str, repair: Engine, as_is: bool) -> Standing:
    type_ = item["apiVersion"], item["kind"]
    metadata = object.get("metadata") or {}
    named = item["kind"], metadata.get("namespace") or "default", metadata.get("name") or ""
    passed = next(level for level in reversed(LEVELS) if evaluate(level, version, held(object, type_) or {}).allowed)
    if passed == LEVELS[-1]:
        return Standing(*named, passed, None, [], [])
    level = LEVELS[LEVELS.index(passed) + 1]
    patch = repair.decide(item).patch or [] if level == REPAIRED else []
    repaired = apply(item, patch)
    failures = evaluate(level, version, held(repaired if as_is else normalise(repaired), type_) or {}).failures
    at = pointer(HOLDERS[type_])
    left = [Left(each.check, str(each), [at + place for place in each.pointers]) for each in failures]
    return Standing(*named, passed, level, patch, left)


def _show(standing: Standing) -> None:
    name = f"{standing.namespace}/{standing.name or '(no name)'}"
    click.echo(f"{click.style(f'{standing.level:10}', bold=True)} {standing.kind} {name}")
    if standing.next is None:
        return
    for operation in standing.patch:
        value = orjson.dumps(operation["value"]).decode()
        click.echo(f"  {operation['op']:6} {operation['path']} {value}")
    for left in standing.left:
        click.echo(f"  {click.style('change', fg='yellow')} {', '.join(left.pointers)}: {left.message}")
