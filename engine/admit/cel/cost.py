"""Cost estimates: how much an expression takes at least and at most, in the units of the API server's budgets.

A unit is what one simple operation takes, about 50 ns. The estimate is that of cel-go's static estimator, with
Kubernetes' costs of the extension libraries where the language is Kubernetes', as of 1.37; it is of the tree before
constants are folded. It rests on sizes, of strings in code points, of bytes, lists and maps: known of literals and of
what is made of them, asked for by path of what is read from variables, and otherwise anything.
Source: cel-go 0.29, checker/cost.go; k8s.io/apiserver, pkg/cel/library/cost.go.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, replace
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
from admit.cel.env import Declarations
from admit.cel.types import BOOL, DOUBLE, DURATION, DYN, INT, TIMESTAMP, UINT, Kind, Type
from admit.cel.unify import unwrapped_optional

MOST = 2**64 - 1


@dataclass(frozen=True, slots=True)
class Cost:
    """From `min` to `max`, both from 0 to MOST, where sums and products end. Sizes are written so, too."""

    min: int
    max: int

    def __add__(self, other: Cost) -> Cost:
        return Cost(min(self.min + other.min, MOST), min(self.max + other.max, MOST))

    def __mul__(self, other: Cost) -> Cost:
        return Cost(min(self.min * other.min, MOST), min(self.max * other.max, MOST))

    def __or__(self, other: Cost) -> Cost:
        """What covers both."""
        return Cost(min(self.min, other.min), max(self.max, other.max))

    def scaled(self, factor: float) -> Cost:
        """So many times as much, in cel-go's arithmetic: doubles, rounded up."""
        return Cost(min(math.ceil(self.min * factor), MOST), min(math.ceil(self.max * factor), MOST))


Path: TypeAlias = tuple[str, ...]
"""Where a value is read from: a variable, then names of fields, `@items`, `@indices`, `@keys` and `@values`.

As in cel-go, the variable is missing where a field or an element of a computed value is read.
"""

Sizes: TypeAlias = Callable[[Path, Type], int | None]
"""The largest size of what has this path (empty where it was computed) and this type; None where there is no saying."""


def unknown_sizes(path: Path, type: Type) -> None:
    """Nothing is known of any size."""


def estimate(expr: Expr, within: Declarations, sizes: Sizes = unknown_sizes) -> Cost:
    """What a checked expression costs, however deep it is."""
    visit = _Estimator(within, sizes).visit
    waiting: list[_Step] = []
    made = visit(expr)
    while True:
        try:
            if not isinstance(made, _Estimate):
                waiting.append(made)
                made = visit(next(made))
            elif waiting:
                made = visit(waiting[-1].send(made))
            else:
                return made.cost
        except StopIteration as stop:
            waiting.pop()
            made = stop.value


def replaced_size(text: Cost, old: Cost, new: Cost) -> Cost:
    """The size of a text in which each `old` was replaced by a `new`; of an empty `old`, around each character."""
    if old.min == 0:
        longest = (text.max + 1) * new.max + text.max
    elif new.max <= old.min:
        longest = text.max
    else:
        longest = math.ceil(text.max / old.min) * new.max
    if old.max == 0:
        shortest = (text.min + 1) * new.min + text.min
    elif old.max <= new.min:
        shortest = text.min
    else:
        shortest = math.ceil(text.min / old.max) * new.min
    return Cost(min(shortest, MOST), min(longest, MOST))


@dataclass(frozen=True, slots=True)
class _Entries:
    """How large the elements of a list or map are."""

    kind: Kind
    key: Cost
    value: Cost

    def __or__(self, other: _Entries) -> _Entries:
        return _Entries(self.kind, self.key | other.key, self.value | other.value)


@dataclass(frozen=True, slots=True)
class _Estimate:
    """What is known of the value of a node, and of what it costs to get it."""

    node: Expr
    cost: Cost
    size: Cost | None
    path: Path = ()
    entries: _Entries | None = None

    @property
    def type(self) -> Type:
        return self.node.type or DYN

    @property
    def length(self) -> Cost:
        """Its size, if only that there is one."""
        return _ANY if self.size is None else self.size


_Step: TypeAlias = Generator[Expr, _Estimate, _Estimate]
"""Estimates one node: yields the nodes it needs estimated, is sent their estimates, returns its own."""

