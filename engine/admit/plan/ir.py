"""The plan: for a route (a resource and an operation) what is left to do when a request comes; data, printable."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from admit.cel.ast import Expr
from admit.cel.env import AUTHORIZER
from admit.plan.match import Route
from admit.rules.lower import Bound, Lowered

OBJECTS = ("object", "oldObject")
PARAMETERS = (*OBJECTS, "request", "namespaceObject", "params", "today", *AUTHORIZER)
"""What the functions of a plan are given; in this order."""


@dataclass(frozen=True, slots=True)
class Step:
    """One policy under one binding, for one route: its expressions simplified, over PARAMETERS and `definitions`.

    `definitions` are the policy's variables, under names that are no other step's. `conditions` say, one for each
    validation, whether it passes or the policy does not match. `holds` is true where no validation fails; `idle`, where
    it has mutations, is true where they change nothing. Neither says more: where one is false, or errs, the step is
    gone through in full. `uses` has all names that its expressions mention.
    """

    lowered: Lowered
    definitions: Mapping[str, Expr]
    idle: Expr | None
    conditions: tuple[Expr, ...]
    holds: Expr
    uses: frozenset[str]


@dataclass(frozen=True, slots=True)
class Group:
    """A binding's steps. `settled`: it is in force for every request of the route, whatever its names and labels."""

    bound: Bound
    steps: tuple[Step, ...]
    settled: bool

    @property
    def native(self) -> bool:
        """Whether the policy is one of the API server's, to be evaluated as it does."""
        return self.bound.binding.policy.kind != "Policy"


@dataclass(frozen=True, slots=True)
class Plan:
    """What bindings do on a route, in rule-set order; `idle` and `holds` are those of the settled groups' steps."""

    route: Route
    groups: tuple[Group, ...]
    idle: tuple[Expr, ...]
    holds: tuple[Expr, ...]
