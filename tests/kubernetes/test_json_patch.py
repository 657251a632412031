"""Where an API server's JSON Patch differs from RFC 6902, and what it says."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest

from admit.errors import EvaluationError
from admit.kubernetes.json_patch import apply

DOCUMENT = {"map": {"a": 1, "null": None}, "list": [1, 2], "text": "x"}


def op(op: str, path: str, **more: Any) -> dict[str, Any]:
    return {"op": op, "path": path, **more}


# operations, the field that is looked at, what it is
APPLIED = [
    ([op("replace", "/map/b", value=2)], "map", {"a": 1, "null": None, "b": 2}),
    ([op("replace", "/list/-1", value=3)], "list", [1, 3]),
    ([op("add", "/list/-", value=3)], "list", [1, 2, 3]),
    ([op("add", "/list/-1", value=3)], "list", [1, 2, 3]),
    ([op("add", "/list/-3", value=0)], "list", [0, 1, 2]),
    ([op("add", "/list/+1", value=3)], "list", [1, 3, 2]),
    ([op("add", "/map/a~1b~0c", value=1)], "map", {"a": 1, "null": None, "a/b~c": 1}),
    ([op("add", "map/b", value=1), op("add", "ignored/map/c", value=1)], "map", {"a": 1, "null": None, "c": 1}),
    ([op("add", "/map/b")], "map", {"a": 1, "null": None, "b": None}),
    ([op("remove", "/list/-2")], "list", [2]),
    ([op("move", "/map/b", **{"from": "/list/0"})], "map", {"a": 1, "null": None, "b": 1}),
    ([op("copy", "/map/b", **{"from": "/map/none"})], "map", {"a": 1, "null": None, "b": None}),
    ([op("copy", "/x", **{"from": "/list"}), op("add", "/x/0", value=0)], "list", [1, 2]),
    ([op("test", "/map/a", value=1.0), op("remove", "/text")], "text", None),
    ([op("test", "", value=DOCUMENT), op("remove", "/text")], "text", None),
    ([op("replace", "", value={"text": "y"})], "text", "y"),
    ([], "list", [1, 2]),
]


@pytest.mark.parametrize("patch, field, expected", APPLIED)
def test_applied(patch: list[dict[str, Any]], field: str, expected: Any) -> None:
    before = deepcopy(DOCUMENT)
    assert apply(DOCUMENT, patch).get(field) == expected
    assert before == DOCUMENT


@pytest.mark.parametrize(
    "test",
    [
        op("test", "/map/a", value=2),
        op("test", "/map/a", value=True),
        op("test", "/map/none", value=1),
        op("test", "/map/null", value=None),
        op("test", "", value={}),
    ],
)
def test_failing_test_changes_nothing(test: dict[str, Any]) -> None:
    assert apply(DOCUMENT, [op("remove", "/text"), test, op("remove", "/nowhere")]) is DOCUMENT


FAILS = [
    (op("add", "/none/a", value=1), 'add operation does not apply: doc is missing path: "/none/a": missing value'),
    (op("add", "/text/a", value=1), 'add operation does not apply: doc is missing path: "/text/a": missing value'),
    (op("add", "/map/null/a", value=1), "missing value"),
    (op("add", "", value=1), 'add operation does not apply: doc is missing path: "": missing value'),
    (op("add", "/list/3", value=1), "error in add for path: '/list/3': Unable to access invalid index: 3"),
    (op("add", "/list/x", value=1), "path: '/list/x': value was not a proper array index: 'x': strconv.Atoi: parsing"),
    (op("remove", "/list/x"), "path: '/list/x': strconv.Atoi: parsing \"x\": invalid syntax"),
    (op("remove", "/map/b"), "error in remove for path: '/map/b': Unable to remove nonexistent key: b: missing value"),
    (op("remove", "/list/-3"), "Unable to access invalid index: -3: invalid index referenced"),
    (op("replace", "/list/-", value=1), "doc is missing key: /list/-: missing value"),
    (op("replace", "", value=1), "replace operation value must be object or array"),
    (op("move", "/map/b", **{"from": "/none/a"}), "move operation does not apply: doc is missing from path: /none/a"),
    (op("move", "/map/b", **{"from": "/map/b"}), "Unable to remove nonexistent key: b"),
    (op("move", "/map/b"), "move operation failed to decode from"),
    (op("copy", "/none/b", **{"from": "/map/a"}), "copy operation does not apply: doc is missing destination path"),
    (op("test", "/none/a", value=1), "test operation does not apply: is missing path: /none/a: missing value"),
    (op("test", "/list/5", value=1), "error in test for path: '/list/5'"),
    (op("invalid", "/map"), "Unexpected kind: invalid"),
    ({"op": "add", "value": 1}, 'add operation does not apply: doc is missing path: "": missing value'),
]


@pytest.mark.parametrize("operation, message", FAILS)
def test_fails(operation: dict[str, Any], message: str) -> None:
    with pytest.raises(EvaluationError) as caught:
        apply(DOCUMENT, [operation])
    assert str(caught.value).startswith("JSON Patch: ")
    assert message in str(caught.value)
