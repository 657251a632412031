"""The names in an expression: which are free, and replacing them by expressions without capture."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial

from admit.cel.ast import Bind, Comprehension, Expr, Ident, OptMap, children, rebuild
from admit.source import Span


def free(node: Expr) -> frozenset[str]:
    """The names that the expression takes from outside."""
    return frozenset(key.removeprefix(".") for key in _free(node))


def substitute(node: Expr, by: Mapping[str, Expr]) -> Expr:
    """The expression with each free name in `by` replaced; what replaces a name takes over its place in the text.

    A variable of a comprehension that would capture a name of the replacement is renamed.
    """
    return _substitute(node, {**by, **{"." + name: new for name, new in by.items()}}) if by else node


def fresh(name: str, *taken: frozenset[str]) -> str:
    """The name, or a longer one that is not taken."""
    while any(name in names for names in taken):
        name += "_"
    return name


def _free(node: Expr) -> frozenset[str]:
    """The free names, those that are written `.name` with their dot, since no variable shadows them."""
    match node:
        case Ident():
            return frozenset((_key(node),))
        case Comprehension() | Bind() | OptMap():
            outer, inner = parts(node)
            inside: frozenset[str] = frozenset().union(*map(_free, inner))
            return frozenset().union(inside.difference(bound_by(node)), *map(_free, outer))
        case _:
            return frozenset().union(*map(_free, children(node)))


def _substitute(node: Expr, by: Mapping[str, Expr]) -> Expr:
    match node:
        case Ident():
            new = by.get(_key(node))
            return node if new is None else _at(new, node.span)
        case Comprehension(range=range_, condition=condition, result=result):
            renamed, inside = _inside(node, by)
            return replace(
                node,
                range=_substitute(range_, by),
                var=renamed.get(node.var, node.var),
                condition=condition and _substitute(condition, inside),
                result=result and _substitute(result, inside),
                var2=node.var2 and renamed.get(node.var2, node.var2),
            )
        case Bind(var=var, value=value, body=body):
            renamed, inside = _inside(node, by)
            new_value, new_body = _substitute(value, by), _substitute(body, inside)
            return replace(node, var=renamed.get(var, var), value=new_value, body=new_body)
        case OptMap(target=target, var=var, body=body):
            renamed, inside = _inside(node, by)
            new_target, new_body = _substitute(target, by), _substitute(body, inside)
            return replace(node, target=new_target, var=renamed.get(var, var), body=new_body)
        case _:
            return rebuild(node, partial(_substitute, by=by))


def _inside(
    node: Comprehension | Bind | OptMap, by: Mapping[str, Expr]
) -> tuple[Mapping[str, str], Mapping[str, Expr]]:
    """The variables that need another name, and what is replaced where they are seen."""
    variables = bound_by(node)
    used: frozenset[str] = frozenset().union(*map(_free, parts(node)[1]))
    inside = {key: new for key, new in by.items() if key in used and key not in variables}
    arriving: frozenset[str] = frozenset().union(*map(free, inside.values()))
    renamed = {v: fresh(v, arriving, used) for v in variables if v in arriving}
    return renamed, inside | {old: Ident(new) for old, new in renamed.items()}


def _key(node: Ident) -> str:
    return "." + node.name if node.absolute else node.name


def bound_by(node: Comprehension | Bind | OptMap) -> tuple[str, ...]:
    if isinstance(node, Comprehension) and node.var2 is not None:
        return node.var, node.var2
    return (node.var,)


def parts(node: Comprehension | Bind | OptMap) -> tuple[tuple[Expr, ...], tuple[Expr, ...]]:
    """The sub-expressions that do not see the variables, and those that do."""
    match node:
        case Comprehension(range=range_, condition=condition, result=result):
            return (range_,), tuple(part for part in (condition, result) if part is not None)
        case Bind(value=value, body=body):
            return (value,), (body,)
        case OptMap(target=target, body=body):
            return (target,), (body,)


def _at(node: Expr, span: Span) -> Expr:
    return rebuild(replace(node, span=span), partial(_at, span=span))
