"""Constant folding: what can be computed before a request comes, is; what would fail is left to fail."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

from admit.cel.ast import Call, Comprehension, Expr, ListExpr, Literal, MapExpr, Select, rebuild
from admit.cel.env import Declarations
from admit.cel.evaluate import evaluate
from admit.cel.library import result_of
from admit.cel.types import BOOL, Type
from admit.cel.values import Optional, Uint
from admit.errors import EvaluationError
from admit.source import Span

_KINDS: dict[type, str] = {
    bool: "bool",
    int: "int",
    Uint: "uint",
    float: "double",
    str: "string",
    bytes: "bytes",
    type(None): "null_type",
}


def literal(value: Any, span: Span, type_: Type | None = None) -> Literal:
    """A value as a node."""
    return Literal(_KINDS.get(type(value), "constant"), value, span=span, type=type_)


def fold(node: Expr, within: Declarations) -> Expr:
    """The expression with its constant parts computed. It has the same value, or error, for every input."""
    match node:
        case Call(function="@in", args=(_, ListExpr(items=()))) if within.kubernetes is not None:
            return literal(False, node.span, node.type)  # before the list is a constant as others are
    return fold_node(rebuild(node, partial(fold, within=within)), within)


def fold_node(node: Expr, within: Declarations) -> Expr:
    """`fold` of a node whose sub-expressions are folded already."""
    match node:
        case Call(function="_&&_" | "_||_" as operator, args=(a, b)):
            return _connective(node, a, b, operator == "_||_", within)
        case Call(function="_?_:_", args=(Literal(kind="bool", value=condition), a, b)):
            chosen = a if condition else b
            packed = chosen.type is not None and chosen.type.name == "optional_type"  # anew: see `evaluate`
            return node if packed and within.kubernetes is not None else chosen
        case Call() if all(isinstance(operand, Literal) for operand in node.operands):
            return computed(node, within)
        case Select(operand=Literal()):
            return computed(node, within)
        case ListExpr(items=items, optional=optional) if not optional and _literals(items):
            return computed(node, within)
        case MapExpr(entries=entries) if all(
            not entry.optional and _literals((entry.key, entry.value)) for entry in entries
        ):
            return computed(node, within)
        case _:
            return node


def _connective(node: Call, a: Expr, b: Expr, decisive: bool, within: Declarations) -> Expr:
    """`false && x` is false whatever x is; `true && x` is x only where x is sure to be a bool."""
    for one, other in ((a, b), (b, a)):
        if isinstance(one, Literal) and one.kind == "bool":
            if one.value is decisive:
                return replace(one, span=node.span)
            if _gives_bool(other, within):
                return other
    return node


def _gives_bool(node: Expr, within: Declarations) -> bool:
    """Whether its value, if it has one, is a bool; the checker's type is a guess where `dyn` was joined to others."""
    match node:
        case Select(test=True) | Comprehension(macro="all" | "exists" | "exists_one" | "existsOne"):
            return True
        case Call(function=function):
            return result_of(function, within.kubernetes) == BOOL
        case _:
            return isinstance(node, Literal) and node.kind == "bool"


def _literals(nodes: tuple[Expr, ...]) -> bool:
    return all(isinstance(node, Literal) for node in nodes)


def computed(node: Expr, within: Declarations) -> Expr:
    """The value of an expression without variables; the expression itself where it fails."""
    try:
        value = evaluate(node, {}, within)
    except EvaluationError:
        return node
    if isinstance(value, Optional) and (
        isinstance(node, Select) or (isinstance(node, Call) and node.function == "_[_]")
    ):
        return node  # to what looks into it, it matters where it comes from
    return literal(value, node.span, node.type)
