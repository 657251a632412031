"""Kinds to resources: the built-in kinds of Kubernetes, and a guess for all others."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple


class Kind(NamedTuple):
    """What the API calls the objects of a kind, and whether they live in a namespace."""

    group: str
    kind: str
    resource: str
    namespaced: bool


def kind_of(group: str, kind: str) -> Kind:
    """The kind as the table has it; one that it lacks is taken to be namespaced, its resource by `plural`."""
    return _KINDS.get((group, kind)) or Kind(group, kind, plural(kind), True)


def defined(definitions: Iterable[Mapping[str, Any]]) -> dict[tuple[str, str], Kind]:
    """The kinds of CustomResourceDefinitions, by group and name."""
    found = {}
    for definition in definitions:
        match definition.get("spec"):
            case {"group": str(group), "names": {"kind": str(kind), "plural": str(plural)}, **rest}:
                found[group, kind] = Kind(group, kind, plural, rest.get("scope") != "Cluster")
    return found


def is_built_in(group: str, kind: str) -> bool:
    return (group, kind) in _KINDS


def of_resource(group: str, resource: str, defined: Iterable[Kind] = ()) -> Kind | None:
    """The kind whose objects a resource holds, built in or `defined`."""
    kinds = (*_KINDS.values(), *defined)
    return next((kind for kind in kinds if (kind.group, kind.resource) == (group, resource)), None)


def plural(kind: str) -> str:
    """The resource that a kind most likely has ("NetworkPolicy" -> "networkpolicies").

    Source: apimachinery/pkg/api/meta, UnsafeGuessKindToResource.
    """
    singular = kind.lower()
    if singular.endswith("endpoints"):
        return singular
    if singular.endswith("s"):
        return singular + "es"
    if singular.endswith("y"):
        return singular[:-1] + "ies"
    return singular + "s"


_NAMESPACED = {
    "": "Binding ConfigMap Endpoints Event LimitRange PersistentVolumeClaim Pod PodTemplate ReplicationController "
    "ResourceQuota Secret Service ServiceAccount",
    "apps": "ControllerRevision DaemonSet Deployment ReplicaSet StatefulSet",
    "authorization.k8s.io": "LocalSubjectAccessReview",
    "autoscaling": "HorizontalPodAutoscaler",
    "batch": "CronJob Job",
    "certificates.k8s.io": "PodCertificateRequest",
    "coordination.k8s.io": "Lease LeaseCandidate",
    "discovery.k8s.io": "EndpointSlice",
    "events.k8s.io": "Event",
    "extensions": "DaemonSet Deployment Ingress NetworkPolicy ReplicaSet",
    "networking.k8s.io": "Ingress NetworkPolicy",
    "policy": "PodDisruptionBudget",
    "rbac.authorization.k8s.io": "Role RoleBinding",
    "resource.k8s.io": "ResourceClaim ResourceClaimTemplate",
    "scheduling.k8s.io": "PodGroup Workload",
    "storage.k8s.io": "CSIStorageCapacity",
}

_CLUSTER = {
    "": "ComponentStatus Namespace Node PersistentVolume",
    "admissionregistration.k8s.io": "MutatingAdmissionPolicy MutatingAdmissionPolicyBinding "
    "MutatingWebhookConfiguration ValidatingAdmissionPolicy ValidatingAdmissionPolicyBinding "
    "ValidatingWebhookConfiguration",
    "apiextensions.k8s.io": "CustomResourceDefinition",
    "apiregistration.k8s.io": "APIService",
    "authentication.k8s.io": "SelfSubjectReview TokenReview",
    "authorization.k8s.io": "SelfSubjectAccessReview SelfSubjectRulesReview SubjectAccessReview",
    "certificates.k8s.io": "CertificateSigningRequest ClusterTrustBundle",
    "extensions": "PodSecurityPolicy",
    "flowcontrol.apiserver.k8s.io": "FlowSchema PriorityLevelConfiguration",
    "internal.apiserver.k8s.io": "StorageVersion",
    "networking.k8s.io": "IPAddress IngressClass ServiceCIDR",
    "node.k8s.io": "RuntimeClass",
    "policy": "PodSecurityPolicy",
    "rbac.authorization.k8s.io": "ClusterRole ClusterRoleBinding",
    "resource.k8s.io": "DeviceClass DeviceTaintRule ResourcePoolStatusRequest ResourceSlice",
    "scheduling.k8s.io": "PriorityClass",
    "storage.k8s.io": "CSIDriver CSINode StorageClass VolumeAttachment VolumeAttributesClass",
    "storagemigration.k8s.io": "StorageVersionMigration",
}

_IRREGULAR = (
    Kind("metrics.k8s.io", "NodeMetrics", "nodes", False),
    Kind("metrics.k8s.io", "PodMetrics", "pods", True),
    Kind("gateway.networking.k8s.io", "Gateway", "gateways", True),
    Kind("gateway.networking.k8s.io", "GatewayClass", "gatewayclasses", False),
)

_KINDS = {
    (entry.group, entry.kind): entry
    for entry in (
        *(
            Kind(group, kind, plural(kind), namespaced)
            for table, namespaced in ((_NAMESPACED, True), (_CLUSTER, False))
            for group, kinds in table.items()
            for kind in kinds.split()
        ),
        *_IRREGULAR,
    )
}
