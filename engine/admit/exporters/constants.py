"""What is constant in a binding, written into its expressions: settings, and what follows from them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from admit.cel.ast import Call, Comprehension, Entry, Expr, Ident, ListExpr, Literal, MapExpr, Select, rebuild
from admit.cel.env import Declarations
from admit.cel.fold import computed, fold, literal
from admit.cel.types import DYN, Type
from admit.cel.unparse import unparse
from admit.cel.values import Optional
from admit.rules.names import free, substitute
from admit.source import UNKNOWN

LONGEST_INLINED = 30
"""Characters of a constant list or map; a longer one keeps the author's name, if it has one."""


def inlined(node: Expr, names: Mapping[str, Any], variables: Mapping[str, Literal], within: Declarations) -> Expr:
    """The checked expression with names and `variables.x` that are constant replaced by their values, and folded.

    It has the same value, or error, for every request.
    """
    by = {name: literal(value, UNKNOWN, DYN) for name, value in names.items()}
    return _renamed(_folded(_valued(substitute(node, by), variables), within), variables)


def spelled(node: Expr, loose: bool = False) -> Expr:
    """The expression with folded constants as an API server takes them: elements of several types are `dyn(...)`.

    `loose`: so are all constants that settings gave, whose type no author could rely on, and all elements of lists and
    maps.
    """
    match node:
        case Literal(type=type_) if loose and type_ is not None and _is_open(type_):
            return Call("dyn", (_spelled(node.value),))
        case Call("@in", (item, Literal(value=list() | dict() as among))) if not among:
            empty = Call("dyn", (_spelled(among),))  # by an empty literal an API server does not ask for the item
            return replace(node, args=(spelled(item, loose), empty))
        case Literal("constant") if isinstance(node.value, list | dict):
            return _spelled(node.value)
        case Call("orValue", (Literal() as default,), target) if target is not None and default.type == DYN:
            unknown = Call("dyn", (_spelled(default.value),))  # else what is there would be taken for one of its type
            return replace(node, args=(unknown,), target=spelled(target, loose))
        case ListExpr(items=items, optional=optional) if loose and len(items) > 1:
            return replace(node, items=tuple(_loosely(item, i in optional) for i, item in enumerate(items)))
        case MapExpr(entries=entries) if loose and len(entries) > 1:
            return replace(node, entries=tuple(replace(e, value=_loosely(e.value, e.optional)) for e in entries))
        case _:
            return rebuild(node, lambda child: spelled(child, loose))


def _loosely(node: Expr, optional: bool) -> Expr:
    """An API server breaks down at an optional element that is dyn."""
    node = spelled(node, True)
    return node if optional else Call("dyn", (node,))


def _folded(node: Expr, within: Declarations) -> Expr:
    """The expression with its constant parts computed, loops over constants and what is asked of nothing too;
    texts that follow one another are one."""
    while True:
        folded = _looped(fold(node, within), within)
        if folded == node:
            return folded
        node = folded


def _looped(node: Expr, within: Declarations) -> Expr:
    node = rebuild(node, lambda child: _looped(child, within))
    match node:
        case Comprehension() if not free(node):
            return computed(node, within)
        case Call("_+_", (Call("_+_", (first, Literal("string", one))), Literal("string", two))):
            return replace(node, args=(first, literal(one + two, node.span, node.type)))
        case Comprehension("all" | "exists" as macro, Literal(value=list() | dict() as over)) if not over:
            return literal(macro == "all", node.span, node.type)
        case Call("@in", (Ident(), Literal(value=list() | dict() as among))) if not among:
            return literal(False, node.span, node.type)
        case Comprehension("filter" | "map", Literal(value=list() | dict() as over)) if not over:
            return literal([], node.span, node.type)
        case MapExpr(entries=entries):
            return replace(node, entries=tuple(each for entry in entries if (each := _certain(entry)) is not None))
        case _:
            return node


def _certain(entry: Entry) -> Entry | None:
    """An optional entry as the plain one that it is, if its value is known; None where it is not there."""
    match entry:
        case Entry(value=Literal(value=Optional() as known), optional=True):
            if not known.present:
                return None
            return replace(entry, value=literal(known.value, entry.value.span, DYN), optional=False)
        case _:
            return entry


def _valued(node: Expr, variables: Mapping[str, Literal]) -> Expr:
    match node:
        case Select(Ident("variables"), name, test=False) if name in variables:
            return replace(variables[name], span=node.span)
        case _:
            return rebuild(node, lambda child: _valued(child, variables))


def _renamed(node: Expr, variables: Mapping[str, Literal]) -> Expr:
    """With what is left of long constants called by their names again."""
    match node:
        case Literal("constant"):
            for name, value in variables.items():
                if node == value and not is_short(value):
                    return Select(Ident("variables"), name, span=node.span, type=node.type)
            return node
        case _:
            return rebuild(node, lambda child: _renamed(child, variables))


def is_short(constant: Literal) -> bool:
    return constant.kind != "constant" or len(unparse(constant)) <= LONGEST_INLINED


def _is_open(type_: Type) -> bool:
    return type_ == DYN or any(map(_is_open, type_.params))


def _spelled(value: Any) -> Expr:
    match value:
        case list():
            return ListExpr(tuple(_alike(value)))
        case dict():
            keys = map(_spelled, value)
            return MapExpr(tuple(Entry(*entry) for entry in zip(keys, _alike([*value.values()]), strict=True)))
        case _:
            return literal(value, UNKNOWN)


def _alike(values: list[Any]) -> list[Expr]:
    """The nodes of elements, which must be of one type."""
    nodes = [_spelled(value) for value in values]
    if len({_shape(value) for value in values}) <= 1:
        return nodes
    return [Call("dyn", (node,)) for node in nodes]


def _shape(value: Any) -> str:
    """A text that is the same of values that an API server takes for values of one type."""
    match value:
        case list():
            shapes = sorted({_shape(item) for item in value})
            return f"list({shapes[0] if len(shapes) == 1 else 'dyn'})"
        case dict():
            shapes = sorted({_shape(item) for item in value.values()})
            return f"map({shapes[0] if len(shapes) == 1 else 'dyn'})"
        case _:
            return type(value).__name__
