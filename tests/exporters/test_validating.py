"""What is exported is loaded again, and says of every request what the rules say."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

import admit
from admit.admission import Decision
from admit.engine import Engine
from admit.exporters import Exported, export
from admit.kubernetes.typecheck import warnings

CASES = yaml.safe_load((Path(__file__).parent / "validating.yaml").read_text())  # our reader has no overrides
RULE_SETS = [case for case in CASES if "refused" not in case]
REFUSED = [case for case in CASES if "refused" in case]
OPTIONS = ("split", "accept_expiring", "params", "kubernetes")
DENIED = re.compile("ValidatingAdmissionPolicy '[^']*' with binding '[^']*' denied request: ")


def engine_of(case: Mapping[str, Any]) -> Engine:
    documents = [("Policy", name, spec) for name, spec in case["policies"].items()]
    documents += [("PolicyBinding", name, spec) for name, spec in case.get("bindings", {}).items()]
    written = (
        {"apiVersion": "admit.dev/v1", "kind": kind, "metadata": {"name": name}, "spec": spec}
        for kind, name, spec in documents
    )
    return admit.load(written, params=case.get("objects", ()))


def exported_of(case: Mapping[str, Any], engine: Engine, partial: bool = False) -> Exported:
    return export(engine, partial=partial, **{option: case[option] for option in OPTIONS if option in case})


def policies_of(exported: Exported) -> list[Mapping[str, Any]]:
    return [each for each in exported.documents if each["kind"] == "ValidatingAdmissionPolicy"]


def decided(engine: Engine, request: Mapping[str, Any]) -> Decision:
    if "object" not in request:
        return engine.decide(request, route="validate")
    return engine.decide(
        request["object"],
        request.get("oldObject"),
        request.get("operation", "CREATE"),
        subresource=request.get("subresource", ""),
        route="validate",
    )


def told(decision: Decision) -> tuple[Any, ...]:
    """What a client is told, but for names; errors of evaluation have each their own text."""
    text = DENIED.sub("", decision.message or "")
    erred = "failed to evaluate" in text or "resulted in error" in text
    notes = {key.partition("/")[2]: note for key, note in decision.audit_annotations.items() if "/" in key}
    notes = {key: note for key, note in notes.items() if key != "validation_failure"}
    return decision.allowed, decision.code, decision.reason, "error" if erred else text, notes


@pytest.mark.parametrize("case", RULE_SETS, ids=lambda case: case["name"])
def test_export(case: Mapping[str, Any]) -> None:
    engine = engine_of(case)
    exported = exported_of(case, engine)
    assert not exported.refused
    wanted = case.get("notes", [])
    assert len(exported.notes) == len(wanted)
    assert all(text in str(note) for text, note in zip(wanted, exported.notes, strict=True))
    again = admit.load(exported.documents, params=case.get("objects", ()))
    verdicts = [told(decided(engine, request)) for request in case["requests"]]
    assert {allowed for allowed, *_ in verdicts} == {True, False}
    assert [told(decided(again, request)) for request in case["requests"]] == verdicts
    policies = [each["metadata"]["name"] for each in policies_of(exported)]
    assert policies == case.get("policies exported", policies)
    assert not [warning for each in policies_of(exported) for warning in warnings(each, engine.schemas)]


@pytest.mark.parametrize("case", REFUSED, ids=lambda case: case["name"])
def test_refused(case: Mapping[str, Any]) -> None:
    engine = engine_of(case)
    exported = exported_of(case, engine)
    assert len(exported.refused) == len(case["refused"])
    assert all(str(each).startswith(text) for each, text in zip(exported.refused, case["refused"], strict=True))
    assert exported.documents == ()
    rest = exported_of(case, engine, partial=True)
    assert [each["metadata"]["name"] for each in policies_of(rest)] == case["partial"]
    admit.load(rest.documents)
