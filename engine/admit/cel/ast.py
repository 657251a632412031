"""The nodes of a CEL expression: frozen, compared and printed without their spans and types."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, TypeAlias

from admit.source import UNKNOWN, Span

if TYPE_CHECKING:
    from admit.cel.library import Overload
    from admit.cel.types import Type


@dataclass(frozen=True, slots=True)
class Node:
    """`type` is filled in by the checker; None is a node that was not checked."""

    span: Span = field(default=UNKNOWN, compare=False, repr=False, kw_only=True)
    type: Type | None = field(default=None, compare=False, repr=False, kw_only=True)


@dataclass(frozen=True, slots=True, eq=False)
class Literal(Node):
    """`1`, `1u`, `1.5`, `'a'`, `b'a'`, `true`, `null`; also any constant that folding made.

    INVARIANT: `kind` is the CEL type's name ("int", "uint", "double", "string", "bytes", "bool", "null_type", or
    "constant" for a folded list, map, duration, ...), and part of the comparison: 1 == 1.0 == True in Python.
    INVARIANT: what is no literal of CEL shows its whole value in its `repr`, which folded constants compare by.
    """

    kind: str
    value: Any

    def key(self) -> tuple[str, Any]:
        if self.kind == "constant":
            return self.kind, repr(self.value)
        if self.kind == "double":  # 0.0 == -0.0, and NaN is not itself
            return self.kind, (math.copysign(1, self.value), "nan" if self.value != self.value else self.value)
        return self.kind, self.value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Literal) and self.key() == other.key()

    def __hash__(self) -> int:
        return hash(self.key())


@dataclass(frozen=True, slots=True)
class Ident(Node):
    """`name`; after a check also a qualified variable (`authorizer.requestResource`). `absolute`: `.name`"""

    name: str
    absolute: bool = False


@dataclass(frozen=True, slots=True)
class Select(Node):
    """`operand.field`; as a test, `has(operand.field)`"""

    operand: Expr
    field: str
    test: bool = False


@dataclass(frozen=True, slots=True)
class Call(Node):
    """`function(args)`, `target.function(args)`, and every operator under cel-go's name:

    `_&&_ _||_ _?_:_ !_ -_ _+_ _-_ _*_ _/_ _%_ _==_ _!=_ _<_ _<=_ _>_ _>=_ @in _[_] _[?_] _?._`
    (`a.?b` is `_?._(a, 'b')`). `overloads`: those that the checker left possible.
    """

    function: str
    args: tuple[Expr, ...]
    target: Expr | None = None
    overloads: tuple[Overload, ...] = field(default=(), compare=False, repr=False, kw_only=True)

    @property
    def operands(self) -> tuple[Expr, ...]:
        """The target, if any, and the arguments."""
        return self.args if self.target is None else (self.target, *self.args)


@dataclass(frozen=True, slots=True)
class ListExpr(Node):
    """`[a, ?b]`; `optional` has the indexes of items written with `?`"""

    items: tuple[Expr, ...]
    optional: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Entry(Node):
    """`key: value` of a map, `?key: value` if optional; no expression by itself."""

    key: Expr
    value: Expr
    optional: bool = False


@dataclass(frozen=True, slots=True)
class MapExpr(Node):
    """`{key: value, ?key: value}`"""

    entries: tuple[Entry, ...]


@dataclass(frozen=True, slots=True)
class FieldInit(Node):
    """`field: value` of a message, `?field: value` if optional; no expression by itself."""

    field: str
    value: Expr
    optional: bool = False


@dataclass(frozen=True, slots=True)
class Message(Node):
    """`Object.spec{replicas: 3}`"""

    name: str
    fields: tuple[FieldInit, ...]


@dataclass(frozen=True, slots=True)
class Comprehension(Node):
    """`range.macro(var, condition)`, `range.macro(var, [condition,] result)`, or with two variables.

    | macro | condition | result |
    | --- | --- | --- |
    | all exists exists_one filter | the predicate | None |
    | map transformList transformMap | the filter, or None | the transformation |
    | transformMapEntry | the filter, or None | a map literal |

    `macro` is as written (existsOne stays existsOne).
    """

    macro: str
    range: Expr
    var: str
    condition: Expr | None
    result: Expr | None = None
    var2: str | None = None


@dataclass(frozen=True, slots=True)
class Bind(Node):
    """`cel.bind(var, value, body)`

    `target.sortBy(x, key)` is `cel.bind(SORTED, target, SORTED.@sortByAssociatedKeys(SORTED.map(x, key)))`.
    """

    var: str
    value: Expr
    body: Expr


SORTED = "@__sortBy_input__"


@dataclass(frozen=True, slots=True)
class OptMap(Node):
    """`target.optMap(var, body)`; flat: `target.optFlatMap(var, body)`"""

    target: Expr
    var: str
    body: Expr
    flat: bool = False


Expr: TypeAlias = Literal | Ident | Select | Call | ListExpr | MapExpr | Message | Comprehension | Bind | OptMap


def children(node: Expr) -> Iterator[Expr]:
    """The sub-expressions, in the order of the text."""
    match node:
        case Literal() | Ident():
            pass
        case Select(operand=operand):
            yield operand
        case Call():
            yield from node.operands
        case ListExpr(items=items):
            yield from items
        case MapExpr(entries=entries):
            for entry in entries:
                yield entry.key
                yield entry.value
        case Message(fields=fields):
            for init in fields:
                yield init.value
        case Comprehension():
            yield node.range
            if node.condition is not None:
                yield node.condition
            if node.result is not None:
                yield node.result
        case Bind(value=value, body=body):
            yield value
            yield body
        case OptMap(target=target, body=body):
            yield target
            yield body


def rebuild(node: Expr, change: Callable[[Expr], Expr]) -> Expr:
    """The node with `change` applied to each sub-expression; the node itself where nothing changed."""
    match node:
        case Literal() | Ident():
            return node
        case Select(operand=operand):
            new = change(operand)
            return node if new is operand else replace(node, operand=new)
        case Call(args=args, target=target):
            new_target = None if target is None else change(target)
            new_args = tuple(map(change, args))
            if new_target is target and all(map(_same, new_args, args)):
                return node
            return replace(node, args=new_args, target=new_target)
        case ListExpr(items=items):
            new_items = tuple(map(change, items))
            return node if all(map(_same, new_items, items)) else replace(node, items=new_items)
        case MapExpr(entries=entries):
            new_entries = tuple(_rebuild_entry(entry, change) for entry in entries)
            return node if all(map(_same, new_entries, entries)) else replace(node, entries=new_entries)
        case Message(fields=fields):
            new_fields = tuple(_rebuild_field(init, change) for init in fields)
            return node if all(map(_same, new_fields, fields)) else replace(node, fields=new_fields)
        case Comprehension(range=range_, condition=condition, result=result):
            new_range = change(range_)
            new_condition = None if condition is None else change(condition)
            new_result = None if result is None else change(result)
            if new_range is range_ and new_condition is condition and new_result is result:
                return node
            return replace(node, range=new_range, condition=new_condition, result=new_result)
        case Bind(value=value, body=body):
            new_value, new_body = change(value), change(body)
            if new_value is value and new_body is body:
                return node
            return replace(node, value=new_value, body=new_body)
        case OptMap(target=target, body=body):
            new_target, new_body = change(target), change(body)
            if new_target is target and new_body is body:
                return node
            return replace(node, target=new_target, body=new_body)


def _same(a: object, b: object) -> bool:
    return a is b


def _rebuild_entry(entry: Entry, change: Callable[[Expr], Expr]) -> Entry:
    key, value = change(entry.key), change(entry.value)
    return entry if key is entry.key and value is entry.value else replace(entry, key=key, value=value)


def _rebuild_field(init: FieldInit, change: Callable[[Expr], Expr]) -> FieldInit:
    value = change(init.value)
    return init if value is init.value else replace(init, value=value)
