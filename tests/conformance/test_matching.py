"""What a MatchResources matches, by the API server's own tables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

import pytest

from admit.admission.request import GroupVersionKind, GroupVersionResource, Request
from admit.kubernetes.equivalents import Served
from admit.plan.match import Route, matched, rule_matches
from admit.rules.model import MatchResources, Requirement, ResourceRule, Selector

Case: TypeAlias = dict[str, Any]

NOTHING = Selector({}, (Requirement("none", "In"),))
ANYWHERE: Mapping[str, tuple[str, ...]] = {
    "operations": ("*",),
    "api_groups": ("*",),
    "api_versions": ("*",),
    "resources": ("*/*",),
}
NAMES = {
    "operations": "operations",
    "apiGroups": "api_groups",
    "apiVersions": "api_versions",
    "resources": "resources",
    "resourceNames": "resource_names",
    "scope": "scope",
}
DEPLOYMENTS = [
    Served(group, version, "deployments", {"": (group, version, "Deployment"), "scale": (*scale, "Scale")}, False)
    for group, version, scale in (
        ("extensions", "v1beta1", ("extensions", "v1beta1")),
        ("apps", "v1", ("autoscaling", "v1")),
        ("apps", "v1beta1", ("apps", "v1beta1")),
        ("apps", "v1alpha1", ("apps", "v1alpha1")),
    )
]
WIDGETS = [Served("example.com", version, "widgets", {}, False) for version in ("v1", "v2")]


def matchers(document: Mapping[str, Any]) -> Iterator[Case]:
    yield from document["matcher"]


def rules(document: Mapping[str, Any]) -> Iterator[Case]:
    for row in document["rules"]:
        for wanted in ("match", "no_match"):
            for i, attributes in enumerate(row[wanted]):
                case = {"rule": row["rule"], "attributes": attributes, "wanted": wanted == "match"}
                yield {"id": f"rule/{row['field']}/{row['name']}/{wanted}/{i}", **case}


def object_selectors(document: Mapping[str, Any]) -> Iterator[Case]:
    for row in document["object_selector"]:
        yield {"id": f"object/{row['name']}", **row}


def namespaces(document: Mapping[str, Any]) -> Iterator[Case]:
    for row in document["namespace_labels"]:
        yield {"id": f"namespace/{row['name']}", **row}


@pytest.mark.cases("k8s-cel/matching.json", rows=matchers)
def test_match_resources(case: Case) -> None:
    request = requested(case["attributes"])
    found = matched(
        constraints(case["matchResources"]), Route.of(request), request, lambda _: {}, (DEPLOYMENTS, WIDGETS)
    )
    expected = case["expect"]
    assert "error_contains" not in expected, "what is no selector is refused with the policy"
    assert (found is not None) is expected["matches"]
    if found is not None:
        assert found.resource == tuple(expected["match_resource"].values())
        assert "match_kind" not in expected or found.kind == tuple(expected["match_kind"].values())


@pytest.mark.cases("k8s-cel/matching.json", rows=rules)
def test_rule(case: Case) -> None:
    request = requested(case["attributes"])
    fields = {NAMES[name]: value for name, value in case["rule"].items()}
    if "scope" in fields:  # it alone is asked about
        del fields["resources"]
    rule = resource_rule({**ANYWHERE, **fields})
    assert rule_matches(rule, Route.of(request), request.name) is case["wanted"]


@pytest.mark.cases("k8s-cel/matching.json", rows=object_selectors)
def test_object_selector(case: Case) -> None:
    request = requested({"resource": "r", "operation": case["operation"]}, case["object"], case["oldObject"])
    match = MatchResources(object_selector=selector(case["objectSelector"]))
    assert (matched(match, Route.of(request), request, lambda _: {}) is not None) is case["expect_match"]


@pytest.mark.cases("k8s-cel/matching.json", rows=namespaces)
def test_namespace_labels(case: Case) -> None:
    labels = case["object_labels"]
    object_ = None if labels is None else {"metadata": {"labels": labels}}
    request = requested({**case, "group": "", "version": "v1", "name": case["namespace"]}, object_, object_)
    wanted = {} if case["expect"] == "match" else case["expect"]
    for value, expected in ((wanted.get("runlevel"), True), ("another", case["expect"] == "match")):
        match = MatchResources(namespace_selector=selector({"matchLabels": {"runlevel": value}}))
        found = matched(match, Route.of(request), request, lambda name: case["cached"].get(name, {}))
        assert (found is not None) is expected


def requested(attributes: Mapping[str, Any], object_: Any = None, old: Any = None) -> Request:
    resource, kind = attributes["resource"], attributes.get("kind", {"group": "", "version": "", "kind": ""})
    if isinstance(resource, str):
        resource = {
            "group": attributes.get("group", ""),
            "version": attributes.get("version", ""),
            "resource": resource,
        }
    return Request(
        "",
        GroupVersionKind(**kind),
        GroupVersionResource(**resource),
        attributes.get("subresource", ""),
        attributes.get("name", ""),
        attributes.get("namespace", ""),
        attributes.get("operation", "CREATE"),
        attributes.get("object", object_),
        attributes.get("oldObject", old),
        {},
    )


def constraints(row: Mapping[str, Any]) -> MatchResources:
    """Of a row that has not been given defaults: a selector that is not there selects nothing."""
    return MatchResources(
        tuple(
            resource_rule({NAMES[name]: value for name, value in rule.items()}) for rule in row.get("resourceRules", ())
        ),
        tuple(
            resource_rule({NAMES[name]: value for name, value in rule.items()})
            for rule in row.get("excludeResourceRules", ())
        ),
        selector(row["namespaceSelector"]) if "namespaceSelector" in row else NOTHING,
        selector(row["objectSelector"]) if "objectSelector" in row else NOTHING,
        row.get("matchPolicy", "Exact"),
    )


def resource_rule(fields: Mapping[str, Any]) -> ResourceRule:
    names = ("operations", "api_groups", "api_versions", "resources", "resource_names")
    return ResourceRule(*(tuple(fields.get(name, ())) for name in names), fields.get("scope", "*"))


def selector(row: Mapping[str, Any]) -> Selector:
    return Selector(
        row.get("matchLabels", {}),
        tuple(
            Requirement(each["key"], each["operator"], tuple(each.get("values", ())))
            for each in row.get("matchExpressions", ())
        ),
    )
