"""What a plan has for a route: the bindings that can matter, what must hold, what must change nothing."""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable
from typing import Any

import pytest

import admit
from admit.admission import Request, from_manifest
from admit.cel.env import admission
from admit.cel.unparse import unparse
from admit.engine import Engine
from admit.plan.build import build
from admit.plan.ir import Plan
from admit.plan.match import Route

HEAD = {"apiVersion": "admit.dev/v1"}
CREATE = Route("", "v1", "pods", "", "CREATE", True)
UPDATE = CREATE._replace(operation="UPDATE")
DELETE = CREATE._replace(operation="DELETE")
EPHEMERAL = UPDATE._replace(subresource="ephemeralcontainers")
DEPLOYMENT = CREATE._replace(group="apps", resource="deployments")
SERVICE = CREATE._replace(resource="services")
PODS = {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["*"], "resources": ["pods"]}


def rule_set(spec: dict[str, Any], **binding: Any) -> list[dict[str, Any]]:
    if "matchConstraints" not in spec:
        spec = {"subject": "PodSpec", **spec}
    if "validations" not in spec and "mutations" not in spec:
        spec = {**spec, "validations": [{"expression": "object.a == 1"}]}
    settings = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    return [
        {**HEAD, "kind": "Policy", "metadata": {"name": "p"}, "spec": {"settings": settings, **spec}},
        {**HEAD, "kind": "PolicyBinding", "metadata": {"name": "b"}, "spec": {"policyName": "p", **binding}},
    ]


def plan_of(route: Route, spec: dict[str, Any], **binding: Any) -> Plan:
    engine = admit.load(rule_set(spec, **binding))
    return build(engine.bounds, route, admission(engine.kubernetes))


NAMED = {"resourceRules": [{**PODS, "resourceNames": ["a"]}]}
# a policy, a binding, a route: whether it is in the plan, and settled
PLANNED: list[tuple[dict[str, Any], dict[str, Any], Route, bool, bool]] = [
    ({}, {}, CREATE, True, True),
    ({}, {}, EPHEMERAL, True, True),
    ({}, {}, DEPLOYMENT, True, True),
    ({}, {}, SERVICE, False, False),
    ({}, {}, DELETE, False, False),
    ({"matchConstraints": {"resourceRules": [PODS]}}, {}, DELETE, True, True),
    ({"matchConstraints": {"resourceRules": [PODS]}}, {}, EPHEMERAL, False, False),
    ({"matchConstraints": NAMED}, {}, CREATE, True, False),
    ({}, {"matchResources": NAMED}, CREATE, True, False),
    ({}, {"matchResources": NAMED}, DEPLOYMENT, False, False),
    ({}, {"matchResources": {"objectSelector": {"matchLabels": {"a": "b"}}}}, CREATE, True, False),
    ({"auditAnnotations": [{"key": "a", "valueExpression": "'a'"}]}, {}, CREATE, True, False),
    ({"matchConditions": [{"name": "m", "expression": "request.operation == 'UPDATE'"}]}, {}, CREATE, False, False),
    ({"matchConditions": [{"name": "m", "expression": "request.operation == 'UPDATE'"}]}, {}, UPDATE, True, True),
]


@pytest.mark.parametrize("spec, binding, route, planned, settled", PLANNED)
def test_planned(spec: dict[str, Any], binding: dict[str, Any], route: Route, planned: bool, settled: bool) -> None:
    groups = plan_of(route, spec, **binding).groups
    assert [group.settled for group in groups] == ([settled] if planned else [])


OBJECT = {"matchConstraints": {"resourceRules": [PODS]}}
IDLE = [
    ({"set": "object.a.b", "to": 1}, "object.?a.?b.orValue(null) == 1"),
    ({"set": "object.a", "to": "object.b"}, "object.?a.hasValue() && object.?a.orValue(null) == object.b"),
    (
        {"set": "object.a", "to": "object.?b"},
        "object.?b.hasValue() ? object.?a.hasValue() && object.?a.orValue(null) == object.?b.value() : true",
    ),
    (
        {"set": ["object.a", "object.b"], "to": 1},
        "object.?a.orValue(null) == 1 && object.?b.orValue(null) == 1",
    ),
    ({"set": "object.a", "to": 1, "when": "object.b"},
     "(object.b ? true : false) ? object.?a.orValue(null) == 1 : true"),
    ({"set": "object.a", "to": 1, "when": "settings.off"}, "true"),
    ({"forEach": {"c": "object.l"}, "set": "c.a", "to": 1}, "object.l.all(c#1, c#1.?a.orValue(null) == 1)"),
    ({"add": ["x", "y"], "to": "object.l"}, "'x' in object.?l.orValue([]) && 'y' in object.?l.orValue([])"),
    ({"remove": ["x", "y"], "from": "object.l"}, "!('x' in object.?l.orValue([])) && !('y' in object.?l.orValue([]))"),
]  # fmt: skip


