"""Types from an OpenAPI schema, and values as CEL sees them by it: what `self` is in x-kubernetes-validations."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Mapping
from typing import Any

from admit.cel.times import parse_duration, parse_timestamp
from admit.cel.types import (
    BOOL,
    BYTES,
    DOUBLE,
    DURATION,
    DYN,
    INT,
    STRING,
    TIMESTAMP,
    Type,
    list_of,
    map_of,
    object_type,
)
from admit.cel.values import Value


def declared(schema: Mapping[str, Any], name: str) -> tuple[Type, dict[str, dict[str, Type]]]:
    """The type of a schema's values, and the object types in it with their fields, named from `name` on.

    What CEL cannot reach is left out. Source: k8s.io/apiserver, pkg/cel/common/schemas.go.
    """
    types: dict[str, dict[str, Type]] = {}
    return _declared(schema, name, types) or DYN, types


def typed(schema: Mapping[str, Any], value: Any) -> Value:
    """A valid value by its schema: fields under their escaped names, `number` a double, formats parsed."""
    match schema:
        case {"x-kubernetes-int-or-string": True}:
            return value
        case {"type": "array", "items": items} if isinstance(value, list):
            return [typed(items, item) for item in value]
        case {"type": "object", "additionalProperties": Mapping() as items} if isinstance(value, dict):
            return {key: typed(items, item) for key, item in value.items()}
        case {"type": "object", "properties": properties} if isinstance(value, dict):
            known = {key: properties[key] for key in value if key in properties}
            return {name: typed(known[key], value[key]) for key in known if (name := escape(key)) is not None}
        case {"type": "number"} if type(value) is int:
            return float(value)
        case {"type": "string", "format": format} if format in FORMATS and isinstance(value, str):
            return FORMATS[format][1](value)
        case _:
            return value


def sizes(schema: Mapping[str, Any]) -> Callable[[tuple[str, ...], Type], int | None]:
    """The largest sizes that a schema allows, for cost estimates: what is not limited fits into a request.

    As to the API server each path starts from the schema, whatever variable it names, and what is neither a string,
    nor a list, nor a map has size 0. Source: k8s.io/apiserver, pkg/cel/common/schemas.go; apiextensions-apiserver,
    pkg/apiserver/schema/cel/compilation.go.
    """

    def largest(path: tuple[str, ...], type: Type) -> int | None:
        at: Mapping[str, Any] | None = schema if path else None
        for step in path[1:]:
            at = None if at is None else _at(at, step)
        return None if at is None else _largest(at)

    return largest


def escape(name: str) -> str | None:
    """The name of a field in CEL; None where it has none."""
    if not _ACCESSIBLE.fullmatch(name):
        return None
    if name in _KEYWORDS:
        return f"__{name}__"
    return re.sub(r"__|[.\-/]", lambda found: _ESCAPES[found[0]], name)


def _date(text: str) -> Value:
    return parse_timestamp(f"{text}T00:00:00Z")


def _bytes(text: str) -> Value:
    return base64.b64decode(text, validate=True)


# Formats whose values are no strings in CEL. Parsing raises EvaluationError or ValueError.
FORMATS: dict[str, tuple[Type, Callable[[str], Value]]] = {
    "date": (TIMESTAMP, _date),
    "date-time": (TIMESTAMP, parse_timestamp),
    "duration": (DURATION, parse_duration),
    "byte": (BYTES, _bytes),
}
_SCALARS = {"boolean": BOOL, "integer": INT, "number": DOUBLE, "string": STRING}
_ACCESSIBLE = re.compile(r"[a-zA-Z_.\-/][a-zA-Z0-9_.\-/]*")
_KEYWORDS = frozenset((
    "true", "false", "null", "in", "as", "break", "const", "continue", "else", "for", "function", "if",
    "import", "let", "loop", "package", "namespace", "return", "var", "void", "while",
))  # fmt: skip
_ESCAPES = {"__": "__underscores__", ".": "__dot__", "-": "__dash__", "/": "__slash__"}


def _declared(schema: Mapping[str, Any], name: str, types: dict[str, dict[str, Type]]) -> Type | None:
    match schema:
        case {"x-kubernetes-int-or-string": True}:
            return DYN
        case {"type": "array", "items": items}:
            element = _declared(items, f"{name}.@items", types)
            return None if element is None else list_of(element)
        case {"type": "object", "additionalProperties": True}:
            return map_of(STRING, DYN)
        case {"type": "object", "additionalProperties": Mapping() as items}:
            element = _declared(items, f"{name}.@values", types)
            return None if element is None else map_of(STRING, element)
        case {"type": "object"}:
            fields = types[name] = {}
            for key, inner in schema.get("properties", {}).items():
                field, type = escape(key), _declared(inner, f"{name}.{key}", types)
                if field is not None and type is not None:
                    fields[field] = type
            return object_type(name)
        case {"type": "string", "format": format} if format in FORMATS:
            return FORMATS[format][0]
        case {"type": kind}:
            return _SCALARS.get(kind)
        case _:
            return None


_REQUEST = 3 * 1024 * 1024 - 2  # bytes of the largest string in a request: without its quotes
_FORMATTED = {"date": 12, "date-time": 32, "duration": 32}
_SMALLEST = {"boolean": 4, "integer": 1, "number": 1}
_SMALLEST_FORMATTED = {"date": 12, "date-time": 21, "duration": 3}


def _at(schema: Mapping[str, Any], step: str) -> Mapping[str, Any] | None:
    """The schema of a field or of elements; None where a value has no such thing."""
    match schema, step:
        case ({"x-kubernetes-int-or-string": True}, _):
            return None
        case ({"type": "array", "items": Mapping() as items}, _):
            return items if step in ("@items", "@values") else None
        case ({"type": "object", "additionalProperties": Mapping() as items}, _):
            return {"@items": items, "@values": items, "@keys": {"type": "string", "maxLength": 0}}.get(step)
        case ({"type": "object", "properties": Mapping() as properties}, _):
            return next((inner for name, inner in properties.items() if escape(name) == step), None)
        case _:
            return None


def _largest(schema: Mapping[str, Any]) -> int:
    """The most code points (as bytes), bytes, items or entries of a value."""
    match schema:
        case {"type": "array", "items": items}:
            return _limit(schema, "maxItems", _REQUEST // (_smallest(items) + 1))
        case {"type": "object", "additionalProperties": Mapping() as items}:
            return _limit(schema, "maxProperties", _REQUEST // (_smallest(items) + 6))
        case {"x-kubernetes-int-or-string": True} | {"type": "string"}:
            if (format := schema.get("format")) in _FORMATTED:
                return _FORMATTED[format]
            if "maxLength" in schema:
                return _limit(schema, "maxLength", 0) * (1 if format == "byte" else 4)
            values = [value for value in schema.get("enum", ()) if isinstance(value, str)]
            return max((len(value.encode()) for value in values), default=_REQUEST)
        case _:
            return 0


def _limit(schema: Mapping[str, Any], keyword: str, default: int) -> int:
    return max(int(schema.get(keyword, default)), 0)


def _smallest(schema: Mapping[str, Any]) -> int:
    """The fewest bytes of a value in a request."""
    match schema:
        case {"x-kubernetes-int-or-string": True}:
            return 1
        case {"type": "object", "properties": properties} if "additionalProperties" not in schema:
            required = [(name, properties[name]) for name in schema.get("required", ()) if name in properties]
            return 2 + sum(len(name) + _smallest(inner) + 4 for name, inner in required if "default" not in inner)
        case {"type": "string", "format": format} if format in _SMALLEST_FORMATTED:
            return _SMALLEST_FORMATTED[format]
        case {"type": kind}:
            return _SMALLEST.get(kind, 2)
        case _:
            return 2
