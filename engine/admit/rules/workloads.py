"""The kinds that carry a pod: where each has it, and what that is in CEL about `object`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from admit.cel.ast import Call, Expr, ListExpr, Literal, MapExpr
from admit.rules.terms import NULL, conjunction, differ, disjunction, has, optional, present_or, select, summed

ROOTS = ("pod", "podMetadata", "containers")
CONTAINER_LISTS = ("initContainers", "containers", "ephemeralContainers")


@dataclass(frozen=True)
class Workload:
    """A kind, its resource, and the path of what holds the pod's `metadata` and `spec` (of a Pod, the object)."""

    group: str
    version: str
    kind: str
    resource: str
    holder: tuple[str, ...] = ("spec", "template")
    subresource: str = ""

    @property
    def spec(self) -> tuple[str, ...]:
        return (*self.holder, "spec")

    @property
    def metadata(self) -> tuple[str, ...]:
        return (*self.holder, "metadata")

    @cached_property
    def applies(self) -> Expr:
        """Whether the object has a pod spec at all."""
        path = self.spec
        return conjunction(*(has(*path[:end]) for end in range(1, len(path) + 1)), differ(select(*path), NULL))

    @cached_property
    def roots(self) -> dict[str, Expr]:
        """What `pod`, `podMetadata` and `containers` are in terms of `object`; absent and null ones are empty."""
        containers = summed(present_or(ListExpr(()), *self.spec, name) for name in CONTAINER_LISTS)
        metadata = present_or(MapExpr(()), *self.metadata)
        return {"pod": select(*self.spec), "podMetadata": metadata, "containers": containers}


WORKLOADS = (
    Workload("", "v1", "Pod", "pods", ()),
    Workload("", "v1", "Pod", "pods", (), "ephemeralcontainers"),
    Workload("", "v1", "PodTemplate", "podtemplates", ("template",)),
    Workload("", "v1", "ReplicationController", "replicationcontrollers"),
    Workload("apps", "v1", "ReplicaSet", "replicasets"),
    Workload("apps", "v1", "Deployment", "deployments"),
    Workload("apps", "v1", "StatefulSet", "statefulsets"),
    Workload("apps", "v1", "DaemonSet", "daemonsets"),
    Workload("batch", "v1", "Job", "jobs"),
    Workload("batch", "v1", "CronJob", "cronjobs", ("spec", "jobTemplate", "spec", "template")),
)


OPERATION = select("operation", root="request")
CREATED = Call("_==_", (OPERATION, Literal("string", "CREATE")))
NOT_UPDATED = differ(OPERATION, Literal("string", "UPDATE"))
_DELETION = Call("orValue", (NULL,), optional("metadata", "deletionTimestamp"))
NOT_BEING_DELETED = disjunction(NOT_UPDATED, Call("_==_", (_DELETION, NULL)))


SPEC = (("spec",),)
SPEC_AND_METADATA = (*SPEC, ("metadata", "labels"), ("metadata", "annotations"))
"""What of a Pod is judged: the fields of which one has to change for an update to be looked at."""


def changed(fields: Iterable[tuple[str, ...]], *otherwise: Expr) -> Expr:
    """Whether there is no update, or one of the fields has changed by it."""
    changes = (differ(optional(*path), optional(*path, root="oldObject")) for path in fields)
    return disjunction(*otherwise, NOT_UPDATED, *changes)


POD_SPEC_CHANGED, POD_CHANGED = changed(SPEC), changed(SPEC_AND_METADATA)
