"""Types from an OpenAPI schema, and values as CEL sees them by it: what `self` is in x-kubernetes-validations."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from admit.cel.escaping import KEYWORDS, escape
from admit.cel.structured import FaultyList, MapList, Object, SetList, Unknown
from admit.cel.times import HOUR, MICROSECOND, MILLISECOND, MINUTE, SECOND, duration_of, parse_duration, parse_timestamp
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
from admit.cel.values import ABSENT, Value
from admit.errors import EvaluationError

REQUEST: Final = 3 * 1024 * 1024
"""Bytes that a request may have."""


def declared(schema: Mapping[str, Any], name: str, resource: bool = False) -> tuple[Type, dict[str, dict[str, Type]]]:
    """The type of a schema's values, and the object types in it with their fields, named from `name` on.

    What CEL cannot reach is left out. `resource`: it is the schema of a whole resource. Source: k8s.io/apiserver,
    pkg/cel/common/schemas.go.
    """
    types: dict[str, dict[str, Type]] = {}
    return _declared(of_resource(schema) if resource else schema, name, types) or DYN, types


def typed(schema: Mapping[str, Any], value: Any, resource: bool = False) -> Value:
    """JSON as CEL sees it by its schema: fields under their escaped names, `number` a double, formats parsed, lists of
    the type that x-kubernetes-list-type says.

    Raises EvaluationError; where something inside is not valid, it is an error when CEL comes across it.
    """
    seen = _typed(of_resource(schema) if resource else schema, value)
    if isinstance(seen, EvaluationError):
        raise seen
    return seen


def of_resource(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    """The schema of a resource: it has apiVersion, kind and a name, all of its metadata that CEL sees."""
    properties = schema.get("properties", {})
    match properties:
        case {
            "kind": {"type": "string"},
            "apiVersion": {"type": "string"},
            "metadata": {
                "type": "object",
                "properties": {"name": {"type": "string"}, "generateName": {"type": "string"}},
            },
        }:
            return schema
    given = properties.get("metadata", {}).get("properties", {})
    names = {
        name: {"type": "string", "maxLength": min(given.get(name, {}).get("maxLength", longest), longest)}
        for name, longest in _NAMES.items()
    }
    text = {"type": "string"}
    metadata = {"type": "object", "properties": names}
    return {**schema, "properties": {**properties, "kind": text, "apiVersion": text, "metadata": metadata}}


def sizes(schema: Mapping[str, Any], resource: bool = False) -> Callable[[tuple[str, ...], Type], int | None]:
    """The largest sizes that a schema allows, for cost estimates: what is not limited fits into a request.

    As to the API server each path starts from the schema, whatever variable it names, and what is neither a string,
    nor a list, nor a map has size 0. Source: k8s.io/apiserver, pkg/cel/common/schemas.go; apiextensions-apiserver,
    pkg/apiserver/schema/cel/compilation.go.
    """

    root = of_resource(schema) if resource else schema

    def largest(path: tuple[str, ...], type: Type) -> int | None:
        at: Mapping[str, Any] | None = root if path else None
        for step in path[1:]:
            at = None if at is None else _at(at, step)
        return None if at is None else _largest(at)

    return largest


def smallest(schema: Mapping[str, Any]) -> int:
    """The fewest bytes of a value in a request."""
    match _embedded(schema):
        case {"x-kubernetes-int-or-string": True}:
            return 1
        case {"type": "object", "properties": properties} if "additionalProperties" not in schema:
            required = [(name, properties[name]) for name in schema.get("required", ()) if name in properties]
            return 2 + sum(len(name) + smallest(inner) + 4 for name, inner in required if "default" not in inner)
        case {"type": "string", "format": format} if format in _SMALLEST_FORMATTED:
            return _SMALLEST_FORMATTED[format]
        case {"type": kind}:
            return _SMALLEST.get(kind, 2)
        case _:
            return 2


def is_seen(schema: Mapping[str, Any]) -> bool:
    """Whether CEL sees anything of the schema's values."""
    return _declared(schema, "", {}) is not None


