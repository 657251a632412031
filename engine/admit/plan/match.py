"""Which requests a policy or binding is about: resource rules and selectors, as the API server matches them.

Source: apiserver pkg/admission/plugin/policy/matching, pkg/admission/plugin/webhook/predicates.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from admit.admission.request import Request
from admit.kubernetes.equivalents import Equivalents, others
from admit.rules.model import MatchResources, ResourceRule, Selector

NamespaceLabels = Callable[[str], Mapping[str, str]]
"""The labels of a namespace, by name."""


class Route(NamedTuple):
    """What resource rules look at, but for the object's name."""

    group: str
    version: str
    resource: str
    subresource: str
    operation: str
    namespaced: bool

    @classmethod
    def of(cls, request: Request) -> Route:
        resource = request.resource
        namespaced = request.namespace != "" and resource[::2] != ("", "namespaces")
        return cls(*resource, request.sub_resource, request.operation, namespaced)


class Matched(NamedTuple):
    """The resource and kind (group, version, and name) as which a request is matched, its own or equivalent ones.

    `kind` is None where it is not known; `converted`: an object of it differs from the request's in `apiVersion` alone.
    """

    resource: tuple[str, str, str]
    kind: tuple[str, str, str] | None
    converted: bool = True


def may_match(match: MatchResources, route: Route, known: Equivalents = ()) -> bool:
    """Whether a request of the route can match: whatever its name, its labels and its namespace's labels."""
    routes = [route, *(other for other, _ in _equivalent(match, route, known))]
    excluded = [rule for rule in match.exclude_resource_rules if not rule.resource_names]
    if any(rule_matches(rule, each) for rule in excluded for each in routes):
        return False
    return not match.resource_rules or any(rule_matches(rule, each) for rule in match.resource_rules for each in routes)


def is_settled(match: MatchResources, route: Route) -> bool:
    """Whether every request of a route that can match does match."""
    rules = (*match.resource_rules, *match.exclude_resource_rules)
    return (
        not any(rule.resource_names and rule_matches(rule, route) for rule in rules)
        and selects_all(match.namespace_selector)
        and selects_all(match.object_selector)
    )


def matches(match: MatchResources, route: Route, request: Request, namespace_labels: NamespaceLabels) -> bool:
    """Whether a request of the route matches as it is."""
    return matched(match, route, request, namespace_labels) is not None


def matched(
    match: MatchResources, route: Route, request: Request, namespace_labels: NamespaceLabels, known: Equivalents = ()
) -> Matched | None:
    """What a request of the route matches as; None where it does not.

    `known`: the equivalent resources, for `matchPolicy: Equivalent`.
    """
    if not _namespace_selected(match.namespace_selector, request, namespace_labels):
        return None
    if not selects_all(match.object_selector) and not any(
        _object_selected(match.object_selector, item) for item in (request.object, request.old_object)
    ):
        return None
    itself, forms = Matched(request.resource, request.kind), [*_equivalent(match, route, known)]
    if _first(match.exclude_resource_rules, route, request.name, itself, forms) is not None:
        return None
    return _first(match.resource_rules, route, request.name, itself, forms) if match.resource_rules else itself


def _first(
    rules: tuple[ResourceRule, ...], route: Route, name: str, itself: Matched, forms: list[tuple[Route, Matched]]
) -> Matched | None:
    """What the first of the rules that fits matches; what was asked for goes before its equivalent forms."""
    if any(rule_matches(rule, route, name) for rule in rules):
        return itself
    return next((found for rule in rules for other, found in forms if rule_matches(rule, other, name)), None)


def _equivalent(match: MatchResources, route: Route, known: Equivalents) -> Iterator[tuple[Route, Matched]]:
    if match.match_policy == "Equivalent":
        for other in others(known, route.group, route.version, route.resource):
            resource = other.group, other.version, other.resource
            found = Matched(resource, other.kind(route.subresource), other.converted)
            yield route._replace(group=other.group, version=other.version, resource=other.resource), found


def rule_matches(rule: ResourceRule, route: Route, name: str | None = None) -> bool:
    """Whether a resource rule matches a route, and the name, where one is given."""
    if rule.scope != "*" and (rule.scope == "Namespaced") is not route.namespaced:
        return False
    return (
        _any(rule.operations, route.operation)
        and _any(rule.api_groups, route.group)
        and _any(rule.api_versions, route.version)
        and any(_resource_matches(resource, route) for resource in rule.resources)
        and (name is None or not rule.resource_names or name in rule.resource_names)
    )


def _any(wanted: tuple[str, ...], given: str) -> bool:
    return "*" in wanted or given in wanted


def _resource_matches(pattern: str, route: Route) -> bool:
    """`pods/*` is pods and all its subresources, `*` every resource but no subresource."""
    resource, _, subresource = pattern.partition("/")
    return resource in ("*", route.resource) and subresource in ("*", route.subresource)


def selects_all(selector: Selector) -> bool:
    return not selector.match_labels and not selector.match_expressions


def selects(selector: Selector, labels: Mapping[str, str]) -> bool:
    """Whether a label selector selects what has the labels."""
    if any(labels.get(key) != value for key, value in selector.match_labels.items()):
        return False
    for requirement in selector.match_expressions:
        present = requirement.key in labels
        match requirement.operator:
            case "In":
                fits = present and labels[requirement.key] in requirement.values
            case "NotIn":
                fits = not present or labels[requirement.key] not in requirement.values
            case "Exists":
                fits = present
            case "DoesNotExist":
                fits = not present
        if not fits:
            return False
    return True


def _namespace_selected(selector: Selector, request: Request, namespace_labels: NamespaceLabels) -> bool:
    if selects_all(selector):
        return True
    if request.resource[::2] == ("", "namespaces"):
        if request.operation in ("CREATE", "UPDATE") and not request.sub_resource:
            return selects(selector, _labels(request.object) or {})
        return selects(selector, namespace_labels(request.name))
    if not request.namespace:
        return True
    return selects(selector, namespace_labels(request.namespace))


def _object_selected(selector: Selector, item: Mapping[str, Any] | None) -> bool:
    labels = _labels(item)
    return labels is not None and selects(selector, labels)


def _labels(item: Mapping[str, Any] | None) -> Mapping[str, str] | None:
    """The labels of an object; None of what has no metadata."""
    metadata = item.get("metadata") if item is not None else None
    if type(metadata) is not dict:
        return None
    labels = metadata.get("labels")
    return labels if type(labels) is dict else {}
