"""What the API server's own types say of an object's fields: what each holds, and when it is left out."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Literal, TypeAlias

Form: TypeAlias = Literal[
    "struct", "list", "map", "string", "bytes", "bool", "int", "float", "quantity", "int or string", "time", "any"
]


@dataclass(frozen=True, slots=True)
class Field:
    """`path` is Go's, through the structs that embed it; `left_out` says when: if it is empty, or zero, or never."""

    type_name: str
    path: str
    left_out: Literal["never", "empty", "zero"]

    @property
    def type(self) -> Type:
        return type_of(self.type_name)


@dataclass(frozen=True, slots=True)
class Type:
    """A type of Go's; a `pointer` tells a field that is not given from one that is zero."""

    name: str
    form: Form
    pointer: bool = False
    element_name: str = ""
    fields: Mapping[str, Field] = field(default_factory=dict)

    @property
    def element(self) -> Type:
        return type_of(self.element_name)

    def __str__(self) -> str:
        """As Go prints it: `[]v1.Container`."""
        return re.sub(r"[\w/]+/", "", self.name)


def of_kind(api_version: str, kind: str) -> Type | None:
    """The type of a built-in kind; None for all others."""
    name = _kinds().get((api_version, kind))
    return type_of(name) if name else None


@cache
def type_of(name: str) -> Type:
    """The type of a name as types.txt has it, such as `*core/v1.Probe`."""
    if name.startswith("*"):
        held = type_of(name[1:])
        return Type(held.name, held.form, True, held.element_name, held.fields)
    if name.startswith("[]") and name not in _SCALARS:
        return Type(name, "list", element_name=name[2:])
    if name.startswith("map["):
        return Type(name, "map", element_name=name.partition("]")[2])
    if name in _SCALARS:
        return Type(name, _SCALARS[name])
    if name in _CUSTOM:
        return Type(name, _CUSTOM[name])
    first, *lines = _definitions()[name].splitlines()
    _, equals, underlying = first.partition(" = ")
    if equals:
        like = type_of(underlying)
        return Type(name, like.form, element_name=like.element_name)
    return Type(name, "struct", fields=dict(map(_field, lines)))


_SCALARS: Mapping[str, Form] = {
    "string": "string",
    "bool": "bool",
    "int": "int",
    "int32": "int",
    "int64": "int",
    "uint16": "int",
    "float64": "float",
    "[]uint8": "bytes",
}
_CUSTOM: Mapping[str, Form] = {
    "resource.Quantity": "quantity",
    "intstr.IntOrString": "int or string",
    "meta/v1.Time": "time",
    "meta/v1.MicroTime": "time",
    "meta/v1.FieldsV1": "any",
    "runtime.RawExtension": "any",
}


def _field(line: str) -> tuple[str, Field]:
    """`  Embedded.key? type`: what is embedded, the key, `?` if left out when empty, `??` when zero."""
    key, type_name = line.split()
    path = key.rstrip("?")
    left_out: tuple[Literal["never", "empty", "zero"], ...] = ("never", "empty", "zero")
    return path.rpartition(".")[2], Field(type_name, path, left_out[len(key) - len(path)])


@cache
def _kinds() -> Mapping[tuple[str, str], str]:
    """Type names by apiVersion and kind."""
    names = (line.split() for line in _paragraphs()[0].splitlines()[1:])
    return {(version, name.rpartition(".")[2]): name for version, name in names}


@cache
def _definitions() -> Mapping[str, str]:
    """Each type's paragraph."""
    return {text.split(maxsplit=1)[0]: text for text in _paragraphs()[1:]}


@cache
def _paragraphs() -> list[str]:
    return (files(__package__) / "types.txt").read_text().rstrip("\n").split("\n\n")