def _date(text: str) -> Value:
    return parse_timestamp(f"{text}T00:00:00Z")


def _duration(text: str) -> Value:
    """A duration as CEL writes it, or as Scala does: `3 days`."""
    try:
        return parse_duration(text)
    except EvaluationError:
        words = re.findall(r"([0-9]+)\s*([A-Za-zµ]+)", text)
        amounts = [int(amount) * size for amount, word in words if (size := _unit(word.lower()))]
        if not amounts:
            raise EvaluationError(f"unable to parse {text} as duration") from None
        return duration_of(sum(amounts))


def _unit(word: str) -> int:
    """The nanoseconds of a unit of time; 0 where it is none."""
    return next((size for names, size in _UNITS.items() if word in names or word.startswith(names[-1])), 0)


def _bytes(text: str) -> Value:
    return base64.b64decode(text, validate=True)


_UNITS = {
    ("ns", "nano"): 1,
    ("us", "µs", "micro"): MICROSECOND,
    ("ms", "milli"): MILLISECOND,
    ("s", "sec"): SECOND,
    ("m", "min"): MINUTE,
    ("h", "hr", "hour"): HOUR,
    ("d", "day"): 24 * HOUR,
    ("w", "wk", "week"): 7 * 24 * HOUR,
}
# Formats whose values are no strings in CEL. Parsing raises EvaluationError or ValueError.
FORMATS: dict[str, tuple[Type, Callable[[str], Value]]] = {
    "date": (TIMESTAMP, _date),
    "date-time": (TIMESTAMP, parse_timestamp),
    "duration": (DURATION, _duration),
    "byte": (BYTES, _bytes),
}
_SCALARS = {"boolean": BOOL, "integer": INT, "number": DOUBLE, "string": STRING}


def _declared(schema: Mapping[str, Any], name: str, types: dict[str, dict[str, Type]]) -> Type | None:
    match _embedded(schema):
        case {"x-kubernetes-int-or-string": True}:
            return DYN
        case {"type": "array", "items": items}:
            element = _declared(items, f"{name}.@idx", types)
            return None if element is None else list_of(element)
        case {"type": "object", "additionalProperties": Mapping() as items}:
            element = _declared(items, f"{name}.@elem", types)
            return None if element is None else map_of(STRING, element)
        case {"type": "object", **rest}:
            fields = types[name] = {}
            for key, inner in rest.get("properties", {}).items():
                field = escape(key)
                type = _declared(inner, f"{name}.{field or key}", types)
                if field is not None and type is not None:
                    fields |= {field: type} | ({key: type} if key in KEYWORDS else {})
            return object_type(name)
        case {"type": "string", "format": format} if format in FORMATS:
            return FORMATS[format][0]
        case {"type": kind}:
            return _SCALARS.get(kind)
        case _:
            return None


