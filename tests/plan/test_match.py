"""Resource rules and selectors: what a request must be for a policy to be about it."""

from __future__ import annotations

from typing import Any

import pytest

from admit.admission import from_manifest
from admit.plan.match import Route, is_settled, matches, may_match, rule_matches, selects
from admit.rules.model import MatchResources, Requirement, ResourceRule, Selector


def rule(*resources: str, **fields: Any) -> ResourceRule:
    given: dict[str, Any] = {"operations": ("CREATE",), "api_groups": ("",), "api_versions": ("v1",)}
    return ResourceRule(**{**given, "resources": resources, **fields})


POD = Route("", "v1", "pods", "", "CREATE", True)
LOG = Route("", "v1", "pods", "log", "CREATE", True)
NODE = Route("", "v1", "nodes", "", "CREATE", False)

RULES = [
    (rule("pods"), POD, True),
    (rule("pods"), LOG, False),
    (rule("pods/log"), POD, False),
    (rule("pods/log"), LOG, True),
    (rule("pods/*"), POD, True),
    (rule("pods/*"), LOG, True),
    (rule("*"), POD, True),
    (rule("*"), LOG, False),
    (rule("*/*"), LOG, True),
    (rule("*/log"), LOG, True),
    (rule("*/log"), POD, False),
    (rule("services", "pods"), POD, True),
    (rule("pods", operations=("UPDATE",)), POD, False),
    (rule("pods", operations=("*",)), POD, True),
    (rule("pods", api_groups=("apps",)), POD, False),
    (rule("pods", api_groups=("apps", "*")), POD, True),
    (rule("pods", api_versions=("v1beta1",)), POD, False),
    (rule("pods", api_versions=("*",)), POD, True),
    (rule("*", scope="Namespaced"), POD, True),
    (rule("*", scope="Cluster"), POD, False),
    (rule("*", scope="Namespaced"), NODE, False),
    (rule("*", scope="Cluster"), NODE, True),
]


@pytest.mark.parametrize("rule, route, expected", RULES)
def test_rule(rule: ResourceRule, route: Route, expected: bool) -> None:
    assert rule_matches(rule, route) is expected


def test_names() -> None:
    named = rule("pods", resource_names=("a", "b"))
    assert [rule_matches(named, POD, name) for name in ("a", "c", "", None)] == [True, False, False, True]


def needs(operator: Any, *values: str) -> Selector:
    return Selector(match_expressions=(Requirement("k", operator, values),))


SELECTORS = [
    (Selector(), {}, True),
    (Selector({"k": "a"}), {"k": "a"}, True),
    (Selector({"k": "a"}), {"k": "b"}, False),
    (Selector({"k": "a"}), {}, False),
    (Selector({"k": "a", "l": "b"}), {"k": "a"}, False),
    (needs("In", "a", "b"), {"k": "b"}, True),
    (needs("In", "a", "b"), {"k": "c"}, False),
    (needs("In", "a", "b"), {}, False),
    (needs("NotIn", "a"), {"k": "b"}, True),
    (needs("NotIn", "a"), {"k": "a"}, False),
    (needs("NotIn", "a"), {}, True),
    (needs("Exists"), {"k": ""}, True),
    (needs("Exists"), {}, False),
    (needs("DoesNotExist"), {}, True),
    (needs("DoesNotExist"), {"k": ""}, False),
    (Selector({"l": "x"}, (Requirement("k", "Exists"),)), {"l": "x", "k": "y"}, True),
    (Selector({"l": "x"}, (Requirement("k", "Exists"),)), {"k": "y"}, False),
]


@pytest.mark.parametrize("selector, labels, expected", SELECTORS)
def test_selector(selector: Selector, labels: dict[str, str], expected: bool) -> None:
    assert selects(selector, labels) is expected


PODS = (rule("pods", operations=("*",)),)
NAMED = (rule("pods", operations=("*",), resource_names=("a",)),)
A = Selector({"k": "a"})

# a match, whether a route of Pods can match, whether that settles it
SETTLED = [
    (MatchResources(), True, True),
    (MatchResources(PODS), True, True),
    (MatchResources((rule("services"),)), False, True),
    (MatchResources(NAMED), True, False),
    (MatchResources(PODS, exclude_resource_rules=PODS), False, True),
    (MatchResources(PODS, exclude_resource_rules=NAMED), True, False),
    (MatchResources(PODS, object_selector=A), True, False),
    (MatchResources(PODS, namespace_selector=A), True, False),
]


@pytest.mark.parametrize("match, may, settled", SETTLED)
def test_settled(match: MatchResources, may: bool, settled: bool) -> None:
    assert may_match(match, POD) is may
    assert is_settled(match, POD) is settled


def pod(namespace: str = "plain", name: str = "a", **metadata: Any) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": namespace, **metadata}}


def space(name: str, **metadata: Any) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, **metadata}}


LABELS: dict[str, dict[str, str]] = {"chosen": {"k": "a"}}
ANY = (rule("*", operations=("*",)),)
REQUESTS = [
    (MatchResources(NAMED), from_manifest(pod()), True),
    (MatchResources(NAMED), from_manifest(pod(name="b")), False),
    (MatchResources(PODS, NAMED), from_manifest(pod()), False),
    (MatchResources(PODS, NAMED), from_manifest(pod(name="b")), True),
    (MatchResources(object_selector=A), from_manifest(pod()), False),
    (MatchResources(object_selector=A), from_manifest(pod(labels={"k": "a"})), True),
    (MatchResources(object_selector=A), from_manifest(pod(), pod(labels={"k": "a"}), "UPDATE"), True),
    (MatchResources(object_selector=A), from_manifest(pod(labels={"k": "a"}), operation="DELETE"), True),
    (MatchResources(object_selector=needs("DoesNotExist")), from_manifest({"apiVersion": "v1", "kind": "Pod"}), False),
    (MatchResources(namespace_selector=A), from_manifest(pod()), False),
    (MatchResources(namespace_selector=A), from_manifest(pod("chosen")), True),
    # of a Namespace its own labels, as sent, on deletion those that are known; nothing else without a namespace
    (MatchResources(namespace_selector=A), from_manifest(space("new", labels={"k": "a"})), True),
    (MatchResources(namespace_selector=A), from_manifest(space("chosen")), False),
    (MatchResources(namespace_selector=A), from_manifest(space("chosen"), operation="DELETE"), True),
    (MatchResources(namespace_selector=A), from_manifest({"apiVersion": "v1", "kind": "Node"}), True),
    # the scope of a Namespace is the cluster, though its request names a namespace
    (MatchResources((rule("*", scope="Cluster"),)), from_manifest(space("new")), True),
    (MatchResources(ANY, exclude_resource_rules=(rule("*", scope="Namespaced"),)), from_manifest(space("new")), True),
]


@pytest.mark.parametrize("match, request_, expected", REQUESTS)
def test_matches(match: MatchResources, request_: Any, expected: bool) -> None:
    labels = lambda name: LABELS.get(name, {})  # noqa: E731
    assert matches(match, Route.of(request_), request_, labels) is expected
    assert may_match(match, Route.of(request_)) or not expected
