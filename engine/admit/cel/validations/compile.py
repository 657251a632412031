"""Rules compiled: a level for each schema that has some, or has them further in; and why they would be refused."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

from admit.cel.ast import Expr, Ident, children
from admit.cel.check import check
from admit.cel.cost import MOST, Sizes, estimate
from admit.cel.env import Declarations, declarations
from admit.cel.link import Program, link, parse_in
from admit.cel.schema import REQUEST, declared, is_seen, sizes, smallest
from admit.cel.types import BOOL, STRING, Type, optional_of
from admit.errors import CompileError

Schema: TypeAlias = Mapping[str, Any]

RULE_LIMIT: Final = 10_000_000  # the most that a rule may cost by its estimate
SCHEMA_LIMIT: Final = 100_000_000  # and all the rules of a schema


@dataclass(frozen=True, slots=True)
class Violation:
    """What is wrong, and where in the object (`spec.ports[0]`), or in the schema."""

    path: str
    message: str

    def __str__(self) -> str:
        return f"{self.path}: {self.message}" if self.path else self.message


@dataclass(frozen=True, slots=True, eq=False)
class Expression:
    """A compiled expression; `cost` is the most that an evaluation takes, by the estimate."""

    text: str
    expr: Expr
    within: Declarations
    program: Program
    cost: int


@dataclass(frozen=True, slots=True, eq=False)
class Rule:
    """One of x-kubernetes-validations; what does not compile has the reason in place of the expression."""

    text: str
    rule: Expression | str
    message: str
    message_expression: Expression | str | None
    reason: str
    field_path: str | None  # None for one that leads nowhere
    transition: bool
    """Whether it mentions oldSelf."""
    optional: bool
    """Whether oldSelf is an optional."""

    @property
    def shown(self) -> str:
        """What stands for the rule in errors."""
        return self.message or self.text


@dataclass(frozen=True, slots=True, eq=False)
class Level:
    """The rules of a schema, and of those in it. `node` has its structure: inside allOf, that of the schema around."""

    node: Schema
    resource: bool
    rules: tuple[Rule, ...]
    properties: Mapping[str, Level] = field(default_factory=dict)
    elements: Level | None = None  # of items, or of additionalProperties
    also: tuple[Level, ...] = ()  # of allOf

    def __bool__(self) -> bool:
        return bool(self.rules or self.properties or self.elements or self.also)

    @property
    def noticed(self) -> bool:
        """Whether there are rules outside of allOf: to the API server, a schema without them has no rules at all."""
        inner = (*self.properties.values(), self.elements)
        return bool(self.rules) or any(level.noticed for level in inner if level is not None)


def compiled(schema: Schema, kubernetes: str, resource: bool) -> tuple[Level, tuple[Violation, ...]]:
    """The rules of a schema, and why an API server would not have them."""
    compiler = _Compiler(kubernetes)
    root = compiler.level(schema, schema, resource, _Place())
    return root, (*compiler.faults, *compiler.total())


_ROOT = "openAPIV3Schema"


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a schema stands: how many values of it there may be (None: no saying), and what is around it of which
    nobody can say what it was in the old object.
    """

    path: str = _ROOT
    most: int | None = 1
    uncorrelatable: str | None = None

    def inside(self, path: str, most: int | None = 1, correlatable: bool = True) -> _Place:
        total = None if self.most is None or most is None else min(self.most * max(most, 0), MOST)
        lost = self.path if self.uncorrelatable is None and not correlatable else self.uncorrelatable
        return _Place(f"{self.path}.{path}", total, lost)


