"""What Pod Security asks of a cluster: its namespaces, and the pods that are in them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

from admit.cel.library.formatting import quoted
from admit.errors import ClusterError
from admit.kubernetes.fitting import misfit
from admit.kubernetes.types import type_of

Object: TypeAlias = Mapping[str, Any]

BUILT_IN = ("default", "kube-node-lease", "kube-public", "kube-system")
"""The namespaces that each cluster has."""


class Cluster(Protocol):
    def namespace(self, name: str) -> Object:
        """Raises ClusterError."""

    def pods(self, namespace: str, deadline: float) -> Sequence[Object]:
        """Those of a namespace, in an order of its own. Raises ClusterError, also where the deadline passes first."""


@dataclass(frozen=True)
class Known:
    """What is given in files. Namespaces that nothing is said of have no labels, if there are such: `all_exist`, or
    they are built in."""

    namespaces: Mapping[str, Object]
    objects: Sequence[Object] = ()
    all_exist: bool = False

    def namespace(self, name: str) -> Object:
        if name in self.namespaces:
            if problem := misfit(self.namespaces[name], type_of("core/v1.Namespace")):
                raise ClusterError(str(problem))
            return self.namespaces[name]
        if not self.all_exist and name not in BUILT_IN:
            raise ClusterError(f"namespaces {quoted(name)} not found")
        return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}

    def pods(self, namespace: str, deadline: float) -> Sequence[Object]:
        there = (object for object in self.objects if _is_pod_in(object, namespace))
        return [pod for pod in there if misfit(pod, type_of("core/v1.Pod")) is None]  # no API server has others


def _is_pod_in(object: Object, namespace: str) -> bool:
    match object:
        case {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": str()} as metadata}:
            return (metadata.get("namespace") or "default") == namespace
        case _:
            return False