_NONE = Cost(0, 0)
_ONE = Cost(1, 1)
_ANY = Cost(0, MOST)
_NEW_LIST, _NEW_MAP, _NEW_MESSAGE = Cost(10, 10), Cost(30, 30), Cost(40, 40)
_INSERTIONS = {"transformMap": (_NEW_MAP, Cost(3, 3)), "transformMapEntry": (_NEW_MAP, Cost(2, 2))}
_TRAVERSAL = 0.1  # a code point or byte
_PATTERN = 0.25  # a code point of a regular expression
_SCALARS = frozenset((BOOL, DOUBLE, DURATION, INT, TIMESTAMP, UINT))


class _Estimator:
    def __init__(self, within: Declarations, sizes: Sizes) -> None:
        self.sizes = sizes
        self.functions = _SPECIFICATION if within.kubernetes is None else _KUBERNETES
        self.presence = _ONE if within.kubernetes is None else _NONE
        self.scopes: list[dict[str, _Estimate]] = []

    def visit(self, node: Expr) -> _Estimate | _Step:
        match node:
            case Literal(kind="constant", value=value):  # the name of a type
                return self._made(node, _ONE, path=(str(value),))
            case Literal(value=value):
                return _Estimate(node, _NONE, _exactly(len(value) if isinstance(value, (str, bytes)) else 1))
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
        self, node: Expr, cost: Cost, size: Cost | None = None, *, path: Path = (), entries: _Entries | None = None
    ) -> _Estimate:
        """The estimate of a node; a size that is not given is looked for."""
        return _Estimate(node, cost, self._size(path, node.type or DYN) if size is None else size, path, entries)

    def _size(self, path: Path, type: Type) -> Cost | None:
        largest = self.sizes(path, type)
        if largest is not None:
            return Cost(0, largest)
        return _ONE if _is_scalar(type) else None

    def _ident(self, node: Ident) -> _Estimate:
        for scope in reversed(self.scopes):
            if node.name in scope and not node.absolute:
                return replace(scope[node.name], node=node)
        return self._made(node, _ONE, path=(node.name,))

    def _select(self, node: Select) -> _Step:
        operand = yield node.operand
        if node.test:
            return self._made(node, operand.cost + self.presence)
        declared = operand.type.kind in (Kind.MAP, Kind.OBJECT)
        return self._made(node, operand.cost + (_ONE if declared else _NONE), path=(*operand.path, node.field))

    # Calls

    def _dyn(self, node: Call) -> _Step:
        operand = yield node.args[0]
        return self._made(node, operand.cost + _ONE, operand.size, entries=operand.entries)

    def _call(self, node: Call) -> _Step:
        operands: list[_Estimate] = []
        for operand in node.operands:
            operands.append((yield operand))
        match node.function, operands:
            case "_&&_" | "_||_", (left, right):
                return self._made(node, Cost(left.cost.min, (left.cost + right.cost).max))
            case "_?_:_", (condition, one, other):
                size = one.length | other.length
                return self._made(node, condition.cost + (one.cost | other.cost), size, entries=_joined(one, other))
            case "_+_", (left, right):
                entries = _joined(left, right)
            case _:
                entries = None
        return self._applied(node, operands, entries)

    def _applied(self, node: Call, operands: Sequence[_Estimate], entries: _Entries | None) -> _Estimate:
        """The estimate that covers those of all overloads that the checker left possible."""
        cost: Cost | None = None
        size: Cost | None = None
        path: Path = ()
        for overload in node.overloads:
            rule = self.functions.get(overload.id) or self.functions.get(overload.function) or _constant
            own, result = rule(operands, self.sizes)
            cost = own if cost is None else cost | own
            size = result if size is None else size if result is None else size | result
            if overload.id in _ELEMENTS:
                of = operands[0]
                path = (*of.path, _ELEMENTS[overload.id])
                size = None if of.entries is None else of.entries.value
            if size is None:
                size = self._size(path, node.type or DYN)
        total = cost or _NONE
        for operand in operands:
            total += operand.cost
        return self._made(node, total, size, path=path, entries=entries)

    # Lists, maps, messages

    def _list(self, node: ListExpr) -> _Step:
        cost, value = _NEW_LIST, None
        for item in node.items:
            made = yield item
            cost += made.cost
            value = made.length if value is None else value | made.length
        return _Estimate(node, cost, _exactly(len(node.items)), entries=_Entries(Kind.LIST, _ONE, value or _NONE))

    def _map(self, node: MapExpr) -> _Step:
        cost, keys, values = _NEW_MAP, None, None
        for entry in node.entries:
            key = yield entry.key
            value = yield entry.value
            cost += key.cost + value.cost
            keys = key.length if keys is None else keys | key.length
            values = value.length if values is None else values | value.length
        entries = _Entries(Kind.MAP, keys or _NONE, values or _NONE)
        return _Estimate(node, cost, _exactly(len(node.entries)), entries=entries)

    def _message(self, node: Message) -> _Step:
        cost = _NEW_MESSAGE
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
        test = _NONE if condition is None else condition.cost
        start, end, size, entries = _NONE, _ONE, _ONE, None
        match node.macro:
            case "all":
                step = Cost(3, 3) + Cost(0, test.max)
            case "exists":
                step = Cost(4, 4) + Cost(0, test.max)
            case "exists_one" | "existsOne":
                step, end = test + Cost(1, 2), Cost(2, 2)
            case macro:
                start, insertion = _INSERTIONS.get(macro, (_NEW_LIST, _NEW_LIST + Cost(2, 2)))
                step = insertion + held.cost
                if condition is not None:
                    step = test + (step | _ONE)
                if start is _NEW_LIST:
                    entries = _Entries(Kind.LIST, _ONE, Cost(0, held.length.max))
                size = range_.length
        return self._made(node, range_.cost + start + range_.length * step + end, size, entries=entries)

    def _variables(self, node: Comprehension, range_: _Estimate) -> dict[str, _Estimate]:
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

    def _variable(self, range_: _Estimate, type: Type, step: str, size: Cost | None) -> _Estimate:
        path = (*range_.path, step)
        known = self._size(path, type)
        return _Estimate(range_.node, _ONE, size if known is None else known, path)

    def _bind(self, node: Bind) -> _Step:
        value = yield node.value
        self.scopes.append({node.var: replace(value, cost=_ONE)})
        body = yield node.body
        self.scopes.pop()
        return self._made(node, _NEW_LIST + value.cost + body.cost, body.size, entries=body.entries)

    def _opt_map(self, node: OptMap) -> _Step:
        """`target.hasValue() ? optional.of(cel.bind(var, target.value(), body)) : optional.none()`"""
        target = yield node.target
        value, _ = unwrapped_optional(node.target.type or DYN)
        read = target.cost + _ONE
        self.scopes.append({node.var: _Estimate(node.target, _ONE, self._size((), value))})
        body = yield node.body
        self.scopes.pop()
        some = _NEW_LIST + read + body.cost + (_NONE if node.flat else _ONE)
        return self._made(node, read + (some | _ONE))


