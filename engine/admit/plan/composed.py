"""Expressions of a policy evaluated in groups, each with its budget, as the API server does it: to the letter, slowly.

Source: k8s.io/apiserver, plugin/cel (condition.go, activation.go, composition.go).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from admit.cel.ast import Expr
from admit.cel.count import Plan, plan
from admit.cel.emit import UNBOUND
from admit.cel.env import Declarations
from admit.cel.values import ABSENT, Map, Value
from admit.errors import EvaluationError
from admit.plan.validating import Outcome, text_of

EXHAUSTED = "validation failed due to running out of cost budget, no further validation rules will be run"


class Composed:
    """The expressions of one policy, over its variables; their plans are made when they are first asked for."""

    def __init__(self, variables: Mapping[str, Expr], within: Declarations) -> None:
        self.within = within
        self.variables = variables
        self._plans: dict[int, tuple[Expr, Plan]] = {}

    def planned(self, expr: Expr) -> Plan:
        known = self._plans.get(id(expr))
        if known is None:
            known = self._plans[id(expr)] = expr, plan(expr, self.within)
        return known[1]

    def evaluate(
        self, expressions: Sequence[Expr | None], scope: Mapping[str, Value], budget: int
    ) -> tuple[list[Outcome], int]:
        """The outcome of each expression, null where there is none, and what is left of the budget.

        Raises EvaluationError where it does not suffice. `scope` has no `variables`; each is computed once at most,
        when it is first asked for, at the expense of the group and not of the expression's own limit.
        """
        activation = {name: value for name, value in scope.items() if value is not UNBOUND}
        variables = activation["variables"] = _Variables(self, activation)
        outcomes: list[Outcome] = []
        for expression in expressions:
            if expression is None:
                outcomes.append(None)
                continue
            outcome, cost = self.counted(expression, activation)
            if isinstance(outcome, EvaluationError):
                outcome = EvaluationError(
                    f"expression '{text_of(expression)}' resulted in error: {outcome}", outcome.span
                )
            outcomes.append(outcome)
            budget -= variables.spent + cost
            variables.spent = 0
            if budget < 0:
                raise EvaluationError(EXHAUSTED)
        return outcomes, budget

    def counted(self, expression: Expr, activation: Mapping[str, Value]) -> tuple[Outcome, int]:
        try:
            return self.planned(expression).count(activation)
        except EvaluationError as error:
            return error, error.cost or 0


class _Variables(Map):
    """The map `variables`, whose values are computed when they are first looked at; `spent` is what that has cost."""

    def __init__(self, composed: Composed, activation: Mapping[str, Value]) -> None:
        super().__init__([])
        self.composed, self.activation = composed, activation
        self.known: dict[str, Outcome] = {}
        self.spent = 0

    def find(self, key: Value) -> Value:
        if not isinstance(key, str) or key not in self.composed.variables:
            return ABSENT
        if key not in self.known:
            outcome, cost = self.composed.counted(self.composed.variables[key], self.activation)
            if isinstance(outcome, EvaluationError):
                text = f'composited variable "{key}" fails to evaluate: {outcome}'
                outcome = EvaluationError(text, outcome.span)
            self.known[key] = outcome
            self.spent += cost
        found = self.known[key]
        if isinstance(found, EvaluationError):
            raise EvaluationError(str(found), found.span)
        return found
