"""One mutation of a MutatingAdmissionPolicy: what its types are, and what becomes of the object."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from admit.cel.check import check
from admit.cel.env import JSON_PATCH, admission
from admit.cel.evaluate import evaluate
from admit.cel.link import link
from admit.cel.parse import parse
from admit.cel.values import Struct, encode
from admit.errors import CompileError, EvaluationError
from admit.kubernetes.normalise import bare
from admit.kubernetes.schemas import Schemas
from admit.plan.patch import patched
from admit.rules.lower import PATCHED

WITHIN = admission("1.37", patches=True)
KINDS = Schemas(37)

DEPLOYMENT = {"apiVersion": "apps/v1", "kind": "Deployment"}
GO_NAMES = {"corev1.ResourceCPU": "cpu", "corev1.ResourceMemory": "memory", r"corev1.ResourceName(\"cpu\")": "cpu"}
"""Names of Go constants, which the data has for keys."""


def test_types(conformance: Path) -> None:
    cases = json.loads((conformance / "k8s-cel" / "mutation_types.json").read_text(encoding="utf-8"))["tests"]
    wrong = {case["id"]: found for case in cases if not _is(case["expect"], found := _evaluated(case["expr"]))}
    assert not wrong
    assert len(cases) > 30


def test_mutations(conformance: Path) -> None:
    text = (conformance / "k8s-cel" / "map_mutations.json").read_text(encoding="utf-8")
    for name, key in GO_NAMES.items():
        text = text.replace(name, key)
    data = json.loads(text)
    kinds = {"jsonPatch": data["json_patch"], "applyConfiguration": data["apply_configuration"]}
    wrong = {
        case["id"]: found
        for kind, cases in kinds.items()
        for case in cases
        if not _is(case["expect"], found := _mutated(kind, case))
    }
    assert not wrong
    assert sum(map(len, kinds.values())) > 55


def _evaluated(text: str) -> dict[str, Any]:
    try:
        value = evaluate(check(parse(text), WITHIN), {}, WITHIN)
    except CompileError as error:
        return {"compile_error": str(error)}
    native = _native(value)
    return {"native": native} if not hasattr(value, "present") else {"value": encode(value)}


def _mutated(kind: Any, case: dict[str, Any]) -> dict[str, Any]:
    variables = {"object": DEPLOYMENT | case["object"], "oldObject": case.get("oldObject")}
    try:
        program = link(check(parse(case["expression"]), WITHIN, PATCHED[kind]), tuple(variables), WITHIN)
        return {"object": patched(kind, variables["object"], program(**variables), KINDS)}
    except (CompileError, EvaluationError) as error:
        return {"error": str(error)}


def _is(expected: dict[str, Any], found: dict[str, Any]) -> bool:
    ((what, text),) = expected.items()
    if what.endswith("_contains"):
        return text in found.get(what.removesuffix("_contains"), "")
    if what == "value" and "native" in found:
        return bool(encode(found["native"]) == text)
    return expected == found or (what in found and what == "object" and bare(DEPLOYMENT | text) == bare(found[what]))


def _native(value: Any) -> Any:
    match value:
        case Struct(type_, fields):
            native = {name: _native(item) for name, item in fields.items()}
            return {"$jsonpatch": native} if type_ == JSON_PATCH else native
        case list():
            return [_native(item) for item in value]
        case _:
            return value
