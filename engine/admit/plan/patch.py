"""What the expression of a mutation gives, applied: an `Object` merged into the object, `JSONPatch`es carried out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from admit.cel.values import Map, Struct, Value, bounded
from admit.errors import EvaluationError, StatusError
from admit.kubernetes import json_patch
from admit.kubernetes.decode import Problem, decode
from admit.kubernetes.merge import merge
from admit.kubernetes.schemas import Schemas
from admit.kubernetes.types import of_kind
from admit.plan.write import stored
from admit.rules.model import PatchKind


def patched(kind: PatchKind, document: Mapping[str, Any], value: Value, schemas: Schemas) -> Any:
    """The object after the patch that the value is. Raises EvaluationError. Source: plugin/policy/mutating/patch."""
    if kind == "applyConfiguration":
        _check_names(value)
        return merge(document, value, schemas)
    result = json_patch.apply(document, [_operation(each) for each in value])
    _check_type(document, result)
    return result


def _check_type(before: Mapping[str, Any], after: Any) -> None:
    """Raises StatusError where what is now no longer reads as an object of its kind; what did not before, may."""
    if not isinstance(after, dict):
        raise StatusError(f"Internal error occurred: {_NO_OBJECT}", 500)
    type = of_kind(str(before.get("apiVersion")), str(before.get("kind")))
    if type is not None:
        known, decoded = decode(before, type), decode(after, type)
        misfits = _new(decoded.misfits, known.misfits)
        if unknown := _new(decoded.unknown, known.unknown):
            misfits.append(f"strict decoding error: {', '.join(unknown)}")
        if misfits:
            raise StatusError(f"Internal error occurred: {misfits[0]}", 500)


def _new(problems: Sequence[Problem], known: Sequence[Problem]) -> list[str]:
    return [str(problem) for problem in problems if problem not in known]


_NO_OBJECT = (
    "couldn't get version/kind; json parse error: json: cannot unmarshal array into Go value of type "
    r'struct { APIVersion string "json:\"apiVersion,omitempty\""; Kind string "json:\"kind,omitempty\"" }'
)


def _operation(patch: Struct) -> dict[str, Any]:
    operation: dict[str, Any] = {**patch.fields}
    if "value" in operation:
        value = operation["value"]
        if isinstance(value, Struct):
            _check_names(value)
        operation["value"] = _sent(stored(value))
    return operation


@bounded
def _check_names(value: Struct) -> None:
    """Raises EvaluationError where the name of a type is not the path of the field that has it."""
    if wrong := [*_misnamed(value, value.TYPE.name)]:
        raise EvaluationError("type mismatch: " + "\n".join(wrong))


def _misnamed(value: Value, expected: str) -> Iterator[str]:
    match value:
        case Struct(TYPE=type_, fields=fields):
            if type_.name != expected:
                place = "which matches field name path from root Object type"
                yield f'unexpected type name "{type_.name}", expected "{expected}", {place}'
            for name, item in fields.items():
                yield from _misnamed(item, f"{expected}.{name}")
        case list():
            for item in value:
                yield from _misnamed(item, expected)
        case dict() | Map():
            for _, item in value.items():
                yield from _misnamed(item, expected)


def _sent(value: Any) -> Any:
    """JSON after a passage through protobuf's Value: what a double does not hold is text, 1.0 is 1."""
    match value:
        case int() if not isinstance(value, bool) and abs(value) >= 2**53:
            return str(value)
        case float() if value.is_integer() and abs(value) < 2**63:
            return int(value)
        case list():
            return [_sent(item) for item in value]
        case dict():
            return {key: _sent(item) for key, item in value.items()}
        case _:
            return value
