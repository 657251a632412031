"""What the expression of a mutation gives, applied: an `Object` merged into the object, `JSONPatch`es carried out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from admit.cel.values import Map, Struct, Value, bounded
from admit.errors import EvaluationError, StatusError
from admit.kubernetes import json_patch
from admit.kubernetes.merge import merge
from admit.kubernetes.schemas import Schemas, kind_of
from admit.kubernetes.structure import structure, undeclared
from admit.plan.write import stored
from admit.rules.model import PatchKind


def patched(kind: PatchKind, document: Mapping[str, Any], value: Value, schemas: Schemas) -> Any:
    """The object after the patch that the value is. Raises EvaluationError. Source: plugin/policy/mutating/patch."""
    if kind == "applyConfiguration":
        _check_names(value)
        return merge(document, stored(value), schemas)
    result = json_patch.apply(document, [_operation(each) for each in value])
    _check_fields(document, result, schemas)
    return result


def _check_fields(before: Mapping[str, Any], after: Any, schemas: Schemas) -> None:
    """Raises StatusError where an object of a kind of Kubernetes has got fields that the kind has not."""
    schema = schemas.built_in(kind_of(before))
    if schema is not None:
        root = structure(schema, schemas)
        known = {*undeclared(root, before)}
        if new := [place for place in undeclared(root, after) if place not in known]:
            problems = ", ".join(f'unknown field "{place[1:]}"' for place in new)
            raise StatusError(f"Internal error occurred: strict decoding error: {problems}", 500)


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
