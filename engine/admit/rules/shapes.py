"""The shapes that a field of a rule file can have, and each as JSON Schema."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Set
from dataclasses import dataclass
from typing import Any, TypeAlias

IDENTIFIER = r"[_a-zA-Z][_a-zA-Z0-9]*"


@dataclass(frozen=True, slots=True)
class Text:
    """A string; `what` names the kind of string that `pattern` describes."""

    pattern: str = ""
    what: str = ""
    longest: int = 0


@dataclass(frozen=True, slots=True)
class Name:
    """The name of something else."""


@dataclass(frozen=True, slots=True)
class Choice:
    """One of some words."""

    words: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Flag:
    """true or false; `only` true, where false would say nothing."""

    only: bool = False


@dataclass(frozen=True, slots=True)
class Cel:
    """A CEL expression."""


@dataclass(frozen=True, slots=True)
class Operand:
    """A CEL expression if it is a string, else that literal."""


@dataclass(frozen=True, slots=True)
class Message:
    """Text with `{{ CEL }}` inside."""


@dataclass(frozen=True, slots=True)
class Day:
    """A date, YYYY-MM-DD."""


@dataclass(frozen=True, slots=True)
class SchemaOf:
    """An OpenAPI v3 schema."""


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings of a binding, in the shape that the policy's schema gives."""


@dataclass(frozen=True, slots=True)
class Data:
    """Plain data of any kind."""


@dataclass(frozen=True, slots=True)
class Loops:
    """`forEach`: an ordered map of variable and list expression."""


@dataclass(frozen=True, slots=True)
class ListOf:
    item: Shape
    at_least: int = 0
    at_most: int = 0
    unique: str = ""  # the field of the items that tells them apart; "." for the item itself


@dataclass(frozen=True, slots=True)
class OneOrMore:
    """An item by itself, or a list of them."""

    item: Shape


@dataclass(frozen=True, slots=True)
class MapOf:
    value: Shape


@dataclass(frozen=True, slots=True)
class Field:
    shape: Shape
    doc: str
    required: bool = False


@dataclass(frozen=True, slots=True)
class Form:
    """Fields that belong together, and those that may go with them."""

    needed: tuple[str, ...]
    allowed: tuple[str, ...] = ()

    def fits(self, written: Set[str]) -> bool:
        return set(self.needed) <= written <= {*self.needed, *self.allowed}


@dataclass(frozen=True, slots=True)
class Record:
    """A map with these fields, of those in `forms` only what makes up one form.

    `make` gets what is written, by the fields' Python names, and where, as `span`.
    """

    name: str
    make: Callable[..., Any]
    fields: Mapping[str, Field]
    forms: tuple[Form, ...] = ()

    @property
    def formed(self) -> frozenset[str]:
        """The fields that depend on the form."""
        return frozenset(name for form in self.forms for name in (*form.needed, *form.allowed))


Shape: TypeAlias = (
    Text
    | Name
    | Choice
    | Flag
    | Cel
    | Operand
    | Message
    | Day
    | SchemaOf
    | Settings
    | Data
    | Loops
    | ListOf
    | OneOrMore
    | MapOf
    | Record
)


def snake(name: str) -> str:
    """The Python name of a field: for_each of forEach."""
    return re.sub(r"[A-Z]", lambda letter: "_" + letter.group().lower(), name)


def json_schema(shape: Shape, definitions: dict[str, Any]) -> dict[str, Any]:
    match shape:
        case Text(pattern=pattern, longest=longest):
            schema: dict[str, Any] = {"type": "string"}
            return (
                schema | ({"pattern": f"^{pattern}$"} if pattern else {}) | ({"maxLength": longest} if longest else {})
            )
        case Choice(words=words):
            return {"enum": list(words)} if len(words) > 1 else {"const": words[0]}
        case Flag(only=only):
            return {"const": True} if only else {"type": "boolean"}
        case Operand():
            return {"type": ["string", "number", "boolean", "array", "object"]}
        case Day():
            return {"type": "string", "format": "date"}
        case Cel() | Message() | Name():
            return {"type": "string"}
        case SchemaOf():
            return {"type": "object"}
        case Settings():
            return {"type": ["object", "null", "string"]}
        case Data():
            return {}
        case Loops():
            names = {"pattern": f"^{IDENTIFIER}$"}
            return {"type": "object", "propertyNames": names, "additionalProperties": {"type": "string"}}
        case ListOf(item=item, at_least=at_least, at_most=at_most, unique=unique):
            schema = {"type": "array", "items": json_schema(item, definitions)}
            schema |= {"minItems": at_least} if at_least else {}
            schema |= {"maxItems": at_most} if at_most else {}
            return schema | ({"uniqueItems": True} if unique == "." else {})
        case OneOrMore(item=item):
            return {"anyOf": [json_schema(item, definitions), json_schema(ListOf(item, at_least=1), definitions)]}
        case MapOf(value=value):
            return {"type": "object", "additionalProperties": json_schema(value, definitions)}
        case Record(name=name):
            if name not in definitions:
                definitions[name] = {}
                definitions[name] = _record_schema(shape, definitions)
            return {"$ref": f"#/$defs/{name}"}


def _record_schema(record: Record, definitions: dict[str, Any]) -> dict[str, Any]:
    properties = {
        name: {"description": field.doc, **json_schema(field.shape, definitions)}
        for name, field in record.fields.items()
    }
    schema = {"type": "object", "additionalProperties": False, "properties": properties}
    required = [name for name, field in record.fields.items() if field.required]
    if required:
        schema["required"] = required
    if record.forms:
        schema["oneOf"] = [
            {
                "required": list(form.needed),
                "properties": dict.fromkeys(sorted(record.formed.difference(form.needed, form.allowed)), False),
            }
            for form in record.forms
        ]
    return schema
