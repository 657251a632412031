"""Cost estimates: how much an expression takes at least and at most, in the units of the API server's budgets.

A unit is what one simple operation takes, about 50 ns. The estimate is that of cel-go's static estimator, with
Kubernetes' costs of the extension libraries where the language is Kubernetes', as of 1.37; it is of the tree before
constants are folded. It rests on sizes, of strings in code points, of bytes, lists and maps: known of literals and of
what is made of them, asked for by path of what is read from variables, and otherwise anything.
Source: cel-go 0.29, checker/cost.go; k8s.io/apiserver, pkg/cel/library/cost.go.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import replace
from typing import TypeAlias, assert_never

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
from admit.cel.cost.bounds import (
    MOST,
    NEW_LIST,
    NEW_MAP,
    NEW_MESSAGE,
    NONE,
    ONE,
    Cost,
    Entries,
    Estimate,
    Path,
    Sizes,
    exactly,
)
from admit.cel.cost.functions import rule
from admit.cel.cost.model import LIMIT, CostModel, cost_model
from admit.cel.env import Declarations
from admit.cel.types import BOOL, DOUBLE, DURATION, DYN, INT, TIMESTAMP, UINT, Kind, Type
from admit.cel.unify import unwrapped_optional

__all__ = ["LIMIT", "MOST", "Cost", "CostModel", "Path", "Sizes", "cost_model", "estimate", "unknown_sizes"]


def unknown_sizes(path: Path, type: Type) -> None:
    """Nothing is known of any size."""


def estimate(
    expr: Expr, within: Declarations, sizes: Sizes = unknown_sizes, model: str | CostModel | None = None
) -> Cost:
    """What a checked expression costs, however deep it is; by default as in the rules of CustomResourceDefinitions.

    Raises UsageError for a model that there is not.
    """
    if model is None and within.kubernetes is not None:
        model = "kubernetes"
    visit = _Estimator(cost_model(model, within), within.kubernetes, sizes).visit
    waiting: list[_Step] = []
    made = visit(expr)
    while True:
        try:
            if not isinstance(made, Estimate):
                waiting.append(made)
                made = visit(next(made))
            elif waiting:
                made = visit(waiting[-1].send(made))
            else:
                return made.cost
        except StopIteration as stop:
            waiting.pop()
            made = stop.value


_Step: TypeAlias = Generator[Expr, Estimate, Estimate]
"""Estimates one node: yields the nodes it needs estimated, is sent their estimates, returns its own."""

_ELEMENTS = {"index_list": "@items", "index_map": "@values"}
_INSERTIONS = {"transformMap": (NEW_MAP, Cost(3, 3)), "transformMapEntry": (NEW_MAP, Cost(2, 2))}
_SCALARS = frozenset(type.name for type in (BOOL, DOUBLE, DURATION, INT, TIMESTAMP, UINT))


class _Estimator:
    def __init__(self, model: CostModel, kubernetes: int | None, sizes: Sizes) -> None:
        self.sizes = sizes
        self.model = model
        self.kubernetes = kubernetes
        self.presence = exactly(model.presence)
        self.scopes: list[dict[str, Estimate]] = []

    def visit(self, node: Expr) -> Estimate | _Step:
        match node:
            case Literal(kind="constant", value=value):  # the name of a type
                return self._made(node, ONE, path=(str(value),))
            case Literal(value=value):
                return Estimate(node, NONE, exactly(len(value) if isinstance(value, (str, bytes)) else 1))
            case Ident():
                return self._ident(node)
            case Select():
                return self._select(node)
            case Call(function="dyn"):
                return self._dyn(node)
            case Call():
                return self._call(node)
            case ListExpr():
                return self._list(node)
            case MapExpr():
                return self._map(node)
            case Message():
                return self._message(node)
            case Comprehension():
                return self._comprehension(node)
            case Bind():
                return self._bind(node)
            case OptMap():
                return self._opt_map(node)
            case _:
                assert_never(node)

    def _made(
        self, node: Expr, cost: Cost, size: Cost | None = None, *, path: Path = (), entries: Entries | None = None
    ) -> Estimate:
        """The estimate of a node; a size that is not given is looked for."""
        return Estimate(node, cost, self._size(path, node.type or DYN) if size is None else size, path, entries)

    def _size(self, path: Path, type: Type) -> Cost | None:
        largest = self.sizes(path, type)
        if largest is not None:
            return Cost(0, largest)
        return ONE if _is_scalar(type) else None

    def _ident(self, node: Ident) -> Estimate:
        for scope in reversed(self.scopes):
            if node.name in scope and not node.absolute:
                return replace(scope[node.name], node=node)
        return self._made(node, ONE, path=(node.name,))

    def _select(self, node: Select) -> _Step:
        operand = yield node.operand
        if node.test:
            return self._made(node, operand.cost + self.presence)
        declared = operand.type.kind in (Kind.MAP, Kind.OBJECT)
        return self._made(node, operand.cost + (ONE if declared else NONE), path=(*operand.path, node.field))

    # Calls

    def _dyn(self, node: Call) -> _Step:
        operand = yield node.args[0]
        return self._made(node, operand.cost + ONE, operand.known, entries=operand.entries)

    def _call(self, node: Call) -> _Step:
        operands: list[Estimate] = []
        for operand in node.operands:
            operands.append((yield operand))
        match node.function, operands:
            case "_&&_" | "_||_", (left, right):
                return self._made(node, Cost(left.cost.min, (left.cost + right.cost).max))
            case "_?_:_", (condition, one, other):
                size = one.size | other.size
                return self._made(node, condition.cost + (one.cost | other.cost), size, entries=_joined(one, other))
            case "_+_", (left, right):
                entries = _joined(left, right)
            case _:
                entries = None
        return self._applied(node, operands, entries)

    def _applied(self, node: Call, operands: Sequence[Estimate], entries: Entries | None) -> Estimate:
        """The estimate that covers those of all overloads that the checker left possible."""
        cost: Cost | None = None
        size: Cost | None = None
        found: Cost | None = None
        path: Path = ()
        for overload in node.overloads:
            own, result = rule(overload, self.model, self.kubernetes)(operands, self.sizes)
            cost = own if cost is None else cost | own
            size = result if size is None else size if result is None else size | result
            if overload.id in _ELEMENTS:
                of = operands[0]
                path = (*of.path, _ELEMENTS[overload.id])
                size = None if of.entries is None else of.entries.value
            if size is None:  # the first answer stays, as in cel-go
                size = found = found or self._size(path, node.type or DYN)
        total = cost or NONE
        for operand in operands:
            total += operand.cost
        return self._made(node, total, size, path=path, entries=entries)

    # Lists, maps, messages

    def _list(self, node: ListExpr) -> _Step:
        cost, value = NEW_LIST, None
        for item in node.items:
            made = yield item
            cost += made.cost
            value = made.size if value is None else value | made.size
        return Estimate(node, cost, exactly(len(node.items)), entries=Entries(Kind.LIST, ONE, value or NONE))

    def _map(self, node: MapExpr) -> _Step:
        cost, keys, values = NEW_MAP, None, None
        for entry in node.entries:
            key = yield entry.key
            value = yield entry.value
            cost += key.cost + value.cost
            keys = key.size if keys is None else keys | key.size
            values = value.size if values is None else values | value.size
        entries = Entries(Kind.MAP, keys or NONE, values or NONE)
        return Estimate(node, cost, exactly(len(node.entries)), entries=entries)

    def _message(self, node: Message) -> _Step:
        cost = NEW_MESSAGE
        for init in node.fields:
            cost += (yield init.value).cost
        return self._made(node, cost)

    # Macros, as what cel-go expands them to

    def _comprehension(self, node: Comprehension) -> _Step:
        range_ = yield node.range
        variables = self._variables(node, range_)
        self.scopes.append(variables)
        condition = None if node.condition is None else (yield node.condition)
        held = variables[node.var] if node.result is None else (yield node.result)
        self.scopes.pop()
        test = NONE if condition is None else condition.cost
        start, end, size, entries = NONE, ONE, ONE, None
        match node.macro:
            case "all":
                step = Cost(3, 3) + Cost(0, test.max)
            case "exists":
                step = Cost(4, 4) + Cost(0, test.max)
            case "exists_one" | "existsOne":
                step, end = test + Cost(1, 2), Cost(2, 2)
            case macro:
                start, insertion = _INSERTIONS.get(macro, (NEW_LIST, NEW_LIST + Cost(2, 2)))
                step = insertion + held.cost
                if condition is not None:
                    step = test + (step | ONE)
                if start is NEW_LIST:
                    entries = Entries(Kind.LIST, ONE, Cost(0, held.size.max))
                size = range_.size
        return self._made(node, range_.cost + start + range_.size * step + end, size, entries=entries)

    def _variables(self, node: Comprehension, range_: Estimate) -> dict[str, Estimate]:
        """What is known of the elements; as in cel-go, what is no list has keys."""
        type, entries = range_.type, range_.entries
        keys, values = {Kind.MAP: type.params, Kind.LIST: (INT, *type.params)}.get(type.kind, (DYN, DYN))
        key_size, value_size = (None, None) if entries is None else (entries.key, entries.value)
        is_list = (type.kind if entries is None else entries.kind) is Kind.LIST
        key = self._variable(range_, keys, "@indices" if is_list else "@keys", key_size)
        value = self._variable(range_, values, "@items" if is_list else "@values", value_size)
        if node.var2 is not None:
            return {node.var: key, node.var2: value}
        return {node.var: value if is_list else key}

    def _variable(self, range_: Estimate, type: Type, step: str, size: Cost | None) -> Estimate:
        path = (*range_.path, step)
        known = self._size(path, type)
        return Estimate(range_.node, ONE, size if known is None else known, path)

    def _bind(self, node: Bind) -> _Step:
        value = yield node.value
        self.scopes.append({node.var: replace(value, cost=ONE)})
        body = yield node.body
        self.scopes.pop()
        return self._made(node, NEW_LIST + value.cost + body.cost, body.known, entries=body.entries)

    def _opt_map(self, node: OptMap) -> _Step:
        """`target.hasValue() ? optional.of(cel.bind(var, target.value(), body)) : optional.none()`"""
        target = yield node.target
        value, _ = unwrapped_optional(node.target.type or DYN)
        read = target.cost + ONE
        self.scopes.append({node.var: Estimate(node.target, ONE, self._size((), value))})
        body = yield node.body
        self.scopes.pop()
        some = NEW_LIST + read + body.cost + (NONE if node.flat else ONE)
        return self._made(node, read + (some | ONE))


def _is_scalar(type: Type) -> bool:
    """Whether all values of the type have size 1."""
    while type.kind is Kind.WRAPPER or (type.name == "optional_type" and type.params):
        type = type.params[0]
    return type.name in _SCALARS


def _joined(one: Estimate, other: Estimate) -> Entries | None:
    return None if one.entries is None or other.entries is None else one.entries | other.entries
