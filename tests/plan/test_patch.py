"""What a mutation's expression gives, as the JSON that an API server makes of it."""

from __future__ import annotations

from typing import Any

import pytest

from admit.cel.check import check
from admit.cel.env import admission
from admit.cel.evaluate import evaluate
from admit.cel.parse import parse
from admit.errors import EvaluationError, StatusError
from admit.kubernetes.schemas import Schemas
from admit.plan.patch import patched
from admit.rules.lower import PATCHED

WITHIN = admission("1.36", patches=True)
KINDS = Schemas(36)

VALUES = [
    ("1.0", 1),
    ("1e300", 1e300),
    ("1.5", 1.5),
    ("9007199254740991", 9007199254740991),
    ("-9007199254740992", "-9007199254740992"),
    ("7u", 7),
    ("true", True),
    ("null", None),
    ("b'ab'", "YWI="),
    ("timestamp('2026-01-01T00:00:00Z')", "2026-01-01T00:00:00Z"),
    ("{'a': [2.0]}", {"a": [2]}),
    ("optional.of({'a': optional.of(1.0)})", {"a": 1}),
    ("Object.x{a: [Object.x.a{b: 3.0}]}", {"a": [{"b": 3}]}),
    ("[Object.x{}]", [{}]),
]


@pytest.mark.parametrize("text, expected", VALUES)
def test_value_of_a_patch(text: str, expected: Any) -> None:
    value = evaluate(check(parse(f"[JSONPatch{{op: 'add', path: '/a', value: {text}}}]"), WITHIN), {})
    assert repr(patched("jsonPatch", {}, value, KINDS)) == repr({"a": expected})


UNSENT = [
    ("{1: true}", "unsupported type conversion from 'int' to string"),
    ("[optional.none()]", "optional.none() dereference"),
    ("quantity('1')", "type conversion error from 'Quantity' to '*structpb.Value'"),
    ("type(1)", "type conversion not supported for 'type'"),
    ("0.0 / 0.0", "invalid NaN value"),
]


@pytest.mark.parametrize("text, problem", UNSENT)
def test_what_is_no_value_of_a_patch(text: str, problem: str) -> None:
    value = evaluate(check(parse(f"[JSONPatch{{op: 'add', path: '/a', value: {text}}}]"), WITHIN), {})
    with pytest.raises(EvaluationError, match="evaluated to a type that could not marshal to JSON: ") as caught:
        patched("jsonPatch", {}, value, KINDS)
    assert str(caught.value).endswith(problem)


NAMES = [
    ("Object{a: Object.a{b: [Object.a.b{}], c: {'x': Object.a.c{}}}}", []),
    ("Object{a: Object.b{}}", ['"Object.b", expected "Object.a"']),
    ("Object{a: [[Object.b{}]], b: {'x': dyn(Object.x{})}}", ['expected "Object.a"', 'expected "Object.b"']),
    ("Object{a: Object.b{c: Object.a.c{}}}", ['expected "Object.a"']),
]


@pytest.mark.parametrize("text, mismatches", NAMES)
def test_names_of_types(text: str, mismatches: list[str]) -> None:
    value = evaluate(check(parse(text), WITHIN, PATCHED["applyConfiguration"]), {})
    document = {"apiVersion": "v1", "kind": "Pod"}
    try:
        patched("applyConfiguration", document, value, KINDS)
        problem = ""
    except EvaluationError as error:
        problem = str(error)
    if mismatches:
        assert problem.startswith('type mismatch: unexpected type name "')
        assert problem.count("unexpected type name") == len(mismatches)
    assert all(mismatch in problem for mismatch in mismatches)
    assert mismatches or not problem.startswith("type mismatch")


def test_fields_that_a_kind_has_not() -> None:
    container = "Object.a{nmae: 'b', env: [Object.a.env{a: '1'}]}"
    patch = f"[JSONPatch{{op: 'add', path: '/spec/containers/-', value: {container}}}]"
    value = evaluate(check(parse(patch), WITHIN, PATCHED["jsonPatch"]), {})
    pod = {"apiVersion": "v1", "kind": "Pod", "spec": {"containers": [{"name": "a", "odd": 1}]}}
    with pytest.raises(StatusError) as caught:
        patched("jsonPatch", pod, value, KINDS)
    unknown = 'unknown field "spec.containers[1].nmae", unknown field "spec.containers[1].env[0].a"'
    assert str(caught.value) == f"Internal error occurred: strict decoding error: {unknown}"
    assert patched("jsonPatch", pod | {"apiVersion": "example.com/v1"}, value, KINDS)["spec"]["containers"][1]


UNFIT = [
    ("terminationGracePeriodSeconds: 5.5", "cannot convert float64 to int64"),
    ("overhead: {'cpu': 'much'}", "quantities must match the regular expression"),
    ("terminationGracePeriodSeconds: 5.0, priority: 3000000000", ""),
]


@pytest.mark.parametrize("fields, problem", UNFIT)
def test_values_that_fit_the_schema_alone(fields: str, problem: str) -> None:
    text = f"Object{{spec: Object.spec{{{fields}}}}}"
    value = evaluate(check(parse(text), WITHIN, PATCHED["applyConfiguration"]), {})
    pod = {"apiVersion": "v1", "kind": "Pod", "spec": {}}
    if not problem:
        assert patched("applyConfiguration", pod, value, KINDS)["spec"]
        return
    with pytest.raises(EvaluationError, match=f"^unable to convert unstructured object to /v1, Kind=Pod: {problem}"):
        patched("applyConfiguration", pod, value, KINDS)


def test_kinds_that_there_are_not() -> None:
    patch = "[JSONPatch{op: 'replace', path: '/apiVersion', value: 'apps/v1'}]"
    value = evaluate(check(parse(patch), WITHIN, PATCHED["jsonPatch"]), {})
    with pytest.raises(StatusError, match='no kind "Pod" is registered for version "apps/v1" in scheme'):
        patched("jsonPatch", {"apiVersion": "v1", "kind": "Pod"}, value, KINDS)


def test_no_object() -> None:
    patch = "[JSONPatch{op: 'replace', path: '', value: [1]}]"
    with pytest.raises(StatusError, match="cannot unmarshal array into Go value"):
        patched("jsonPatch", {"a": 1}, evaluate(check(parse(patch), WITHIN), {}), KINDS)
