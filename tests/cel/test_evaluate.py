"""The reference evaluator: values, errors with their places, order of evaluation, depth."""

from __future__ import annotations

import json
from typing import Any

import pytest

from admit.cel.ast import Bind, Call, Expr, Ident, Literal
from admit.cel.check import check
from admit.cel.env import declarations
from admit.cel.evaluate import evaluate
from admit.cel.parse import parse
from admit.cel.values import Uint, Value, encode
from admit.errors import EvaluationError

KUBERNETES = declarations("1.37", {"object": "dyn"})
SPECIFICATION = declarations(None, {"object": "dyn"})
OBJECT = json.loads(
    '{"n": null, "s": "x", "i": 1.5, "z": 0, "l": [{"a": 1.5}, {}, {"b": 2.5}], "m": {"a": null}, "k": ["a", "a"]}'
)


def trees(text: str) -> tuple[Expr, Expr]:
    """The expression checked, and only parsed."""
    tree = parse(text)
    return check(tree, KUBERNETES), tree


# As cel-go 0.26 has them.
VALUES: list[tuple[str, Any]] = [
    ("1u", Uint(1)),
    ("int", "type int"),
    ("type(object.l) == list", True),
    ("{'a': 1, 'a': 2}", {"a": 2}),
    ("{'a': 1, ?'a': optional.none()}", {}),
    ("{?'a': optional.of(1), ?'b': optional.none()}", {"a": 1}),
    ("[?optional.none(), 2, ?optional.of(3)]", [2, 3]),
    ("has(object.n.x)", False),
    ("has(object.s.x)", False),
    ("has(object.m.a)", True),
    ("has(object.?nope.x)", False),
    ("object.?m.a.b.hasValue()", False),
    ("object.?m.a.hasValue()", True),
    ("object.?s.x.orValue(7)", 7),
    ("object.?nope.orValue(1)", 1),
    ("optional.of(1).orValue(1 / object.z)", 1),
    ("optional.of(1).or(optional.of(1 / object.z)).value()", 1),
    ("optional.of(2).optMap(x, x + 1).value()", 3),
    ("object.?nope.optMap(x, 1 / object.z).hasValue()", False),
    ("object.?s.optFlatMap(x, optional.none()).hasValue()", False),
    ("false && object.nope", False),
    ("object.nope && false", False),
    ("object.s && false", False),
    ("object.nope || true", True),
    ("object.n || 1 / object.z == 1 || true", True),
    ("true ? 1 : object.nope", 1),
    ("object.l.exists(c, c.a == 1.5)", True),
    ("object.l.exists(c, c.b == 2.5)", True),
    ("object.l.all(c, c.a == 2.5)", False),
    ("[].all(x, 1 / object.z == x)", True),
    ("object.l.map(c, has(c.a), c.a)", [1.5]),
    ("object.l.filter(c, !has(c.a))", [{}, {"b": 2.5}]),
    ("object.m.map(k, k)", ["a"]),
    ("object.m.filter(k, true)", ["a"]),
    ("object.l.exists_one(c, has(c.a))", True),
    ("object.l.exists_one(c, !has(c.a))", False),
    ("object.l.existsOne(i, c, i == 1)", True),
    ("object.k.all(i, v, i < 2 && v == 'a')", True),
    ("object.m.exists(k, v, k == 'a' && v == null)", True),
    ("object.k.transformList(i, v, i > 0, v + 'b')", ["ab"]),
    ("object.k.transformMap(i, v, v + string(i)) == {0: 'a0', 1: 'a1'}", True),
    ("object.m.transformMap(k, v, k)", {"a": "a"}),
    ("object.m.transformMapEntry(k, v, {'b': k})", {"b": "a"}),
    ("[1].exists(object, object == 1)", True),
    ("[1].all(x, [2].all(x, x == 2) && x == 1)", True),
    ("['y'].exists(object, .object.s == 'x' && object == 'y')", True),
]


@pytest.mark.parametrize(("text", "expected"), VALUES)
def test_value(text: str, expected: Any) -> None:
    for tree in trees(text):
        value = evaluate(tree, {"object": OBJECT}, KUBERNETES)
        if isinstance(expected, str) and expected.startswith("type "):
            assert encode(value) == {"type": expected.removeprefix("type ")}
        else:
            assert encode(value) == encode(expected)


