"""Objects held against compiled rules, at the API server's price."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, NoReturn

from admit.cel.schema import typed
from admit.cel.validations.compile import Expression, Level, Rule, Schema, Violation
from admit.cel.values import NONE, Optional, Value
from admit.errors import EvaluationError

LONGEST_MESSAGE: Final = 5 * 1024  # bytes


@dataclass(slots=True)
class Budget:
    """What all the rules may still cost (what is `left` is below zero where it did not do), and what an evaluation."""

    left: int = 10_000_000
    limit: int = 1_000_000


def examined(level: Level, value: Any, old: Any, budget: Budget) -> list[Violation]:
    """What the rules find wrong with an object; `old` is what it was, or None."""
    examiner = _Examiner(budget)
    try:
        examiner.value(level if level.noticed else None, value, old, "")
    except _Stopped:
        budget.left = -1
    return examiner.found


class _Stopped(Exception):
    """No further rule is tried."""


class _Examiner:
    def __init__(self, budget: Budget) -> None:
        self.budget = budget
        self.found: list[Violation] = []

    def value(self, level: Level | None, value: Any, old: Any, path: str) -> None:
        if level is None or value is None:
            return
        if level.rules:
            self.rules(level, value, old, path)
        for each in level.also:
            self.value(each, value, old, path)
        match value:
            case list():
                olds = _by_key(level.node, old)
                for i, item in enumerate(value):
                    self.value(level.elements, item, olds.get(_key(level.node, item)), f"{path}[{i}]")
            case dict():
                known = old if isinstance(old, dict) else {}
                for name, item in value.items():
                    self.value(level.elements, item, known.get(name), f"{path}[{name}]")
                    self.value(level.properties.get(name), item, known.get(name), f"{path}.{name}".removeprefix("."))

    def rules(self, level: Level, value: Any, old: Any, path: str) -> None:
        subject = _Subject(path, level.node.get("type", ""))
        if self.budget.left <= 0:
            self.stop(subject.invalid(f"validation {_OUT_OF_BUDGET}"))
        variables = _variables(level, value, old)
        for rule in level.rules:
            if isinstance(rule.rule, str):
                self.found.append(subject.invalid(f"rule compile error: {rule.rule}"))
            elif isinstance(variables, EvaluationError):
                self.found.append(subject.invalid(_failure(rule, variables)))
            elif rule.optional or not rule.transition or "oldSelf" in variables:
                self.rule(rule, rule.rule, variables, value, subject)

    def rule(
        self, rule: Rule, expression: Expression, variables: Mapping[str, Value], value: Any, subject: _Subject
    ) -> None:
        given = variables
        if rule.optional:
            given = {**variables, "oldSelf": Optional(variables["oldSelf"]) if "oldSelf" in variables else NONE}
        holds = self.paid(expression, given, subject, "validation", f"rule: {rule.shown}")
        if isinstance(holds, EvaluationError):
            self.found.append(subject.invalid(_failure(rule, holds)))
        elif holds is not True:
            subject = _Subject(".".join(filter(None, (subject.path, rule.field_path))), subject.type)
            message = self.message(rule, variables, subject) or rule.message or f"failed rule: {rule.text}"
            self.found.append(Violation(subject.path, _complaint(rule.reason, subject.type, value, message)))

    def message(self, rule: Rule, variables: Mapping[str, Value], subject: _Subject) -> str:
        """What messageExpression gives, if that is a line of text and not too long."""
        expression = rule.message_expression
        if not isinstance(expression, Expression):
            return ""
        shown = f"messageExpression: {json.dumps(expression.text)}"
        text = self.paid(expression, variables, subject, "messageExpression evaluation", shown)
        text = text.strip() if isinstance(text, str) else ""
        return text if "\n" not in text and len(text.encode()) <= LONGEST_MESSAGE else ""

    def paid(
        self, expression: Expression, variables: Mapping[str, Value], subject: _Subject, what: str, shown: str
    ) -> Value:
        """The value of an expression, or its EvaluationError; what it cost is taken from the budget."""
        try:
            value, cost = expression.program.counted(self.budget.limit, **variables)
        except EvaluationError as error:
            value, cost = error, error.cost or 0
        if cost > self.budget.left:
            self.stop(subject.invalid(f"{what} {_OUT_OF_BUDGET}"))
        if cost > self.budget.limit:
            why = f"'{value}': " if what == "validation" else ""
            stopped = f"no further validation rules will be run due to call cost exceeds limit for {shown}"
            self.stop(subject.invalid(f"{why}{stopped}"))
        self.budget.left -= cost
        return value

    def stop(self, violation: Violation) -> NoReturn:
        self.found.append(violation)
        raise _Stopped


@dataclass(frozen=True, slots=True)
class _Subject:
    """What rules are about: where it is, and its type."""

    path: str
    type: str

    def invalid(self, detail: str) -> Violation:
        return Violation(self.path, f"Invalid value: {json.dumps(self.type)}: {detail}")


_OUT_OF_BUDGET = "failed due to running out of cost budget, no further validation rules will be run"


def _key(node: Schema, item: Any) -> str | None:
    """What finds an item among the old ones; None where nothing does."""
    keys = node.get("x-kubernetes-list-map-keys")
    if node.get("x-kubernetes-list-type") != "map" or not keys or not isinstance(item, dict):
        return None
    values = [item.get(key) for key in keys]
    return json.dumps(values) if all(isinstance(value, str | int | float) for value in values) else None


def _by_key(node: Schema, items: Any) -> Mapping[str | None, Any]:
    """The items by what finds them; of several, the first."""
    listed = reversed(items) if isinstance(items, list) else ()
    return {key: item for item in listed if (key := _key(node, item)) is not None}


def _variables(level: Level, value: Any, old: Any) -> dict[str, Value] | EvaluationError:
    """What rules see; oldSelf is there only if one of them asks for it."""
    try:
        variables = {"self": typed(level.node, value, level.resource)}
        if old is not None and any(rule.transition for rule in level.rules):
            variables["oldSelf"] = typed(level.node, old, level.resource)
    except EvaluationError as error:
        return error
    return variables


def _failure(rule: Rule, error: EvaluationError) -> str:
    if str(error).startswith("no such overload"):
        said = "call arguments did not match a supported operator, function or macro signature"
        return f"'{error}': {said} for rule: {rule.shown}"
    return f"{error} evaluating rule: {rule.shown}"


def _complaint(reason: str, type: str, value: Any, message: str) -> str:
    shown = "" if type in ("object", "array") else f"{json.dumps(value, ensure_ascii=False)}: "
    match reason:
        case "FieldValueForbidden":
            return f"Forbidden: {message}"
        case "FieldValueRequired":
            return f"Required value: {message}"
        case "FieldValueDuplicate":
            return f"Duplicate value: {shown}".removesuffix(": ")
        case _:
            return f"Invalid value: {shown}{message}"
