"""Objects read into the types of their kinds and written out again, as the API server does it on their way in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from admit.cel.library.quantity import parse_quantity
from admit.errors import EvaluationError
from admit.kubernetes.types import Type

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


def _written(value: dict[str, Any], type: Type) -> Any:
    """The fields of a struct in the order in which they were given, then those that were not."""
    for key in dict.fromkeys((*value, *type.fields)):
        field = type.fields[key]
        held = field.type
        nothing = zero(held)
        given = value.get(key, nothing)
        empty = given is None if held.pointer else held.form in _EMPTIABLE and not given
        if not ((empty and field.left_out == "empty") or (given == nothing and field.left_out == "zero")):
            yield key, encode(given, held)


_EMPTIABLE = frozenset({"string", "bytes", "bool", "int", "float", "list", "map", "any"})


@dataclass(slots=True)
class _Decoder:
    unknown: list[Problem] = field(default_factory=list)
    misfits: list[Problem] = field(default_factory=list)

    def struct(self, value: Mapping[str, Any], type: Type, path: Path = (), place: str = "") -> dict[str, Any]:
        """`place` is the path as Go prints it, which knows of no indexes, but of structs that are embedded."""
        decoded = {}
        name = str(type).rpartition(".")[2]
        for key, item in value.items():
            field = type.fields.get(key)
            if field is None:
                where = dotted((*path, key))
                self.unknown.append(Problem((*path, key), f'unknown field "{where}"'))
                continue
            given = self._value(item, field.type, (*path, key), name, f"{place}.{field.path}")
            if given is not None and (field.type.pointer or field.type.form in _KEPT or given != zero(field.type)):
                decoded[key] = given
        return decoded

    def _value(self, value: Any, type: Type, path: Path, struct: str, place: str) -> Any:
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
            case ("float", int() | float()) | ("int" | "int or string", int()):
                return value
            case "int", float() if value.is_integer():
                return int(value)
            case "quantity", str() | int() | float():
                try:
                    return str(parse_quantity(str(value).strip()))
                except EvaluationError as error:
                    self.misfits.append(Problem(path, str(error)))
                    return value
        self.misfits.append(Problem(path, _misfit(value, type, struct + place)))
        return value


_KEPT = frozenset({"struct", "list", "map", "any"})


def _misfit(value: Any, type: Type, place: str) -> str:
    """In the words of Go's encoding/json, or of quantities."""
    if type.form == "quantity":
        return "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"
    found = f"number {value}" if (type.form, value.__class__) == ("int", float) else _JSON[value.__class__]
    wanted = {"int or string": "int32", "time": "string"}.get(type.form, type)
    return f"json: cannot unmarshal {found} into Go struct field {place} of type {wanted}"


_JSON = {dict: "object", list: "array", str: "string", bool: "bool", int: "number", float: "number"}