def _exactly(size: int) -> Cost:
    return Cost(size, size)


def _is_scalar(type: Type) -> bool:
    """Whether all values of the type have size 1."""
    type, _ = unwrapped_optional(type)
    return (type.params[0] if type.kind is Kind.WRAPPER else type) in _SCALARS


def _joined(one: _Estimate, other: _Estimate) -> _Entries | None:
    return None if one.entries is None or other.entries is None else one.entries | other.entries


# What functions cost beside their operands, and how large their results are, where that is known: by overload or name.

_Rule: TypeAlias = Callable[[Sequence[_Estimate], Sizes], tuple[Cost, Cost | None]]


def _constant(operands: Sequence[_Estimate], sizes: Sizes) -> tuple[Cost, None]:
    return _ONE, None


def _compare(operands: Sequence[_Estimate], sizes: Sizes) -> tuple[Cost, None]:
    most = min(operand.length.max for operand in operands)
    return Cost(min(most, 1), most).scaled(_TRAVERSAL), None


def _concatenate(operands: Sequence[_Estimate], sizes: Sizes) -> tuple[Cost, Cost]:
    size = operands[0].length + operands[1].length
    return size.scaled(_TRAVERSAL), size


def _concatenate_lists(operands: Sequence[_Estimate], sizes: Sizes) -> tuple[Cost, Cost]:
    return _ONE, operands[0].length + operands[1].length


