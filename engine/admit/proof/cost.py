"""What requests cost an API server under exported policies, against its budgets."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from admit.admission import Request
from admit.cel.cost import LIMIT, MOST
from admit.cel.library.authorization import Authorizer, request_resource
from admit.engine import Engine
from admit.engine.authorizer import user
from admit.plan.validating import BUDGET, CONDITIONS_BUDGET

BUDGETS = {"an expression with its variables": LIMIT, "matchConditions": CONDITIONS_BUDGET, "all of a policy": BUDGET}
"""What an API server allows for them, of each policy and request; an expression's is without its variables."""


def costs(engine: Engine, request: Request) -> dict[str, int]:
    """The most that a request costs under one of the ValidatingAdmissionPolicies that are about it, by BUDGETS.

    Messages are counted of all rules, as an API server evaluates them. Policies with parameters are left out.
    """
    found = dict.fromkeys(BUDGETS, 0)
    for bound in engine.bounds:
        (lowered,) = bound.members
        if bound.binding.policy.kind != "ValidatingAdmissionPolicy" or lowered.policy.param_kind is not None:
            continue
        composed, scope = engine.composed(bound), _scope(engine, request)

        def cost(*expressions: Any, composed: Any = composed, scope: Any = scope) -> int:
            left: int = composed.evaluate(expressions, scope, MOST)[1]
            return MOST - left

        messages = [message for rule in lowered.validations for message in rule.messages[:1]]
        verdicts = [rule.verdict for rule in lowered.validations]
        each = max(map(cost, (*verdicts, *messages)), default=0)
        conditions = cost(*(condition.expression for condition in lowered.match_conditions))
        for what, spent in zip(BUDGETS, (each, conditions, cost(*verdicts) + cost(*messages)), strict=True):
            found[what] = max(found[what], spent)
    return found


def enlarged(item: Any, by: int = 10) -> Any:
    """The object with so many times the items in its lists, but for lists in these."""
    match item:
        case dict():
            return {key: enlarged(value, by) for key, value in item.items()}
        case list():
            return item * by
        case _:
            return item


def warnings(spent: dict[str, int]) -> Iterator[str]:
    """What takes more than a tenth of what it may."""
    for what, cost in spent.items():
        if cost * 10 > BUDGETS[what]:
            yield f"of ten times the containers, volumes and so on, {what} may cost {cost:,} of {BUDGETS[what]:,}"


def _scope(engine: Engine, request: Request) -> dict[str, Any]:
    authorizer = Authorizer(user(request.user_info), engine.authorizer)
    of = request.request_resource
    return {
        "object": request.object,
        "oldObject": request.old_object,
        "request": request.cel,
        "namespaceObject": engine.namespace_of(request),
        "authorizer": authorizer,
        "authorizer.requestResource": request_resource(
            authorizer, of.group, of.resource, request.request_sub_resource, request.namespace, request.name
        ),
    }
