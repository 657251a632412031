"""Types from OpenAPI schemas, and values by them."""

from __future__ import annotations

from typing import Any

import pytest

from admit.cel.schema import declared, sizes, typed
from admit.cel.types import DYN
from admit.cel.values import encode

TYPES: list[tuple[dict[str, Any], str, dict[str, dict[str, str]]]] = [
    ({"type": "integer"}, "int", {}),
    ({"type": "number"}, "double", {}),
    ({"type": "string", "format": "date-time"}, "google.protobuf.Timestamp", {}),
    ({"type": "string", "format": "byte"}, "bytes", {}),
    ({"type": "string", "format": "uuid"}, "string", {}),
    ({"x-kubernetes-int-or-string": True}, "dyn", {}),
    ({"type": "array", "items": {"type": "boolean"}}, "list(bool)", {}),
    ({"type": "object", "additionalProperties": {"type": "integer"}}, "map(string, int)", {}),
    ({"type": "object", "additionalProperties": True}, "S", {"S": {}}),
    (
        {
            "type": "object",
            "properties": {
                "a-b": {"type": "string"},
                "in": {"type": "array", "items": {"type": "object", "properties": {"x": {"type": "integer"}}}},
                "é": {"type": "string"},
                "free": {"x-kubernetes-preserve-unknown-fields": True},
            },
        },
        "S",
        {
            "S": {"a__dash__b": "string", "__in__": "list(S.__in__.@idx)", "in": "list(S.__in__.@idx)"},
            "S.__in__.@idx": {"x": "int"},
        },
    ),
]


@pytest.mark.parametrize("schema, expected, objects", TYPES)
def test_declared(schema: dict[str, Any], expected: str, objects: dict[str, dict[str, str]]) -> None:
    type, types = declared(schema, "S")
    assert str(type) == expected
    assert {name: {field: str(t) for field, t in fields.items()} for name, fields in types.items()} == objects


VALUES: list[tuple[dict[str, Any], Any, Any]] = [
    ({"type": "number"}, 1, {"double": "1.0"}),
    ({"type": "integer"}, 1, {"int": "1"}),
    ({"type": "string", "format": "duration"}, "90s", {"duration": "90s"}),
    ({"type": "string", "format": "byte"}, "aGk=", {"bytes": "aGk="}),
    ({"type": "array", "items": {"type": "number"}}, [1], {"list": [{"double": "1.0"}]}),
]


@pytest.mark.parametrize("schema, value, expected", VALUES)
def test_typed(schema: dict[str, Any], value: Any, expected: Any) -> None:
    assert encode(typed(schema, value)) == expected


REQUEST = 3145726  # the longest string that fits into one
LIMITED: dict[str, Any] = {
    "type": "object",
    "properties": {
        "text": {"type": "string", "maxLength": 5},
        "bytes": {"type": "string", "format": "byte", "maxLength": 5},
        "enum": {"type": "string", "enum": ["a", "äa"]},
        "time": {"type": "string", "format": "date-time"},
        "port": {"x-kubernetes-int-or-string": True},
        "a-b": {"type": "array", "items": {"type": "string"}, "maxItems": 7},
        "map": {"type": "object", "additionalProperties": {"type": "boolean"}},
        "objects": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {"x": {"type": "integer"}, "y": {"type": "integer", "default": 1}},
                "required": ["x", "y"],
            },
        },
    },
}
LARGEST = [
    ("self", 0),
    ("", None),
    ("self.absent", None),
    ("self.text", 20),  # code points have up to four bytes
    ("self.text.x", None),
    ("self.bytes", 5),
    ("self.enum", 3),
    ("self.time", 32),
    ("self.port", REQUEST),
    ("self.a__dash__b", 7),
    ("self.a__dash__b.@items", REQUEST),
    ("self.map", REQUEST // 10),
    ("self.map.@keys", 0),
    ("self.map.@values", 0),
    ("self.objects", REQUEST // 9),
    ("self.objects.@items.x", 0),
]


@pytest.mark.parametrize("path, largest", LARGEST)
def test_sizes(path: str, largest: int | None) -> None:
    assert sizes(LIMITED)(tuple(filter(None, path.split("."))), DYN) == largest
