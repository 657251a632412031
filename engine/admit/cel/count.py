"""The counting evaluator: a value, and what it has cost, exactly as cel-go and the API server count it.

The evaluator runs over a plan, and each node is charged when it is done; also where it has failed, since another may
absorb the error. Source: cel-go, interpreter/runtimecost.go and interpretable.go.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from types import MappingProxyType
from typing import TypeAlias

from admit.cel.ast import (
    Bind,
    Call,
    Comprehension,
    Expr,
    Ident,
    ListExpr,
    Literal,
    MapExpr,
    Message,
    OptMap,
    Select,
)
from admit.cel.cost import LIMIT, MOST, CostModel
from admit.cel.cost.folds import FOLDS, LIST, MAP, MESSAGE
from admit.cel.cost.priced import INDEXES, Priced
from admit.cel.env import Declarations
from admit.cel.evaluate import Bound, Evaluator, Scope, Steps, run
from admit.cel.values import Map, Optional, Value
from admit.errors import EvaluationError
from admit.source import Span

_NO_PLANS: Mapping[str, Plan] = MappingProxyType({})
_SEARCHES = frozenset(("matches", "find", "findAll"))


@dataclass(frozen=True, slots=True)
class Plan(Priced):
    """An expression with its prices, which can be evaluated."""

    def count(self, activation: Mapping[str, Value], limit: int = LIMIT) -> tuple[Value, int]:
        """The value and its cost. Raises EvaluationError with the cost so far, also where that passes the limit."""
        counter = _Counter(self, activation, limit)
        try:
            return run(counter, self.expr), counter.cost
        except _Spent:
            failed = exceeded(self.expr.span)
        except EvaluationError as error:
            failed = error
        failed.cost = counter.cost
        raise failed.with_traceback(None)


class Account(dict[str, Value]):
    """Variables by name, and what the evaluations over them have cost together.

    A definition is evaluated when it is first asked for, within a limit of its own; its error is kept as well.
    """

    def __init__(self, given: Mapping[str, Value], definitions: Mapping[str, Plan] = _NO_PLANS, limit: int = LIMIT):
        super().__init__(given)
        self.cost = 0
        self._definitions = definitions
        self._limit = limit
        self._errors: dict[str, EvaluationError] = {}

    def evaluate(self, plan: Plan) -> Value:
        """The value of one more expression. Raises EvaluationError; its `cost` is that of this expression alone."""
        try:
            value, cost = plan.count(self, self._limit)
        except EvaluationError as error:
            self.cost += error.cost or 0
            raise
        self.cost += cost
        return value

    def __missing__(self, name: str) -> Value:
        if name in self._errors:
            raise self._errors[name]
        if name not in self._definitions:
            raise KeyError(name)
        try:
            value = self[name] = self.evaluate(self._definitions[name])
        except EvaluationError as error:
            self._errors[name] = error
            raise
        return value


def plan(expr: Expr, within: Declarations, model: str | CostModel | None = None) -> Plan:
    """The plan of an expression, however deep it is. Raises EvaluationError for a constant that is none."""
    return Plan.of(expr, within, model)


def exceeded(span: Span) -> EvaluationError:
    """What passes the limit of its costs."""
    return EvaluationError("operation cancelled: actual cost limit exceeded", span)


class _Spent(Exception):
    """The limit is passed: no error of CEL's, which could be absorbed."""


_Outcome: TypeAlias = Value | EvaluationError


