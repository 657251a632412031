"""The expressions of a step as functions, and where in the object the elements are that its loops run over."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cache, cached_property
from typing import Any, TypeAlias

from admit.cel.ast import Expr
from admit.cel.cost import estimate
from admit.cel.cost.model import LIMIT
from admit.cel.emit import UNBOUND
from admit.cel.env import AUTHORIZER, NEWEST, Declarations, admission
from admit.cel.values import Map, display
from admit.errors import EvaluationError
from admit.plan.ir import PARAMETERS
from admit.plan.link import Expression
from admit.plan.write import MISSING, value_at
from admit.rules.lower import Loop
from admit.rules.paths import Elements, Path

Scope: TypeAlias = Mapping[str, Any]
Place: TypeAlias = tuple[str | int, ...]
Places: TypeAlias = Mapping[str, Place | None]
"""Where in the object a variable's value is; None where it is not in the object."""

OBJECT: Places = {"object": ()}
NOWHERE = Elements(())
NO_AUTHORIZER = dict.fromkeys(AUTHORIZER, UNBOUND)


class Expressions:
    """Each is compiled when it is first asked for. `definitions` are the variables that they may mention."""

    def __init__(self, definitions: Mapping[str, Expr], within: Declarations) -> None:
        self._definitions = definitions
        self._within = within
        self._known: dict[tuple[object, ...], Expression] = {}

    def value(self, expr: Expr, scope: Scope, within: Declarations | None = None) -> Any:
        """Raises EvaluationError."""
        return self._expression(expr, scope, within)(scope)

    def true(self, condition: Expr, scope: Scope) -> bool:
        """Raises EvaluationError, also where it is no bool."""
        value = self.value(condition, scope)
        if value is not True and value is not False:
            raise EvaluationError(f"expected a bool but found {display(value)}", condition.span)
        return value

    def text(self, message: Expr, scope: Scope) -> Any:
        """The value of a message, which may call what only the newest Kubernetes has, but asks no authorizer.

        Raises EvaluationError.
        """
        return self.value(message, {**scope, **NO_AUTHORIZER}, _newest())

    def values(self, expressions: Sequence[Expr | None], scope: Scope, budget: int) -> tuple[list[Any], int]:
        """The values of some expressions, null for none, and what is left of a budget at least.

        Raises EvaluationError where one errs, or where the budget may not suffice: then it must be counted.
        """
        values: list[Any] = []
        for expr in expressions:
            values.append(None if expr is None else self.value(expr, scope))
            budget -= 0 if expr is None else self._expression(expr, scope).most
        budget -= self._most_of_variables if values else 0
        if budget < 0:
            raise EvaluationError("what it costs is not known")
        return values, budget

    def combinations(
        self, loops: Sequence[Loop], scope: Scope, places: Places, failed: list[EvaluationError]
    ) -> Iterator[tuple[Scope, Places]]:
        """A scope, and the places of its variables, for every combination of the loops' elements.

        Lists that cannot be had are left out; why is added to `failed`.
        """
        if not loops:
            yield scope, places
            return
        loop, *rest = loops
        try:
            items = self.value(loop.list, scope)  # of a map the keys
            if not isinstance(items, list | dict | Map):
                raise EvaluationError("expression of type 'list' expected")
            found = self.places(loop, len(items), scope, places)
        except EvaluationError as error:
            failed.append(error)
            return
        for item, place in zip(items, found, strict=True):
            inner = {**scope, loop.variable: item}
            yield from self.combinations(rest, inner, {**places, loop.variable: place}, failed)

    def places(self, loop: Loop, count: int, scope: Scope, places: Places) -> list[Place | None]:
        """Where a loop's elements are, of which there are so many. Raises EvaluationError."""
        found: list[Place | None] = []
        elements = loop.elements or NOWHERE
        for path in elements.lists:
            place = self.place(path, scope, places)
            items = MISSING if place is None else value_at(scope["object"], place)
            if place is None or type(items) is not list:
                continue
            for index, item in enumerate(items):
                if not elements.kept or self._is_kept(elements, item, scope):
                    found.append((*place, index))
        return found if len(found) == count else [None] * count

    def place(self, path: Path, scope: Scope, places: Places) -> Place | None:
        """Raises EvaluationError."""
        start = places.get(path.root)
        if start is None:
            return None
        return (*start, *[s if isinstance(s, str) else _token(self.value(s, scope)) for s in path.segments])

    def _is_kept(self, elements: Elements, item: Any, scope: Scope) -> bool:
        return all(self.value(condition, {**scope, name: item}) is True for name, condition in elements.kept)

    @cached_property
    def _most_of_variables(self) -> int:
        return sum(min(estimate(each, self._within).max, LIMIT) for each in self._definitions.values())

    def _expression(self, expr: Expr, scope: Scope, within: Declarations | None = None) -> Expression:
        key = (id(expr), *scope)  # one message may be that of several rules, with other variables
        expression = self._known.get(key)
        if expression is None:
            variables = tuple(name for name in scope if name not in PARAMETERS)
            expression = Expression(expr, within or self._within, self._definitions, variables)
            self._known[key] = expression
        return expression


@cache
def _newest() -> Declarations:
    return admission(f"1.{NEWEST}")


def _token(value: Any) -> str | int:
    """A computed part of a path: a key, or an index of any kind of number. Raises EvaluationError."""
    match value:
        case bool():
            pass
        case str():
            return value
        case int() | float() if value == int(value):
            return int(value)
    raise EvaluationError(f"{display(value)} is neither a key nor an index")
