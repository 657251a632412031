"""An expression for one binding and one route: what is constant there is folded in, loops over constants unrolled."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial, reduce

from admit.cel.ast import Call, Comprehension, Expr, Ident, Literal, Select, rebuild
from admit.cel.env import Declarations
from admit.cel.fold import fold, literal
from admit.cel.types import BOOL
from admit.rules.names import substitute

LONGEST_UNROLLED = 16
"""Elements of a constant list; a longer one is looped over."""


def simplify(node: Expr, constants: Mapping[str, Expr], operation: str, variables: str, within: Declarations) -> Expr:
    """The expression with names replaced by constants and `request.operation` known.

    `variables.x` becomes a variable of its own, called `VARIABLES.x` with the text given. The value, or error, is the
    same for every request of that operation.
    """
    return _unrolled(fold(_named(substitute(node, constants), operation, variables), within), within)


def _named(node: Expr, operation: str, variables: str) -> Expr:
    match node:
        case Select(operand=Ident(name="request"), field="operation", test=test):
            return literal(True if test else operation, node.span, node.type)
        case Select(operand=Ident(name="variables"), field=field, test=test):
            if test:
                return literal(True, node.span, node.type)
            return Ident(f"{variables}.{field}", span=node.span, type=node.type)
        case _:
            return rebuild(node, lambda child: _named(child, operation, variables))


def _unrolled(node: Expr, within: Declarations) -> Expr:
    node = rebuild(node, partial(_unrolled, within=within))
    match node:
        case Comprehension(
            macro="all" | "exists" as macro,
            range=Literal(value=list(items)),
            var=var,
            condition=condition,
            var2=None,
        ) if condition is not None and condition.type == BOOL and len(items) <= LONGEST_UNROLLED:
            operator = "_&&_" if macro == "all" else "_||_"
            terms = [fold(substitute(condition, {var: literal(item, node.span)}), within) for item in items]
            empty: Expr = Literal("bool", macro == "all", span=node.span, type=BOOL)
            return reduce(lambda a, b: fold(Call(operator, (a, b), span=node.span, type=BOOL), within), terms, empty)
        case Call(function="_&&_" | "_||_" | "_?_:_" | "!_"):
            return fold(node, within)
        case _:
            return node
