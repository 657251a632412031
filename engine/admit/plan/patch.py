"""What the expression of a mutation gives, applied: an `Object` merged into the object, `JSONPatch`es carried out."""

from __future__ import annotations

import math
import re
from base64 import b64encode
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from admit.cel.types import Type
from admit.cel.values import Duration, Map, Optional, Struct, Timestamp, Value, bounded, type_of
from admit.errors import EvaluationError, StatusError
from admit.kubernetes import json_patch
from admit.kubernetes.decode import Problem, decode
from admit.kubernetes.merge import merge
from admit.kubernetes.schemas import Schemas, kind_of
from admit.kubernetes.types import of_kind
from admit.rules.model import PatchKind


def patched(kind: PatchKind, document: Mapping[str, Any], value: Value, schemas: Schemas) -> Any:
    """The object after the patch that the value is. Raises EvaluationError. Source: plugin/policy/mutating/patch."""
    if kind == "applyConfiguration":
        _check_names(value)
        merged = merge(document, value, schemas)
        _check_values(document, merged)
        return merged
    result = json_patch.apply(document, [_operation(each) for each in value])
    _check_type(document, result, schemas)
    return result


def _check_values(before: Mapping[str, Any], after: Mapping[str, Any]) -> None:
    """Raises EvaluationError for what fits the schema, and no field in Go: half a number, a text that is no quantity.

    A whole number that is too large does fit: it loses its first digits there.
    """
    type = of_kind(str(before.get("apiVersion")), str(before.get("kind")))
    if type is None:
        return
    for text in _new(decode(after, type).misfits, decode(before, type).misfits):
        if number := _NUMBER.fullmatch(text):
            if "." not in number[1]:
                continue
            text = f"cannot convert float64 to {number[2]}"
        raise EvaluationError(f"unable to convert unstructured object to {kind_of(before)}: {text}")


_NUMBER = re.compile(r"json: cannot unmarshal number (\S+) .* of type (\w+)")


def _check_type(before: Mapping[str, Any], after: Any, schemas: Schemas) -> None:
    """Raises StatusError where what is now no longer reads as an object of its kind; what did not before, may."""
    if not isinstance(after, dict):
        raise StatusError(f"Internal error occurred: {_NO_OBJECT}", 500)
    type = of_kind(str(before.get("apiVersion")), str(before.get("kind")))
    if type is not None:
        group, version, kind = found = kind_of(after)
        if schemas.of(found) is None and found != kind_of(before):
            place = f'version "{group}/{version}"' if group else f'version "{version}"'
            problem = f'no kind "{kind}" is registered for {place} in scheme "pkg/runtime/scheme.go:111"'
            raise StatusError(f"Internal error occurred: {problem}", 500)
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
        operation["value"] = _sent(value)
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


def _sent(value: Value) -> Any:
    """JSON after a passage through protobuf's Value: what a double does not hold is text, 1.0 is 1."""
    match value:
        case None | bool() | str():
            return value
        case int():
            return int(value) if abs(value) < 2**53 else str(int(value))
        case float() if math.isfinite(value):
            return int(value) if value.is_integer() and abs(value) < 2**63 else value
        case float():
            named = "NaN" if math.isnan(value) else "+Inf" if value > 0 else "-Inf"
            protobuf = f"proto: google.protobuf.Value.number_value: invalid {named} value"
            raise _unsent(f"json: error calling MarshalJSON for type *structpb.Value: {protobuf}")
        case bytes():
            return b64encode(value).decode()
        case Timestamp() | Duration():
            return str(value)
        case Struct(fields=fields):
            return {key: _sent(item) for key, item in fields.items()}
        case list():
            return [_sent(item) for item in value]
        case dict() | Map():
            return {_key(key): _sent(item) for key, item in value.items()}
        case Optional():
            if not value.present:
                raise _unsent("optional.none() dereference")
            return _sent(value.value)
        case Type():
            raise _unsent("type conversion not supported for 'type'")
        case _:
            kind = str(type_of(value)).rpartition(".")[2]
            raise _unsent(f"type conversion error from '{kind}' to '*structpb.Value'")


def _key(key: Value) -> str:
    match key:
        case str():
            return key
        case bool():
            raise _unsent("type conversion error from bool to 'string'")
        case _:
            raise _unsent(f"unsupported type conversion from '{type_of(key)}' to string")


def _unsent(why: str) -> EvaluationError:
    return EvaluationError(f"JSONPath valueExpression evaluated to a type that could not marshal to JSON: {why}")
