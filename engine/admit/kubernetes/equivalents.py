"""Resources that are the same objects under other groups and versions: what `matchPolicy: Equivalent` looks at.

Source: apiserver, pkg/endpoints/handlers EquivalentResourceRegistry; a resource is known by its place in the storage.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

GroupVersion = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Served:
    """A resource as one group and version has it; `kinds` are those of its subresources too, its own under ''."""

    group: str
    version: str
    resource: str
    kinds: Mapping[str, tuple[str, str, str]]
    """subresource -> group, version, kind"""
    converted: bool
    """Whether an object of it is one of the others with another apiVersion, and nothing more."""

    def kind(self, subresource: str) -> tuple[str, str, str] | None:
        return self.kinds.get(subresource)


Equivalents = Sequence[Sequence[Served]]
"""Classes of resources that are the same, each in the order in which an API server knows them."""


def equivalents(definitions: Iterable[Mapping[str, Any]] = ()) -> Equivalents:
    """Those that every API server has, and those of CustomResourceDefinitions."""
    return [*_BUILT_IN, *filter(None, map(_of_definition, definitions))]


def others(known: Equivalents, group: str, version: str, resource: str) -> Sequence[Served]:
    """The other forms of a resource, in order."""
    for same in known:
        if any((each.group, each.version, each.resource) == (group, version, resource) for each in same):
            return [each for each in same if (each.group, each.version) != (group, version)]
    return ()


def _served(group: str, version: str, resource: str, kind: str, converted: bool, *more: str) -> Served:
    kinds = dict.fromkeys(("", *more), (group, version, kind))
    return Served(group, version, resource, kinds, converted)


def _of_definition(definition: Mapping[str, Any]) -> Sequence[Served]:
    """The versions of a custom resource. Raises nothing: what is no definition has none."""
    match definition:
        case {
            "spec": {"group": str(group), "names": {"plural": str(plural), "kind": str(kind)}, "versions": [*versions]}
        }:
            conversion = definition["spec"].get("conversion") or {}
            converted = conversion.get("strategy", "None") == "None"
            return [
                _served(group, each["name"], plural, kind, converted, "status")
                for each in versions
                if isinstance(each, dict) and isinstance(each.get("name"), str) and each.get("served", True)
            ]
    return ()


_BUILT_IN: Equivalents = (
    [
        _served("autoscaling", version, "horizontalpodautoscalers", "HorizontalPodAutoscaler", False, "status")
        for version in ("v2", "v1")
    ],
    [_served(group, "v1", "events", "Event", False) for group in ("", "events.k8s.io")],
)
