"""The bundled policies as they are exported for an older API server and a newer one: tests/golden/export/."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import chain
from pathlib import Path

import pytest

from admit.engine import Engine
from admit.errors import RuleSetError
from admit.exporters import export
from admit.exporters.model import Target
from admit.library import Library
from admit.loading import binding_of, load
from admit.rules.yaml import dump
from admit.testing import SUFFIX, trials

ROOT = Path(__file__).parents[2]
VERSIONS = ("1.31", "1.36")


@pytest.mark.parametrize("policy", Library())
def test_export(policy: str, golden: Callable[[str, str], None]) -> None:
    engine = _engine(policy)
    writes = any(lowered.mutations for bound in engine.bounds for lowered in bound.members)
    targets: tuple[Target, ...] = ("vap", "map") if writes else ("vap",)
    for version in VERSIONS:
        found = [export(engine, target, kubernetes=version, partial=True) for target in targets]
        told = [f"# {each}\n" for exported in found for each in (*exported.notes, *exported.refused)]
        documents = [dump(document, lists_in_lines=True) for exported in found for document in exported.documents]
        golden(f"export/{version}/{policy}.yaml", "".join(told) + "---\n".join(documents))


def test_each_file_is_of_a_policy() -> None:
    folder = ROOT / "tests" / "golden" / "export"
    wanted = {folder / version / f"{policy}.yaml" for version in VERSIONS for policy in Library()}
    assert {*folder.rglob("*.yaml")} == wanted


def _engine(policy: str) -> Engine:
    """With its default settings; where they are none, or ask for nothing, those of the first test that do."""
    candidates: Iterator[Engine] = (engine for engine, _ in trials(ROOT / "rulesets" / f"{policy}{SUFFIX}"))
    with suppress(RuleSetError):
        candidates = chain([load([binding_of(policy, {})])], candidates)
    return next(engine for engine in candidates if export(engine, "vap").documents or export(engine, "map").documents)
