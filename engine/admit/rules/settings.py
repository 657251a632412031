"""Settings schemas (OpenAPI v3, as in a CustomResourceDefinition) read from documents, every field checked."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from admit.cel import regex
from admit.cel.ast import Expr
from admit.cel.check import check
from admit.cel.env import NEWEST, Declarations, declarations
from admit.cel.parse import parse
from admit.cel.schema import declared
from admit.cel.types import BOOL, STRING, Type
from admit.errors import CompileError, EvaluationError, Fault
from admit.rules.schema import (
    FORMATS,
    Path,
    Problem,
    Rule,
    Schema,
    defaulted,
    hint,
    kind_of,
    problems,
    validate,
    with_defaults,
)
from admit.rules.yaml import Document

__all__ = ["Problem", "Schema", "defaulted", "load_schema", "validate"]


def load_schema(document: Document, place: Path, faults: list[Fault]) -> Schema | None:
    """The schema at a place of a document; None where it has faults, which are added to those given."""
    before = len(faults)
    reader = _Reader(document, faults)
    schema = reader.schema(_at(document.value, place), place)
    if len(faults) == before and schema is not None and schema.keywords.get("type") != "object":
        reader.fault("settings must be of type object", (*place, "type"))
    if len(faults) == before and schema is not None:
        reader.check_defaults(schema, place)
    return schema if len(faults) == before else None


# What each keyword must be: for `_fault_of`, and "schema", "schemas", "properties", "additional", "rules".
_KEYWORDS = {
    "type": "type",
    "format": "format",
    "title": "text",
    "description": "text",
    "default": "anything",
    "example": "anything",
    "enum": "list",
    "nullable": "flag",
    "minimum": "number",
    "maximum": "number",
    "exclusiveMinimum": "flag",
    "exclusiveMaximum": "flag",
    "multipleOf": "number",
    "minLength": "count",
    "maxLength": "count",
    "pattern": "pattern",
    "minItems": "count",
    "maxItems": "count",
    "uniqueItems": "flag",
    "minProperties": "count",
    "maxProperties": "count",
    "required": "names",
    "properties": "properties",
    "additionalProperties": "additional",
    "items": "schema",
    "allOf": "schemas",
    "anyOf": "schemas",
    "oneOf": "schemas",
    "not": "schema",
    "x-kubernetes-validations": "rules",
    "x-kubernetes-int-or-string": "flag",
    "x-kubernetes-preserve-unknown-fields": "flag",
    "x-kubernetes-list-type": "list type",
    "x-kubernetes-list-map-keys": "names",
    "x-kubernetes-map-type": "map type",
}
_TYPES = ("array", "boolean", "integer", "number", "object", "string")
_CHOICES: dict[str, tuple[str, ...]] = {
    "type": _TYPES,
    "list type": ("atomic", "set", "map"),
    "map type": ("granular", "atomic"),
    "reason": ("FieldValueInvalid", "FieldValueForbidden", "FieldValueRequired", "FieldValueDuplicate"),
}
_RULE_FIELDS = ("rule", "message", "messageExpression", "reason", "fieldPath")
_DEEPEST = 100  # levels of the document
_JUNCTORS = ("allOf", "anyOf", "oneOf", "not")
_NOT_IN_JUNCTORS = ("default", "nullable", "additionalProperties", "x-kubernetes-validations")


@dataclass(frozen=True, slots=True)
class _Reader:
    document: Document
    faults: list[Fault]

    def fault(self, message: str, place: Path, key: bool = False) -> None:
        self.faults.append(Fault(message, self.document.span(place, key)))

    def schema(self, written: Any, place: Path, inside: str = "") -> Schema | None:
        """`inside` is the junctor that the schema is in: there it need not say a type, and may not say all."""
        if not isinstance(written, dict):
            self.fault(f"expected a schema but found {kind_of(written)}", place)
            return None
        if len(place) > _DEEPEST:
            self.fault("schemas are nested too deeply", place)
            return None
        before = len(self.faults)
        for keyword, value in written.items():
            if keyword not in _KEYWORDS:
                self.fault(f"unknown field {keyword!r} of a schema{hint(keyword, _KEYWORDS)}", (*place, keyword), True)
            elif inside and keyword in _NOT_IN_JUNCTORS:
                self.fault(f"{keyword!r} cannot stand inside of {inside!r}", (*place, keyword), True)
            elif message := _fault_of(_KEYWORDS[keyword], value):
                self.fault(message, (*place, keyword))
        if len(self.faults) == before:
            self.check_structure(written, place, inside)
        return self.parts(written, place, inside) if len(self.faults) == before else None

    def check_structure(self, written: dict[str, Any], place: Path, inside: str) -> None:
        """What a CustomResourceDefinition asks of a structural schema."""
        kind = written.get("type")
        free = written.get("x-kubernetes-int-or-string") or written.get("x-kubernetes-preserve-unknown-fields")
        if kind is None and not free and not inside:
            self.fault(f"the field 'type' is required, one of {', '.join(_TYPES)}", place, True)
        if kind == "array" and "items" not in written and not inside:
            self.fault("the field 'items' is required where type is array", place, True)
        if "properties" in written and "additionalProperties" in written:
            self.fault("'properties' and 'additionalProperties' exclude each other", (*place, "properties"), True)
        for name in written.get("required", ()):
            if "properties" in written and name not in written["properties"] and not inside:
                at = (*place, "required", written["required"].index(name))
                self.fault(f"no property {name!r}{hint(name, written['properties'])}", at)
        for keyword, only in _FOR_TYPES.items():
            if keyword in written and kind is not None and kind not in only:
                self.fault(f"{keyword!r} is for type {' or '.join(only)}", (*place, keyword), True)

    def parts(self, written: dict[str, Any], place: Path, inside: str) -> Schema | None:
        """The schema with those that are in it, and with its rules; None where one of them has a fault."""
        before = len(self.faults)
        junctors = {k: self.several(written[k], (*place, k), k) for k in _JUNCTORS if k in written}
        properties = {
            name: schema
            for name, inner in written.get("properties", {}).items()
            if (schema := self.schema(inner, (*place, "properties", name), inside))
        }
        items = self.schema(written["items"], (*place, "items"), inside) if "items" in written else None
        additional = written.get("additionalProperties")
        values = self.schema(additional, (*place, "additionalProperties")) if isinstance(additional, dict) else None
        if len(self.faults) > before:
            return None
        return Schema(written, properties, items, values, junctors, self.rules(written, place))

    def several(self, written: Any, place: Path, junctor: str) -> tuple[Schema, ...]:
        places = [((*place, i), inner) for i, inner in enumerate(written)] if isinstance(written, list) else []
        return tuple(
            schema for at, inner in places or [(place, written)] if (schema := self.schema(inner, at, junctor))
        )

    def rules(self, written: dict[str, Any], place: Path) -> tuple[Rule, ...]:
        if "x-kubernetes-validations" not in written:
            return ()
        type, types = declared(written, "settings")
        within = declarations(f"1.{NEWEST}", {"self": type}, types=types)
        found = []
        for i, rule in enumerate(written["x-kubernetes-validations"]):
            at = (*place, "x-kubernetes-validations", i)
            if self.check_rule(rule, at):
                expression = self.cel(rule, "rule", within, BOOL, at)
                message = self.cel(rule, "messageExpression", within, STRING, at)
                path = self.field_path(rule.get("fieldPath", ""), written, (*at, "fieldPath"))
                if expression is not None:
                    text, reason = rule.get("message", "").strip(), rule.get("reason", "FieldValueInvalid")
                    found.append(Rule(rule["rule"].strip(), expression, within, text, message, reason, path))
        return tuple(found)

    def check_rule(self, rule: Any, place: Path) -> bool:
        before = len(self.faults)
        if not isinstance(rule, dict):
            self.fault(f"expected a rule but found {kind_of(rule)}", place)
            return False
        for name, value in rule.items():
            if name not in _RULE_FIELDS:
                self.fault(f"unknown field {name!r} of a rule{hint(name, _RULE_FIELDS)}", (*place, name), True)
            elif message := _fault_of("reason" if name == "reason" else "text", value):
                self.fault(message, (*place, name))
        if "rule" not in rule:
            self.fault("the field 'rule' is required", place)
        return len(self.faults) == before

    def cel(self, rule: dict[str, Any], name: str, within: Declarations, type: Type, place: Path) -> Expr | None:
        if name not in rule:
            return None
        try:
            return check(parse(self.document.scalar((*place, name))), within, type)
        except CompileError as error:
            self.faults.extend(Fault(issue.message, issue.span) for issue in error.issues)
            return None

    def field_path(self, text: str, written: Any, place: Path) -> Path:
        """`.a.b` or `['a-b']`: the property that a rule is about, from where the rule stands."""
        parts = []
        if text and not re.fullmatch(_FIELD_PATH.pattern + "+", text):
            self.fault("expected a path such as .min or ['min']", place)
            return ()
        for match in _FIELD_PATH.finditer(text):
            part = match[1] or match[2]
            known = written.get("properties", {})
            if part not in known and not isinstance(written.get("additionalProperties"), dict):
                self.fault(f"no property {part!r}{hint(part, known)}", place)
                return ()
            written = known.get(part) or written["additionalProperties"]
            parts.append(part)
        return tuple(parts)

    def check_defaults(self, schema: Schema, place: Path) -> None:
        for name, inner in schema.properties.items():
            at = (*place, "properties", name)
            if "default" in inner.keywords:
                for problem in problems(inner, with_defaults(inner, inner.keywords["default"])):
                    self.fault(f"the default is not valid: {problem}", (*at, "default", *problem.path))
            self.check_defaults(inner, at)
        if schema.items is not None:
            self.check_defaults(schema.items, (*place, "items"))
        if schema.values is not None:
            self.check_defaults(schema.values, (*place, "additionalProperties"))


_FIELD_PATH = re.compile(r"(?:\.([A-Za-z_]\w*)|\['([^']+)'\])")
_FOR_TYPES = {
    "minimum": ("integer", "number"),
    "maximum": ("integer", "number"),
    "multipleOf": ("integer", "number"),
    "minLength": ("string",),
    "maxLength": ("string",),
    "pattern": ("string",),
    "items": ("array",),
    "minItems": ("array",),
    "maxItems": ("array",),
    "uniqueItems": ("array",),
    "x-kubernetes-list-type": ("array",),
    "properties": ("object",),
    "additionalProperties": ("object",),
    "required": ("object",),
    "minProperties": ("object",),
    "maxProperties": ("object",),
}


def _fault_of(kind: str, value: Any) -> str:
    """What is wrong with the value of a keyword; empty where nothing is."""
    match kind:
        case "type" | "list type" | "map type" | "reason":
            choices = _CHOICES[kind]
            good = isinstance(value, str) and value in choices
            expected = f"one of {', '.join(choices)}" + ("" if good else hint(value, choices))
        case "format":
            good, expected = value in FORMATS, f"one of the formats {', '.join(FORMATS)}{hint(value, FORMATS)}"
        case "text":
            good, expected = isinstance(value, str), "text"
        case "flag":
            good, expected = isinstance(value, bool), "true or false"
        case "number":
            good, expected = type(value) in (int, float), "a number"
        case "count":
            good, expected = type(value) is int and value >= 0, "an integer, 0 or greater"
        case "list" | "rules" | "schemas":
            good, expected = isinstance(value, list) and bool(value), "a list, not empty"
        case "names":
            good, expected = isinstance(value, list) and all(isinstance(v, str) for v in value), "a list of names"
        case "properties":
            good, expected = isinstance(value, dict), "a map of name and schema"
        case "additional":
            good, expected = isinstance(value, dict) or value is True, "a schema or true"
        case "pattern" if isinstance(value, str):
            try:
                regex.compile(value)
            except EvaluationError as error:
                return str(error)
            return ""
        case "pattern":
            good, expected = False, "a regular expression"
        case _:
            return ""
    return "" if good else f"expected {expected} but found {kind_of(value)}"


def _at(value: Any, place: Path) -> Any:
    for part in place:
        value = value[part]
    return value