@pytest.mark.parametrize("mutation, expected", IDLE)
def test_idle(mutation: dict[str, Any], expected: str) -> None:
    plan = plan_of(CREATE, {**OBJECT, "mutations": [mutation]}, settings={"off": False})
    (idle,) = plan.idle
    assert unparse(idle) == expected
    assert [unparse(holds) for holds in plan.holds] == ["true"]


def test_no_write_is_planned() -> None:
    """Not on DELETE, not by a binding without Deny."""
    spec = {**OBJECT, "mutations": [{"set": "object.a", "to": 1}]}
    assert plan_of(DELETE, spec).idle == ()
    assert plan_of(CREATE, spec, validationActions=["Warn"]).idle == ()


HOLDS = [
    ({"expression": "object.a == 1"}, CREATE, "object.a == 1"),
    ({"expression": "object.a == 1", "when": "settings.off"}, CREATE, "true"),
    ({"expression": "object.a == 1"}, UPDATE,
     "object.?metadata.?deletionTimestamp.orValue(null) == null ? object.a == 1 : true"),
]  # fmt: skip


@pytest.mark.parametrize("validation, route, expected", HOLDS)
def test_holds(validation: dict[str, Any], route: Route, expected: str) -> None:
    (holds,) = plan_of(route, {**OBJECT, "validations": [validation]}, settings={"off": False}).holds
    assert unparse(holds) == expected


def test_conditions_that_may_err_are_asked_though_there_is_nothing_else_to_ask() -> None:
    asked = {"matchConditions": [{"name": "m", "expression": "object.a == 1"}]}
    plan = plan_of(CREATE, {**OBJECT, **asked, "validations": [{"expression": "true"}]})
    assert [unparse(holds) for holds in plan.holds] == ["object.a == 1 ? true : true"]


# How much is done for a request, counted in calls of Python functions


def policies(count: int, start: int = 0, about: str = "pods", **match: Any) -> list[dict[str, Any]]:
    documents = []
    for i in range(start, start + count):
        validations = [{"name": "v", "expression": f"!has(object.bad{i})"}]
        constraints = {"resourceRules": [{**PODS, "resources": [about]}], **match}
        spec = {"matchConstraints": constraints, "validations": validations}
        documents.append({**HEAD, "kind": "Policy", "metadata": {"name": f"p{i}"}, "spec": spec})
    return documents


def calls(function: Callable[[], object]) -> int:
    counted = 0

    def count(frame: object, event: str, argument: object) -> None:
        nonlocal counted
        counted += event in ("call", "c_call")

    before = sys.getprofile()
    gc.disable()  # a collection runs the callbacks of other libraries (Hypothesis has one), and would count as ours
    sys.setprofile(count)
    try:
        function()
    finally:
        sys.setprofile(before)
        gc.enable()
    return counted


def work(documents: list[dict[str, Any]], request: Request) -> int:
    engine: Engine = admit.load(documents)
    for _ in range(2):  # what is asked again is compiled
        engine.answer(request)
    return calls(lambda: engine.answer(request))


GOOD = from_manifest({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "x"}, "spec": {}})
BAD = from_manifest({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "x"}, "spec": {}, "bad3": 1})


@pytest.mark.parametrize("request_", [GOOD, BAD], ids=["allowed", "denied"])
def test_what_cannot_match_costs_nothing(request_: Request) -> None:
    few = policies(10)
    assert work([*few, *policies(200, 10, "services")], request_) == work(few, request_)


@pytest.mark.parametrize("request_", [GOOD, BAD], ids=["allowed", "denied"])
@pytest.mark.parametrize("match", [{}, {"objectSelector": {"matchLabels": {"a": "b"}}}], ids=["settled", "selected"])
def test_work_grows_with_the_bindings_at_most(request_: Request, match: dict[str, Any]) -> None:
    some, twice, four_times = (work([*policies(5), *policies(n, 5, **match)], request_) for n in (20, 40, 80))
    assert four_times - twice <= 2 * (twice - some) + 20
