"""What the expressions of mutations have besides: Object, JSONPatch, jsonpatch.escapeKey."""

from __future__ import annotations

from typing import Any

import pytest

from admit.cel.check import check
from admit.cel.env import JSON_PATCH, OBJECT, admission
from admit.cel.evaluate import evaluate
from admit.cel.library import functions
from admit.cel.link import link
from admit.cel.parse import parse
from admit.cel.types import Type, list_of
from admit.cel.values import NONE, Struct, Value
from admit.errors import CompileError, EvaluationError

WITHIN = admission("1.36", patches=True)

VALUES = [
    ("Object{spec: Object.spec{replicas: 3}}.spec.replicas", 3),
    ("Object.spec{a: 1} == Object.spec{a: 1}", True),
    ("dyn(Object.spec{a: 1}) == Object.other{a: 1}", False),
    ("dyn(Object.spec{a: 1}) == {'a': 1}", False),
    ("Object{a: [1]} == Object{a: [2]}", False),
    ("has(Object{a: null}.a)", True),
    ("has(Object{}.a)", False),
    ("Object{}.?a", NONE),
    ("Object{?a: optional.none()} == Object{}", True),
    ("Object{?a: optional.of(1)}.a", 1),
    ("optional.ofNonZeroValue(Object.spec{}).hasValue()", False),
    ("optional.ofNonZeroValue(Object.spec{a: 0}).hasValue()", True),
    ("type(Object.spec{}) == type(Object.spec{a: 1})", True),
    ("type(Object.spec{}) == type(Object{})", False),
    ("JSONPatch{op: 'add', path: '/a'}.path", "/a"),
    ("JSONPatch{}.from", ""),
    ("JSONPatch{}.value", None),
    ("has(JSONPatch{op: ''}.op)", False),
    ("has(JSONPatch{value: null}.value)", True),
    ("JSONPatch{from: ''} == JSONPatch{}", True),
    ("JSONPatch{value: 1} == JSONPatch{value: 1.0}", True),
    ("[JSONPatch{}, JSONPatch{op: 'add'}].map(p, p.op)", ["", "add"]),
]


@pytest.mark.parametrize("text, expected", VALUES)
def test_value(text: str, expected: Value) -> None:
    node = parse(text)
    checked = check(node, WITHIN)
    for value in (evaluate(node, {}, WITHIN), evaluate(checked, {}, WITHIN), link(checked, (), WITHIN)()):
        assert value == expected
        assert type(value) is type(expected)


def test_message() -> None:
    value = evaluate(check(parse("Object{spec: Object.spec{replicas: 1 + 1}}"), WITHIN), {})
    assert value == Struct(OBJECT, {"spec": Struct(Type(OBJECT.kind, "Object.spec"), {"replicas": 2})})
    assert str(value) == "Object{spec: Object.spec{replicas: 2}}"


REFUSED = [
    ("Invalid{}", None, "undeclared reference to 'Invalid'"),
    ("Objects{}", None, "undeclared reference to 'Objects'"),
    ("Object", None, "undeclared reference to 'Object'"),
    ("JSONPatch{foo: 1}", None, "undefined field 'foo'"),
    ("JSONPatch{}.foo", None, "undefined field 'foo'"),
    ("JSONPatch{op: 1}", None, "expected type of field 'op' is 'string' but provided type is 'int'"),
    ("Object{} == Object.spec{}", None, "no matching overload for '_==_'"),
    ("Object.spec{}", OBJECT, "must evaluate to Object but got Object.spec"),
    ("'a'", OBJECT, "must evaluate to Object but got string"),
    ("object", OBJECT, "must evaluate to Object but got dyn"),
    ("JSONPatch{}", list_of(JSON_PATCH), "must evaluate to list(JSONPatch) but got JSONPatch"),
    ("[]", list_of(JSON_PATCH), "must evaluate to list(JSONPatch) but got list(dyn)"),
]


@pytest.mark.parametrize("text, result, message", REFUSED)
def test_refused(text: str, result: Type | None, message: str) -> None:
    with pytest.raises(CompileError) as caught:
        check(parse(text), WITHIN, result)
    assert message in str(caught.value)


@pytest.mark.parametrize("text", ["Object{}", "JSONPatch{}", "jsonpatch.escapeKey('a')"])
def test_of_mutations_alone(text: str) -> None:
    with pytest.raises(CompileError, match="undeclared reference"):
        check(parse(text), admission("1.36"))


FAILS: list[tuple[str, dict[str, Any], str]] = [
    ("JSONPatch{op: dyn(1)}", {}, "unexpected type int for JSONPatchType 'op' field"),
    ("JSONPatch{?op: object}", {"object": "add"}, "cannot initialize optional entry 'op' from non-optional value add"),
]


@pytest.mark.parametrize("text, variables, message", FAILS)
def test_fails(text: str, variables: dict[str, Any], message: str) -> None:
    with pytest.raises(EvaluationError) as caught:
        evaluate(check(parse(text), WITHIN), variables)
    assert str(caught.value) == message


def test_examples() -> None:
    added = functions(36, patches=True).keys() - functions(36).keys()
    assert added == {"jsonpatch.escapeKey"}
    for name in added:
        for overload in functions(36, patches=True)[name]:
            assert all(evaluate(check(parse(text), WITHIN), {}) is True for text in overload.examples)