def _embedded(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    return of_resource(schema) if schema.get("x-kubernetes-embedded-resource") else schema


def _typed(schema: Mapping[str, Any], value: Any) -> Value | EvaluationError:
    match schema:
        case _ if value is None:
            return None if schema.get("nullable") else _invalid("got null for schema with nullable=false")
        case {"x-kubernetes-int-or-string": True}:
            what = "expected XIntOrString value to be either a string or integer"
            return value if type(value) in (int, str) else _invalid(what)
        case {"type": "object"}:
            what = "expected a map for the provided schema with type=object"
            return _typed_object(_embedded(schema), value) if isinstance(value, dict) else _invalid(what)
        case {"type": "array", "items": items}:
            what = "expected an array for the provided schema with type=array"
            return _typed_list(schema, items, value) if isinstance(value, list) else _invalid(what)
        case {"type": "number"} if type(value) is int:
            return float(value)
        case {"type": kind} if kind in _PYTHONS and type(value) is not _PYTHONS[kind][0]:
            return _invalid(f"expected {_PYTHONS[kind][1]}, got {_GO_TYPES[type(value)]}")
        case {"type": "string", "format": format} if format in FORMATS:
            try:
                return FORMATS[format][1](value)
            except (EvaluationError, ValueError) as error:
                return EvaluationError(f"Invalid {format} {value}: {error}")
        case {"x-kubernetes-preserve-unknown-fields": True} if "type" not in schema:
            return Unknown(value)
        case _:
            return value


def _typed_object(schema: Mapping[str, Any], value: dict[str, Any]) -> Value:
    match schema:
        case {"properties": Mapping() as properties}:
            schemas = {key: properties[key] for key in value if key in properties}
        case {"additionalProperties": Mapping() as items}:
            schemas = dict.fromkeys(value, items)
        case _:
            schemas = {}
    fields = "properties" in schema
    known = {
        key: ABSENT if fields and value[key] is None else _typed(inner, value[key]) for key, inner in schemas.items()
    }
    plain = len(known) == len(value) and not any(map(_is_special, known.values()))
    if plain and not (fields and any(escape(key) != key for key in known)):
        return known
    return Object(known, {key: item for key, item in value.items() if key not in known}, fields)


def _typed_list(schema: Mapping[str, Any], items: Mapping[str, Any], value: list[Any]) -> Value:
    seen = [_typed(items, item) for item in value]
    match schema:
        case _ if any(map(_is_special, seen)):
            return FaultyList(seen)
        case {"x-kubernetes-list-type": "set"}:
            return SetList(seen)
        case {"x-kubernetes-list-type": "map"}:
            return MapList(seen, schema.get("x-kubernetes-list-map-keys", ()))
        case _:
            return seen


def _is_special(value: Value | EvaluationError) -> bool:
    return value is ABSENT or isinstance(value, EvaluationError)


def _invalid(what: str) -> EvaluationError:
    return EvaluationError(f"invalid data, {what}")


_NAMES = {"name": 253, "generateName": 252}  # what CEL sees of metadata, and how long it may be
_PYTHONS: dict[str, tuple[type, str]] = {
    "string": (str, "string"),
    "integer": (int, "int"),
    "number": (float, "float"),
    "boolean": (bool, "bool"),
}
_GO_TYPES: dict[type, str] = {
    str: "string",
    int: "int64",
    float: "float64",
    bool: "bool",
    list: "[]interface {}",
    dict: "map[string]interface {}",
}
_LONGEST = REQUEST - 2  # bytes of a string, list or map in a request: without its quotes or brackets
_FORMATTED = {"date": 12, "date-time": 32, "duration": 32}
_SMALLEST = {"boolean": 4, "integer": 1, "number": 1}
_SMALLEST_FORMATTED = {"date": 12, "date-time": 21, "duration": 3}


def _at(schema: Mapping[str, Any], step: str) -> Mapping[str, Any] | None:
    """The schema of a field or of elements; None where a value has no such thing."""
    match _embedded(schema), step:
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
            return _limit(schema, "maxItems", _LONGEST // (smallest(items) + 1))
        case {"type": "object", "additionalProperties": Mapping() as items}:
            return _limit(schema, "maxProperties", _LONGEST // (smallest(items) + 6))
        case {"x-kubernetes-int-or-string": True} | {"type": "string"}:
            if (format := schema.get("format")) in _FORMATTED:
                return _FORMATTED[format]
            if "maxLength" in schema:
                return _limit(schema, "maxLength", 0) * (1 if format == "byte" else 4)
            values = [value for value in schema.get("enum", ()) if isinstance(value, str)]
            return max((len(value.encode()) for value in values), default=_LONGEST)
        case _:
            return 0


def _limit(schema: Mapping[str, Any], keyword: str, default: int) -> int:
    return max(int(schema.get(keyword, default)), 0)
