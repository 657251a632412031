"""The counting evaluator: a value, and what it has cost, exactly as cel-go and the API server count it.

A tree is planned as cel-go plans it: constants are made, chains of selections become one attribute, optMap evaluates
its target twice. Then the evaluator runs, and each node is charged when it is done, also where it has failed, since
another may absorb the error.
Source: cel-go, interpreter/runtimecost.go, planner.go, decorators.go and interpretable.go.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import dataclass, replace
from enum import Enum
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
    children,
    rebuild,
)
from admit.cel.cost import LIMIT, MOST, CostModel, cost_model
from admit.cel.cost.runtime import Price, price
from admit.cel.env import Declarations
from admit.cel.evaluate import Bound, Evaluator, Scope, Steps, run
from admit.cel.fold import literal
from admit.cel.prepare import constants
from admit.cel.values import Map, Optional, Value
from admit.errors import EvaluationError

_NO_PLANS: Mapping[str, Plan] = MappingProxyType({})
_LAZY_SINCE = 32  # the minor from which the variables of folds are computed when they are first used
_INDEXES = frozenset(("_[_]", "_[?_]", "_?._"))
_SEARCHES = frozenset(("matches", "find", "findAll"))
_LIST, _MAP, _MESSAGE = 10, 30, 40


@dataclass(frozen=True, slots=True)
class Plan:
    """An expression with the prices of its nodes, by their `id`.

    `heads`: of each attribute, at the node that ends its chain, what it costs beside its steps.
    """

    expr: Expr
    within: Declarations
    model: CostModel
    prices: Mapping[int, Price]
    heads: Mapping[int, int]

    def count(self, activation: Mapping[str, Value], limit: int = LIMIT) -> tuple[Value, int]:
        """The value and its cost. Raises EvaluationError with the cost so far, also where that passes the limit."""
        counter = _Counter(self, activation, limit)
        try:
            return run(counter, self.expr), counter.cost
        except _Spent:
            failed = EvaluationError("operation cancelled: actual cost limit exceeded", self.expr.span)
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
    chosen = cost_model(model, within)
    planner = _Planner(within, chosen, constants(expr, within.kubernetes) if chosen.folding else {})
    waiting: list[_Step] = []
    step, made = planner.visit(expr, _Role.HEAD), None
    while True:
        try:
            part, role = step.send(made)  # type: ignore[arg-type]
        except StopIteration as stop:
            made = stop.value
            if not waiting:
                return Plan(made, within, chosen, planner.prices, planner.heads)
            step = waiting.pop()
        else:
            waiting.append(step)
            step, made = planner.visit(part, role), None


class _Role(Enum):
    HEAD = "ends its chain, if it is of one"
    LINK = "goes on in its parent"
    BARE = "branch of ?: or index: of an attribute, only the steps are charged"


_Step: TypeAlias = Generator[tuple[Expr, _Role], Expr, Expr]


class _Planner:
    def __init__(self, within: Declarations, model: CostModel, constants: Mapping[int, Value]) -> None:
        self.within = within
        self.model = model
        self.constants = constants
        self.prices: dict[int, Price] = {}
        self.heads: dict[int, int] = {}

    def visit(self, node: Expr, role: _Role) -> _Step:
        """The node made anew, so that no two places share one."""
        if isinstance(node, Literal):
            return node
        if id(node) in self.constants:
            return literal(self.constants[id(node)], node.span, node.type)
        parts: list[Expr] = []
        for part, its_role in _roles(node):
            parts.append((yield part, its_role))
        left = iter(parts)
        made = rebuild(node, lambda _: next(left))
        made = replace(node) if made is node else made
        match made:
            case Ident() | Select():
                self._attribute(made, role)
            case Call(function=function) if function in _INDEXES:
                self._attribute(made, role)
            case Call(function=function) if function not in _FREE and not _is_set(made):
                self.prices[id(made)] = price(made, self.model, self.within.kubernetes)
            case OptMap():
                return self._opt_map(made)
        return made

    def _attribute(self, node: Expr, role: _Role) -> None:
        if role is not _Role.HEAD:
            return
        root: Expr = node
        while (holder := _holder(root)) is not None:
            root = holder
        own = 0 if _is_conditional(root) else 1
        if isinstance(node, Select) and node.test:
            own += self.model.presence - 1
        self.heads[id(node)] = own

    def _opt_map(self, node: OptMap) -> OptMap:
        """`target.hasValue() ? optional.of(cel.bind(var, target.value(), body)) : optional.none()`"""
        value = Call("value", (), node.target, span=node.target.span, type=node.target.type)
        self.prices[id(value)] = price(value, self.model, self.within.kubernetes)
        body = Bind(node.var, value, node.body, span=node.body.span, type=node.body.type)
        return replace(node, var=f"@{node.var}", body=body)


_FREE = frozenset(("_&&_", "_||_", "_?_:_", "or", "orValue"))
_PRIMITIVES = (bool, int, float, str)


def _roles(node: Expr) -> Iterator[tuple[Expr, _Role]]:
    """The sub-expressions, each with what it is to the node."""
    match node:
        case Select(operand=operand):
            yield operand, _Role.LINK
        case Call(function=function, args=(operand, index)) if function in _INDEXES:
            yield operand, _Role.LINK
            yield index, _Role.BARE
        case Call(function="_?_:_", args=(condition, yes, no)):
            yield condition, _Role.HEAD
            yield yes, _Role.BARE
            yield no, _Role.BARE
        case _:
            yield from ((part, _Role.HEAD) for part in children(node))


def _holder(node: Expr) -> Expr | None:
    """What a step of a chain is taken from."""
    match node:
        case Select(operand=operand):
            return operand
        case Call(function=function, args=(operand, _)) if function in _INDEXES:
            return operand
    return None


def _is_conditional(node: Expr) -> bool:
    return isinstance(node, OptMap) or (isinstance(node, Call) and node.function == "_?_:_")


def _is_set(node: Call) -> bool:
    """`x in [1, 2]`: looked up in a set, which costs nothing."""
    match node:
        case Call(function="@in", args=(_, Literal(kind="constant", value=[*items])), overloads=(overload,)):
            return overload.id == "in_list" and all(isinstance(item, _PRIMITIVES) for item in items)
    return False


# Running


class _Spent(Exception):
    """The limit is passed: no error of CEL's, which could be absorbed."""