# As cel-go 0.26 has them: expression, failing part, message.
ERRORS = [
    ("object.n.x", "object.n.x", "no such key: x"),
    ("object.l[0].a.b == 1", "object.l[0].a.b", "no such key: b"),
    ("object.l.x", "object.l.x", "unsupported index type 'string' in list"),
    ("has(object.l.x)", "has(object.l.x)", "unsupported index type 'string' in list"),
    ("has(object.x.y)", "object.x", "no such key: x"),
    ("object.l[9]", "object.l[9]", "index out of bounds: 9"),
    ("object.l[1.5]", "object.l[1.5]", "unsupported index value 1.5 in list"),
    ("[?object.s]", "[?object.s]", "cannot initialize optional list element from non-optional value x"),
    ("{?'a': object.n}", "{?'a': object.n}", "cannot initialize optional entry 'a' from non-optional value 0"),
    ("1 + (1 / object.z)", "1 / object.z", "division by zero"),
    ("object.s && true", "object.s", "no such overload"),
    ("object.x && object.y", "object.x", "no such key: x"),
    ("object.x || false", "object.x", "no such key: x"),
    ("object.s ? 1 : 2", "object.s ? 1 : 2", "no such overload"),
    ("object.x ? 1 : 2", "object.x", "no such key: x"),
    ("!object.s", "!object.s", "no such overload"),
    ("object.n.all(x, true)", "object.n.all(x, true)", "got 'types.Null', expected iterable type"),
    ("object.i.exists(x, true)", "object.i.exists(x, true)", "got 'types.Double', expected iterable type"),
    ("object.s.all(i, x, true)", "object.s.all(i, x, true)", "unsupported comprehension range type: types.String"),
    ("object.l.all(c, c.a == 1.5)", "c.a", "no such key: a"),
    ("object.l.exists(c, c.a)", "c.a", "no such overload"),
    ("object.l.exists_one(c, c.a == 1.5)", "c.a", "no such key: a"),
    ("object.l.filter(c, c.a + c.b > 1.0)", "c.a", "no such key: a"),
    ("object.l.map(c, c.a == 1.5, c.b)", "c.a", "no such key: a"),
    (
        "object.k.transformMapEntry(i, v, {v: i})",
        "object.k.transformMapEntry(i, v, {v: i})",
        "insert failed: key a already exists",
    ),
    ("optional.none().value()", "optional.none().value()", "optional.none() dereference"),
]


@pytest.mark.parametrize(("text", "failing", "message"), ERRORS)
def test_error(text: str, failing: str, message: str) -> None:
    for tree in trees(text):
        with pytest.raises(EvaluationError) as caught:
            evaluate(tree, {"object": OBJECT}, KUBERNETES)
        assert str(caught.value) == message
        assert caught.value.span is not None and caught.value.span.text == failing


# Where the specification is stricter than Kubernetes.
STRICTER = [
    ("has(object.n.x)", "no such key: x"),
    ("object.?m.a.b.hasValue()", "no such key: b"),
    ("{'a': 1, 'a': 2}", "duplicate key: a"),
]


@pytest.mark.parametrize(("text", "message"), STRICTER)
def test_specification_is_stricter(text: str, message: str) -> None:
    for tree in trees(text):
        with pytest.raises(EvaluationError, match=message):
            evaluate(tree, {"object": OBJECT}, SPECIFICATION)


UNCHECKED = [
    ("nope", "no such attribute(s): nope"),
    ("nope.x", "no such attribute(s): nope"),
    ("nope(1)", "no such overload: nope"),
    ("object.nope(1)", "no such overload: nope"),
    ("Nope{}", "unknown type: Nope"),
]


@pytest.mark.parametrize(("text", "message"), UNCHECKED)
def test_unchecked_error(text: str, message: str) -> None:
    with pytest.raises(EvaluationError) as caught:
        evaluate(parse(text), {"object": OBJECT}, KUBERNETES)
    assert str(caught.value) == message
    assert evaluate(parse(f"{text} == 1 || true"), {"object": OBJECT}, KUBERNETES) is True


NAMES = [
    ("a.b.c", "", {"a.b.c": 1, "a.b": {"c": 2}, "a": {"b": {"c": 3}}}, 1),
    ("a.b.c", "", {"a.b": {"c": 2}, "a": {"b": {"c": 3}}}, 2),
    ("a.b", "x.y", {"x.a.b": 1, "a.b": 2}, 1),
    ("a.b", "x.y", {"x.a": {"b": 1}, "a.b": 2}, 2),
    (".a.b", "x.y", {"x.y.a.b": 1, "a.b": 2}, 2),
    ("[0].map(a, a)[0]", "", {"a": 1}, 0),
    ("[0].map(a, .a)[0]", "x", {"a": 1, "x.a": 2}, 1),
    ("[{'b': 0}].map(a, a.b)[0]", "", {"a.b": 1}, 0),
]


@pytest.mark.parametrize(("text", "container", "variables", "expected"), NAMES)
def test_unchecked_names(text: str, container: str, variables: dict[str, Value], expected: int) -> None:
    assert evaluate(parse(text), variables, declarations(None, container=container)) == expected


def test_bound_variables_are_lazy() -> None:
    failing = parse("1 / 0")
    body = parse("true || x == 1")
    assert evaluate(Bind("x", failing, body), {}, SPECIFICATION) is True
    with pytest.raises(EvaluationError, match="division by zero"):
        evaluate(Bind("x", failing, parse("x == 1")), {}, SPECIFICATION)


def test_each_side_is_evaluated_once() -> None:
    asked: list[str] = []

    class Variables(dict[str, Value]):
        def __missing__(self, name: str) -> Value:
            asked.append(name)
            return {"a": False, "b": 1, "c": True}[name]

    assert evaluate(parse("b && a || c && c"), Variables(), KUBERNETES) is True
    assert asked == ["b", "a", "c", "c"]


def test_depth_is_no_limit() -> None:
    sums: Expr = Literal("int", 0)
    nested: Expr = Ident("x")
    for _ in range(20_000):
        sums = Call("_+_", (sums, Literal("int", 1)))
        nested = Call("_?_:_", (Literal("bool", True), nested, Literal("bool", False)))
    assert evaluate(sums, {}) == 20_000
    assert evaluate(nested, {"x": True}) is True
    with pytest.raises(EvaluationError, match="no such attribute"):
        evaluate(nested, {})
