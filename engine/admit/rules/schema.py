"""A settings schema, and values held against it: defaults, what is wrong in Kubernetes' words, the rules in CEL."""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from difflib import get_close_matches
from typing import Any, TypeAlias
from uuid import UUID

from admit.cel import regex
from admit.cel.ast import Expr
from admit.cel.env import Declarations
from admit.cel.evaluate import evaluate
from admit.cel.schema import FORMATS as CEL_FORMATS
from admit.cel.schema import typed
from admit.cel.values import equal
from admit.errors import EvaluationError

Path: TypeAlias = tuple[str | int, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Rule:
    """One of x-kubernetes-validations, checked."""

    text: str
    expression: Expr
    within: Declarations
    message: str = ""
    message_expression: Expr | None = None
    reason: str = "FieldValueInvalid"
    field_path: Path = ()


@dataclass(frozen=True, slots=True, eq=False)
class Schema:
    """A schema. `keywords` is all that is written; the schemas in it and its rules are beside it."""

    keywords: Mapping[str, Any]
    properties: Mapping[str, Schema] = field(default_factory=dict)
    items: Schema | None = None
    values: Schema | None = None  # of additionalProperties
    junctors: Mapping[str, tuple[Schema, ...]] = field(default_factory=dict)  # allOf, anyOf, oneOf, not
    rules: tuple[Rule, ...] = ()


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with settings, in Kubernetes' words, and where; `str()` is both."""

    path: Path
    message: str
    unknown: bool = False  # it is the key that is wrong

    def __str__(self) -> str:
        return f"{shown_path(self.path)}: {self.message}" if self.path else self.message


def defaulted(schema: Schema | None, value: Any) -> dict[str, Any]:
    """Settings with the schema's defaults. Absent, null, '' and {} are {}."""
    whole: dict[str, Any] = {} if value is None or value == "" else value
    return whole if schema is None else with_defaults(schema, whole)


def validate(schema: Schema, value: Any) -> list[Problem]:
    """All that is wrong with settings, defaults applied."""
    return problems(schema, defaulted(schema, value))


def with_defaults(schema: Schema, value: Any) -> Any:
    """Any value with the schema's defaults, and without nulls in maps where the schema has none."""
    if isinstance(value, list) and schema.items is not None:
        return [with_defaults(schema.items, item) for item in value]
    if type(value) is float and schema.keywords.get("format") == "quantity":
        return repr(value)  # as Kubernetes reads a quantity that is a number
    if not isinstance(value, dict):
        return value
    whole = {name: item for name, item in value.items() if not _is_pruned(schema, name, item)}
    for name, inner in schema.properties.items():
        if name not in whole and "default" in inner.keywords:
            whole[name] = inner.keywords["default"]
    inside = {name: schema.properties.get(name, schema.values) for name in whole}
    return {name: item if (of := inside[name]) is None else with_defaults(of, item) for name, item in whole.items()}


def _is_pruned(schema: Schema, name: str, item: Any) -> bool:
    """Whether it is a null that counts as absent, as in a custom resource."""
    inner = schema.properties.get(name, schema.values)
    return item is None and inner is not None and not inner.keywords.get("nullable")


def unknown(schema: Schema | None, value: Mapping[str, Any]) -> list[Problem]:
    """The keys of settings that the schema does not know; without a schema all."""
    if schema is None:
        return [Problem((key,), "unknown setting", unknown=True) for key in value]
    return [problem for problem in _problems(schema, value, ()) if problem.unknown]


def without(value: Any, path: Path) -> Any:
    """The value without what is at the path."""
    key, *rest = path
    if not rest:
        return {name: item for name, item in value.items() if name != key}
    if isinstance(value, list):
        return [without(item, tuple(rest)) if i == key else item for i, item in enumerate(value)]
    return {name: without(item, tuple(rest)) if name == key else item for name, item in value.items()}


def problems(schema: Schema, value: Any) -> list[Problem]:
    """All that is wrong with a value; the rules are tried where nothing else is wrong."""
    return list(_problems(schema, value, ())) or list(_broken_rules(schema, value, ()))


def shown_path(path: Path) -> str:
    """`allow_host_ports[0].min`"""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).removeprefix(".")


def hint(word: Any, known: Sequence[str] | Mapping[str, Any]) -> str:
    near = get_close_matches(word, known, n=1) if isinstance(word, str) else []
    return f", did you mean {near[0]!r}?" if near else ""


def kind_of(value: Any) -> str:
    """The type of a value, in OpenAPI's words."""
    match value:
        case None:
            return "null"
        case bool():
            return "boolean"
        case int():
            return "integer"
        case float():
            return "number"
        case str():
            return "string"
        case list():
            return "array"
        case _:
            return "object"


