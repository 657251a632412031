"""What policies mutate is exported, loaded again, and makes of every object what the policies make of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

import admit
from admit.engine import Engine
from admit.exporters import export
from admit.kubernetes.normalise import bare, redefaulted
from admit.loading import check

CASES = yaml.safe_load((Path(__file__).parent / "mutating.yaml").read_text())  # our reader has no overrides


def engine_of(case: Mapping[str, Any]) -> Engine:
    documents = [("Policy", name, spec) for name, spec in case["policies"].items()]
    documents += [
        ("PolicyBinding", name, {"policyName": name, **spec}) for name, spec in case.get("bindings", {}).items()
    ]
    return admit.load(
        {"apiVersion": "admit.dev/v1", "kind": kind, "metadata": {"name": name}, "spec": spec}
        for kind, name, spec in documents
    )


def outcome(engine: Engine, request: Mapping[str, Any]) -> tuple[bool, Any]:
    """Whether it is allowed, and what is stored then."""
    object = request.get("object", request)
    operation, subresource = request.get("operation", "CREATE"), request.get("subresource", "")
    decision = engine.decide(object, request.get("oldObject"), operation, subresource=subresource)
    return decision.allowed, bare(redefaulted(object, decision.object, engine.schemas)) if decision.allowed else None


@pytest.mark.parametrize("kubernetes", ["1.33", "1.37"])
@pytest.mark.parametrize("case", [case for case in CASES if "requests" in case], ids=lambda case: case["name"])
def test_export(case: Mapping[str, Any], kubernetes: str) -> None:
    engine = engine_of(case)
    exported = export(engine, "map", kubernetes=kubernetes)
    assert not exported.refused
    names = [each["metadata"]["name"] for each in exported.documents if each["kind"] == "MutatingAdmissionPolicy"]
    assert names == case.get("documents", names)
    again, faults = check(exported.documents, kubernetes=kubernetes, advice=True)
    assert not faults
    assert_alike(engine, again, case["requests"])


def assert_alike(engine: Engine, again: Engine, requests: Sequence[Mapping[str, Any]]) -> None:
    outcomes = [outcome(engine, request) for request in requests]
    assert [outcome(again, request) for request in requests] == outcomes
    before = [bare(request.get("object", request)) for request in requests]
    assert any(after not in (None, object) for object, (_, after) in zip(before, outcomes, strict=True))


@pytest.mark.parametrize("case", [case for case in CASES if "refused" in case], ids=lambda case: case["name"])
def test_refused(case: Mapping[str, Any]) -> None:
    exported = export(engine_of(case), "map", kubernetes=case.get("kubernetes"))
    assert ([*map(str, exported.refused)], exported.documents) == ([case["refused"]], ())
