"""The boundary of native values: JSON as CEL sees it, found with one look and changed only where it must be."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from admit.errors import RequestError

MAX_DEPTH = 254
"""How deep a value may nest: orjson's own limit, and far beyond what a cluster stores."""

_PLAIN = (
    orjson.OPT_STRICT_INTEGER
    | orjson.OPT_PASSTHROUGH_SUBCLASS
    | orjson.OPT_PASSTHROUGH_DATACLASS
    | orjson.OPT_PASSTHROUGH_DATETIME
)


def native(value: Any) -> Any:
    """The value with integers outside int64 as doubles and lone surrogates as U+FFFD; itself where nothing differs.

    Raises RequestError where it is no JSON, or nested deeper than MAX_DEPTH.
    """
    try:
        # Writing it out is the cheapest look at every node there is: it fails on all that needs a closer one.
        orjson.dumps(value, option=_PLAIN)
    except TypeError:
        return _native(value, MAX_DEPTH)
    return value


def _native(value: Any, depth: int) -> Any:
    if depth < 0:
        raise RequestError(f"nested deeper than {MAX_DEPTH} levels")
    match value:
        case None | bool():
            return value
        case str():
            return _text(value)
        case int():
            return int(value) if -(2**63) <= value < 2**63 else _double(value)
        case float():
            return float(value)
        case Mapping():
            return {_key(key): _native(item, depth - 1) for key, item in value.items()}
        case list() | tuple():
            return [_native(item, depth - 1) for item in value]
        case _:
            raise RequestError(f"a value of type {type(value).__name__} is no JSON")


def _text(text: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return str(text)


def _double(number: int) -> float:
    try:
        return float(number)
    except OverflowError:
        raise RequestError("a number is too large for a double") from None


def _key(key: object) -> str:
    if not isinstance(key, str):
        raise RequestError(f"a key must be a string, not {key!r}")
    return _text(key)
