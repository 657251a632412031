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

RULE_SETS = yaml.safe_load(
    (Path(__file__).parent / "validating.yaml").read_text()
)  # with merge keys that our reader refuses
OPTIONS = ("split", "accept_expiring", "params")
DENIED = re.compile("ValidatingAdmissionPolicy '[^']*' with binding '[^']*' denied request: ")


def engine_of(case: Mapping[str, Any]) -> Engine:
    documents = [("Policy", name, spec) for name, spec in case["policies"].items()]
    documents += [("PolicyBinding", name, spec) for name, spec in case.get("bindings", {}).items()]
    return admit.load(
        {"apiVersion": "admit.dev/v1", "kind": kind, "metadata": {"name": name}, "spec": spec}
        for kind, name, spec in documents
    )


def exported_of(case: Mapping[str, Any], engine: Engine) -> Exported:
    return export(engine, **{option: case[option] for option in OPTIONS if option in case})


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
    again = admit.load(map(dict, exported.documents))
    verdicts = [told(decided(engine, request)) for request in case["requests"]]
    assert {allowed for allowed, *_ in verdicts} == {True, False}
    assert [told(decided(again, request)) for request in case["requests"]] == verdicts
    policies = [d["metadata"]["name"] for d in exported.documents if d["kind"] == "ValidatingAdmissionPolicy"]
    assert policies == case.get("policies exported", policies)
    assert [warnings(d, engine.schemas) for d in exported.documents if d["metadata"]["name"] in policies] == [
        [] for _ in exported.documents if _["metadata"]["name"] in policies
    ]
