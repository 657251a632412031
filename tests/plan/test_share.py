"""Many conditions as one: what is merged, and that it holds where all of them hold."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import pytest

from admit.cel.ast import Expr
from admit.cel.check import check
from admit.cel.env import declarations
from admit.cel.evaluate import evaluate
from admit.cel.parse import parse
from admit.cel.unparse import unparse
from admit.errors import EvaluationError
from admit.plan.share import conjunction

WITHIN = declarations("1.36", {"x": "dyn", "y": "dyn", "p": "bool", "q": "bool"})


def condition(text: str) -> Expr:
    return check(parse(text), WITHIN)


MERGED = [
    ([], "true"),
    (["true", "p"], "p"),
    (["p", "q", "p"], "p && q"),
    (["p && q", "q && x == 1"], "p && q && x == 1"),
    (["x.all(a, a > 1)", "p", "x.all(b, b < 5)"], "p && x.all(a#1, a#1 > 1 && a#1 < 5)"),
    (["x.all(a, a > 1)", "y.all(a, a > 1)"], "x.all(a#1, a#1 > 1) && y.all(a#2, a#2 > 1)"),
    (["p ? x == 1 : true", "q", "p ? y == 1 : true"], "q && (p ? x == 1 && y == 1 : true)"),
    (["p ? x == 1 : false", "p ? y == 1 : false"], "(p ? x == 1 : false) && (p ? y == 1 : false)"),
    (["x.exists(a, a > 1)", "x.exists(a, a > 1)"], "x.exists(a, a > 1)"),
]


@pytest.mark.parametrize("texts, expected", MERGED)
def test_merged(texts: list[str], expected: str) -> None:
    assert unparse(conjunction(map(condition, texts))) == expected


def test_nested_loops_are_merged() -> None:
    merged = conjunction([condition("x.all(a, a.all(b, b > 1))"), condition("x.all(c, c.all(d, d < 9))")])
    assert unparse(merged) == "x.all(a#1, a#1.all(b#2, b#2 > 1 && b#2 < 9))"


def test_merged_twice() -> None:
    """A loop of an earlier merging captures nothing in a later one."""
    first = conjunction([condition("x.all(a, p)"), condition("x.all(c, y.all(a, a == c))")])
    again = conjunction([condition("y.all(a, p)"), first])
    assert evaluate(again, {"x": [1, 2], "y": [1], "p": True}, WITHIN) is False
    assert evaluate(again, {"x": [1, 1], "y": [1], "p": True}, WITHIN) is True


PIECES = [
    "x.all(a, y.all(b, a > 1 ? b > 1 : true))",
    "p",
    "q || x == 1",
    "p ? q : true",
    "p ? x.all(a, a > 0) : true",
    "x.all(a, a > 0)",
    "x.all(b, b < 3 && q)",
    "x.all(a, y.all(b, a != b))",
    "x.all(c, y.all(a, a == c || p))",
    "x.all(a, y.all(a, a < 3))",
    "y == 1 && x == 2",
]
SCOPES: list[dict[str, Any]] = [
    {"p": p, "q": q, "x": x, "y": y}
    for p in (True, False)
    for q in (True, False)
    for x in ([], [1], [1, 5], [1, "a"], 2, {"k": 1})
    for y in ([1], [2, 3], [], 1)
]


@pytest.mark.parametrize("size", [1, 2, 3])
def test_holds(size: int) -> None:
    """True, false or an error as `&&` has it: false where one is false, else an error where one errs."""
    for texts in combinations(PIECES, size):
        conditions = [condition(text) for text in texts]
        merged = conjunction([conjunction(conditions[:2]), *conditions[2:], conjunction(conditions)])
        for scope in SCOPES:
            values = {valued(each, scope) for each in conditions}
            expected = False if False in values else None if None in values else True
            assert valued(merged, scope) is expected, (texts, scope)


def valued(node: Expr, scope: dict[str, Any]) -> bool | None:
    try:
        value = evaluate(node, scope, WITHIN)
    except EvaluationError:
        return None
    assert isinstance(value, bool)
    return value
