"""A plan's expressions to Python functions: one for all that a route asks, single ones to tell what fails."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

from admit.cel.ast import Expr, Ident, children
from admit.cel.cost.model import LIMIT
from admit.cel.emit import Code, Emitter, Unfit, far_return, function
from admit.cel.env import Declarations
from admit.cel.link import Program, link, load
from admit.errors import EvaluationError
from admit.plan.ir import OBJECTS, PARAMETERS, Plan
from admit.plan.share import conjunction
from admit.source import UNKNOWN

if TYPE_CHECKING:
    from admit.plan.projection import Projection

Holds = Callable[..., bool]
"""Of some parameters: True where everything asked holds; False where something does not, or nothing can be said."""


class Expression:
    """One expression of a plan; compiled when it is first asked for, since most never are."""

    __slots__ = ("_definitions", "_expr", "_names", "_program", "_within")

    def __init__(
        self, expr: Expr, within: Declarations, definitions: Mapping[str, Expr], variables: Sequence[str] = ()
    ) -> None:
        self._expr = expr
        self._names = (*PARAMETERS, *variables)
        self._within = within
        self._definitions = definitions
        self._program: Program | None = None

    def __call__(self, scope: Mapping[str, Any]) -> Any:
        """The value, for a scope that has PARAMETERS and the variables. Raises EvaluationError."""
        if self._program is None:
            mentioned = _mentioned(self._expr, self._definitions)
            self._names = tuple([name for name in self._names if name in mentioned])
            self._program = link(self._expr, self._names, self._within, definitions=self._definitions)
        return self._program(*[scope[name] for name in self._names])

    @property
    def most(self) -> int:
        """What its evaluation, of which a value has come, may have cost at most."""
        assert self._program is not None
        return min(self._program.cost.max, LIMIT)


class Judge:
    """The conjunction of many conditions as one function; those without a fast form are asked one by one.

    `fused` is of `parameters`: the objects, and what else there is that the conditions mention.
    """

    def __init__(
        self, conditions: Sequence[Expr], definitions: Mapping[str, Expr], within: Declarations, name: str
    ) -> None:
        mentioned = frozenset(OBJECTS).union(*map(_names, (*conditions, *definitions.values())))
        self.parameters = tuple(parameter for parameter in PARAMETERS if parameter in mentioned)
        fused = partial(_fused, parameters=self.parameters, definitions=definitions, within=within, name=name)
        unfit: list[Expr] = []
        try:
            self.code = fused(conditions)
        except (Unfit, RecursionError):
            fits = [_fits(condition, fused) for condition in conditions]
            unfit = [condition for condition, fit in zip(conditions, fits, strict=True) if not fit]
            fit = [condition for condition, fit in zip(conditions, fits, strict=True) if fit]
            try:
                self.code = fused(fit)
            except (Unfit, RecursionError):  # each is within bounds, all of them together are not
                unfit = [*conditions]
                self.code = fused([])
        self.fused: Holds = load(self.code, conditions[0].span if conditions else UNKNOWN)
        self.rest = [Expression(condition, within, definitions) for condition in unfit]
        self.plain = not self.rest and self.parameters == OBJECTS
        self._conditions, self._definitions = conditions, definitions

    def __call__(self, scope: Mapping[str, Any]) -> bool:
        """Whether all holds, for a scope with PARAMETERS; what errs does not."""
        try:
            return self.fused(*[scope[name] for name in self.parameters]) and all(e(scope) is True for e in self.rest)
        except EvaluationError:
            return False

    @cached_property
    def projection(self) -> Projection:
        """What is to be read of the objects for `fused`."""
        from admit.plan.projection import Projection  # with msgspec: who decides once does not wait for that

        return Projection(self._conditions, self._definitions)


def judges(plan: Plan, within: Declarations) -> tuple[Judge, Judge]:
    """Whether no validation of the plan's settled groups fails; and whether no mutation changes anything, besides."""
    settled = [step for group in plan.groups if group.settled for step in group.steps]
    definitions = {name: expr for step in settled for name, expr in step.definitions.items()}
    holds = Judge(plan.holds, definitions, within, "holds")
    quiet = Judge((*plan.idle, *plan.holds), definitions, within, "quiet") if plan.idle else holds
    return holds, quiet


def _fits(condition: Expr, fused: Callable[[Iterable[Expr]], Code]) -> bool:
    try:
        fused([condition])
    except (Unfit, RecursionError):
        return False
    return True


def _fused(
    conditions: Iterable[Expr],
    parameters: Sequence[str],
    definitions: Mapping[str, Expr],
    within: Declarations,
    name: str,
) -> Code:
    emitter = Emitter(parameters, within.kubernetes)
    for variable, definition in definitions.items():
        emitter.define(variable, definition)
    condition = emitter.prepare(conjunction(conditions))
    emitter.unless(condition, far_return(False))
    emitter.frame.block.extend(far_return(True).stmts)
    return function(emitter, name, far_return(False).stmts, condition.span)


def _mentioned(expr: Expr, definitions: Mapping[str, Expr]) -> frozenset[str]:
    """Names that occur in the expression, or in the definitions of any of them."""
    found: frozenset[str] = frozenset()
    new = _names(expr)
    while new:
        found |= new
        new = frozenset().union(*(_names(definitions[name]) for name in new if name in definitions)) - found
    return found


def _names(node: Expr) -> frozenset[str]:
    """Names that occur; more than are free is no harm."""
    own = frozenset((node.name,)) if isinstance(node, Ident) else frozenset()
    return own.union(*map(_names, children(node)))
