"""An expression for one binding and one route: what is constant there is folded in, loops over constants unrolled."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial, reduce

from admit.cel.ast import (
    Bind,
    Call,
    Comprehension,
    Entry,
    Expr,
    Ident,
    Literal,
    MapExpr,
    OptMap,
    Select,
    children,
    rebuild,
)
from admit.cel.env import Declarations
from admit.cel.fold import computed, fold, fold_node, literal
from admit.cel.types import BOOL, DYN, STRING, map_of
from admit.rules.names import bound_by, free, parts, substitute

LONGEST_UNROLLED = 16
"""Elements of a constant list; a longer one is looped over."""

MOST_UNROLLED = 1000
"""Nodes that an unrolled loop may come to; loops over constants in one another would double and redouble."""


def simplify(
    node: Expr, constants: Mapping[str, Expr], operation: str, variables: Mapping[str, Expr], within: Declarations
) -> Expr:
    """The expression with names replaced by constants, `request.operation` known, and `variables.x` by what stands
    for it. The value, or error, is the same for every request of that operation.
    """
    return unrolled(fold(_named(substitute(node, constants), operation, variables), within), within)


def _named(node: Expr, operation: str, variables: Mapping[str, Expr], shadowed: frozenset[str] = frozenset()) -> Expr:
    match node:
        case Select(operand=Ident(name="request"), field="operation", test=test) if "request" not in shadowed:
            return literal(True if test else operation, node.span, node.type)
        case Select(operand=Ident(name="variables"), field=field, test=test) if "variables" not in shadowed:
            value = replace(variables[field], span=node.span)
            if not test or isinstance(value, Literal):
                return literal(True, node.span, node.type) if test else value
            alone = MapExpr((Entry(literal(field, node.span), value),), span=node.span, type=map_of(STRING, DYN))
            return replace(node, operand=alone)  # it is there, unless it fails
        case Comprehension() | Bind() | OptMap():
            outer, inner = parts(node)
            inside = shadowed.union(bound_by(node))
            scopes = iter([shadowed] * len(outer) + [inside] * len(inner))
            return rebuild(node, lambda child: _named(child, operation, variables, next(scopes)))
        case _:
            return rebuild(node, lambda child: _named(child, operation, variables, shadowed))


def unrolled(node: Expr, within: Declarations) -> Expr:
    """The expression with `all` and `exists` over few constants as `&&` and `||`, and no empty list added."""
    node = rebuild(node, partial(unrolled, within=within))
    match node:
        case Comprehension(
            macro="all" | "exists" as macro,
            range=Literal(value=list(items)),
            var=var,
            condition=condition,
            var2=None,
        ) if condition is not None and condition.type == BOOL and _unrolls(items, condition):
            operator = "_&&_" if macro == "all" else "_||_"
            terms = [fold(substitute(condition, {var: literal(item, node.span)}), within) for item in items]
            empty: Expr = Literal("bool", macro == "all", span=node.span, type=BOOL)
            return reduce(
                lambda a, b: fold_node(Call(operator, (a, b), span=node.span, type=BOOL), within), terms, empty
            )
        case Comprehension(range=Literal(value=list(items))) if len(items) <= LONGEST_UNROLLED and _is_plain(node):
            return computed(node, within)
        case Call(function="_+_", args=(Comprehension(macro="filter" | "map") as items, Literal(value=[]))):
            return items
        case _:
            return fold_node(node, within)


def _unrolls(items: Sequence[object], condition: Expr) -> bool:
    return len(items) <= LONGEST_UNROLLED and len(items) * _nodes(condition) <= MOST_UNROLLED


def _nodes(node: Expr) -> int:
    return 1 + sum(map(_nodes, children(node)))


def _is_plain(node: Comprehension) -> bool:
    """Whether a comprehension has no variables but its own, and no other comprehension in it."""
    return not free(node) and not any(map(_loops, children(node)))


def _loops(node: Expr) -> bool:
    return isinstance(node, Comprehension) or any(map(_loops, children(node)))