class _Compiler:
    def __init__(self, kubernetes: str) -> None:
        self.kubernetes = kubernetes
        self.faults: list[Violation] = []
        self.costs: list[tuple[int, str]] = []

    def level(self, written: Schema, node: Schema, resource: bool, place: _Place) -> Level:
        """The rules that are `written`, for values of `node`."""
        rules = tuple(self.rules(written, node, resource, place))
        properties = {
            name: level
            for name, inner in written.get("properties", {}).items()
            if (level := self.inner(inner, node.get("properties", {}).get(name), place.inside(f"properties[{name}]")))
        }
        by_key = node.get("x-kubernetes-list-type") == "map"
        items = place.inside("items", node.get("maxItems"), correlatable=by_key)
        values = place.inside("additionalProperties", node.get("maxProperties"))
        elements = self.inner(written.get("items"), node.get("items"), items)
        elements = elements or self.inner(written.get(_VALUES), node.get(_VALUES), values)
        also = (
            self.level(inner, node, resource, place.inside(f"allOf[{i}]"))
            for i, inner in enumerate(written.get("allOf", ()))
        )
        return Level(node, resource, rules, properties, elements, tuple(filter(None, also)))

    def inner(self, written: Any, node: Any, place: _Place) -> Level | None:
        """The rules of a property, or of elements; none of those of which CEL sees nothing."""
        if not isinstance(written, Mapping) or not isinstance(node, Mapping) or not is_seen(node):
            return None
        return self.level(written, node, bool(node.get("x-kubernetes-embedded-resource")), place) or None

    def rules(self, written: Schema, node: Schema, resource: bool, place: _Place) -> Iterator[Rule]:
        given = written.get("x-kubernetes-validations") or ()
        if not given:
            return
        type, types = declared(node, "selfType", resource)
        most = REQUEST // (smallest(node) + 1) if place.most is None else place.most
        for i, rule in enumerate(given):
            old = optional_of(type) if rule.get("optionalOldSelf") else type
            within = declarations(self.kubernetes, {"self": type, "oldSelf": old}, types=types)
            known = sizes(node, resource)
            at = place.inside(f"x-kubernetes-validations[{i}]")
            if not rule.get("rule", "").strip():
                self.faults.append(Violation(f"{at.path}.rule", "Required value: rule is not specified"))
                continue
            made = compiled_rule(rule, node, within, known)
            self.judge(made, most, at)
            yield made

    def judge(self, rule: Rule, most: int, place: _Place) -> None:
        """Notes why an API server would not have the rule."""
        for name, expression in (("rule", rule.rule), ("messageExpression", rule.message_expression)):
            path = f"{place.path}.{name}"
            if isinstance(expression, str):
                self.faults.append(Violation(path, f"Invalid value: {json.dumps(rule.text)}: {expression}"))
            elif expression is not None:
                cost = min(expression.cost * (most if name == "rule" else 1), MOST)
                self.costs.append((cost, path))
                if cost > RULE_LIMIT:
                    excess = _excess(f"estimated {name} cost", cost, RULE_LIMIT)
                    self.faults.append(Violation(path, f"Forbidden: {excess}"))
        if rule.field_path is None:
            self.faults.append(Violation(f"{place.path}.fieldPath", "Invalid value: must be a valid path"))
        if rule.transition and place.uncorrelatable is not None:
            lost = f"oldSelf cannot be used on the uncorrelatable portion of the schema within {place.uncorrelatable}"
            self.faults.append(Violation(f"{place.path}.rule", f"Invalid value: {json.dumps(rule.text)}: {lost}"))
        if rule.optional and not rule.transition:
            idle = "may not be set if oldSelf is not used in rule"
            self.faults.append(Violation(f"{place.path}.optionalOldSelf", f"Invalid value: true: {idle}"))

    def total(self) -> Iterator[Violation]:
        """What is wrong with the rules together: they cost too much."""
        total = min(sum(cost for cost, _ in self.costs), MOST)
        if total > SCHEMA_LIMIT:
            share = "contributed to estimated rule cost total exceeding cost limit for entire OpenAPIv3 schema"
            for cost, path in sorted(self.costs, key=lambda each: -each[0])[:4]:
                if cost >= SCHEMA_LIMIT // 100:
                    yield Violation(path, f"Forbidden: {share}")
            what = "x-kubernetes-validations estimated rule cost total for entire OpenAPIv3 schema"
            yield Violation(_ROOT, f"Forbidden: {_excess(what, total, SCHEMA_LIMIT)}")


def compiled_rule(rule: Mapping[str, Any], node: Schema, within: Declarations, known: Sizes) -> Rule:
    """One of x-kubernetes-validations, of the schema `node`."""
    expression = _compiled(rule["rule"], within, known, BOOL)
    message = None
    if rule.get("messageExpression") and isinstance(expression, Expression):
        message = _compiled(rule["messageExpression"], within, known, STRING)
    return Rule(
        rule["rule"].strip(),
        expression,
        rule.get("message", "").strip(),
        message,
        rule.get("reason") or "FieldValueInvalid",
        _field_path(rule.get("fieldPath", ""), node),
        isinstance(expression, Expression) and _mentions(expression.expr, "oldSelf"),
        bool(rule.get("optionalOldSelf")),
    )


def _compiled(text: str, within: Declarations, known: Sizes, type: Type) -> Expression | str:
    """A rule (a bool) or messageExpression (a string); or what is wrong with it."""
    name = "messageExpression" if type == STRING else ""
    try:
        expr = check(parse_in(within, text), within)
    except CompileError as error:
        message = error.issues[0].message
        if message.startswith(_NOT_PLANNED):
            return message.replace("program", name or "program", 1)
        return f"{name} compilation failed: {error}".lstrip()
    if expr.type != type:
        return f"{name or 'cel expression'} must evaluate to a {type}"
    program = link(expr, ("self", "oldSelf"), within)
    return Expression(text, expr, within, program, estimate(expr, within, known).max)


_NOT_PLANNED = "program instantiation failed"


def _mentions(expr: Expr, name: str) -> bool:
    pending = [expr]
    while pending:
        node = pending.pop()
        if isinstance(node, Ident) and node.name == name:
            return True
        pending.extend(children(node))
    return False


def _field_path(text: str, node: Schema) -> str | None:
    """A fieldPath (`.a['b-c']`) as paths are shown; None where it does not lead to a value of the schema."""
    shown = ""
    if not re.fullmatch(f"({_STEP.pattern})*", text):
        return None
    for step in _STEP.finditer(text):
        name = step[1] or re.sub(r"\\.", lambda escape: _LETTERS[escape[0]], step[2])
        if name in node.get("properties", {}):
            shown, node = f"{shown}.{name}", node["properties"][name]
        elif "properties" not in node and isinstance(node.get(_VALUES), Mapping):
            shown, node = f"{shown}[{name}]", node[_VALUES]
        else:
            return None
    return shown.removeprefix(".")


_STEP = re.compile(r"""\.([^.\[\]]+)|\['((?:[^'\\]|\\[abfnrtv'\\])*)'\]""")
_LETTERS = {rf"\{letter}": meant for letter, meant in zip("abfnrtv'\\", "\a\b\f\n\r\t\v'\\", strict=True)}
_VALUES = "additionalProperties"


def _excess(what: str, cost: int, limit: int) -> str:
    times = cost / limit
    factor = "more than 100x" if times > 100 else f"{times:f}x" if times < 1.5 else f"{times:.1f}x"
    advice = (
        "try simplifying the rule, or adding maxItems, maxProperties, and maxLength where arrays, maps, and strings"
    )
    return f"{what} exceeds budget by factor of {factor} ({advice} are declared)"
