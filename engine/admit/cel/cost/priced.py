"""An expression as cel-go plans it, with the prices of its nodes.

Constants are made, chains of selections become one attribute, optMap evaluates its target twice.
Source: cel-go, interpreter/planner.go, decorators.go and attributes.go.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass, replace
from enum import Enum
from typing import Self, TypeAlias

from admit.cel.ast import Bind, Call, Comprehension, Expr, Ident, Literal, OptMap, Select, children, rebuild
from admit.cel.cost.folds import FOLDS, LIST
from admit.cel.cost.model import CostModel, cost_model
from admit.cel.cost.runtime import Price, price
from admit.cel.env import Declarations
from admit.cel.prepare import constants
from admit.cel.values import Value

INDEXES = frozenset(("_[_]", "_[?_]", "_?._"))
"""The calls that are steps of a chain, as selections are."""

_LAZY_SINCE = 32


@dataclass(frozen=True, slots=True)
class Priced:
    """An expression with the prices of its calls, by the `id` of the node.

    `heads`: of each attribute, at the node that ends its chain, what it costs beside its steps, which cost 1 each.
    """

    expr: Expr
    within: Declarations
    model: CostModel
    prices: Mapping[int, Price]
    heads: Mapping[int, int]

    @classmethod
    def of(cls, expr: Expr, within: Declarations, model: str | CostModel | None = None) -> Self:
        """However deep the expression is. Raises EvaluationError for a constant that is none."""
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
                    return cls(made, within, chosen, planner.prices, planner.heads)
                step = waiting.pop()
            else:
                waiting.append(step)
                step, made = planner.visit(part, role), None

    @property
    def eager(self) -> bool:
        """Whether the variable of cel.bind is computed at once, and not when it is first used."""
        return self.within.kubernetes is not None and self.within.kubernetes < _LAZY_SINCE

    def empty(self, made: int) -> int:
        """What it costs to make an empty list or map."""
        return 0 if self.model.folding else made

    def per_result(self, node: Comprehension) -> int:
        """What a macro adds to each result, which it puts into a list; of a constant the list is one, too."""
        added = FOLDS[node.macro]
        constant = added.made == LIST and isinstance(node.result, Literal)
        return added.result - LIST + self.empty(LIST) if constant else added.result


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
            return Literal("constant", self.constants[id(node)], span=node.span, type=node.type)
        parts: list[Expr] = []
        for part, its_role in _roles(node):
            parts.append((yield part, its_role))
        left = iter(parts)
        made = rebuild(node, lambda _: next(left))
        made = replace(node) if made is node else made
        match made:
            case Ident() | Select():
                self._attribute(made, role)
            case Call(function=function) if function in INDEXES:
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
        case Call(function=function, args=(operand, index)) if function in INDEXES:
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
        case Call(function=function, args=(operand, _)) if function in INDEXES:
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
