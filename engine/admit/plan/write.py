"""Writing into objects without changing them: the path is copied, the rest is shared."""

from __future__ import annotations

import math
from base64 import b64encode
from collections.abc import Callable, Sequence
from typing import Any

from admit.cel.values import Duration, Map, Struct, Timestamp, bounded, contains_in, display, equal, type_of
from admit.errors import EvaluationError

MISSING: Any = type("Missing", (), {})()


def set_at(document: Any, path: Sequence[str | int], value: Any) -> Any:
    """The document with the value at the path; missing and null parents are created. Raises EvaluationError.

    What equals the value, as CEL has it, is left.
    """
    value = stored(value)
    return _changed(document, path, lambda there: there if there is not MISSING and equal(there, value) else value)


def add_at(document: Any, path: Sequence[str | int], value: Any) -> Any:
    """The document with those items of a list appended to the list at the path that it lacks."""
    there = value_at(document, path)
    present = [] if there is MISSING or there is None else there
    missing: list[Any] = []
    for item in _items(value):
        if not contains_in(item, present) and not contains_in(item, missing):
            missing.append(item)
    return set_at(document, path, [*_list(present, path), *missing]) if missing else document


def remove_at(document: Any, path: Sequence[str | int], value: Any) -> Any:
    """The document without the items of a list in the list at the path; of an absent list nothing is removed."""
    items, there = _items(value), value_at(document, path)
    if there is MISSING or there is None or not any(contains_in(item, there) for item in items):
        return document
    return set_at(document, path, [item for item in _list(there, path) if not contains_in(item, items)])


def value_at(document: Any, path: Sequence[str | int]) -> Any:
    """What is at the path; MISSING where nothing is."""
    for token in path:
        if type(document) is dict:
            document = document.get(token, MISSING)
        elif type(document) is list and isinstance(token, int) and 0 <= token < len(document):
            document = document[token]
        else:
            return MISSING
    return document


@bounded
def stored(value: Any) -> Any:
    """A value of CEL as an object holds it: plain JSON. Raises EvaluationError. Source: cel-go, ConvertToNative."""
    match value:
        case None | bool() | str() | float() if value == value and value not in (math.inf, -math.inf):
            return value
        case int():
            return int(value) if value < 2**63 else float(value)
        case bytes():
            return b64encode(value).decode()
        case Timestamp() | Duration():
            return str(value)
        case Struct(fields=fields):
            return stored(fields)
        case list():
            return [stored(item) for item in value]
        case dict() | Map():
            return {key if type(key) is str else display(key): stored(item) for key, item in value.items()}
        case _:
            raise EvaluationError(f"an object cannot hold {display(value)}, of type {type_of(value)}")


def shown(path: Sequence[str | int]) -> str:
    """`spec.containers[0].name`"""
    return "".join(f"[{token}]" if isinstance(token, int) else f".{token}" for token in path).removeprefix(".")


def _changed(document: Any, path: Sequence[str | int], change: Callable[[Any], Any], done: int = 0) -> Any:
    if done == len(path):
        return change(document)
    token = path[done]
    if isinstance(token, int):
        if type(document) is not list or not 0 <= token < len(document):
            raise EvaluationError(f"index out of bounds: {token} in {shown(path[:done])}")
        old = document[token]
    elif document is MISSING or document is None:
        old = MISSING
    elif type(document) is dict:
        old = document.get(token, MISSING)
    else:
        raise EvaluationError(f"{shown(path[:done])} is no map: cannot write {shown(path)}")
    new = _changed(old, path, change, done + 1)
    if new is old:
        return document
    if isinstance(token, int):
        return [*document[:token], new, *document[token + 1 :]]
    return {**(document if type(document) is dict else {}), token: new}


def _items(value: Any) -> list[Any]:
    """What a CEL macro goes over: the items of a list, the keys of a map."""
    if not isinstance(value, list | dict | Map):
        raise EvaluationError(f"expected a list but found a value of type {type_of(value)}")
    return [*value]


def _list(there: Any, path: Sequence[str | int]) -> list[Any]:
    if type(there) is not list:
        raise EvaluationError(f"{shown(path)} is no list")
    return there
