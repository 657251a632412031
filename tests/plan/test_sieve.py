"""Which of many conditions do not hold: the same as each by itself."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from admit.cel.check import check
from admit.cel.env import admission
from admit.cel.evaluate import evaluate
from admit.cel.parse import parse
from admit.errors import EvaluationError
from admit.plan.sieve import sieve

WITHIN = admission("1.37")
CONDITIONS = [
    check(parse(text), WITHIN)
    for text in (
        "has(object.a) ? object.a.all(x, x.?b.orValue(1) == 1) : true",
        "has(object.a) ? object.a.all(x, has(x.c)) && has(object.d) : true",
        "has(object.a) ? object.a.all(x, has(object.d) && object.d ? !has(x.c) || x.c < 2 : true) : true",
        "object.a.all(x, object.a.all(y, object.d ? x.?c.orValue(0) == y.?c.orValue(0) : true))",
        "!has(object.d) || object.d",
        "object.a.exists(x, x.?b.orValue(0) == 2)",
        "true",
        "has(object.a) ? object.a.all(x, x.?b.orValue(null) == null || x.b == 0) : true",
        "has(object.a) ? object.a.all(x, x.?e.orValue(null) == null || x.e == false) : true",
    )
]
VALUES = st.sampled_from([0, 1, 2, True, False, None])
OBJECTS = st.fixed_dictionaries(
    {},
    optional={
        "a": st.lists(st.fixed_dictionaries({}, optional={"b": VALUES, "c": VALUES, "e": VALUES}), max_size=3),
        "d": st.sampled_from([True, False, 1]),
    },
)


@given(OBJECTS)
def test_each_by_itself(object: dict[str, Any]) -> None:
    found = sieve(CONDITIONS, {}, WITHIN)(object, None)
    if found is not None:
        assert [not found >> i & 1 for i in range(len(CONDITIONS))] == [holds(c, object) for c in CONDITIONS]


@pytest.mark.parametrize(
    ("object", "found"), [({"a": [{"c": 3}], "d": True}, 0b100100), ({"a": [], "d": True}, 0b100000)]
)
def test_failing_ones_are_bits(object: dict[str, Any], found: int) -> None:
    assert sieve(CONDITIONS, {}, WITHIN)(object, None) == found


@pytest.mark.parametrize("element", [{"b": False}, {"b": "0"}, {"b": []}, {"e": "false"}, {"e": 0}])
def test_what_is_compared_with_another_kind_is_not_said(element: dict[str, Any]) -> None:
    assert sieve(CONDITIONS[-2:], {}, WITHIN)({"a": [element]}, None) is None
    assert sieve(CONDITIONS[-2:], {}, WITHIN)({"a": [{"b": 1, "e": True}, {"b": 0.0}]}, None) == 0b11


def test_what_errs_is_not_said() -> None:
    assert sieve(CONDITIONS, {}, WITHIN)({"a": 1}, None) is None


def holds(condition: Any, object: dict[str, Any]) -> Any:
    try:
        return evaluate(condition, {"object": object}, WITHIN)
    except EvaluationError as error:
        return error
