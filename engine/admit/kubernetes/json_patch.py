"""JSON Patch as an API server applies it, which is not quite RFC 6902.

A `test` that fails leaves the object as it was and is no error (one for null always fails); `replace` adds a key that
is not there; indices below zero count from the end; what stands in a path before its first `/` is ignored.
Source: evanphx/json-patch v4, patch.go; apiserver, plugin/policy/mutating/patch/json_patch.go.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from typing import Any

from admit.admission.patch import same
from admit.cel.values import bounded
from admit.errors import EvaluationError


@bounded
def apply(document: Any, patch: Sequence[Mapping[str, Any]]) -> Any:
    """The document after the patch; itself where there is none to apply, or a `test` fails. Raises EvaluationError."""
    changed = deepcopy(document) if patch else document
    try:
        for operation in patch:
            changed = _applied(changed, operation)
    except _TestFailed:
        return document
    except _Failed as error:
        raise EvaluationError(f"JSON Patch: {error}") from None
    return changed


class _Failed(Exception):
    """In the words of the library."""


class _TestFailed(Exception):
    pass


def _applied(document: Any, operation: Mapping[str, Any]) -> Any:
    path, value = operation.get("path", ""), deepcopy(operation.get("value"))
    match operation.get("op", ""):
        case "replace" if not path:
            if not isinstance(value, dict | list):
                raise _Failed("replace operation value must be object or array")
            return value
        case "test" if not path:
            if not same(document, value, numeric=True):
                raise _TestFailed
        case "add":
            parent, key = _parent(document, path, f'add operation does not apply: doc is missing path: "{path}"')
            _told(f"error in add for path: '{path}'", _add, parent, key, value)
        case "remove":
            parent, key = _parent(document, path, f'remove operation does not apply: doc is missing path: "{path}"')
            _told(f"error in remove for path: '{path}'", _remove, parent, key)
        case "replace":
            parent, key = _parent(document, path, f"replace operation does not apply: doc is missing path: {path}")
            try:
                _get(parent, key)
            except _Failed:
                missing = f"replace operation does not apply: doc is missing key: {path}"
                raise _Failed(f"{missing}: missing value") from None
            parent[key if isinstance(parent, dict) else _index(parent, key)] = value
        case "move":
            source = _source(operation)
            parent, key = _parent(
                document, source, f"move operation does not apply: doc is missing from path: {source}"
            )
            value = _told(f"error in move for path: '{key}'", _get, parent, key)
            _told(f"error in move for path: '{key}'", _remove, parent, key)
            missing = f"move operation does not apply: doc is missing destination path: {path}"
            _told(f"error in move for path: '{path}'", _add, *_parent(document, path, missing), value)
        case "copy":
            source = _source(operation)
            parent, key = _parent(
                document, source, f"copy operation does not apply: doc is missing from path: {source}"
            )
            value = deepcopy(_told(f"error in copy for from: '{source}'", _get, parent, key))
            missing = f"copy operation does not apply: doc is missing destination path: {path}"
            _told("error while adding value during copy", _add, *_parent(document, path, missing), value)
        case "test":
            parent, key = _parent(document, path, f"test operation does not apply: is missing path: {path}")
            found = _told(f"error in test for path: '{path}'", _get, parent, key)
            if found is None or not same(found, value, numeric=True):
                raise _TestFailed
        case op:
            raise _Failed(f"Unexpected kind: {op}")
    return document


def _source(operation: Mapping[str, Any]) -> str:
    if "from" not in operation:
        raise _Failed(
            f"{operation['op']} operation failed to decode from: operation, missing from field: missing value"
        )
    source: str = operation["from"]
    return source


def _parent(document: Any, path: str, missing: str) -> tuple[Any, str]:
    """The map or list that the path ends in, and the key or index in it."""
    _, *below = path.split("/")
    if not below:
        raise _Failed(f"{missing}: missing value")
    *above, key = below
    for token in above:
        try:
            document = _get(document, _decoded(token))
        except _Failed:
            document = None
        if not isinstance(document, dict | list):
            raise _Failed(f"{missing}: missing value")
    return document, _decoded(key)


def _decoded(token: str) -> str:
    return token.replace("~1", "/").replace("~0", "~")


def _told(during: str, act: Callable[..., Any], *args: Any) -> Any:
    try:
        return act(*args)
    except _Failed as error:
        raise _Failed(f"{during}: {error}") from None


def _get(parent: Any, key: str) -> Any:
    """What is there; of a map, None for what is not."""
    return parent.get(key) if isinstance(parent, dict) else parent[_index(parent, key)]


def _add(parent: Any, key: str, value: Any) -> None:
    if isinstance(parent, dict):
        parent[key] = value
    elif key == "-":
        parent.append(value)
    else:
        parent.insert(_index([*parent, None], key, f"value was not a proper array index: '{key}': "), value)


def _remove(parent: Any, key: str) -> None:
    if isinstance(parent, list):
        del parent[_index(parent, key)]
    elif key in parent:
        del parent[key]
    else:
        raise _Failed(f"Unable to remove nonexistent key: {key}: missing value")


_NUMBER = re.compile(r"[+-]?[0-9]{1,18}", re.ASCII)


def _index(items: list[Any], key: str, said: str = "") -> int:
    if not _NUMBER.fullmatch(key):
        raise _Failed(f'{said}strconv.Atoi: parsing "{key}": invalid syntax')
    index = int(key)
    if not -len(items) <= index < len(items):
        raise _Failed(f"Unable to access invalid index: {index}: invalid index referenced")
    return index + len(items) if index < 0 else index
