"""What is left of an expression once its binding and its route are known."""

from __future__ import annotations

from typing import Any

import pytest

from admit.cel.ast import Expr, Ident
from admit.cel.check import check
from admit.cel.env import Declarations, admission
from admit.cel.evaluate import evaluate
from admit.cel.fold import literal
from admit.cel.parse import parse
from admit.cel.types import DYN
from admit.cel.unparse import unparse
from admit.errors import EvaluationError
from admit.plan.simplify import LONGEST_UNROLLED, simplify
from admit.source import UNKNOWN

SETTINGS: dict[str, Any] = {
    "on": True,
    "names": ["a", "b"],
    "none": [],
    "ranges": [{"min": 1, "max": 2}, {"min": 5, "max": 6}],
    "many": [*range(LONGEST_UNROLLED + 1)],
}
VARIABLES: dict[str, Expr] = {"x": Ident("b/variables.x", type=DYN), "one": literal(1, UNKNOWN)}
WITHIN: Declarations = admission("1.36", variables={"x": DYN, "one": DYN}, also={"settings": DYN, "b/variables.x": DYN})


def simplified(text: str) -> Expr:
    constants: dict[str, Expr] = {"settings": literal(SETTINGS, UNKNOWN, DYN), "oldObject": literal(None, UNKNOWN)}
    return simplify(check(parse(text), WITHIN), constants, "CREATE", VARIABLES, WITHIN)


CASES = [
    ("settings.on && object.a == 1", "object.a == 1"),
    ("!settings.on && object.a == 1", "false"),
    ("!settings.on || object.a == 1", "object.a == 1"),
    ("settings.on ? object.a == 1 : true", "object.a == 1"),
    ("settings.on == true && object.a", "true && object.a"),
    ("request.operation == 'CREATE'", "true"),
    ("has(request.operation) && request.operation != 'UPDATE'", "true"),
    ("oldObject == null", "true"),
    ("oldObject.a == 1", "null.a == 1"),
    ("variables.one + 1 == 2", "true"),
    ("has(variables.x)", "has({'x': b/variables.x}.x)"),
    ("has(variables.one)", "true"),
    ("settings.none.all(n, n == object.a)", "true"),
    ("settings.none.exists(n, n == object.a)", "false"),
    ("settings.names.all(n, n != object.a)", "'a' != object.a && 'b' != object.a"),
    ("settings.names.exists(n, n == object.a)", "'a' == object.a || 'b' == object.a"),
    ("settings.names.all(n, n != 'c')", "true"),
    ("settings.names.exists(n, n == 'b' || object.a)", "true"),
    ("settings.names.map(n, n + 'x')", "['ax', 'bx']"),
    ("settings.ranges.exists(r, r.min <= object.a && object.a <= r.max)",
     "1 <= object.a && object.a <= 2 || 5 <= object.a && object.a <= 6"),
    ("settings.names.all(n, object.a.exists(m, m == n))",
     "object.a.exists(m, m == 'a') && object.a.exists(m, m == 'b')"),
    ("object.a.all(n, n in settings.names)", "object.a.all(n, n in ['a', 'b'])"),
    ("object.a.filter(n, n) + settings.none", "object.a.filter(n, n)"),
    ("object.a + settings.none", "object.a + []"),
    # what would shadow
    ("object.a.all(settings, settings.on)", "object.a.all(settings, settings.on)"),
    ("object.a.all(request, request.operation == 'CREATE')", "object.a.all(request, request.operation == 'CREATE')"),
    ("object.a.all(variables, variables.one == 1)", "object.a.all(variables, variables.one == 1)"),
    ("request.operation != 'CREATE' || object.a.all(request, request.operation == '')",
     "object.a.all(request, request.operation == '')"),
    # what would fail is left to fail
    ("settings.missing == 1", None),
    ("settings.on || 1 / 0 > 0", "true"),
]  # fmt: skip


@pytest.mark.parametrize("text, expected", CASES)
def test_simplify(text: str, expected: str | None) -> None:
    got = simplified(text)
    if expected is None:
        with pytest.raises(EvaluationError):
            evaluate(got, {"object": {}}, WITHIN)
    else:
        assert unparse(got) == expected


def test_variables() -> None:
    assert simplified("variables.x") == Ident("b/variables.x")


def test_long_lists_are_looped_over() -> None:
    assert ".all(n, n != object.a)" in unparse(simplified("settings.many.all(n, n != object.a)"))


def test_loops_in_loops_stay_small() -> None:
    ten = "[0, 1, 2, 3, 4, 5, 6, 7, 8, 9]"
    text = f"{ten}.all(a, {ten}.all(b, {ten}.all(c, {ten}.all(d, a + b + c + d != object.a))))"
    assert len(unparse(simplified(text))) < 2000


OBJECTS: list[dict[str, Any]] = [{}, {"a": 1}, {"a": "a"}, {"a": ["a", "b"]}, {"a": [{"operation": "", "on": True}]}]


@pytest.mark.parametrize("text", [text for text, _ in CASES])
@pytest.mark.parametrize("object_", OBJECTS)
def test_same_value(text: str, object_: dict[str, Any]) -> None:
    """The value, or that there is none, is that of the expression as it is written."""
    known = {"object": object_, "oldObject": None, "request": {"operation": "CREATE"}, "settings": SETTINGS}
    whole = valued(check(parse(text), WITHIN), {**known, "variables": {"x": 5, "one": 1}})
    assert valued(simplified(text), {"object": object_, "b/variables.x": 5}) == whole


def valued(node: Expr, variables: dict[str, Any]) -> Any:
    try:
        return repr(evaluate(node, variables, WITHIN))
    except EvaluationError:
        return EvaluationError
