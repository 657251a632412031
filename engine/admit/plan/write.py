"""Writing into objects without changing them: the path is copied, the rest is shared."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from admit.cel.values import contains_in
from admit.errors import EvaluationError

MISSING: Any = type("Missing", (), {})()


def set_at(document: Any, path: Sequence[str | int], value: Any) -> Any:
    """The document with the value at the path; missing and null parents are created. Raises EvaluationError."""
    return _changed(document, path, lambda _: value)


def add_at(document: Any, path: Sequence[str | int], items: Sequence[Any]) -> Any:
    """The document with those items appended to the list at the path that it lacks."""

    def extended(there: Any) -> Any:
        present = [] if there is MISSING or there is None else _list(there, path)
        missing: list[Any] = []
        for item in items:
            if not contains_in(item, present) and not contains_in(item, missing):
                missing.append(item)
        return [*present, *missing] if missing else there

    return _changed(document, path, extended)


def remove_at(document: Any, path: Sequence[str | int], items: Sequence[Any]) -> Any:
    """The document without those items in the list at the path; of an absent list nothing is removed."""

    def reduced(there: Any) -> Any:
        if there is MISSING or there is None:
            return there
        kept = [item for item in _list(there, path) if not contains_in(item, items)]
        return there if len(kept) == len(there) else kept

    return _changed(document, path, reduced)


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


def _list(there: Any, path: Sequence[str | int]) -> list[Any]:
    if type(there) is not list:
        raise EvaluationError(f"{shown(path)} is no list")
    return there
