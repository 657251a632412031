"""Structured merge, as server-side apply does it: a configuration into an object, by the schema of its kind.

Source: structured-merge-diff v6, typed/{validate,merge}.go; apiserver, plugin/policy/mutating/patch/smd.go.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeAlias

import orjson

from admit.cel.library.formatting import quoted
from admit.cel.values import Struct, bounded
from admit.errors import EvaluationError, StatusError
from admit.kubernetes.native import Foreign, native, printed, syntax, type_name
from admit.kubernetes.schemas import Schemas, kind_of
from admit.kubernetes.structure import Form, Structure, structure

ABSENT: Any = type("Absent", (), {})()

UNPUBLISHED = {
    ("autoscaling", "v1", "Scale"),
    ("policy", "v1", "Eviction"),
    ("authentication.k8s.io", "v1", "TokenRequest"),
}
"""Kinds that are subresources of other groups' alone: an API server's schemas of their own group have them not."""


@bounded
def merge(document: Mapping[str, Any], configuration: Struct | Mapping[str, Any], schemas: Schemas) -> dict[str, Any]:
    """The object with all that an `Object{...}` says of it. Raises EvaluationError, in the API server's words.

    Of a kind in a version of a group of which no kind is known it raises StatusError.
    """
    kind = kind_of(document)
    schema = schemas.of(kind) if kind not in UNPUBLISHED else None
    if schema is None and not schemas.serves(kind.group, kind.version):
        delay = "There can be a delay between when CustomResourceDefinitions are created and when they are available."
        raise StatusError(f"Resource kind {kind} not found. {delay}", 503)
    if schema is None:
        raise _refused(f"failed to convert patch object to typed object: no corresponding type for {kind}")
    root = structure(schema, schemas)
    said = {**native(configuration), "apiVersion": document["apiVersion"], "kind": document["kind"]}
    _check(root, said, "patch")
    if atomics := [*_atomics(root, said, "")]:
        places = ", ".join(atomics)
        raise _refused(f"invalid ApplyConfiguration: may not mutate atomic arrays, maps or structs: {places}")
    _check(root, document, "original")
    merged: dict[str, Any] = _merged(root, document, said)
    return merged


def _refused(problem: str) -> EvaluationError:
    return EvaluationError(f"error applying patch: {problem}")


# Whether a value fits


def _check(root: Structure, value: Mapping[str, Any], name: str) -> None:
    problems = [f"{place}: {problem}" if place else problem for place, problem in _misfits(root, value, name)]
    if problems:
        text = problems[0] if len(problems) == 1 else "\n  ".join(("errors:", *problems))
        raise _refused(f"failed to convert {name} object to typed object: {text}")


def _misfits(structure: Structure, value: Any, name: str) -> Iterator[tuple[str, str]]:
    """Where a value does not fit, and why. The `original` may have a key twice, and fields that are not known here."""
    match _form(structure, value), value:
        case _, None:
            pass
        case "scalar", _:
            if problem := _unscalar(structure, value):
                yield "", problem
        case "list", list():
            yield from _misfit_items(structure, value, name)
        case "map", dict():
            for key, item in value.items():
                if (field := structure.value(key)) is not None:
                    yield from ((f".{key}{place}", problem) for place, problem in _misfits(field, item, name))
                elif name == "patch":
                    yield f".{key}", "field not declared in schema"
                    return
        case form, _:
            yield "", f"expected {form}, got &{{{printed(value)}}}"


def _misfit_items(structure: Structure, items: Sequence[Any], name: str) -> Iterator[tuple[str, str]]:
    below, seen = structure.items, set()
    for index, item in enumerate(items):
        if structure.keys is not None:
            try:
                key = _key(structure, item)
            except _Unidentified as error:
                yield "", f"element {index}: {error}"
                return
            if key in seen and name == "patch":
                yield "", f"duplicate entries for key {_step(structure, item)}"
            seen.add(key)
        for place, problem in _misfits(below, item, name):
            yield f"{f'[{index}]' if structure.keys is None else _step(structure, item)}{place}", problem


def _form(structure: Structure, value: Any) -> Form:
    """As what a value is handled: as what it is, if that may be; else as the first that may be."""
    is_a: Form = "map" if isinstance(value, dict) else "list" if isinstance(value, list) else "scalar"
    is_json = value is not None and not isinstance(value, Foreign)
    return is_a if is_json and is_a in structure.forms else structure.forms[0]


def _unscalar(structure: Structure, value: Any) -> str | None:
    """Why a value is not the scalar that is expected."""
    match structure.scalar, value:
        case ("untyped", bool() | int() | float() | str()) | ("string", str()) | ("boolean", bool()):
            return None
        case ("numeric", int() | float()) if not isinstance(value, bool):
            return None
        case "untyped", _:
            return f"expected any scalar, got &{{{printed(value)}}}"
        case "string", _:
            return f"expected string, got &value.valueUnstructured{{Value:{syntax(value)}}}"
        case "boolean", _:
            return f"expected boolean, got &{{{printed(value)}}}"
        case _:
            return f"expected numeric (int or float), got {type_name(value)}"


def _atomics(structure: Structure, value: Any, place: str) -> Iterator[str]:
    """The places of what may only be replaced as a whole; of maps, only below fields that the schema names."""
    if isinstance(value, dict) and "map" in structure.forms:
        if structure.atomic:
            yield place
        for key, item in value.items():
            if (field := structure.field(key)) is not None:
                yield from _atomics(field, item, f"{place}.{key}")
    if isinstance(value, list) and "list" in structure.forms:
        if structure.keys is None:
            yield place
        for index, item in enumerate(value):
            yield from _atomics(structure.items, item, f"{place}[{index}]")


# The merge of what fits


def _merged(structure: Structure, old: Any, new: Any) -> Any:
    """What becomes of a value, which may be ABSENT, if another is said of it."""
    match _form(structure, new):
        case "map" if not structure.atomic and (new or (isinstance(old, dict) and old)):
            result = {**old} if isinstance(old, dict) else {}
            for key, item in (new or {}).items():
                result[key] = _merged(_field(structure, key), result.get(key, ABSENT), item)
            return result
        case "list" if structure.keys is not None and (new or (isinstance(old, list) and old)):
            return _merged_items(structure, old if isinstance(old, list) else [], new or [])
        case _:
            return new


def _field(structure: Structure, name: str) -> Structure:
    field = structure.value(name)
    assert field is not None, "a configuration that fits has no other fields"
    return field


def _merged_items(structure: Structure, old: Sequence[Any], new: Sequence[Any]) -> list[Any]:
    """The new items in their order; an item of the old list alone stays before the next one that both have.

    What the old list has twice is as if it were new.
    """
    keys = [_key(structure, item) for item in old]
    present: dict[_Key, Any] = {}
    for key, item in zip(keys, old, strict=True):
        present[key] = None if key in present else item
    said = {_key(structure, item): item for item in new}
    shared = [key for key in said if key in present]
    result: list[Any] = []
    at = 0
    for key, item in said.items():
        while at < len(old) and keys[at] not in shared[:1]:
            at += 1
            if keys[at - 1] not in said:
                result.append(old[at - 1])
            elif not shared:  # one more of a key that has been merged
                break
        if key in shared[:1]:
            del shared[0]
            at += 1
        result.append(_merged(structure.items, present.get(key, ABSENT), item))
    return result + [item for key, item in zip(keys[at:], old[at:], strict=True) if key not in said]


# Items told apart

_Key: TypeAlias = tuple[tuple[str, Any], ...]


class _Unidentified(Exception):
    """In the words of the library."""


def _key(structure: Structure, item: Any) -> _Key:
    """What tells an item of a list from the others, equal as the library compares. Raises _Unidentified."""
    return tuple((name, _comparable(value)) for name, value in _telling(structure, item).items())


def _step(structure: Structure, item: Any) -> str:
    """The item in a path: `[name="web"]`, in a set `[="web"]`. Raises _Unidentified."""
    return f"[{','.join(f'{name}={_shown(value)}' for name, value in _telling(structure, item).items())}]"


def _telling(structure: Structure, item: Any) -> dict[str, Any]:
    if not structure.keys:
        if item is None or isinstance(item, dict | list):
            raise _Unidentified(_NO_MEMBERS[type(item)])
        return {"": item}
    if not isinstance(item, dict):
        what = "a null element" if item is None else "non-map elements"
        raise _Unidentified(f"associative list with keys may not have {what}")
    values = {name: item[name] for name in structure.keys if name in item}
    if len(values) < len(structure.keys):
        defaults = {name: structure.items.default(name) for name in structure.keys}
        values = {name: value for name, value in defaults.items() if value is not None} | values
    if not values:
        names = " ".join(map(quoted, structure.keys))
        omitted = f"omits all key fields [{names}] (and doesn't have default values for any key fields)"
        raise _Unidentified(f"associative list with keys has an element that {omitted}")
    return dict(sorted(values.items()))


_NO_MEMBERS = {
    dict: "associative list without keys has an element that's a map type",
    list: "not supported: associative list with lists as elements",
    type(None): "associative list without keys has an element that's an explicit null",
}


def _comparable(value: Any) -> Any:
    """1 is 1.0 but not true."""
    if isinstance(value, bool | dict | list | None):
        return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
    return value


def _shown(value: Any) -> str:
    match value:
        case Foreign():
            return "{{undefined}}"
        case None:
            return "null"
        case str():
            return quoted(value)
        case list():
            return f"[{','.join(map(_shown, value))}]"
        case dict():
            return "".join(f"{key}={_shown(value[key])}" for key in sorted(value))
        case _:
            return printed(value)