def _problems(schema: Schema, value: Any, path: Path, open: bool = False) -> Iterator[Problem]:
    """What is wrong with a value but for the rules. `open`: unknown keys are no concern of this schema."""
    keywords = schema.keywords
    if value is None and keywords.get("nullable"):
        return
    if "type" in keywords and not _is_of(keywords["type"], value):
        yield _invalid(path, kind_of(value), f"must be of type {keywords['type']}: {json.dumps(kind_of(value))}")
        return
    if keywords.get("x-kubernetes-int-or-string") and kind_of(value) not in ("integer", "string"):
        yield _invalid(path, kind_of(value), f'must be of type integer or string: "{kind_of(value)}"')
        return
    if "enum" in keywords and not any(equal(value, allowed) for allowed in keywords["enum"]):
        supported = ", ".join(map(json.dumps, keywords["enum"]))
        yield Problem(path, f"Unsupported value: {json.dumps(value)}: supported values: {supported}")
    match value:
        case bool() | None:
            pass
        case int() | float():
            yield from _number_problems(keywords, value, path)
        case str():
            yield from _text_problems(keywords, value, path)
        case list():
            yield from _list_problems(schema, value, path, open)
        case dict():
            yield from _map_problems(schema, value, path, open)
    yield from _junctor_problems(schema, value, path)


def _is_of(type: str, value: Any) -> bool:
    kind = kind_of(value)
    return kind == type or (kind == "integer" and type == "number")


def _number_problems(keywords: Mapping[str, Any], value: int | float, path: Path) -> Iterator[Problem]:
    minimum, maximum, step = keywords.get("minimum"), keywords.get("maximum"), keywords.get("multipleOf")
    if minimum is not None and keywords.get("exclusiveMinimum") and value <= minimum:
        yield _invalid(path, value, f"should be greater than {minimum}")
    elif minimum is not None and value < minimum:
        yield _invalid(path, value, f"should be greater than or equal to {minimum}")
    if maximum is not None and keywords.get("exclusiveMaximum") and value >= maximum:
        yield _invalid(path, value, f"should be less than {maximum}")
    elif maximum is not None and value > maximum:
        yield _invalid(path, value, f"should be less than or equal to {maximum}")
    if step and Decimal(repr(value)) % Decimal(repr(step)):
        yield _invalid(path, value, f"should be a multiple of {step}")
    if keywords.get("format") == "int32" and not -(2**31) <= value < 2**31:
        yield _invalid(path, value, f'must be of type int32: "{value}"')


def _text_problems(keywords: Mapping[str, Any], value: str, path: Path) -> Iterator[Problem]:
    if len(value) < keywords.get("minLength", 0):
        yield _invalid(path, value, f"should be at least {keywords['minLength']} chars long")
    if len(value) > keywords.get("maxLength", len(value)):
        yield _invalid(path, value, f"should be at most {keywords['maxLength']} chars long")
    if "pattern" in keywords and not regex.compile(keywords["pattern"])(value):
        yield _invalid(path, value, f"should match '{keywords['pattern']}'")
    if not _has_format(keywords.get("format", ""), value):
        yield _invalid(path, value, f"must be of type {keywords['format']}: {json.dumps(value)}")


def _has_format(format: str, value: str) -> bool:
    try:
        if format in CEL_FORMATS:
            CEL_FORMATS[format][1](value)
        elif format in _PARSED:
            _PARSED[format](value)
    except (EvaluationError, ValueError):
        return False
    return True


def _list_problems(schema: Schema, value: list[Any], path: Path, open: bool) -> Iterator[Problem]:
    keywords = schema.keywords
    if len(value) < keywords.get("minItems", 0):
        yield _invalid(path, value, f"should have at least {keywords['minItems']} items")
    if len(value) > keywords.get("maxItems", len(value)):
        yield Problem(path, f"Too many: {len(value)}: must have at most {keywords['maxItems']} items")
    for i, item in enumerate(value):
        if schema.items is not None:
            yield from _problems(schema.items, item, (*path, i), open)
        if _is_repeated(keywords, value[:i], item):
            yield Problem((*path, i), f"Duplicate value: {json.dumps(item)}")


def _is_repeated(keywords: Mapping[str, Any], before: list[Any], item: Any) -> bool:
    keys = keywords.get("x-kubernetes-list-map-keys")
    if keywords.get("x-kubernetes-list-type") == "map" and keys and isinstance(item, dict):
        picked = {key: item.get(key) for key in keys}
        return any(equal(picked, {key: b.get(key) for key in keys}) for b in before if isinstance(b, dict))
    unique = keywords.get("uniqueItems") or keywords.get("x-kubernetes-list-type") == "set"
    return bool(unique) and any(equal(item, b) for b in before)


