"""The well-known messages of protocol buffers: `google.protobuf.Int32Value{value: 1}` is 1, a Struct is a map.

All but Empty are values of CEL's own types, from when they are made: nothing selects their fields.
Source: cel-go, common/types, provider.go and each type's ConvertToNative.
"""

from __future__ import annotations

import base64
import struct
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Final

from admit.cel import wire
from admit.cel.times import SECOND, Duration, Timestamp
from admit.cel.types import (
    ANY,
    BOOL,
    BYTES,
    DOUBLE,
    DURATION,
    DYN,
    EMPTY,
    INT,
    STRING,
    TIMESTAMP,
    UINT,
    Type,
    list_of,
    map_of,
    wrapper_of,
)
from admit.cel.values import LIST, MAP, WRITTEN, Map, Optional, Struct, Uint, Value, bounded, type_of
from admit.errors import EvaluationError

NULL_VALUE: Final = "google.protobuf.NullValue.NULL_VALUE"
"""The name of a constant, 0: the only one of an enum."""

_PACKAGE = "google.protobuf."
_STRUCT, _LIST = map_of(STRING, DYN), list_of(DYN)
_SCALARS = {  # in the notation of protocol buffers, as fields below
    "bool": BOOL,
    "bytes": BYTES,
    "double": DOUBLE,
    "float": DOUBLE,
    "int32": INT,
    "int64": INT,
    "string": STRING,
    "uint32": UINT,
    "uint64": UINT,
}
_WRAPPERS = {
    "BoolValue": "bool",
    "BytesValue": "bytes",
    "DoubleValue": "double",
    "FloatValue": "float",
    "Int32Value": "int32",
    "Int64Value": "int64",
    "StringValue": "string",
    "UInt32Value": "uint32",
    "UInt64Value": "uint64",
}
_TYPES = {
    "Any": ANY,
    "Duration": DURATION,
    "Empty": EMPTY,
    "ListValue": _LIST,
    "Struct": _STRUCT,
    "Timestamp": TIMESTAMP,
    "Value": DYN,
    **{name: wrapper_of(_SCALARS[kind]) for name, kind in _WRAPPERS.items()},
}
_FIELDS: Mapping[str, Mapping[str, str]] = {  # each in the order of their numbers, from 1
    "Any": {"type_url": "string", "value": "bytes"},
    "Duration": {"seconds": "int64", "nanos": "int32"},
    "Empty": {},
    "ListValue": {"values": "repeated Value"},
    "Struct": {"fields": "map<string, Value>"},
    "Timestamp": {"seconds": "int64", "nanos": "int32"},
    "Value": {
        "null_value": "NullValue",
        "number_value": "double",
        "string_value": "string",
        "bool_value": "bool",
        "struct_value": "Struct",
        "list_value": "ListValue",
    },
    **{name: {"value": kind} for name, kind in _WRAPPERS.items()},
}
_OF_FIELDS = {
    **_SCALARS,
    "NullValue": INT,
    **dict.fromkeys(("Struct", "map<string, Value>"), _STRUCT),
    **dict.fromkeys(("ListValue", "repeated Value"), _LIST),
}

TYPES: Final[Mapping[str, Type]] = {_PACKAGE + name: type for name, type in _TYPES.items()}
"""What the messages are to CEL, by name."""

MESSAGES: Final[Mapping[str, Mapping[str, Type]]] = {
    _PACKAGE + name: {field: _OF_FIELDS[kind] for field, kind in fields.items()} for name, fields in _FIELDS.items()
}
"""The messages' fields with their types, by name."""


def message(name: str, fields: Mapping[str, Value]) -> Value:
    """The value that a message with these fields is. Raises EvaluationError."""
    name = name.removeprefix(_PACKAGE)
    kinds = _FIELDS[name]
    if unknown := [field for field in fields if field not in kinds]:  # the expression was not checked
        raise EvaluationError(f"no such field: {unknown[0]}")
    return _unwrapped(name, {field: _field(name, field, kinds[field], value) for field, value in fields.items()})


def _unwrapped(name: str, given: Mapping[str, Value]) -> Value:
    match name:
        case "Any":
            return _packed(given.get("type_url", ""), given.get("value", b""))
        case "Duration":
            return Duration(min(max(_nanoseconds(given), -(2**63)), 2**63 - 1))
        case "Timestamp":
            seconds, rest = divmod(_nanoseconds(given), SECOND)
            return Timestamp(((seconds + 2**63) % 2**64 - 2**63) * SECOND + rest)  # in no year in particular
        case "Empty":
            return Struct(EMPTY, {})
        case "Value":
            return list(given.values())[-1] if given else None
        case _:
            ((field, kind),) = _FIELDS[name].items()
            return given.get(field, _ZEROS[_OF_FIELDS[kind]])


_ZEROS: Mapping[Type, Value] = {
    BOOL: False,
    BYTES: b"",
    DOUBLE: 0.0,
    INT: 0,
    STRING: "",
    UINT: Uint(0),
    _STRUCT: {},
    _LIST: [],
}


def _nanoseconds(fields: Mapping[str, int]) -> int:
    return fields.get("seconds", 0) * SECOND + fields.get("nanos", 0)


@bounded
def _packed(url: str, data: bytes) -> Value:
    """What an Any holds, if it is a message of ours."""
    name = url.rpartition("/")[2]
    if name in MESSAGES:
        with suppress(ValueError):
            return _read(name.removeprefix(_PACKAGE), data)
    raise EvaluationError("unsupported conversion to ref.Val: (*dynamicpb.Message)")