_Outcome: TypeAlias = Value | EvaluationError


class _Counter(Evaluator):
    def __init__(self, plan: Plan, activation: Mapping[str, Value], limit: int) -> None:
        super().__init__(activation, plan.within)
        self.plan = plan
        self.limit = limit
        self.cost = 0
        self.eager = plan.within.kubernetes is not None and plan.within.kubernetes < _LAZY_SINCE
        self.new_list = 0 if plan.model.folding else _LIST  # an empty one
        self.new_map = 0 if plan.model.folding else _MAP

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
            case Bind() if self.eager:
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
            case Call(function=function) if function in _INDEXES:
                return self.plan.heads.get(id(node), 0) + _step(node, operands, outcome)
            case Call():
                found = self.plan.prices.get(id(node))
                complete = len(operands) == len(self.resolved(node)[1])
                return found(operands, outcome) if found and complete else 0
            case ListExpr():
                return _LIST
            case MapExpr():
                return _MAP
            case Message():
                return _MESSAGE
            case Bind():
                return self.new_list  # it is a fold of []
            case OptMap(flat=flat) if len(operands) == 2:
                return 1 if flat else 2
            case OptMap():
                return 1 if isinstance(outcome, EvaluationError) else 2
        return 0

    # Loops

    def bound_first(self, node: Bind, scope: Scope) -> Generator[tuple[Expr, Scope], Value, _Outcome]:
        variable = Bound(node.value, scope)
        self.spend(self.new_list)
        try:
            yield from self.bound(variable)
        except EvaluationError as error:
            assert variable.failed is error  # it counts where the variable is used
        try:
            return (yield node.body, {**scope, node.var: variable})
        except EvaluationError as error:
            return error

    def loop(self, node: Comprehension, scope: Scope) -> Generator[tuple[Expr, Scope], Value, _Outcome]:
        """A fold: what the macro adds to each element, and to the whole, beside the condition and the result."""
        added = _ADDED[node.macro]
        constant = added.start is list and isinstance(node.result, Literal) and self.plan.model.folding
        per_result = added.result - _LIST if constant else added.result
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
        start = self.new_list if added.start is list else self.new_map if added.start is dict else 0
        self.spend(start + added.end)
        return outcome


def _step(node: Expr, operands: list[_Outcome], outcome: _Outcome) -> int:
    """What a step of a chain has cost: nothing where there is nothing to take it from."""
    if not operands or isinstance(operands[0], EvaluationError):
        return 0
    if isinstance(operands[0], Optional) or (isinstance(node, Call) and node.function != "_[_]"):
        return 1 if outcome is True or (isinstance(outcome, Optional) and outcome.present) else 0
    return 1


@dataclass(frozen=True, slots=True)
class _Added:
    """What a macro adds: to the condition, once more where it is true, to the result, and at the end.

    `start`: what is made before the loop.
    """

    condition: int = 0
    kept: int = 0
    result: int = 0
    end: int = 1
    start: type = bool


_ADDED = {
    "all": _Added(condition=3),
    "exists": _Added(condition=4),
    **dict.fromkeys(("exists_one", "existsOne"), _Added(kept=2, end=2)),
    "filter": _Added(kept=13, start=list),
    **dict.fromkeys(("map", "transformList"), _Added(result=12, start=list)),
    "transformMap": _Added(result=3, start=dict),
    "transformMapEntry": _Added(result=2, start=dict),
}
