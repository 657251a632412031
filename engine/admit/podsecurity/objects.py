"""What is read of the objects of a request: pods, what holds the template of a pod, namespaces."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from admit.admission import Request
from admit.cel.library.formatting import quoted
from admit.kubernetes.fitting import kind_misfit, misfit
from admit.kubernetes.types import of_kind
from admit.podsecurity.cluster import Object
from admit.rules.workloads import WORKLOADS

HOLDERS = {
    (f"{workload.group}/{workload.version}".removeprefix("/"), workload.kind): workload.holder for workload in WORKLOADS
}
"""By apiVersion and kind, the path of what has the metadata and spec of a pod."""

RESOURCES = frozenset({("", "namespaces"), *((workload.group, workload.resource) for workload in WORKLOADS)})
"""Groups and names of all that is looked at."""


class Unreadable(Exception):
    """An object that is not of the kind that it should be; `cause` is what its decoder says."""

    def __init__(self, said: str, cause: str = "") -> None:
        super().__init__(said)
        self.cause = cause

    @property
    def in_full(self) -> str:
        return f"{self}: {self.cause}" if self.cause else str(self)


def typed(object: Object | None, request: Request, wanted: tuple[str, str], which: str = "") -> Object:
    """The object, if it is one of the kind. Raises Unreadable."""
    found = None if object is None else _decoded(object, request, which)
    if object is None or found != wanted:
        raise Unreadable(f"failed to decode{which} {wanted[1].lower()}")
    return object


def template_of(request: Request) -> Object | None:
    """What holds the metadata and spec of the pods; None where a ReplicationController has none. Raises Unreadable."""
    object = request.object or {}
    named = _decoded(object, request)
    if named not in HOLDERS:
        group, _, version = (object.get("apiVersion") or "").rpartition("/")
        written = f"{group}/{version}, Kind={object.get('kind') or ''}"
        raise Unreadable(f"failed to extract pod template: unexpected object type: {written}")
    return held(object, named)


def held(object: Object, named: tuple[str, str]) -> Object | None:
    """What holds the metadata and spec of the pods in an object of that apiVersion and kind."""
    for key in HOLDERS[named]:
        inner = object.get(key)
        if inner is None and named[1] == "ReplicationController":
            return None
        object = inner or {}
    return object


def has_new_template(request: Request) -> bool:
    """Whether pods that are made from now on may be others than before."""
    old = request.old_object
    try:
        return old is None or held(old, _decoded(old, request)) != template_of(request)
    except (Unreadable, KeyError):
        return True


def holder_of(request: Request) -> tuple[str, ...]:
    """The path in the object of what holds the metadata and spec of the pods."""
    return HOLDERS.get(_named(request.object or {}, request), ())


def spec_of(pod: Object) -> Mapping[str, Any]:
    return pod.get("spec") or {}


def name_of(object: Object | None) -> str:
    return ((object or {}).get("metadata") or {}).get("name") or ""


def labels_of(object: Object) -> Mapping[str, str]:
    labels = (object.get("metadata") or {}).get("labels") or {}
    return {key: value or "" for key, value in labels.items()}  # a null is an empty text, to Go


def is_significant(spec: Object, old: Object) -> bool:
    """Whether an update is looked at again: for the number of containers, an image, or a new ephemeral container."""
    if any(_images(spec, key) != _images(old, key) for key in ("containers", "initContainers")):
        return True
    known = dict(reversed(_images(old, "ephemeralContainers", named=True)))  # the first of a name counts
    return any(known.get(name) != image for name, image in _images(spec, "ephemeralContainers", named=True))


def _decoded(object: Object, request: Request, which: str = "") -> tuple[str, str]:
    """The apiVersion and kind that the object is read as. Raises Unreadable."""
    named = _named(object, request)
    if problem := kind_misfit(object):
        cause = str(problem)
    elif (type := of_kind(*named)) is None:
        cause = f"no kind {quoted(named[1])} is registered for version {quoted(named[0])}"
    elif problem := misfit(object, type):
        cause = str(problem)
    else:
        return named
    raise Unreadable(f"failed to decode{which} object", cause)


def _named(object: Object, request: Request) -> tuple[str, str]:
    group, version, kind = request.kind
    return object.get("apiVersion") or (f"{group}/{version}" if group else version), object.get("kind") or kind


def _images(spec: Object, key: str, named: bool = False) -> list[tuple[str, str]]:
    """The images of containers in their order, with the names where these count."""
    containers = [container or {} for container in spec.get(key) or ()]
    return [((named and each.get("name")) or "", each.get("image") or "") for each in containers]
