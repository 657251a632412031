"""What a rule about pods says of every kind that carries one, in one policy: through variables that find the pod."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from admit.cel.ast import Call, Expr, Ident, ListExpr, Literal, MapExpr, Select
from admit.rules.lower import Lowered
from admit.rules.model import ResourceRule
from admit.rules.names import substitute
from admit.rules.terms import differ, present_or, select, summed
from admit.rules.workloads import CONTAINER_LISTS, WORKLOADS, Workload, changed

WRITING = ("CREATE", "UPDATE")
"""The operations that leave an object which can be judged."""

_OBJECT = Call("dyn", (Ident("object"),))  # whose fields an API server would look up in each kind's schema
_KIND = select("kind")


@dataclass(frozen=True, slots=True)
class Subject:
    """The kinds of a policy about pods, and the names of the variables that say where the pod is."""

    workloads: tuple[Workload, ...]
    holder: str = "pod"
    spec: str = "podSpec"
    metadata: str = "podMetadata"
    containers: str = "containers"

    @property
    def kinds(self) -> frozenset[str]:
        return frozenset(each.kind for each in self.workloads)

    @property
    def roots(self) -> Mapping[str, Expr]:
        """What stands for the names that a rule has."""
        return {
            "pod": variable(self.spec),
            "podMetadata": variable(self.metadata),
            "containers": variable(self.containers),
        }

    @property
    def variables(self) -> Mapping[str, Expr]:
        """The variables, in order."""
        containers = summed(present_or(ListExpr(()), name, root=self.spec) for name in CONTAINER_LISTS)
        names = {self.holder: variable(self.holder), self.spec: variable(self.spec)}
        return {
            self.holder: self.by_kind(lambda each: substitute(select(*each.holder), {"object": _OBJECT})),
            self.spec: substitute(Select(Ident(self.holder), "spec"), names),
            self.metadata: substitute(present_or(MapExpr(()), "metadata", root=self.holder), names),
            self.containers: substitute(containers, names),
        }

    @property
    def inline_roots(self) -> Mapping[str, Expr]:
        """`roots` where there are no variables."""
        return {name: self.by_kind(lambda each, name=name: each.roots[name]) for name in self.roots}  # type: ignore[misc]

    @property
    def has_spec(self) -> Expr:
        """Whether the object has a pod spec at all; it does not fail."""
        return self.by_kind(lambda each: each.applies)

    def by_kind(self, of: Callable[[Workload], Expr]) -> Expr:
        """What `of` says of a kind, chosen by the object's; what most kinds have stands last."""
        said = {each.kind: of(each) for each in self.workloads}
        usual = max(said.values(), key=[*said.values()].count)
        node = usual
        for kind, expression in reversed(said.items()):
            if expression != usual:
                node = Call("_?_:_", (Call("_==_", (_KIND, Literal("string", kind))), expression, node))
        return node

    def changed(self, *fields: tuple[str, ...]) -> Expr:
        """Whether an object is new, no Pod, or a Pod of which one of the fields has changed."""
        is_other = (differ(_KIND, Literal("string", "Pod")),) if self.kinds != {"Pod"} else ()
        return changed(fields, *is_other)


def variable(name: str) -> Expr:
    return Select(Ident("variables"), name)


def rules_of(lowered: Lowered) -> list[dict[str, Any]]:
    """The resource rules of a policy about pods: what it says itself, of those kinds alone that carry one.

    Where it says nothing of versions they are any: of these an API server checks no types, which would take it minutes
    for a large policy, and tell nothing of what is dyn.
    """
    constraints = lowered.policy.match_constraints
    written: Sequence[ResourceRule] = constraints.resource_rules if constraints is not None else ()
    return [*_rules(written or [ResourceRule(WRITING, ("*",), ("*",), ("*/*",))])]


def _rules(written: Sequence[ResourceRule]) -> Iterator[dict[str, Any]]:
    for rule in written:
        groups: dict[tuple[str, str], list[str]] = {}
        for each in WORKLOADS:
            is_meant = rule.in_group(each.group) and rule.names(each.resource, each.subresource)
            if is_meant and not {"*", each.version}.isdisjoint(rule.api_versions):
                resource = f"{each.resource}/{each.subresource}".rstrip("/")
                version = "*" if "*" in rule.api_versions else each.version
                groups.setdefault((each.group, version), []).append(resource)
        for (group, version), resources in groups.items():
            yield {
                "apiGroups": [group],
                "apiVersions": [version],
                "operations": [each for each in WRITING if each in rule.operations or "*" in rule.operations],
                "resources": resources,
                **({"resourceNames": list(rule.resource_names)} if rule.resource_names else {}),
                **({"scope": rule.scope} if rule.scope != "*" else {}),
            }
