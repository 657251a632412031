"""JSON Patch (RFC 6902) and JSON Pointer (RFC 6901): the patch between two documents, and a patch applied."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeAlias

from admit.errors import EvaluationError

Operation: TypeAlias = dict[str, Any]


def diff(before: Any, after: Any) -> list[Operation]:
    """A small patch that makes `after` of `before`; none for what both share. 1, 1.0 and true differ."""
    patch: list[Operation] = []
    _diff(before, after, "", patch)
    return patch


def apply(document: Any, patch: Iterable[Mapping[str, Any]]) -> Any:
    """The document after the patch; what the patch does not touch is shared with the input, which stays as it is.

    Raises EvaluationError where an operation is malformed, names a place that is not there, or is a failing test.
    """
    for operation in patch:
        document = _applied(document, operation)
    return document


def escape(token: str) -> str:
    """A key or an index as a pointer has it."""
    return token.replace("~", "~0").replace("/", "~1")


def pointer(tokens: Iterable[str | int]) -> str:
    return "".join([f"/{token}" if isinstance(token, int) else "/" + escape(token) for token in tokens])


def tokens(pointer: str) -> list[str]:
    """The keys and indices of a pointer. Raises EvaluationError."""
    if not pointer:
        return []
    if pointer[0] != "/":
        raise EvaluationError(f"JSON patch: a path must start with '/', not {pointer!r}")
    found = pointer[1:].split("/")
    return [token.replace("~1", "/").replace("~0", "~") for token in found] if "~" in pointer else found


def same(a: Any, b: Any, numeric: bool = False) -> bool:
    """Whether two JSON values are the same; `numeric`: 1 and 1.0 are, but never true."""
    if a is b:
        return True
    if type(a) is not type(b):
        return numeric and {type(a), type(b)} == {int, float} and bool(a == b)
    match a:
        case dict():
            return len(a) == len(b) and all(key in b and same(item, b[key], numeric) for key, item in a.items())
        case list():
            return len(a) == len(b) and all(same(x, y, numeric) for x, y in zip(a, b, strict=True))
        case _:
            return bool(a == b)


# The difference


def _diff(before: Any, after: Any, path: str, patch: list[Operation]) -> None:
    if before is after:
        return
    match before, after:
        case dict(), dict():
            for key in before:
                if key not in after:
                    patch.append({"op": "remove", "path": f"{path}/{escape(key)}"})
            for key, item in after.items():
                place = f"{path}/{escape(key)}"
                if key in before:
                    _diff(before[key], item, place, patch)
                else:
                    patch.append({"op": "add", "path": place, "value": item})
        case list(), list():
            _diff_lists(before, after, path, patch)
        case _ if not same(before, after):
            patch.append({"op": "replace", "path": path, "value": after})


def _diff_lists(before: list[Any], after: list[Any], path: str, patch: list[Operation]) -> None:
    shorter = min(len(before), len(after))
    start = next((i for i in range(shorter) if not same(before[i], after[i])), shorter)
    kept = next((i for i in range(shorter - start) if not same(before[-1 - i], after[-1 - i])), shorter - start)
    old, new = before[start : len(before) - kept], after[start : len(after) - kept]
    i, j, at = 0, 0, start  # `at`: the index in the list as the patch has left it
    for step in _alignment(old, new):
        if step == "remove":
            patch.append({"op": "remove", "path": f"{path}/{at}"})
            i += 1
        elif step == "add":
            patch.append({"op": "add", "path": f"{path}/{at}", "value": new[j]})
            j += 1
            at += 1
        else:
            _diff(old[i], new[j], f"{path}/{at}", patch)
            i += 1
            j += 1
            at += 1


_ALIGNED = 10_000  # pairs compared at most; beyond that, position by position


def _alignment(old: list[Any], new: list[Any]) -> Sequence[str]:
    """The steps (keep, change, remove, add) that lead from one list to the other at the least cost."""
    rows, columns = len(old), len(new)
    paired = min(rows, columns)
    if not paired or rows == columns == 1 or rows * columns > _ALIGNED:
        return ["change"] * paired + ["remove"] * (rows - paired) + ["add"] * (columns - paired)
    costs = [[_LONE * (rows - i + columns - j) for j in range(columns + 1)] for i in range(rows + 1)]
    pairs = [[_cost(a, b) for b in new] for a in old]
    for i in reversed(range(rows)):
        for j in reversed(range(columns)):
            costs[i][j] = min(pairs[i][j] + costs[i + 1][j + 1], _LONE + costs[i + 1][j], _LONE + costs[i][j + 1])
    steps = []
    i = j = 0
    while i < rows or j < columns:
        if i < rows and j < columns and costs[i][j] == pairs[i][j] + costs[i + 1][j + 1]:
            steps.append("change" if pairs[i][j] else "keep")
            i, j = i + 1, j + 1
        elif i < rows and costs[i][j] == _LONE + costs[i + 1][j]:
            steps.append("remove")
            i += 1
        else:
            steps.append("add")
            j += 1
    return steps


_LONE = 2  # what a removal or an insertion costs


def _cost(a: Any, b: Any) -> int:
    """What it costs to make one element of the other: least where they have the same name, as containers do."""
    if same(a, b):
        return 0
    if isinstance(a, dict) and isinstance(b, dict):
        return 1 if "name" in a and a["name"] == b.get("name") else 3
    return 2


# The application


def _applied(document: Any, operation: Mapping[str, Any]) -> Any:
    path = _member(operation, "path")
    match operation.get("op"):
        case "add":
            return _added(document, path, _value(operation))
        case "remove":
            return _edited(document, tokens(path), _remove)
        case "replace":
            return _replaced(document, path, _value(operation))
        case "move":
            source = _member(operation, "from")
            if path.startswith(source + "/"):
                raise EvaluationError(f"JSON patch: {source!r} cannot be moved into itself")
            value = _at(document, source)
            return value if not path else _added(_edited(document, tokens(source), _remove), path, value)
        case "copy":
            return _added(document, path, _at(document, _member(operation, "from")))
        case "test":
            if not same(_at(document, path), _value(operation), numeric=True):
                raise EvaluationError(f"JSON patch: test failed at {path!r}")
            return document
        case op:
            raise EvaluationError(f"JSON patch: expected op add, remove, replace, move, copy or test, not {op!r}")


def _member(operation: Mapping[str, Any], name: str) -> str:
    value = operation.get(name)
    if not isinstance(value, str):
        raise EvaluationError(f"JSON patch: {operation.get('op')} needs {name!r}, a string")
    return value


def _value(operation: Mapping[str, Any]) -> Any:
    if "value" not in operation:
        raise EvaluationError(f"JSON patch: {operation.get('op')} needs 'value'")
    return operation["value"]


def _added(document: Any, path: str, value: Any) -> Any:
    def add(parent: Any, token: str) -> None:
        if isinstance(parent, dict):
            parent[token] = value
        else:
            parent.insert(len(parent) if token == "-" else _index(parent, token, len(parent)), value)

    return _edited(document, tokens(path), add) if path else value


def _replaced(document: Any, path: str, value: Any) -> Any:
    def replace(parent: Any, token: str) -> None:
        parent[_key(parent, token)] = value

    return _edited(document, tokens(path), replace) if path else value


def _remove(parent: Any, token: str) -> None:
    del parent[_key(parent, token)]


def _edited(node: Any, path: list[str], edit: Callable[[Any, str], None], depth: int = 0) -> Any:
    """A copy of the containers along the path, the last of them edited."""
    if not path:
        raise EvaluationError("JSON patch: the whole document cannot be removed")
    if not isinstance(node, dict | list):
        raise EvaluationError(f"JSON patch: nothing can be below {pointer(path[:depth])!r}")
    node = node.copy()
    token = path[depth]
    if depth == len(path) - 1:
        edit(node, token)
    else:
        key = _key(node, token)
        node[key] = _edited(node[key], path, edit, depth + 1)
    return node


def _at(document: Any, path: str) -> Any:
    for token in tokens(path):
        if not isinstance(document, dict | list):
            raise EvaluationError(f"JSON patch: nothing is at {path!r}")
        document = document[_key(document, token)]
    return document


def _key(parent: Any, token: str) -> Any:
    """The key of an item that is there."""
    if isinstance(parent, list):
        return _index(parent, token, len(parent) - 1)
    if token not in parent:
        raise EvaluationError(f"JSON patch: there is no key {token!r}")
    return token


_INDEX = re.compile(r"0|[1-9][0-9]{0,9}", re.ASCII)


def _index(parent: list[Any], token: str, last: int) -> int:
    if not _INDEX.fullmatch(token) or int(token) > last:
        raise EvaluationError(f"JSON patch: there is no index {token!r} in a list of {len(parent)}")
    return int(token)
