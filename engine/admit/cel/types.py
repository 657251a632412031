"""CEL's types, printed as cel-go prints them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Kind(Enum):
    PRIMITIVE = "primitive"  # int uint double bool string bytes null_type
    WELL_KNOWN = "well-known"  # google.protobuf.Timestamp, google.protobuf.Duration, google.protobuf.Any
    DYN = "dyn"
    ERROR = "error"
    LIST = "list"
    MAP = "map"
    TYPE = "type"
    WRAPPER = "wrapper"
    OPAQUE = "opaque"  # optional_type(T), net.IP, kubernetes.Quantity, ...
    OBJECT = "object"  # a message or declared object type, by name
    PARAM = "param"  # a type parameter of an overload, or a free type variable of the checker


@dataclass(frozen=True, slots=True)
class Type:
    """A type; also the value of `type(x)`. `str()` is cel-go's notation: `map(string, list(int))`."""

    kind: Kind
    name: str
    params: tuple[Type, ...] = ()

    def __str__(self) -> str:
        if not self.params:
            return self.name
        return f"{self.name}({', '.join(map(str, self.params))})"

    def __repr__(self) -> str:
        return f"<{self}>"


INT = Type(Kind.PRIMITIVE, "int")
UINT = Type(Kind.PRIMITIVE, "uint")
DOUBLE = Type(Kind.PRIMITIVE, "double")
BOOL = Type(Kind.PRIMITIVE, "bool")
STRING = Type(Kind.PRIMITIVE, "string")
BYTES = Type(Kind.PRIMITIVE, "bytes")
NULL = Type(Kind.PRIMITIVE, "null_type")
DYN = Type(Kind.DYN, "dyn")
ERROR = Type(Kind.ERROR, "!error!")
ANY = Type(Kind.WELL_KNOWN, "google.protobuf.Any")
TIMESTAMP = Type(Kind.WELL_KNOWN, "google.protobuf.Timestamp")
DURATION = Type(Kind.WELL_KNOWN, "google.protobuf.Duration")
TYPE = Type(Kind.TYPE, "type")


def list_of(element: Type) -> Type:
    return Type(Kind.LIST, "list", (element,))


def map_of(key: Type, value: Type) -> Type:
    return Type(Kind.MAP, "map", (key, value))


def optional_of(value: Type) -> Type:
    return Type(Kind.OPAQUE, "optional_type", (value,))


def type_of(of: Type) -> Type:
    return Type(Kind.TYPE, "type", (of,))


def wrapper_of(primitive: Type) -> Type:
    return Type(Kind.WRAPPER, "wrapper", (primitive,))


def opaque(name: str, *params: Type) -> Type:
    return Type(Kind.OPAQUE, name, params)


def object_type(name: str) -> Type:
    return Type(Kind.OBJECT, name)


EMPTY = object_type("google.protobuf.Empty")


def param(name: str) -> Type:
    return Type(Kind.PARAM, name)
