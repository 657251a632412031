"""JSON Patch: the difference of two documents, applied, is the second; and the operations of RFC 6902."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from admit.admission.patch import apply, diff, pointer, same, tokens
from admit.errors import EvaluationError

SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(-2, 2), st.sampled_from([0.0, 1.0, 0.5]), st.sampled_from(["", "a", "1"])
)
KEYS = st.sampled_from(["name", "a", "b", "", "a/b", "m~n", "0", "~1"])
DOCUMENTS = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=6), st.dictionaries(KEYS, inner, max_size=5)),
    max_leaves=25,
)


@given(DOCUMENTS, DOCUMENTS)
def test_applied_difference_is_the_second_document(before: Any, after: Any) -> None:
    kept = copy.deepcopy(before)
    patch = diff(before, after)
    assert same(apply(before, patch), after)
    assert same(before, kept)
    assert not diff(after, copy.deepcopy(after))


@given(st.lists(SCALARS, max_size=8), st.lists(SCALARS, max_size=8))
def test_lists_are_patched_in_place(before: list[Any], after: list[Any]) -> None:
    patch = diff(before, after)
    assert len(patch) <= max(len(before), len(after))
    assert all(operation["path"] for operation in patch)


def containers(*names: str, **fields: Any) -> dict[str, Any]:
    return {"containers": [{"name": name, "image": f"{name}:1", **fields} for name in names]}


DIFFERENCES = [
    pytest.param({"a": 1}, {"a": 1.0}, [{"op": "replace", "path": "/a", "value": 1.0}], id="integer and double"),
    pytest.param({"a": 1}, {"a": True}, [{"op": "replace", "path": "/a", "value": True}], id="integer and boolean"),
    pytest.param({"a": None}, {}, [{"op": "remove", "path": "/a"}], id="null and absent"),
    pytest.param({}, {"a/b": {"m~n": 1}}, [{"op": "add", "path": "/a~1b", "value": {"m~n": 1}}], id="escapes"),
    pytest.param(
        {"l": list(range(100))},
        {"l": [*range(50), *range(51, 100)]},
        [{"op": "remove", "path": "/l/50"}],
        id="removal in the middle",
    ),
    pytest.param([1, 2, 3], [1, 9, 2, 3], [{"op": "add", "path": "/1", "value": 9}], id="insertion"),
    pytest.param([1, 2, 3], [1, 9, 3], [{"op": "replace", "path": "/1", "value": 9}], id="replacement"),
    pytest.param([1, 2], [1, 2, 3], [{"op": "add", "path": "/2", "value": 3}], id="append"),
    pytest.param(
        containers("a", "b", "c"),
        {"containers": [{"name": "a", "image": "a:1"}, {"name": "c", "image": "c:2"}]},
        [{"op": "remove", "path": "/containers/1"}, {"op": "replace", "path": "/containers/1/image", "value": "c:2"}],
        id="one container gone, another changed",
    ),
    pytest.param(
        containers("a", "b"),
        {"containers": [{"name": "x"}, {"name": "a", "image": "a:2"}, {"name": "b", "image": "b:1"}]},
        [
            {"op": "add", "path": "/containers/0", "value": {"name": "x"}},
            {"op": "replace", "path": "/containers/1/image", "value": "a:2"},
        ],
        id="one container new, another changed",
    ),
    pytest.param([1], 1, [{"op": "replace", "path": "", "value": 1}], id="the whole document"),
]


@pytest.mark.parametrize("before, after, patch", DIFFERENCES)
def test_difference(before: Any, after: Any, patch: list[dict[str, Any]]) -> None:
    assert diff(before, after) == patch
    assert same(apply(before, patch), after)


def test_long_lists_are_compared_by_position() -> None:
    before, after = list(range(1000)), list(range(1, 1501))
    assert same(apply(before, diff(before, after)), after)


APPLICATIONS = [
    ({"a": [1, 2]}, {"op": "add", "path": "/a/-", "value": 3}, {"a": [1, 2, 3]}),
    ({"a": [1, 2]}, {"op": "add", "path": "/a/0", "value": 3}, {"a": [3, 1, 2]}),
    ({"a": 1}, {"op": "add", "path": "/a", "value": None}, {"a": None}),
    ({"a": 1}, {"op": "add", "path": "", "value": [1]}, [1]),
    ({"": {"": 1}}, {"op": "remove", "path": "//"}, {"": {}}),
    ({"a": [1, 2]}, {"op": "replace", "path": "/a/1", "value": 3}, {"a": [1, 3]}),
    ({"a": 1, "b": 2}, {"op": "move", "from": "/a", "path": "/b"}, {"b": 1}),
    ({"a": [1, 2, 3]}, {"op": "move", "from": "/a/0", "path": "/a/2"}, {"a": [2, 3, 1]}),
    ({"a": [1, 2, 3]}, {"op": "move", "from": "/a/0", "path": "/a/0"}, {"a": [1, 2, 3]}),
    ({"a": {"x": 1}}, {"op": "copy", "from": "/a", "path": "/b"}, {"a": {"x": 1}, "b": {"x": 1}}),
    ({"a": 1}, {"op": "test", "path": "/a", "value": 1.0}, {"a": 1}),
    ({"a~b": 1}, {"op": "remove", "path": "/a~0b"}, {}),
]


@pytest.mark.parametrize("document, operation, expected", APPLICATIONS)
def test_operation(document: Any, operation: dict[str, Any], expected: Any) -> None:
    kept = copy.deepcopy(document)
    assert same(apply(document, [operation]), expected)
    assert same(document, kept)


REFUSALS = [
    ({"a": 1}, {"op": "replace", "path": "/b", "value": 1}, "there is no key 'b'"),
    ({"a": 1}, {"op": "add", "path": "/b/c", "value": 1}, "there is no key 'b'"),
    ({"a": 1}, {"op": "add", "path": "/a/c", "value": 1}, "nothing can be below '/a'"),
    ({"a": [1]}, {"op": "add", "path": "/a/2", "value": 1}, "there is no index '2' in a list of 1"),
    ({"a": [1]}, {"op": "remove", "path": "/a/-"}, "there is no index '-'"),
    ({"a": [1]}, {"op": "remove", "path": "/a/00"}, "there is no index '00'"),
    ({"a": [1]}, {"op": "remove", "path": "/a/-1"}, "there is no index '-1'"),
    ({"a": 1}, {"op": "remove", "path": ""}, "the whole document cannot be removed"),
    ({"a": 1}, {"op": "remove", "path": "a"}, "a path must start with '/'"),
    ({"a": 1}, {"op": "test", "path": "/a", "value": True}, "test failed at '/a'"),
    ({"a": {"b": 1}}, {"op": "move", "from": "/a", "path": "/a/b"}, "cannot be moved into itself"),
    ({"a": 1}, {"op": "copy", "path": "/b"}, "copy needs 'from'"),
    ({"a": 1}, {"op": "add", "path": "/b"}, "add needs 'value'"),
    ({"a": 1}, {"op": "merge", "path": "/b"}, "expected op add, remove"),
]


@pytest.mark.parametrize("document, operation, message", REFUSALS)
def test_refused_operation(document: Any, operation: dict[str, Any], message: str) -> None:
    with pytest.raises(EvaluationError, match=message.replace("[", r"\[")):
        apply(document, [operation])


def test_untouched_parts_are_shared() -> None:
    document = {"a": {"x": [1]}, "b": {"y": 1}}
    assert apply(document, [{"op": "replace", "path": "/b/y", "value": 2}])["a"] is document["a"]


@given(st.lists(st.text(max_size=4), max_size=4))
def test_pointers_round_trip(path: list[str]) -> None:
    assert tokens(pointer(path)) == path
