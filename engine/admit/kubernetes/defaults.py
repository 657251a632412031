"""What the API server fills in where an object says nothing: a table by type, with a few functions of other fields.

Source: the defaults.go of each group in kubernetes/pkg/apis, and the `+default` marks in k8s.io/api.
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, TypeAlias

from admit.cel.library.quantity import parse_quantity
from admit.kubernetes.decode import decode, encode, standing, zero
from admit.kubernetes.schemas import Schema
from admit.kubernetes.types import Type, of_kind

Struct: TypeAlias = dict[str, Any]
Rule: TypeAlias = Mapping[str, Any] | Callable[[Struct], Mapping[str, Any]]
"""Fields for where there are none; or a function of all fields that gives those to set."""


def completed(object: Any) -> Any:
    """The object as the API server keeps it; itself where it is of no built-in kind, or nothing that can be read."""
    type = of_kind(str(object.get("apiVersion")), str(object.get("kind"))) if isinstance(object, dict) else None
    decoded = decode(object, type) if type is not None else None
    if type is None or decoded is None or decoded.misfits:
        return object
    return encode(defaulted(decoded.value, type), type)


def filled(value: Any, schema: Schema) -> Any:
    """A custom resource, or a part of it, with the defaults of its schema.

    Source: apiextensions-apiserver, pkg/apiserver/schema/defaulting.
    """
    match value:
        case dict():
            fields, more = schema.get("properties", {}), schema.get("additionalProperties")
            missing = {key: each["default"] for key, each in fields.items() if "default" in each and key not in value}
            inner = {key: fields.get(key, more if isinstance(more, Mapping) else {}) for key in (*value, *missing)}
            return {key: filled(_instead(each, inner[key]), inner[key]) for key, each in (value | missing).items()}
        case list():
            items = schema.get("items", {})
            return [filled(_instead(each, items), items) for each in value]
        case _:
            return value


def _instead(value: Any, schema: Schema) -> Any:
    """The default instead of a null that may not be."""
    return schema.get("default") if value is None and not schema.get("nullable") else value


def defaulted(value: Any, type: Type) -> Any:
    """A decoded value with all that the API server fills in; rules of a struct come before those of what it holds."""
    match type.form:
        case "struct" if isinstance(value, dict):
            return _struct(value, type)
        case "list" if isinstance(value, list) and type.element.form == "struct":
            return [defaulted(item, type.element) for item in value]
        case "map" if isinstance(value, dict) and type.name == "core/v1.ResourceList":
            return {key: _full_millis(amount) for key, amount in value.items()}
        case "map" if isinstance(value, dict) and type.element.form == "struct":
            return {key: defaulted(item, type.element) for key, item in value.items()}
        case _:
            return value


def _struct(value: Struct, type: Type) -> Struct:
    for rule in RULES.get(type.name, ()):
        if isinstance(rule, Mapping):
            value = {**value, **{key: item for key, item in rule.items() if value.get(key, []) == []}}
        else:
            value = {**value, **rule(value)}
    filled = {key: defaulted(item, type.fields[key].type) for key, item in value.items()}
    for key in standing(type.name):
        held = type.fields[key].type
        if key not in value and held.form == "struct" and (item := defaulted(zero(held), held)):
            filled[key] = item
    return filled


def _full_millis(amount: str) -> str:
    quantity = parse_quantity(amount)
    if quantity.scale >= -3:
        return amount
    size = -(-abs(quantity.unscaled) // 10 ** (-3 - quantity.scale))
    return str(replace(quantity, unscaled=size if quantity.unscaled > 0 else -size, scale=-3))


def _pod(pod: Struct) -> Mapping[str, Any]:
    """What is filled in for a pod, and not for the template of one."""
    spec = {"enableServiceLinks": True, **pod.get("spec", {})}
    for key in ("containers", "initContainers"):
        if key in spec:
            spec[key] = [_of_pod(container, spec.get("hostNetwork") is True) for container in spec[key]]
    if (spec.get("terminationGracePeriodSeconds") or 0) < 0:
        spec["terminationGracePeriodSeconds"] = 1
    return {"spec": spec}


def _of_pod(container: Struct, host_network: bool) -> Struct:
    resources = container.get("resources", {})
    if "limits" in resources:
        resources = {**resources, "requests": {**resources["limits"], **resources.get("requests", {})}}
        container = {**container, "resources": resources}
    if host_network and "ports" in container:
        ports = [{"hostPort": port.get("containerPort", 0), **port} for port in container["ports"]]
        container = {**container, "ports": ports}
    return container


def _service_account(spec: Struct) -> Mapping[str, Any]:
    """A name and its older alias."""
    name = spec.get("serviceAccountName") or spec.get("serviceAccount")
    return {"serviceAccountName": name, "serviceAccount": name} if name else {}


def _volume(volume: Struct) -> Mapping[str, Any]:
    return {} if volume.keys() - {"name"} else {"emptyDir": {}}


def _pull_policy(key: str, image_key: str) -> Rule:
    def rule(value: Struct) -> Mapping[str, Any]:
        latest = _tag(value.get(image_key, "")) == "latest"
        return {} if key in value else {key: "Always" if latest else "IfNotPresent"}

    return rule


def _tag(image: str) -> str:
    """The tag of an image: `latest` where there is neither tag nor digest, none where the image is no such name."""
    found = _IMAGE.fullmatch(image)
    if found is None or len(found["path"]) > 255:
        return ""
    return found["tag"] or ("" if found["digest"] else "latest")


_HOST_LABEL = "[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?"
_HOST = rf"(?:{_HOST_LABEL}(?:\.{_HOST_LABEL})*|\[[a-fA-F0-9:]+\])(?::[0-9]+)?"
_PATH = "[a-z0-9]++(?:(?:[._]|__|-+)[a-z0-9]++)*+"
_IMAGE = re.compile(
    rf"(?![a-f0-9]{{64}}\Z)(?:{_HOST}/)?(?P<path>{_PATH}(?:/{_PATH})*)"
    r"(?::(?P<tag>\w[\w.-]{0,127}))?(?:@(?P<digest>[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,}))?",
    re.ASCII,
)


def _service(service: Struct) -> Mapping[str, Any]:
    spec = {"sessionAffinity": "None", "type": "ClusterIP", **service.get("spec", {})}
    kind = spec["type"]
    if spec["sessionAffinity"] == "None":
        spec.pop("sessionAffinityConfig", None)
    elif spec["sessionAffinity"] == "ClientIP":
        client = spec.get("sessionAffinityConfig", {}).get("clientIP", {})
        if "timeoutSeconds" not in client:
            spec["sessionAffinityConfig"] = {"clientIP": {"timeoutSeconds": 10800}}
    if kind in ("LoadBalancer", "NodePort") or (kind == "ClusterIP" and spec.get("externalIPs")):
        spec.setdefault("externalTrafficPolicy", "Cluster")
    if kind in ("LoadBalancer", "NodePort", "ClusterIP"):
        spec.setdefault("internalTrafficPolicy", "Cluster")
    if kind == "LoadBalancer":
        spec.setdefault("allocateLoadBalancerNodePorts", True)
    return {"spec": spec}


def _target_port(port: Struct) -> Mapping[str, Any]:
    return {} if port.get("targetPort") else {"targetPort": port.get("port", 0)}


def _secret(secret: Struct) -> Mapping[str, Any]:
    """`stringData` is for writing alone."""
    texts = secret.get("stringData") or {}
    data = {key: b64encode(text.encode()).decode() for key, text in texts.items()}
    return {"data": {**secret.get("data", {}), **data}, "stringData": None} if data else {}


def _pod_networks(spec: Struct) -> Mapping[str, Any]:
    """The first of several, and the older field for one, which wins."""
    first, several = spec.get("podCIDR"), spec.get("podCIDRs", [])
    if first:
        return {"podCIDRs": several if several[:1] == [first] else [first]}
    return {"podCIDR": several[0]} if several else {}


def _allocatable(status: Struct) -> Mapping[str, Any]:
    return {"allocatable": status.get("allocatable", status["capacity"])} if "capacity" in status else {}


def _persistent_volume(volume: Struct) -> Mapping[str, Any]:
    spec = {"persistentVolumeReclaimPolicy": "Retain", "volumeMode": "Filesystem", **volume.get("spec", {})}
    return {"spec": spec}


def _namespace(namespace: Struct) -> Mapping[str, Any]:
    metadata = namespace.get("metadata", {})
    if "name" not in metadata:
        return {}
    labels = {**metadata.get("labels", {}), "kubernetes.io/metadata.name": metadata["name"]}
    return {"metadata": {**metadata, "labels": labels}}


def _labels_of_template(value: Struct) -> Mapping[str, Any]:
    labels = value.get("spec", {}).get("template", {}).get("metadata", {}).get("labels")
    metadata = value.get("metadata", {})
    return {"metadata": {**metadata, "labels": labels}} if labels and not metadata.get("labels") else {}


def _selector_of_template(value: Struct) -> Mapping[str, Any]:
    spec = value.get("spec", {})
    labels = spec.get("template", {}).get("metadata", {}).get("labels")
    return {"spec": {**spec, "selector": labels}} if labels and not spec.get("selector") else {}


def _limits(item: Struct) -> Mapping[str, Any]:
    """The range for containers; what is not said follows from what is."""
    if item.get("type") != "Container":
        return {}
    default = {**item.get("max", {}), **item.get("default", {})}
    return {"default": default, "defaultRequest": {**item.get("min", {}), **default, **item.get("defaultRequest", {})}}


def _claims(spec: Struct) -> Mapping[str, Any]:
    """Templates are written with their kind, whatever was given."""
    kind = {"apiVersion": "v1", "kind": "PersistentVolumeClaim"}
    claims = [{**claim, **kind} for claim in spec.get("volumeClaimTemplates", ())]
    return {"volumeClaimTemplates": claims} if claims else {}


def _rolling(always: bool = True, **fields: Any) -> Rule:
    """The strategy of updates, and its parameters; where not `always`, only if some are given, or no strategy is."""

    def rule(strategy: Struct) -> Mapping[str, Any]:
        parameters = strategy.get("rollingUpdate", {} if always or "type" not in strategy else None)
        if strategy.get("type", "RollingUpdate") != "RollingUpdate" or parameters is None:
            return {}
        return {"type": "RollingUpdate", "rollingUpdate": {**fields, **parameters}}

    return rule


def _job(job: Struct) -> Mapping[str, Any]:
    spec = job.get("spec", {})
    if "parallelism" not in spec:
        spec = {"completions": 1, **spec, "parallelism": 1}
    limit = 2**31 - 1 if "backoffLimitPerIndex" in spec else 6
    replacement = "Failed" if "podFailurePolicy" in spec else "TerminatingOrFailed"
    return {
        "spec": {
            "backoffLimit": limit,
            "podReplacementPolicy": replacement,
            "completionMode": "NonIndexed",
            "suspend": False,
            "manualSelector": False,
            **spec,
        }
    }


def _policy_types(spec: Struct) -> Mapping[str, Any]:
    types = ["Ingress", "Egress"] if spec.get("egress") else ["Ingress"]
    return {} if spec.get("policyTypes") else {"policyTypes": types}


def _subject(subject: Struct) -> Mapping[str, Any]:
    users = subject.get("kind") in ("User", "Group") and "apiGroup" not in subject
    return {"apiGroup": "rbac.authorization.k8s.io"} if users else {}


def _metrics(spec: Struct) -> Mapping[str, Any]:
    target = {"type": "Utilization", "averageUtilization": 80}
    default = [{"type": "Resource", "resource": {"name": "cpu", "target": target}}]
    return {} if spec.get("metrics") else {"metrics": default}


def _scaling(behavior: Struct) -> Mapping[str, Any]:
    percent = {"type": "Percent", "value": 100, "periodSeconds": 15}
    pods = {"type": "Pods", "value": 4, "periodSeconds": 15}
    up = {"stabilizationWindowSeconds": 0, "selectPolicy": "Max", "policies": [pods, percent]}
    down = {"selectPolicy": "Max", "policies": [percent]}
    return {"scaleUp": {**up, **behavior.get("scaleUp", {})}, "scaleDown": {**down, **behavior.get("scaleDown", {})}}


def _device_count(request: Struct) -> Mapping[str, Any]:
    mode = request.get("allocationMode", "ExactCount")
    return {"allocationMode": mode, "count": request.get("count", 1 if mode == "ExactCount" else 0)}


_MODE = {"defaultMode": 420}
_ISCSI = {"iscsiInterface": "default"}
_RBD = {"pool": "rbd", "user": "admin", "keyring": "/etc/ceph/keyring"}
_SCALE_IO = {"storageMode": "ThinProvisioned", "fsType": "xfs"}
_CONTAINER: tuple[Rule, ...] = (
    _pull_policy("imagePullPolicy", "image"),
    {"terminationMessagePath": "/dev/termination-log", "terminationMessagePolicy": "File"},
)
_MATCHING = {"matchPolicy": "Equivalent", "namespaceSelector": {}, "objectSelector": {}}
_FAIL = {"failurePolicy": "Fail"}
_WEBHOOK = {**_FAIL, **_MATCHING, "timeoutSeconds": 10}
_OLD_WEBHOOK = {
    **_WEBHOOK,
    "failurePolicy": "Ignore",
    "matchPolicy": "Exact",
    "timeoutSeconds": 30,
    "sideEffects": "Unknown",
    "admissionReviewVersions": ["v1beta1"],
}

RULES: Mapping[str, tuple[Rule, ...]] = {
    "core/v1.Pod": (_pod,),
    "core/v1.PodSpec": (
        _service_account,
        {
            "dnsPolicy": "ClusterFirst",
            "restartPolicy": "Always",
            "securityContext": {},
            "terminationGracePeriodSeconds": 30,
            "schedulerName": "default-scheduler",
        },
    ),
    "core/v1.Container": _CONTAINER,
    "core/v1.EphemeralContainer": _CONTAINER,
    "core/v1.ContainerPort": ({"protocol": "TCP"},),
    "core/v1.Probe": ({"timeoutSeconds": 1, "periodSeconds": 10, "successThreshold": 1, "failureThreshold": 3},),
    "core/v1.HTTPGetAction": ({"path": "/", "scheme": "HTTP"},),
    "core/v1.GRPCAction": ({"service": ""},),
    "core/v1.ObjectFieldSelector": ({"apiVersion": "v1"},),
    "core/v1.FileKeySelector": ({"optional": False},),
    "core/v1.Volume": (_volume,),
    "core/v1.ImageVolumeSource": (_pull_policy("pullPolicy", "reference"),),
    "core/v1.SecretVolumeSource": (_MODE,),
    "core/v1.ConfigMapVolumeSource": (_MODE,),
    "core/v1.DownwardAPIVolumeSource": (_MODE,),
    "core/v1.ProjectedVolumeSource": (_MODE,),
    "core/v1.ServiceAccountTokenProjection": ({"expirationSeconds": 3600},),
    "core/v1.HostPathVolumeSource": ({"type": ""},),
    "core/v1.ISCSIVolumeSource": (_ISCSI,),
    "core/v1.ISCSIPersistentVolumeSource": (_ISCSI,),
    "core/v1.RBDVolumeSource": (_RBD,),
    "core/v1.RBDPersistentVolumeSource": (_RBD,),
    "core/v1.ScaleIOVolumeSource": (_SCALE_IO,),
    "core/v1.ScaleIOPersistentVolumeSource": (_SCALE_IO,),
    "core/v1.AzureDiskVolumeSource": (
        {"cachingMode": "ReadWrite", "fsType": "ext4", "readOnly": False, "kind": "Shared"},
    ),
    "core/v1.ReplicationController": (_selector_of_template, _labels_of_template),
    "core/v1.ReplicationControllerSpec": ({"replicas": 1},),
    "core/v1.Service": (_service,),
    "core/v1.ServicePort": ({"protocol": "TCP"}, _target_port),
    "core/v1.EndpointPort": ({"protocol": "TCP"},),
    "core/v1.Secret": (_secret, {"type": "Opaque"}),
    "core/v1.Namespace": (_namespace,),
    "core/v1.NamespaceStatus": ({"phase": "Active"},),
    "core/v1.NodeSpec": (_pod_networks,),
    "core/v1.NodeStatus": (_allocatable,),
    "core/v1.PersistentVolume": (_persistent_volume,),
    "core/v1.PersistentVolumeStatus": ({"phase": "Pending"},),
    "core/v1.PersistentVolumeClaimSpec": ({"volumeMode": "Filesystem"},),
    "core/v1.PersistentVolumeClaimStatus": ({"phase": "Pending"},),
    "core/v1.LimitRangeItem": (_limits,),
    "apps/v1.DeploymentSpec": ({"replicas": 1, "revisionHistoryLimit": 10, "progressDeadlineSeconds": 600},),
    "apps/v1.DeploymentStrategy": (_rolling(maxUnavailable="25%", maxSurge="25%"),),
    "apps/v1.DaemonSetSpec": ({"revisionHistoryLimit": 10},),
    "apps/v1.DaemonSetUpdateStrategy": (_rolling(maxUnavailable=1, maxSurge=0),),
    "apps/v1.StatefulSetSpec": (
        {
            "podManagementPolicy": "OrderedReady",
            "persistentVolumeClaimRetentionPolicy": {},
            "replicas": 1,
            "revisionHistoryLimit": 10,
        },
        _claims,
    ),
    "apps/v1.StatefulSetUpdateStrategy": (_rolling(always=False, partition=0, maxUnavailable=1),),
    "apps/v1.StatefulSetPersistentVolumeClaimRetentionPolicy": ({"whenDeleted": "Retain", "whenScaled": "Retain"},),
    "apps/v1.ReplicaSetSpec": ({"replicas": 1},),
    "batch/v1.Job": (_job, _labels_of_template),
    "batch/v1.CronJobSpec": (
        {
            "concurrencyPolicy": "Allow",
            "suspend": False,
            "successfulJobsHistoryLimit": 3,
            "failedJobsHistoryLimit": 1,
        },
    ),
    "batch/v1.PodFailurePolicyOnPodConditionsPattern": ({"status": "True"},),
    "networking/v1.NetworkPolicySpec": (_policy_types,),
    "networking/v1.NetworkPolicyPort": ({"protocol": "TCP"},),
    "networking/v1.IngressClassParametersReference": ({"scope": "Cluster"},),
    "rbac/v1.RoleRef": ({"apiGroup": "rbac.authorization.k8s.io"},),
    "rbac/v1.Subject": (_subject,),
    "autoscaling/v1.HorizontalPodAutoscalerSpec": ({"minReplicas": 1, "targetCPUUtilizationPercentage": 80},),
    "autoscaling/v2.HorizontalPodAutoscalerSpec": ({"minReplicas": 1}, _metrics),
    "autoscaling/v2.HorizontalPodAutoscalerBehavior": (_scaling,),
    "discovery/v1.EndpointPort": ({"name": "", "protocol": "TCP"},),
    "certificates/v1.PodCertificateRequestSpec": ({"maxExpirationSeconds": 86400},),
    "flowcontrol/v1.FlowSchemaSpec": ({"matchingPrecedence": 1000},),
    "flowcontrol/v1.ExemptPriorityLevelConfiguration": ({"nominalConcurrencyShares": 0, "lendablePercent": 0},),
    "flowcontrol/v1.LimitedPriorityLevelConfiguration": ({"nominalConcurrencyShares": 30, "lendablePercent": 0},),
    "flowcontrol/v1.QueuingConfiguration": ({"queues": 64, "handSize": 8, "queueLengthLimit": 50},),
    "resource/v1.ExactDeviceRequest": (_device_count,),
    "resource/v1.DeviceSubRequest": (_device_count,),
    "scheduling/v1.PriorityClass": ({"preemptionPolicy": "PreemptLowerPriority"},),
    "storage/v1.StorageClass": ({"reclaimPolicy": "Delete", "volumeBindingMode": "Immediate"},),
    "storage/v1.CSIDriverSpec": (
        {
            "attachRequired": True,
            "podInfoOnMount": False,
            "storageCapacity": False,
            "fsGroupPolicy": "ReadWriteOnceWithFSType",
            "volumeLifecycleModes": ["Persistent"],
            "requiresRepublish": False,
            "seLinuxMount": False,
            "preventPodSchedulingIfMissing": False,
        },
    ),
    "admissionregistration/v1.ValidatingWebhook": (_WEBHOOK,),
    "admissionregistration/v1.MutatingWebhook": ({**_WEBHOOK, "reinvocationPolicy": "Never"},),
    "admissionregistration/v1.ServiceReference": ({"port": 443},),
    "admissionregistration/v1.RuleWithOperations": ({"scope": "*"},),
    "admissionregistration/v1beta1.ValidatingWebhook": (_OLD_WEBHOOK,),
    "admissionregistration/v1beta1.MutatingWebhook": ({**_OLD_WEBHOOK, "reinvocationPolicy": "Never"},),
    "admissionregistration/v1beta1.ServiceReference": ({"port": 443},),
    **{
        f"admissionregistration/{version}.{name}": (rule,)
        for version in ("v1", "v1beta1", "v1alpha1")
        for name, rule in (
            ("ValidatingAdmissionPolicySpec", _FAIL),
            ("MutatingAdmissionPolicySpec", _FAIL),
            ("MatchResources", _MATCHING),
            ("NamedRuleWithOperations", {"scope": "*"}),
        )
    },
    "admissionregistration/v1alpha1.ParamRef": ({"parameterNotFoundAction": "Deny"},),
}
