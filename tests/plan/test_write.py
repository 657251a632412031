"""Writing into objects: what is made, what is left, what is shared, what cannot be."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest

from admit.cel.times import Duration, Timestamp
from admit.cel.values import NONE, Uint, make_map
from admit.errors import EvaluationError
from admit.plan.write import MISSING, add_at, remove_at, set_at, stored, value_at

SET: list[tuple[Any, tuple[str | int, ...], Any, Any]] = [
    ({}, ("a",), 1, {"a": 1}),
    ({}, ("a", "b"), 1, {"a": {"b": 1}}),
    ({"a": None}, ("a", "b"), 1, {"a": {"b": 1}}),
    ({"a": {"x": 0}}, ("a", "b"), None, {"a": {"x": 0, "b": None}}),
    ({"a": [{}, {"x": 0}]}, ("a", 1, "b"), 1, {"a": [{}, {"x": 0, "b": 1}]}),
    ({"a": [0, 1]}, ("a", 0), 2, {"a": [2, 1]}),
    ({"a": 1}, ("a",), True, {"a": True}),
    ({"a": 1.0}, ("a",), 1, {"a": 1.0}),
]
ADD: list[tuple[Any, tuple[str | int, ...], Any, Any]] = [
    ({}, ("a", "b"), [1, 2, 1], {"a": {"b": [1, 2]}}),
    ({"a": None}, ("a",), [1], {"a": [1]}),
    ({"a": [3, 1]}, ("a",), [1, 2], {"a": [3, 1, 2]}),
    ({"a": [1.0, True]}, ("a",), [1, True], {"a": [1.0, True]}),
    ({"a": [True]}, ("a",), [1], {"a": [True, 1]}),
    ({"a": [{"x": 1}]}, ("a",), [{"x": 1}, {"x": 2}], {"a": [{"x": 1}, {"x": 2}]}),
    ({"a": 5}, ("a", "b"), [], {"a": 5}),
    ({}, ("a",), [], {}),
]
REMOVE: list[tuple[Any, tuple[str | int, ...], Any, Any]] = [
    ({"a": [1, 2, 1.0]}, ("a",), [1], {"a": [2]}),
    ({"a": [1]}, ("a",), [1], {"a": []}),
    ({"a": [1]}, ("a",), [True], {"a": [1]}),
    ({"a": None}, ("a",), [1], {"a": None}),
    ({}, ("a", "b"), [1], {}),
    ({"a": 5}, ("a", "b"), [1], {"a": 5}),
    ({"a": []}, ("a", 3, "b"), [1], {"a": []}),
]
WRITES = [
    *((set_at, *case) for case in SET),
    *((add_at, *case) for case in ADD),
    *((remove_at, *case) for case in REMOVE),
]


@pytest.mark.parametrize("write, document, path, value, expected", WRITES)
def test_write(write: Any, document: Any, path: Any, value: Any, expected: Any) -> None:
    kept = deepcopy(document)
    written = write(document, path, value)
    assert repr(written) == repr(expected)
    assert repr(document) == repr(kept)
    assert write(written, path, value) is written  # a second time, nothing changes
    if written == document and repr(written) == repr(document):
        assert written is document


FAULTS = [
    (set_at, {"a": 1}, ("a", "b"), 1, "a is no map: cannot write a.b"),
    (set_at, {"a": []}, ("a", "b"), 1, "a is no map: cannot write a.b"),
    (set_at, {"a": []}, ("a", 0), 1, "index out of bounds: 0 in a"),
    (set_at, {"a": [1]}, ("a", -1), 1, "index out of bounds: -1 in a"),
    (set_at, {}, ("a", 0), 1, "index out of bounds: 0 in a"),
    (add_at, {"a": {"x": 1}}, ("a",), ["y"], "a is no list"),
    (add_at, {"a": 5}, ("a",), [1], "no such overload"),
    (add_at, {}, ("a",), "xy", "expected a list but found a value of type string"),
    (remove_at, {"a": {"x": 1}}, ("a",), ["x"], "a is no list"),
    (remove_at, {"a": 5}, ("a",), [1], "no such overload"),
    (remove_at, {}, ("a",), 5, "expected a list but found a value of type int"),
]


@pytest.mark.parametrize("write, document, path, value, message", FAULTS)
def test_fault(write: Any, document: Any, path: Any, value: Any, message: str) -> None:
    with pytest.raises(EvaluationError) as raised:
        write(document, path, value)
    assert str(raised.value) == message


def test_siblings_are_shared() -> None:
    document: dict[str, Any] = {"a": {"b": 1}, "c": {"d": []}}
    written = set_at(document, ("a", "b"), 2)
    assert written["c"] is document["c"]


def test_value_at() -> None:
    document = {"a": [{"b": 1}], "n": None}
    paths: list[tuple[str | int, ...]] = [("a", 0, "b"), ("n",), ("n", "x"), ("a", 1), ("a", "x"), ("a", 0, "b", "c")]
    assert [value_at(document, path) for path in paths] == [1, None, MISSING, MISSING, MISSING, MISSING]


STORED = [
    (Uint(3), 3),
    (Uint(2**64 - 1), float(2**64)),
    (b"ab", "YWI="),
    (Timestamp(0), "1970-01-01T00:00:00Z"),
    (Duration(90_000_000_000), "90s"),
    (make_map([(1, "a"), (True, "b")]), {"1": "a", "true": "b"}),
    ([{"a": Uint(1)}, None, False, 1.5], [{"a": 1}, None, False, 1.5]),
]


@pytest.mark.parametrize("value, expected", STORED)
def test_stored(value: Any, expected: Any) -> None:
    assert repr(stored(value)) == repr(expected)


@pytest.mark.parametrize("value", [NONE, float("nan"), float("-inf"), [NONE]])
def test_not_stored(value: Any) -> None:
    with pytest.raises(EvaluationError, match="an object cannot hold"):
        stored(value)
