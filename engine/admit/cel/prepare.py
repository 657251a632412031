"""What the API server computes when it makes a program, before there is any input: what fails there is refused."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress

from admit.cel import regex
from admit.cel.ast import Call, Expr, Ident, ListExpr, Literal, MapExpr, children
from admit.cel.library import dispatch, operation
from admit.cel.types import Kind, Type
from admit.cel.values import ABSENT, Value, make_map, opt_index
from admit.errors import EvaluationError, Issue

_CONVERSIONS = frozenset(
    ("bool", "bytes", "double", "duration", "dyn", "int", "string", "timestamp", "type", "uint"),
)


def unfit(root: Expr, kubernetes: int) -> Issue | None:
    """The first failure of a checked expression. Source: cel-go, interpreter/planner.go and decorators.go."""
    try:
        constants(root, kubernetes)
    except EvaluationError as error:
        return Issue(f"program instantiation failed: {error}", error.span or root.span)
    return None


def constants(root: Expr, kubernetes: int | None) -> Mapping[int, Value]:
    """What has a value without input, by the `id` of its node. Raises EvaluationError for the first failure."""
    known: dict[int, Value] = {}
    pending = [(root, False)]
    while pending:
        node, ready = pending.pop()
        if not ready:
            pending.append((node, True))
            pending.extend((child, False) for child in reversed(tuple(children(node))))
            continue
        try:
            value = _constant(node, known, kubernetes)
        except EvaluationError as error:
            raise EvaluationError(str(error), node.span) from None
        if value is not ABSENT:
            known[id(node)] = value
    return known


def _constant(node: Expr, constants: Mapping[int, Value], kubernetes: int | None) -> Value:
    """The value of a node, if it is one already; ABSENT otherwise."""
    match node:
        case Literal(value=value):
            return value
        case Ident(name=name, type=Type(kind=Kind.TYPE)):
            raise EvaluationError(f"reference to undefined type: {name}")
    known = [constants.get(id(child), ABSENT) for child in children(node)]
    match node:
        case Call(function="_[_]" | "_[?_]") if known[1] is not ABSENT:
            opt_index({}, known[1])
        case Call(function="matches" | "find" | "findAll" as function) if type(known[1]) is str:
            if function == "matches":
                regex.compile(known[1])
            else:
                regex.find_all("", known[1])
        case Call(function="@in", overloads=(overload,)) if overload.id == "in_list" and known[1] == []:
            return False
        case Call(function=function, target=None) if function in _CONVERSIONS and ABSENT not in known:
            return dispatch(operation(function, node.overloads), known, kubernetes)
        case ListExpr(optional=frozenset()) if ABSENT not in known:
            return known
        case MapExpr(entries=entries) if ABSENT not in known and not any(entry.optional for entry in entries):
            with suppress(EvaluationError):
                return make_map(zip(known[::2], known[1::2], strict=True), strict=False)
    return ABSENT