class _Counter(Evaluator):
    def __init__(self, plan: Plan, activation: Mapping[str, Value], limit: int) -> None:
        super().__init__(activation, plan.within)
        self.plan = plan
        self.limit = limit
        self.cost = 0

    def spend(self, amount: int) -> None:
        self.cost = (self.cost + amount) & MOST
        if self.cost > self.limit:
            raise _Spent

    def steps(self, node: Expr, scope: Scope) -> Steps:
        match node:
            case Literal(value=value):
                return value
            case Comprehension():
                outcome = yield from self.loop(node, scope)
            case Bind() if self.plan.eager:
                outcome = yield from self.bound_first(node, scope)
            case _:
                operands: list[_Outcome] = []
                outcome = yield from self.tapped(node, scope, lambda _, operand: operands.append(operand))
                if isinstance(node, Call) and len(operands) == 1 and (second := self.evaluated_anyway(node)):
                    try:
                        operands.append((yield second, scope))
                    except EvaluationError as error:
                        operands.append(error)
                self.spend(self.charge(node, operands, outcome))
        if isinstance(outcome, EvaluationError):
            raise outcome
        return outcome

    def tapped(
        self, node: Expr, scope: Scope, note: Callable[[Expr, _Outcome], None]
    ) -> Generator[tuple[Expr, Scope], Value, _Outcome]:
        """The evaluator's steps, of which each outcome is noted; and their own, be it an error."""
        steps = super().steps(node, scope)
        outcome: _Outcome = None
        while True:
            try:
                wanted = steps.throw(outcome) if isinstance(outcome, EvaluationError) else steps.send(outcome)
            except StopIteration as stop:
                return stop.value
            except EvaluationError as error:
                return error
            try:
                outcome = yield wanted
            except EvaluationError as error:
                outcome = error
            note(wanted[0], outcome)

    def evaluated_anyway(self, node: Call) -> Expr | None:
        """The second of two operands, the first of which has failed; but functions of many operands stop there."""
        if id(node) not in self.plan.prices or node.function == "format":
            return None
        match self.resolved(node)[1]:
            case (_, Literal(value=str())) if node.function in _SEARCHES:
                return None  # its pattern is compiled beforehand, which makes it one of those
            case (_, second):
                return second
        return None

    def charge(self, node: Expr, operands: list[_Outcome], outcome: _Outcome) -> int:
        """What a node has cost beside its operands."""
        match node:
            case Ident():
                return self.plan.heads.get(id(node), 0)
            case Select():
                return self.plan.heads.get(id(node), 0) + _step(node, operands, outcome)
            case Call(function=function) if function in INDEXES:
                return self.plan.heads.get(id(node), 0) + _step(node, operands, outcome)
            case Call():
                found = self.plan.prices.get(id(node))
                complete = len(operands) == len(self.resolved(node)[1])
                return found(operands, outcome) if found and complete else 0
            case ListExpr():
                return LIST
            case MapExpr():
                return MAP
            case Message():
                return MESSAGE
            case Bind():
                return self.plan.empty(LIST)  # it is a fold of []
            case OptMap(flat=flat) if len(operands) == 2:
                return 1 if flat else 2
            case OptMap():
                return 1 if isinstance(outcome, EvaluationError) else 2
        return 0

    # Loops

    def bound_first(self, node: Bind, scope: Scope) -> Generator[tuple[Expr, Scope], Value, _Outcome]:
        """The variable computed before the body, where its failure counts if it is used."""
        variable = Bound(node.value, scope)
        self.spend(self.plan.empty(LIST))
        with suppress(EvaluationError):
            yield from self.bound(variable)
        try:
            return (yield node.body, {**scope, node.var: variable})
        except EvaluationError as error:
            return error

    def loop(self, node: Comprehension, scope: Scope) -> Generator[tuple[Expr, Scope], Value, _Outcome]:
        """A fold: what the macro adds to each element, and to the whole, beside the condition and the result."""
        added = FOLDS[node.macro]
        per_result = self.plan.per_result(node)
        tested = kept = made = 0
        elements: int | None = None

        def note(part: Expr, outcome: _Outcome) -> None:
            nonlocal tested, kept, made, elements
            if elements is None:
                elements = len(outcome) if isinstance(outcome, list | dict | Map) else -1
            elif part is node.condition:
                tested += 1
                kept += outcome is True
                self.spend(added.condition + (added.kept if outcome is True else 0))
            else:
                made += 1
                self.spend(per_result)

        outcome = yield from self.tapped(node, scope, note)
        if elements is None or elements < 0:
            return outcome
        if node.result is not None:  # each that is kept reads the result, but after a failure may stop there
            self.spend((elements if node.condition is None else kept) - made)
        elif tested < elements:
            self.spend(added.condition - 1)  # all and exists ask whether to go on once more
        self.spend(self.plan.empty(added.made) + added.end)
        return outcome


def _step(node: Expr, operands: list[_Outcome], outcome: _Outcome) -> int:
    """What a step of a chain has cost: nothing where there is nothing to take it from."""
    if not operands or isinstance(operands[0], EvaluationError):
        return 0
    if isinstance(operands[0], Optional) or (isinstance(node, Call) and node.function != "_[_]"):
        return 1 if outcome is True or (isinstance(outcome, Optional) and outcome.present) else 0
    return 1
