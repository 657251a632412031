"""Values of CEL as Go has them: what a configuration is made of, and how errors print it.

Source: k8s.io/apiserver, pkg/cel/mutation/dynamic/objects.go.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from admit.cel.library.formatting import quoted
from admit.cel.types import Type
from admit.cel.values import Duration, Map, Optional, Struct, Timestamp, Uint, Value, display, format_double, type_of
from admit.errors import EvaluationError


@dataclass(frozen=True, slots=True)
class Foreign:
    """A value that is not JSON: as Go's %v, %#v and %T print it."""

    text: str
    syntax: str
    type: str


NULL = Foreign("NULL_VALUE", "0", "structpb.NullValue")
"""CEL's null, which is none to structured merge."""


def native(value: Value) -> Any:
    """JSON, but for Foreign values in it. Raises EvaluationError for a key that is no string."""
    match value:
        case None:
            return NULL
        case bool() | str() | float():
            return value
        case Uint():
            return Foreign(str(int(value)), hex(value), "uint64")
        case int():
            return value
        case Struct(fields=fields):
            return native(fields)
        case list():
            return [native(item) for item in value]
        case Map() | Mapping():
            return {_key(key): native(item) for key, item in value.items()}
        case Optional():
            return native(value.value) if value.present else None
        case Type():
            return value.name
        case bytes():
            syntax = ", ".join(map(hex, value))
            return Foreign(display(value), f"[]uint8{{{syntax}}}", "[]uint8")
        case Timestamp() | Duration():
            return Foreign(
                display(value), display(value), "time.Time" if isinstance(value, Timestamp) else "time.Duration"
            )
        case _:
            return Foreign(display(value), display(value), str(type_of(value)))


def _key(key: Value) -> str:
    if not isinstance(key, str):
        raise EvaluationError(f"map key {display(key)} is of type {type_of(key)}, not string")
    return key


def printed(value: Any) -> str:
    """%v"""
    match value:
        case Foreign(text=text):
            return text
        case None:
            return "<nil>"
        case bool():
            return "true" if value else "false"
        case float():
            return format_double(value)
        case list():
            return f"[{' '.join(map(printed, value))}]"
        case dict():
            return f"map[{' '.join(f'{key}:{printed(value[key])}' for key in sorted(value))}]"
        case _:
            return str(value)


def syntax(value: Any) -> str:
    """%#v"""
    match value:
        case Foreign(syntax=text):
            return text
        case str():
            return quoted(value)
        case None:
            return "interface {}(nil)"
        case list():
            return f"{type_name(value)}{{{', '.join(map(syntax, value))}}}"
        case dict():
            fields = ", ".join(f"{quoted(key)}:{syntax(value[key])}" for key in sorted(value))
            return f"{type_name(value)}{{{fields}}}"
        case _:
            return printed(value)


def type_name(value: Any) -> str:
    """%T"""
    match value:
        case Foreign(type=name):
            return name
        case list():
            return "[]interface {}"
        case dict():
            return "map[string]interface {}"
        case _:
            return {bool: "bool", str: "string", int: "int64", float: "float64"}.get(type(value), "<nil>")