def _map_problems(schema: Schema, value: dict[str, Any], path: Path, open: bool) -> Iterator[Problem]:
    keywords = schema.keywords
    if len(value) < keywords.get("minProperties", 0):
        yield _invalid(path, value, f"should have at least {keywords['minProperties']} properties")
    if len(value) > keywords.get("maxProperties", len(value)):
        yield Problem(path, f"Too many: {len(value)}: must have at most {keywords['maxProperties']} items")
    for name in keywords.get("required", ()):
        if name not in value:
            yield Problem((*path, name), "Required value")
    open = open or bool(keywords.get("x-kubernetes-preserve-unknown-fields")) or "additionalProperties" in keywords
    for name, item in value.items():
        inner = schema.properties.get(name, schema.values)
        if inner is not None:
            yield from _problems(inner, item, (*path, name), open and name not in schema.properties)
        elif not open:
            yield Problem((*path, name), f"unknown setting{hint(name, schema.properties)}", unknown=True)


def _junctor_problems(schema: Schema, value: Any, path: Path) -> Iterator[Problem]:
    """Of allOf, anyOf, oneOf and not; schemas in them see the same keys, so that none is unknown to them."""
    for junctor, schemas in schema.junctors.items():
        found = [list(_problems(inner, value, path, open=True)) for inner in schemas]
        valid = found.count([])
        if junctor == "allOf":
            yield from (problem for problems in found for problem in problems)
        elif junctor == "anyOf" and not valid:
            yield _invalid(path, value, "must validate at least one schema (anyOf)")
        elif junctor == "oneOf" and valid != 1:
            some = f"Found {valid} valid alternatives" if valid else "Found none valid"
            yield _invalid(path, value, f"must validate one and only one schema (oneOf). {some}")
        elif junctor == "not" and valid:
            yield _invalid(path, value, "must not validate the schema (not)")


def _broken_rules(schema: Schema, value: Any, path: Path) -> Iterator[Problem]:
    if value is None:
        return
    if schema.rules:
        seen = typed(schema.keywords, value)
        for rule in schema.rules:
            yield from _broken(rule, seen, value, path)
    if isinstance(value, list) and schema.items is not None:
        for i, item in enumerate(value):
            yield from _broken_rules(schema.items, item, (*path, i))
    if isinstance(value, dict):
        for name, item in value.items():
            inner = schema.properties.get(name, schema.values)
            if inner is not None:
                yield from _broken_rules(inner, item, (*path, name))


def _broken(rule: Rule, seen: Any, value: Any, path: Path) -> Iterator[Problem]:
    at = (*path, *rule.field_path)
    try:
        if evaluate(rule.expression, {"self": seen}, rule.within) is True:
            return
    except EvaluationError as error:
        yield Problem(path, f"Invalid value: {_shown(value)}: {error} evaluating rule: {rule.text}")
        return
    message = _message(rule, seen)
    match rule.reason:
        case "FieldValueForbidden":
            yield Problem(at, f"Forbidden: {message}")
        case "FieldValueRequired":
            yield Problem(at, f"Required value: {message}")
        case "FieldValueDuplicate":
            yield Problem(at, f"Duplicate value: {_shown(value)}: {message}")
        case _:
            yield Problem(at, f"Invalid value: {_shown(value)}: {message}" if at else message)


def _message(rule: Rule, seen: Any) -> str:
    """messageExpression, where it gives a text, also of several lines; else message, else the rule itself."""
    if rule.message_expression is not None:
        try:
            text = evaluate(rule.message_expression, {"self": seen}, rule.within).strip()
        except EvaluationError:
            text = ""
        if text and len(text.encode()) <= _LONGEST_MESSAGE:
            return str(text)
    return rule.message or f"failed rule: {rule.text}"


_LONGEST_MESSAGE = 5 * 1024
_PARSED: dict[str, Callable[[str], object]] = {
    "ipv4": ipaddress.IPv4Address,
    "ipv6": ipaddress.IPv6Address,
    "cidr": ipaddress.ip_network,
    "uuid": UUID,
}
FORMATS = (*CEL_FORMATS, *_PARSED, "int32", "int64", "float", "double", "password", "quantity")


def _invalid(path: Path, value: Any, what: str) -> Problem:
    subject = f"{shown_path(path)} in body" if path else "body"
    return Problem(path, f"Invalid value: {_shown(value)}: {subject} {what}")


def _shown(value: Any) -> str:
    """A scalar as JSON, of others the type, as Kubernetes has it."""
    return json.dumps(kind_of(value) if isinstance(value, list | dict) else value, ensure_ascii=False)
