"""An object as a manifest has it, brought to what admission sees of it when it is created in a cluster.

Done is what follows from the object alone. What other objects of a cluster add is not known here: the mounts of
service account tokens, imagePullSecrets of a ServiceAccount, the number of a PriorityClass, defaults of a LimitRange,
overhead of a RuntimeClass, the default StorageClass; nor are uid, creationTimestamp, clusterIP and the like.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

from admit.admission.kinds import kind_of
from admit.admission.native import native
from admit.kubernetes.decode import decode, encode
from admit.kubernetes.defaults import completed, defaulted, filled
from admit.kubernetes.schemas import Schemas
from admit.kubernetes.schemas import kind_of as schema_kind
from admit.kubernetes.types import of_kind


def normalise(object: Any, namespace: str | None = None, created: bool = True) -> Any:
    """The object with defaults, canonical quantities and a namespace; without nulls and empty fields.

    One that is `created` has the status of a new object, whatever it says. Fields that its kind lacks are dropped. One
    of an unknown kind gets a namespace, and is otherwise left as it is; so is one with a value of a wrong JSON type,
    which no API server reads. Raises RequestError for what is no JSON.
    """
    manifest = native(object)
    match manifest:
        case {"apiVersion": str(version), "kind": str(kind)} if isinstance(manifest.get("metadata") or {}, dict):
            return _placed(_built_in(manifest, version, kind, created), version, kind, namespace)
        case _:
            return manifest


def redefaulted(before: Mapping[str, Any], after: Any, schemas: Schemas) -> Any:
    """The object that a mutation has made of one, with the defaults of what is new in it.

    An object that had not all its defaults is as its author has it, and so remains.
    """
    schema = schemas.custom(schema_kind(before))
    complete = completed if schema is None else partial(filled, schema=schema)
    return complete(after) if bare(complete(before)) == bare(before) else after


def bare(value: Any) -> Any:
    """A value without what says nothing: nulls, and what is empty then."""
    match value:
        case dict():
            kept = {key: bare(item) for key, item in value.items()}
            return {key: item for key, item in kept.items() if item not in (None, {}, [])}
        case list():
            return [bare(item) for item in value]
        case _:
            return value


def _built_in(object: dict[str, Any], version: str, kind: str, created: bool) -> dict[str, Any]:
    type = of_kind(version, kind)
    if type is None:
        return object
    dropped = {"status"} if created and kind != "Node" else frozenset()
    decoded = decode({key: value for key, value in object.items() if key not in dropped}, type)
    if decoded.misfits:
        return object
    admitted = _ADMISSION.get((version, kind), dict)(defaulted(decoded.value, type))
    encoded: dict[str, Any] = encode(admitted, type)
    return encoded


def _placed(object: dict[str, Any], version: str, kind: str, namespace: str | None) -> dict[str, Any]:
    """In a namespace, where objects of its kind are in one."""
    metadata = object.get("metadata") or {}
    if not kind_of(version.rpartition("/")[0], kind).namespaced or metadata.get("namespace"):
        return object
    return {**object, "metadata": {**metadata, "namespace": namespace or "default"}}


def _pod(pod: dict[str, Any]) -> dict[str, Any]:
    """What the API server's own admission plugins and the registry do to a pod: the service account, tolerations, and
    AppArmor profiles that are still annotations."""
    metadata, spec = pod.get("metadata", {}), pod.get("spec", {})
    annotations = metadata.get("annotations", {})
    if "kubernetes.io/config.mirror" not in annotations:
        spec = {"serviceAccountName": "default", "serviceAccount": "default", **spec}
    spec = {**spec, "tolerations": [*spec.get("tolerations", ()), *_tolerations(spec)]}
    if spec.get("os", {}).get("name") != "windows":
        profile = spec.get("securityContext", {}).get("appArmorProfile")
        for key in {"initContainers", "containers", "ephemeralContainers"} & spec.keys():
            spec[key] = [_confined(container, annotations, profile) for container in spec[key]]
    return {**pod, "spec": spec, "status": {"phase": "Pending", **pod.get("status", {})}}


def _tolerations(spec: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Of a node that fails, for five minutes, unless something is said of it."""
    for key in ("node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"):
        if not any(
            toleration.get("key", key) == key and toleration.get("effect", "NoExecute") == "NoExecute"
            for toleration in spec.get("tolerations", ())
        ):
            yield {"key": key, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300}


def _confined(container: dict[str, Any], annotations: Mapping[str, str], of_pod: Any) -> dict[str, Any]:
    context = container.get("securityContext", {})
    profile = _profile(annotations.get(f"container.apparmor.security.beta.kubernetes.io/{container.get('name', '')}"))
    if profile is None or profile == of_pod or "appArmorProfile" in context:
        return container
    return {**container, "securityContext": {**context, "appArmorProfile": profile}}


def _profile(annotation: str | None) -> dict[str, str] | None:
    match (annotation or "").partition("/"):
        case "unconfined", "", "":
            return {"type": "Unconfined"}
        case "runtime", "/", "default":
            return {"type": "RuntimeDefault"}
        case "localhost", "/", str(name) if name and name == name.strip() and len(name.encode()) <= 4095:
            return {"type": "Localhost", "localhostProfile": name}
        case _:
            return None


def _namespace(namespace: dict[str, Any]) -> dict[str, Any]:
    spec = namespace.get("spec", {})
    finalizers = [*spec.get("finalizers", ()), *(() if "kubernetes" in spec.get("finalizers", ()) else ("kubernetes",))]
    return {**namespace, "spec": {**spec, "finalizers": finalizers}}


def _daemon_set(daemon_set: dict[str, Any]) -> dict[str, Any]:
    """A field of the past is kept as an annotation."""
    metadata = daemon_set.get("metadata", {})
    annotations = {"deprecated.daemonset.template.generation": "1", **metadata.get("annotations", {})}
    return {**daemon_set, "metadata": {**metadata, "annotations": annotations}}


_ADMISSION = {("v1", "Pod"): _pod, ("v1", "Namespace"): _namespace, ("apps/v1", "DaemonSet"): _daemon_set}
