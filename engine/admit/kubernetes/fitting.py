"""Whether an object has the JSON types that its kind demands, seen in a fraction of the time that decoding takes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Annotated, Any, TypeAlias

import msgspec

from admit.kubernetes.decode import Problem, decode
from admit.kubernetes.types import Type, type_of

Parts: TypeAlias = Mapping[str, "Parts"]
"""Fields of an object, and of those theirs. A list has those of its elements."""


def misfit(object: Mapping[str, Any], type: Type) -> Problem | None:
    """The first value of another type, which is what an API server tells of them."""
    try:
        msgspec.convert(object, _model(type.name))
    except msgspec.ValidationError:  # or what a quick look does not settle, such as a quantity of an unusual form
        return next(iter(decode(object, type).misfits), None)
    return None


def glance(type: Type, parts: Parts) -> Callable[[Any], bool]:
    """Whether some parts of an object surely have the JSON types that its kind demands. False is no answer."""
    model = _partial(type, parts)

    def fits(object: Any) -> bool:
        try:
            msgspec.convert(object, model)
        except msgspec.ValidationError:
            return False
        return True

    return fits


def kind_misfit(object: Any) -> Problem | None:
    """Why a decoder that goes by apiVersion and kind cannot find these."""
    said = "couldn't get version/kind; json parse error: json: cannot unmarshal"
    if not isinstance(object, dict):
        return Problem((), f"{said} {_JSON[type(object)]} into Go value of type {_TYPE_META}")
    for key, value in object.items():
        if key in ("apiVersion", "kind") and not isinstance(value, str | None):
            return Problem((key,), f"{said} {_JSON[type(value)]} into Go struct field .{key} of type string")
    return None


_JSON = {dict: "object", list: "array", str: "string", bool: "bool", int: "number", float: "number"}
_TYPE_META = r'struct { APIVersion string "json:\"apiVersion,omitempty\""; Kind string "json:\"kind,omitempty\"" }'


@cache
def _model(name: str) -> Any:
    """A type for msgspec, which admits nothing that decoding does not."""
    type = type_of(name)
    match type.form:
        case "struct":
            fields = {f"f{i}": key for i, key in enumerate(type.fields)}
            types = [_model(type.fields[key].type_name) for key in fields.values()]
            declared = [(alias, model | None, None) for alias, model in zip(fields, types, strict=True)]
            return msgspec.defstruct("Model", declared, rename=fields, gc=False)
        case "list":
            return list[_model(type.element_name) | None]  # type: ignore[misc]
        case "map":
            return dict[str, _model(type.element_name) | None]  # type: ignore[misc]
        case "string" | "bytes" | "time":
            return str
        case "bool":
            return bool
        case "float":
            return float
        case "int" if type.name == "int64":
            return int
        case "int":
            return _INT
        case "int or string":
            return _INT | str
        case "quantity":
            return _QUANTITY | int
        case "any":
            return Any


def _partial(type: Type, parts: Parts) -> Any:
    if type.form == "list":
        return list[_partial(type.element, parts) | None]  # type: ignore[misc]
    if type.form != "struct":
        return _model(type.name)
    known = {key: _partial(type.fields[key].type, inner) | None for key, inner in parts.items() if key in type.fields}
    names = {f"f{i}": key for i, key in enumerate(known)}
    declared = [(name, known[key], None) for name, key in names.items()]
    return msgspec.defstruct("Part", declared, rename=names, gc=False)


_INT = Annotated[int, msgspec.Meta(ge=-(2**31), le=2**31 - 1)]
_QUANTITY = Annotated[str, msgspec.Meta(pattern=r"^[0-9]{1,15}(m|k|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei)?$")]