def _find_in_list(operands: Sequence[_Estimate], sizes: Sizes) -> tuple[Cost, None]:
    return operands[1].length, None


def _traverse(operands: Sequence[_Estimate], sizes: Sizes) -> tuple[Cost, None]:
    return operands[0].length.scaled(_TRAVERSAL), None


def _traverse_part(operands: Sequence[_Estimate], sizes: Sizes) -> tuple[Cost, None]:
    return operands[1].length.scaled(_TRAVERSAL), None


def _transform(operands: Sequence[_Estimate], sizes: Sizes) -> tuple[Cost, Cost]:
    return operands[0].length.scaled(_TRAVERSAL), operands[0].length


def _contains(operands: Sequence[_Estimate], sizes: Sizes) -> tuple[Cost, None]:
    text, part = operands
    return text.length.scaled(_TRAVERSAL) * part.length.scaled(_TRAVERSAL), None


def _matches(operands: Sequence[_Estimate], sizes: Sizes) -> tuple[Cost, None]:
    text, pattern = operands
    return (text.length + _ONE).scaled(_TRAVERSAL) * pattern.length.scaled(_PATTERN), None


def _encode(operands: Sequence[_Estimate], sizes: Sizes) -> tuple[Cost, Cost]:
    size = operands[0].length
    return size.scaled(_TRAVERSAL), size * Cost(1, 4)


def _decode(operands: Sequence[_Estimate], sizes: Sizes) -> tuple[Cost, Cost]:
    size = operands[0].length
    return size.scaled(_TRAVERSAL), Cost(size.min // 4, size.max)


def _quote(operands: Sequence[_Estimate], sizes: Sizes) -> tuple[Cost, Cost]:
    size = operands[0].length
    return size.scaled(_TRAVERSAL), size * Cost(1, 2) + Cost(2, 2)


def _replace(operands: Sequence[_Estimate], sizes: Sizes) -> tuple[Cost, Cost]:
    text, old, new = (operand.length for operand in operands[:3])
    return text.scaled(2 * _TRAVERSAL), replaced_size(text, old, new)


def _split(operands: Sequence[_Estimate], sizes: Sizes) -> tuple[Cost, Cost]:
    text = operands[0].length
    most = text.max
    match [operand.node for operand in operands]:
        case (_, _, Literal(kind="int", value=count)):
            most = count if count >= 0 else MOST
    return text.scaled(2 * _TRAVERSAL), Cost(0, most)


def _join(operands: Sequence[_Estimate], sizes: Sizes) -> tuple[Cost, Cost]:
    items = operands[0]
    size = _NONE
    if items.type.params:
        most = sizes((*items.path, "@items") if items.path else (), items.type.params[0])
        size = items.length * (_ANY if most is None else Cost(0, most))
    if len(operands) > 1:
        between = Cost(max(items.length.min - 1, 0), max(items.length.max - 1, 0))
        size += operands[1].length * between
    return size.scaled(_TRAVERSAL), size


_ELEMENTS = {"index_list": "@items", "index_map": "@values"}
_SPECIFICATION: dict[str, _Rule] = {
    **dict.fromkeys(("equals", "not_equals"), _compare),
    **{
        f"{order}_{kind}": _compare
        for order in ("less", "less_equals", "greater", "greater_equals")
        for kind in ("string", "bytes")
    },
    **dict.fromkeys(("add_string", "add_bytes"), _concatenate),
    "add_list": _concatenate_lists,
    "in_list": _find_in_list,
    **dict.fromkeys(("starts_with_string", "ends_with_string"), _traverse_part),
    "contains_string": _contains,
    **dict.fromkeys(("matches", "matches_string"), _matches),
    "string_to_bytes": _encode,
    "bytes_to_string": _decode,
    "strings_quote": _quote,
    "string_format": _traverse,
}
_KUBERNETES: dict[str, _Rule] = {
    **_SPECIFICATION,
    **dict.fromkeys(("indexOf", "lastIndexOf"), _traverse),
    **dict.fromkeys(("lowerAscii", "upperAscii", "substring", "trim"), _transform),
    "replace": _replace,
    "split": _split,
    "join": _join,
}
