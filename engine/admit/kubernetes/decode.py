"""Objects read into the types of their kinds and written out again, as the API server does it on their way in."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any, TypeAlias

from admit.cel.library.quantity import parse_quantity
from admit.errors import EvaluationError
from admit.kubernetes.types import Field, Type, of_kind, type_of

Path: TypeAlias = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with a part of an object, in the API server's words."""

    path: Path
    text: str

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True, slots=True)
class Decoded:
    """An object as its type has it: no nulls, no zero values that say nothing, no fields that the type lacks.

    `unknown` are the fields that it lacks. `misfits` are values of another JSON type, which are left as they are; of
    them the API server tells the first, and nothing else.
    """

    value: Any
    unknown: Sequence[Problem] = ()
    misfits: Sequence[Problem] = ()

    @property
    def problems(self) -> Sequence[Problem]:
        """What a strict API server says."""
        return self.misfits[:1] or self.unknown


def problems(object: Any) -> Sequence[Problem]:
    """What a strict API server says of the shape of an object; of kinds that are not its own, nothing."""
    match object:
        case {"apiVersion": str(version), "kind": str(kind)} if type := of_kind(version, kind):
            return decode(object, type).problems
        case _:
            return ()


def decode(value: Mapping[str, Any], type: Type) -> Decoded:
    decoder = _Decoder()
    return Decoded(decoder.struct(value, type), decoder.unknown, decoder.misfits)


def encode(value: Any, type: Type) -> Any:
    """What was decoded with the fields that are never left out, without those that are empty and left out then."""
    match type.form:
        case "struct" if isinstance(value, dict):
            return dict(_written(value, type))
        case "list" if isinstance(value, list):
            return [encode(item, type.element) for item in value]
        case "map" if isinstance(value, dict):
            return {key: encode(item, type.element) for key, item in value.items()}
        case _:
            return value


def dotted(path: Path) -> str:
    """`spec.validations[0].expression`."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return text.removeprefix(".")


def zero(type: Type) -> Any:
    """What stands for nothing in a type, decoded."""
    return None if type.pointer else _ZEROS.get(type.form)


_ZEROS: Mapping[str, Any] = {
    "string": "",
    "bool": False,
    "int": 0,
    "float": 0,
    "quantity": "0",
    "int or string": 0,
    "struct": {},
}


@cache
def standing(name: str) -> tuple[str, ...]:
    """The fields of a struct that are written though they hold nothing."""
    fields = type_of(name).fields.items()
    return tuple(key for key, field in fields if not _left_out(field, zero(field.type)))


def _written(value: dict[str, Any], type: Type) -> Iterator[tuple[str, Any]]:
    """The fields of a struct in the order in which they were given, then those that were not."""
    for key, item in value.items():
        if not _left_out(type.fields[key], item):
            yield key, encode(item, type.fields[key].type)
    for key in standing(type.name):
        if key not in value:
            yield key, encode(zero(type.fields[key].type), type.fields[key].type)


def _left_out(field: Field, value: Any) -> bool:
    match field.left_out:
        case "empty":
            return value is None if field.type.pointer else field.type.form in _EMPTIABLE and not value
        case "zero":
            return bool(value == zero(field.type))
        case "never":
            return False


_EMPTIABLE = frozenset({"string", "bytes", "bool", "int", "float", "list", "map", "any"})


@dataclass(slots=True)
class _Decoder:
    unknown: list[Problem] = field(default_factory=list)
    misfits: list[Problem] = field(default_factory=list)

    def struct(self, value: Mapping[str, Any], type: Type, path: Path = (), place: str = "") -> dict[str, Any]:
        """`place` is the path as Go prints it, which knows of no indexes, but of structs that are embedded."""
        decoded = {}
        for key, item in value.items():
            field = type.fields.get(key)
            if field is None:
                where = dotted((*path, key))
                self.unknown.append(Problem((*path, key), f'unknown field "{where}"'))
                continue
            given = self._value(item, field.type, (*path, key), type, f"{place}.{field.path}")
            if given is not None and (field.type.pointer or field.type.form in _KEPT or given != zero(field.type)):
                decoded[key] = given
        return decoded

    def _value(self, value: Any, type: Type, path: Path, struct: Type, place: str) -> Any:
        match type.form, value:
            case _, None:
                return zero(type)
            case "struct", dict():
                return self.struct(value, type, path, place)
            case "list", list():
                return [self._value(item, type.element, (*path, i), struct, place) for i, item in enumerate(value)]
            case "map", dict():
                return {
                    key: self._value(item, type.element, (*path, key), struct, place) for key, item in value.items()
                }
            case ("string" | "bytes" | "time" | "int or string", str()) | ("bool", bool()) | ("any", _):
                return value
            case "int" | "float" | "quantity" | "int or string", bool():
                pass
            case "float", int() | float():
                return value
            case "int" | "int or string", int() | float() if _fits(value, type):
                return int(value)
            case "quantity", str() | int() | float():
                try:
                    return str(parse_quantity(str(value).strip()))
                except EvaluationError as error:
                    self.misfits.append(Problem(path, str(error)))
                    return value
        self.misfits.append(Problem(path, _misfit(value, type, str(struct).rpartition(".")[2] + place)))
        return value


def _fits(number: float, type: Type) -> bool:
    most: int = 2**63 if type.name == "int64" else 2**31
    return (isinstance(number, int) or number.is_integer()) and -most <= number < most


_KEPT = frozenset({"struct", "list", "map", "any"})


def _misfit(value: Any, type: Type, place: str) -> str:
    """In the words of Go's encoding/json, or of quantities."""
    if type.form == "quantity":
        return "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"
    number = type.form in ("int", "int or string") and _JSON[value.__class__] == "number"
    found = f"number {value}" if number else _JSON[value.__class__]
    wanted = {"int or string": "int32", "time": "string"}.get(type.form, type)
    return f"json: cannot unmarshal {found} into Go struct field {place} of type {wanted}"


_JSON = {dict: "object", list: "array", str: "string", bool: "bool", int: "number", float: "number"}
