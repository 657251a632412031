"""Checked CEL to Python's `ast`: the fast form of a program, each node at the position of the rule file."""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from admit.cel.ast import Expr
from admit.cel.cost.priced import Priced
from admit.cel.emit.bounds import may_exceed
from admit.cel.emit.counted import CountingEmitter
from admit.cel.emit.emitter import Emitter, far_return
from admit.cel.emit.frame import SURPRISES, UNBOUND, Exceeded, Exit, Unfit
from admit.cel.quote import quote, statements
from admit.source import Span

__all__ = [
    "SURPRISES",
    "UNBOUND",
    "Code",
    "Emitter",
    "Exceeded",
    "Exit",
    "Unfit",
    "emit",
    "emit_counted",
    "emit_exact",
    "far_return",
    "function",
    "may_exceed",
]


@dataclass(frozen=True, slots=True)
class Code:
    """A function as Python's `ast`, and the objects of ours that it names."""

    tree: ast.Module
    name: str
    namespace: dict[str, Any]

    @property
    def text(self) -> str:
        """The function as Python text."""
        return ast.unparse(self.tree)


def emit(
    expr: Expr,
    parameters: Sequence[str],
    exact: Callable[..., Any],
    kubernetes: int | None,
    name: str = "program",
    definitions: Mapping[str, Expr] = MappingProxyType({}),
) -> Code:
    """The function of the parameters that gives the expression's value, or hands over to `exact` (by keyword).

    `definitions`: variables that stand for expressions; `kubernetes`: the minor whose functions are called. Raises
    Unfit where the expression has no fast form.
    """
    if any(map(may_exceed, (expr, *definitions.values()))):
        raise Unfit("many questions to the authorizer")
    emitter = Emitter(parameters, kubernetes)
    for variable, definition in definitions.items():
        emitter.define(variable, definition)
    expr = emitter.prepare(expr)
    if expr.type is not None and expr.type.name == "bool":
        emitter.unless(expr, far_return(False, expr.span))
        emitter.frame.block.extend(far_return(True, expr.span).stmts)
    else:
        value = emitter.value(expr)
        result = ast.copy_location(ast.Return(value.code), value.code)
        emitter.frame.block.append(result)
    return function(emitter, name, _handover(emitter, exact, expr.span), expr.span)


def emit_exact(expr: Expr, parameters: Sequence[str], exact: Callable[..., Any], name: str = "program") -> Code:
    """A function of the parameters that only hands over to `exact`."""
    emitter = Emitter(parameters)
    return function(emitter, name, _handover(emitter, exact, expr.span), expr.span)


def emit_counted(
    priced: Priced,
    parameters: Sequence[str],
    exact: Callable[..., Any],
    chosen: Callable[[Any], Any],
    name: str = "counted",
) -> Code:
    """The function of the parameters, and of a limit, that gives the expression's value and what it has cost; or hands
    over to `exact` (by keyword, the limit last). It raises Exceeded where the limit is passed.

    `chosen` is what becomes of an optional that a `?:` gives. Raises Unfit where there is no such form.
    """
    emitter = CountingEmitter(priced, parameters, chosen)
    emitter.emit()
    return function(emitter, name, _handover(emitter, exact, priced.expr.span), priced.expr.span)


def function(emitter: Emitter | CountingEmitter, name: str, otherwise: Sequence[ast.stmt], span: Span) -> Code:
    """What has been emitted as a function `name` of the emitter's parameters, `otherwise` after a surprise."""
    frame = emitter.frame
    body = list(otherwise)
    if frame.block:
        body = statements(
            "try:\n body\nexcept surprises:\n pass\notherwise",
            span,
            body=[*frame.prologue, *frame.block],
            surprises=frame.helper(SURPRISES, "surprises"),
            otherwise=otherwise,
        )
    unbound = quote("UNBOUND", span, UNBOUND=frame.helper(UNBOUND, "UNBOUND"))
    arguments = ast.arguments(
        posonlyargs=[],
        args=[ast.copy_location(ast.arg(parameter), unbound) for parameter in frame.parameters],
        kwonlyargs=[],
        kw_defaults=[],
        defaults=[unbound] * len(frame.parameters),
    )
    definition = ast.copy_location(ast.FunctionDef(name, arguments, body, []), unbound)
    return Code(ast.Module([definition], []), name, frame.namespace)


def _handover(emitter: Emitter | CountingEmitter, exact: Callable[..., Any], span: Span) -> list[ast.stmt]:
    frame = emitter.frame
    call = quote("exact()", span, exact=frame.helper(exact, "exact"))
    assert isinstance(call, ast.Call)
    call.keywords = [
        ast.copy_location(ast.keyword(parameter, quote("p", span, p=parameter)), call) for parameter in frame.parameters
    ]
    return [ast.copy_location(ast.Return(call), call)]