def _read(name: str, data: bytes) -> Value:
    """The value of a message's bytes. Raises ValueError for bytes that are none."""
    return _unwrapped(name, _fields_read(_FIELDS[name], data))


def _fields_read(kinds: Mapping[str, str], data: bytes) -> dict[str, Value]:
    given: dict[str, Value] = {}
    numbered = dict(enumerate(kinds.items(), 1))
    for number, type, raw in wire.fields(data):
        field, kind = numbered.get(number, ("", ""))
        if type != _WIRE_TYPES.get(kind, wire.BYTES) or not kind:
            continue  # as what is not known
        value = _raw(kind, raw)
        if kind == "repeated Value":
            given.setdefault(field, []).append(value)
        elif kind == "map<string, Value>":
            given.setdefault(field, {}).update([value])
        else:
            given.pop(field, None)  # the last one counts
            given[field] = value
    return given


_WIRE_TYPES = dict.fromkeys(("bool", "int32", "int64", "uint32", "uint64", "NullValue"), wire.VARINT)
_WIRE_TYPES |= {"double": wire.EIGHT_BYTES, "float": wire.FOUR_BYTES}
_ENTRY = {"key": "string", "value": "Value"}


def _raw(kind: str, raw: Any) -> Value:
    match kind:
        case "bool":
            return raw != 0
        case "NullValue":
            return None
        case "int32" | "int64":
            half = 2 ** (int(kind[3:]) - 1)
            return (raw + half) % (2 * half) - half
        case "uint32" | "uint64":
            return Uint(raw % 2 ** int(kind[4:]))
        case "double" | "float":
            return struct.unpack("<d" if kind == "double" else "<f", raw)[0]
        case "bytes":
            return raw
        case "string":
            return raw.decode()
        case "map<string, Value>":
            entry = _fields_read(_ENTRY, raw)
            return entry.get("key", ""), entry.get("value")
        case _:
            return _read(kind.removeprefix("repeated "), raw)


def _field(message: str, field: str, kind: str, value: Value) -> Value:
    """A field's value as the field keeps it."""
    place = f"{_PACKAGE}{message}.{field}"
    if kind in _PLURAL and not isinstance(value, _PLURAL[kind]):
        found = _UNTYPED.get(type_of(value)) or type_of(value)
        raise EvaluationError(f"unsupported field type for {place}: {found}")
    try:
        return _kept(value, kind)
    except EvaluationError as error:
        raise EvaluationError(f"field type conversion error for {place} value type: {error}") from None


_PLURAL = {"map<string, Value>": (dict, Map), "repeated Value": (list,)}
_UNTYPED = {LIST: "list(dyn)", MAP: "map(dyn, dyn)"}


def _kept(value: Value, kind: str) -> Value:
    value = _present(value)
    if isinstance(value, list) and kind in ("ListValue", "repeated Value"):
        return _json(value)
    if isinstance(value, dict | Map) and kind in ("Struct", "map<string, Value>"):
        return _json(value)
    if kind == "string" and type(value).__name__.lower() in WRITTEN:
        return str(value)
    if type_of(value) != _OF_FIELDS[kind]:
        raise _refusal(value, _GO_TYPES.get(kind, kind))
    match kind:
        case "int32" | "NullValue" if not -(2**31) <= value < 2**31:
            raise EvaluationError("integer overflow")
        case "uint32" if value >= 2**32:
            raise EvaluationError("unsigned integer overflow")
        case "NullValue":
            return None
        case "float":
            return _single(value)
        case _:
            return value


def _single(value: float) -> float:
    """The nearest number of single precision."""
    try:
        rounded: float = struct.unpack("f", struct.pack("f", value))[0]
    except OverflowError:
        return float("inf") if value > 0 else float("-inf")
    return rounded


@bounded
def _json(value: Value) -> Value:
    """The value as JSON has it: a number is a double, or a text where a double would not hold it."""
    match value:
        case None | bool() | str() | float():
            return value
        case int():
            return float(value) if abs(value) < 2**53 else str(int(value))
        case bytes():
            return base64.b64encode(value).decode()
        case Timestamp() | Duration():
            return str(value)
        case list():
            return [_json(item) for item in value]
        case dict() | Map():
            return {_kept(key, "string"): _json(item) for key, item in value.items()}
        case Optional():
            return _json(_present(value))
        case Struct(fields=fields) if not fields:
            return {}
        case _:
            raise _refusal(value, "*structpb.Value")


def _present(value: Value) -> Value:
    """What an optional holds."""
    while isinstance(value, Optional):
        if not value.present:
            raise EvaluationError("optional.none() dereference")
        value = value.value
    return value


_GO_TYPES = {
    "bytes": "[]uint8",
    "double": "float64",
    "float": "float32",
    "ListValue": "*structpb.ListValue",
    "NullValue": "protoreflect.EnumNumber",
    "Struct": "*structpb.Struct",
}


def _refusal(value: Value, target: str) -> EvaluationError:
    match value:
        case Type():
            return EvaluationError("type conversion not supported for 'type'")
        case bool():
            found = "bool"
        case int():
            return EvaluationError(f"unsupported type conversion from '{type_of(value)}' to {target}")
        case str():
            return EvaluationError(f"unsupported native conversion from string to '{target}'")
        case None | list() | dict() | Map():
            found = "'null_type'" if value is None else type_of(value).name
        case float() | bytes():
            found = type_of(value).name.capitalize()
        case Struct():
            found = "'*dynamicpb.Message'"
        case _:
            found = f"'{type(value).__name__}'"
    return EvaluationError(f"type conversion error from {found} to '{target}'")
