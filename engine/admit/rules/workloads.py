"""The kinds that carry a pod: where each has it, and what that is in CEL about `object`."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from admit.cel.ast import Call, Expr, Ident, ListExpr, Literal, MapExpr, Select

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
        first, *rest = (present_or(ListExpr(()), *self.spec, name) for name in CONTAINER_LISTS)
        for each in rest:
            first = Call("_+_", (first, each))
        metadata = present_or(MapExpr(()), *self.metadata)
        return {"pod": select(*self.spec), "podMetadata": metadata, "containers": first}


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


def select(*path: str, root: str = "object") -> Expr:
    """`object.a.b`"""
    node: Expr = Ident(root)
    for field in path:
        node = Select(node, field)
    return node


def has(*path: str, root: str = "object") -> Expr:
    """`has(object.a.b)`"""
    return Select(select(*path[:-1], root=root), path[-1], test=True)


def optional(*path: str, root: str = "object") -> Expr:
    """`object.?a.?b`"""
    node: Expr = Ident(root)
    for field in path:
        node = Call("_?._", (node, Literal("string", field)))
    return node


def present_or(default: Expr, *path: str, root: str = "object") -> Expr:
    """`has(object.a) && object.a != null ? object.a : default`"""
    node = select(*path, root=root)
    return Call("_?_:_", (conjunction(has(*path, root=root), differ(node, NULL)), node, default))


def differ(a: Expr, b: Expr) -> Expr:
    return Call("_!=_", (a, b))


def conjunction(*nodes: Expr) -> Expr:
    return _balanced("_&&_", nodes)


def disjunction(*nodes: Expr) -> Expr:
    return _balanced("_||_", nodes)


def _balanced(operator: str, nodes: tuple[Expr, ...]) -> Expr:
    """As the parser builds a chain, so that depth stays logarithmic."""
    if len(nodes) == 1:
        return nodes[0]
    middle = (len(nodes) + 1) // 2
    return Call(operator, (_balanced(operator, nodes[:middle]), _balanced(operator, nodes[middle:])))


NULL = Literal("null_type", None)
OPERATION = select("operation", root="request")
CREATED = Call("_==_", (OPERATION, Literal("string", "CREATE")))
NOT_UPDATED = differ(OPERATION, Literal("string", "UPDATE"))
_DELETION = Call("orValue", (NULL,), optional("metadata", "deletionTimestamp"))
NOT_BEING_DELETED = disjunction(NOT_UPDATED, Call("_==_", (_DELETION, NULL)))


def _changed(*path: str) -> Expr:
    return differ(optional(*path), optional(*path, root="oldObject"))


POD_SPEC_CHANGED = disjunction(NOT_UPDATED, _changed("spec"))
POD_CHANGED = disjunction(
    NOT_UPDATED, _changed("spec"), _changed("metadata", "labels"), _changed("metadata", "annotations")
)
