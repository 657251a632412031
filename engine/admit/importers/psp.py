"""PodSecurityPolicy objects as rule sets: bindings of the bundled policies, and a policy for what those cannot say.

Sources: api/policy/v1beta1, types.go; kubernetes 1.24, pkg/security/podsecuritypolicy (provider.go and the strategies)
and pkg/apis/policy/validation.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from admit.cel.ast import Literal
from admit.cel.unparse import unparse
from admit.errors import Fault, RuleSetError
from admit.importers.modules import FOLDER
from admit.rules.fields import API_VERSION
from admit.rules.schema import Schema, defaulted, validate
from admit.rules.settings import load_schema
from admit.rules.yaml import Document, listed, read

KIND = "PodSecurityPolicy"
VERSIONS = ("policy/v1beta1", "extensions/v1beta1")
LABEL = "admit.dev/psp"
"""The label by which a namespace says which of several its pods are held to."""


@dataclass(frozen=True, slots=True)
class Imported:
    """The documents of a rule set, and what its reader should know, each with the place that it is about."""

    documents: tuple[dict[str, Any], ...]
    notes: tuple[Fault, ...]


def imported(documents: Iterable[Document], pods_only: bool = False) -> Imported:
    """The rule set of PodSecurityPolicy objects, about all that has a pod template or about pods only.

    Raises RuleSetError with all that an API server would have refused.
    """
    faults: list[Fault] = []
    notes: list[Fault] = []
    found: dict[str, tuple[Document, Mapping[str, Any]]] = {}
    for document in (each for given in documents for each in listed(document=given)):
        match document.value:
            case {"apiVersion": str(version), "kind": str(kind), "metadata": {"name": str(name)}}:
                if version not in VERSIONS or kind != KIND:
                    notes.append(_note(f"{kind} {name!r} is passed over: it is no {KIND}", document, ("kind",)))
                elif name in found:
                    faults.append(Fault(f"there are two of the name {name!r}", document.span(("metadata", "name"))))
                else:
                    found[name] = document, _spec(document, faults)
            case _:
                faults.append(Fault(f"expected a {KIND} with a name", document.span()))
    if not found and not faults:
        faults.append(Fault(f"there is no {KIND}"))
    if faults:
        raise RuleSetError(faults)
    several = len(found) > 1
    notes.append(Fault(_BY_NAMESPACE if several else _FOR_ALL, warning=True))
    written = [_by_namespace(list(found), pods_only)] if several else []
    for name, (document, spec) in found.items():
        written += _Rules(name, document, spec, _scope(pods_only, name if several else None), notes).documents()
    return Imported(tuple(written), tuple(notes))


_FOR_ALL = "RBAC decided whose pods the policy was for: here it is for all, unless matchResources says otherwise"
_BY_NAMESPACE = f"RBAC decided which policy a pod was held to: here the label {LABEL} of its namespace says the name"


def _note(text: str, document: Document, path: Sequence[str | int] = ()) -> Fault:
    return Fault(text, document.span(path), warning=True)


def _spec(document: Document, faults: list[Fault]) -> Mapping[str, Any]:
    """The spec with its defaults; what an API server would refuse is added to the faults."""
    if not all(isinstance(text, str) for text in _annotations(document).values()):
        faults.append(Fault("annotations must be text", document.span(("metadata", "annotations"))))
        return {}
    for key, text in _annotations(document).items():
        words = text.split(",") if key.endswith("allowedProfileNames") else [text]
        for word in words if key.startswith((_SECCOMP, _APP_ARMOR)) else ():
            if not _PROFILE.fullmatch(word) and word != "*":
                expected = "expected runtime/default, unconfined or localhost/NAME"
                faults.append(Fault(f"{expected}, not {word!r}", document.span(("metadata", "annotations", key))))
    spec = document.value.get("spec") or {}
    for problem in validate(_schema(), spec):
        text = str(problem).replace("unknown setting", "unknown field")
        faults.append(Fault(text, document.span(("spec", *problem.path), key=problem.unknown)))
    return defaulted(_schema(), spec)


_SPEC = """
type: object
required: [seLinux, runAsUser, supplementalGroups, fsGroup]
properties:
  privileged: &no {type: boolean, default: false}
  hostNetwork: *no
  hostPID: *no
  hostIPC: *no
  readOnlyRootFilesystem: *no
  allowPrivilegeEscalation: {type: boolean, default: true}
  defaultAllowPrivilegeEscalation: {type: boolean}
  defaultAddCapabilities: &texts {type: array, default: [], items: {type: string}}
  requiredDropCapabilities: *texts
  allowedCapabilities: *texts
  volumes:
    type: array
    default: []
    items:
      type: string
      enum: [awsElasticBlockStore, azureDisk, azureFile, cephFS, cinder, configMap, csi, downwardAPI, emptyDir,
        ephemeral, fc, flexVolume, flocker, gcePersistentDisk, gitRepo, glusterfs, hostPath, iscsi, nfs,
        persistentVolumeClaim, photonPersistentDisk, portworxVolume, projected, quobyte, rbd, scaleIO, secret,
        storageos, vsphereVolume, none, '*']
  hostPorts:
    type: array
    default: []
    items: {type: object, required: [min, max], properties: {min: {type: integer}, max: {type: integer}}}
  allowedHostPaths:
    type: array
    default: []
    items:
      type: object
      required: [pathPrefix]
      properties: {pathPrefix: {type: string, minLength: 1}, readOnly: *no}
      x-kubernetes-validations:
      - {rule: "!('..' in self.pathPrefix.split('/'))", message: must not contain '..'}
  allowedFlexVolumes:
    type: array
    default: []
    items: {type: object, required: [driver], properties: {driver: {type: string, minLength: 1}}}
  allowedCSIDrivers:
    type: array
    default: []
    items: {type: object, required: [name], properties: {name: {type: string, minLength: 1}}}
  allowedProcMountTypes: {type: array, default: [], items: {type: string, enum: [Default, Unmasked]}}
  allowedUnsafeSysctls: *texts
  forbiddenSysctls: *texts
  runtimeClass:
    type: object
    properties:
      allowedRuntimeClassNames: *texts
      defaultRuntimeClassName: {type: string, minLength: 1}
    x-kubernetes-validations:
    - rule: |-
        !has(self.defaultRuntimeClassName) || self.defaultRuntimeClassName in self.allowedRuntimeClassNames ||
          '*' in self.allowedRuntimeClassNames
      message: the default must be allowed
  seLinux:
    type: object
    required: [rule]
    properties:
      rule: {type: string, enum: [MustRunAs, RunAsAny]}
      seLinuxOptions:
        type: object
        properties: {user: &text {type: string}, role: *text, type: *text, level: *text}
    x-kubernetes-validations:
    - {rule: self.rule == 'RunAsAny' || has(self.seLinuxOptions), message: MustRunAs needs seLinuxOptions}
  runAsUser:
    type: object
    required: [rule]
    properties:
      rule: {type: string, enum: [MustRunAs, MustRunAsNonRoot, RunAsAny]}
      ranges: &ranges
        type: array
        default: []
        items:
          type: object
          required: [min, max]
          properties: {min: {type: integer, minimum: 0}, max: {type: integer, minimum: 0}}
          x-kubernetes-validations:
          - {rule: self.min <= self.max, message: min cannot be greater than max}
    x-kubernetes-validations:
    - {rule: self.rule != 'MustRunAs' || self.ranges.size() > 0, message: MustRunAs needs at least one range}
  runAsGroup: &group
    type: object
    required: [rule]
    properties:
      rule: {type: string, enum: [MustRunAs, MayRunAs, RunAsAny]}
      ranges: *ranges
    x-kubernetes-validations:
    - {rule: self.rule == 'RunAsAny' || self.ranges.size() > 0, message: the rule needs at least one range}
  supplementalGroups: *group
  fsGroup: *group
x-kubernetes-validations:
- rule: self.requiredDropCapabilities.size() == 0 || !('*' in self.allowedCapabilities)
  message: "requiredDropCapabilities must be empty when all capabilities are allowed by a wildcard"
- rule: self.requiredDropCapabilities.all(c, !(c in self.allowedCapabilities) && !(c in self.defaultAddCapabilities))
  message: what requiredDropCapabilities has can be neither in allowedCapabilities nor in defaultAddCapabilities
- rule: self.allowPrivilegeEscalation || !self.?defaultAllowPrivilegeEscalation.orValue(false)
  message: defaultAllowPrivilegeEscalation cannot be true where allowPrivilegeEscalation is false
- rule: |-
    self.allowedUnsafeSysctls.all(a, self.forbiddenSysctls.all(f,
      !(a.endsWith('*') && f.startsWith(a.substring(0, a.size() - 1))) &&
      !(f.endsWith('*') && a.startsWith(f.substring(0, f.size() - 1))) && a != f))
  message: allowedUnsafeSysctls and forbiddenSysctls must not overlap
"""


def _annotations(document: Document) -> Mapping[str, Any]:
    annotations = document.value["metadata"].get("annotations")
    return annotations if isinstance(annotations, dict) else {}


_SECCOMP = "seccomp.security.alpha.kubernetes.io/"
_APP_ARMOR = "apparmor.security.beta.kubernetes.io/"
_PROFILE = re.compile(r"(runtime|docker)/default|unconfined|localhost/.+")


@cache
def _schema() -> Schema:
    faults: list[Fault] = []
    schema = load_schema(read(_SPEC, KIND)[0], (), faults)
    assert schema is not None, faults
    return schema


def _scope(pods_only: bool, name: str | None) -> dict[str, Any]:
    """What narrows a binding: to pods, to the namespaces that have a label with the name."""
    scope: dict[str, Any] = {}
    if name is not None:
        scope["namespaceSelector"] = {"matchLabels": {LABEL: name}}
    if pods_only:
        rule = {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE", "UPDATE"]}
        scope["resourceRules"] = [{**rule, "resources": ["pods", "pods/ephemeralcontainers"]}]
    return scope


def _by_namespace(names: list[str], pods_only: bool) -> dict[str, Any]:
    """The policy that lets a pod be only where one of several is named, as without one none was allowed."""
    expression = f"namespaceObject.metadata.?labels[?{_cel(LABEL)}].orValue('') in {_cel(names)}"
    message = f"the label {LABEL} of the namespace names none of the policies {', '.join(names)}"
    title = "Each namespace says which PodSecurityPolicy its pods are held to"
    rule = {"name": "policy-of-namespace", "expression": expression, "message": message}
    return _policy("psp-of-namespace", title, _scope(pods_only, None), validations=[rule])


def _policy(name: str, title: str, scope: dict[str, Any], **rules: Any) -> dict[str, Any]:
    spec = {"title": title, "subject": "PodSpec", **({"matchConstraints": scope} if scope else {}), **rules}
    return {"apiVersion": API_VERSION, "kind": "Policy", "metadata": {"name": name}, "spec": spec}


def _cel(value: Any) -> str:
    return unparse(Literal("constant", value))


_VOLUMES = {"cephFS": "cephfs"}
"""Types of volumes whose name in a pod is another."""

_TOKEN = {
    "name": "service-account-token",
    "reason": "every pod is given this projected volume, and a PodSecurityPolicy with secrets allows it",
    "rules": ["volume-type"],
    "when": """\
type == 'projected' && volume.projected.?sources.orValue([]).all(source,
  (has(source.serviceAccountToken) || has(source.configMap) || has(source.downwardAPI)) &&
  source.?serviceAccountToken.optMap(token, token.path == 'token' && !has(token.audience)).orValue(true) &&
  source.?configMap.optMap(map, map.name == 'kube-root-ca.crt').orValue(true) &&
  source.?downwardAPI.?items.orValue([]).all(item,
    item.path == 'namespace' && item.?fieldRef.?fieldPath.orValue('') == 'metadata.namespace'))""",
}

_HOLDERS = "([dyn(pod)] + containers)"
_NO_POD_PROFILE = "pod.?securityContext.?seccompProfile.orValue(null) == null"
_POD_ANNOTATION = "podMetadata.?annotations[?'seccomp.security.alpha.kubernetes.io/pod'].orValue('')"
_NO_SECCOMP = f"""\
{_HOLDERS}.all(h, h.?securityContext.?seccompProfile.orValue(null) == null) &&
podMetadata.?annotations.orValue({{}}).all(key, key != 'seccomp.security.alpha.kubernetes.io/pod' &&
  !key.startsWith('container.seccomp.security.alpha.kubernetes.io/'))"""
_HAS_APP_ARMOR = """\
[dyn(pod), container].exists(h, h.?securityContext.?appArmorProfile.orValue(null) != null) ||
  podMetadata.?annotations[?('container.apparmor.security.beta.kubernetes.io/' + container.name)].orValue('') != ''"""


def _profile(annotation: str) -> str:
    """What an annotation says, as a seccompProfile or an appArmorProfile in CEL."""
    kind, _, name = annotation.partition("/")
    if kind == "localhost":
        return _cel({"type": "Localhost", "localhostProfile": name})
    return _cel({"type": "Unconfined" if kind == "unconfined" else "RuntimeDefault"})


def _names(path: str) -> list[str]:
    return [name for name in path.split("/") if name]


@dataclass(slots=True)
class _Rules:
    """What one PodSecurityPolicy becomes. `mutations` and `validations` are those that no bundled policy has."""

    name: str
    document: Document
    spec: Mapping[str, Any]
    scope: dict[str, Any]
    notes: list[Fault]
    bindings: list[dict[str, Any]] = field(default_factory=list)
    mutations: list[dict[str, Any]] = field(default_factory=list)
    validations: list[dict[str, Any]] = field(default_factory=list)

    def documents(self) -> Iterator[dict[str, Any]]:
        self.privileges()
        self.host()
        self.capabilities()
        self.users_and_groups()
        self.se_linux()
        self.volumes()
        self.sysctls()
        self.seccomp()
        self.app_armor()
        self.runtime_class()
        rest = {"mutations": self.mutations, "validations": self.validations}
        if any(rest.values()):
            title = f"What the {KIND} {self.name} demands beside what the bundled policies do"
            yield _policy(self.name, title, self.scope, **{key: rules for key, rules in rest.items() if rules})
        yield from self.bindings
        if not self.bindings and not any(rest.values()):
            self.notes.append(_note(f"{self.name!r} allows everything: nothing is written for it", self.document))

    def bind(self, policy: str, settings: dict[str, Any] | None = None, **more: Any) -> None:
        spec: dict[str, Any] = {"policyName": f"{FOLDER}/{policy}", **({"settings": settings} if settings else {})}
        spec |= ({"matchResources": self.scope} if self.scope else {}) | more
        metadata = {"name": f"{self.name}.{policy}"}
        self.bindings.append({"apiVersion": API_VERSION, "kind": "PolicyBinding", "metadata": metadata, "spec": spec})

    def write(self, path: str, to: str, when: str) -> None:
        """Has a field written, of the pod or of each container."""
        each = {"forEach": {"container": "containers"}} if path.startswith("container.") else {}
        self.mutations.append({"set": path, "to": to, **each, "when": when})

    def deny_unless(self, name: str, message: str, **test: Any) -> None:
        self.validations.append({"name": name, **test, "message": message})

    def no_effect(self, why: str, *path: str | int) -> None:
        self.notes.append(_note(f"this has no effect: {why}", self.document, ("spec", *path)))

    def privileges(self) -> None:
        spec = self.spec
        if not spec["privileged"]:
            self.bind("pod-privileged")
        unsaid = "container.?securityContext.?allowPrivilegeEscalation.orValue(null) == null"
        default = spec.get("defaultAllowPrivilegeEscalation")
        if not spec["allowPrivilegeEscalation"]:
            self.bind("allow-privilege-escalation-psp", {"default_allow_privilege_escalation": False})
        elif default is False:
            self.write("container.securityContext.allowPrivilegeEscalation", "false", unsaid)
        elif default:
            self.no_effect("Kubernetes allows it to whoever does not say otherwise", "defaultAllowPrivilegeEscalation")
        if spec["readOnlyRootFilesystem"]:
            unsaid = "container.?securityContext.?readOnlyRootFilesystem.orValue(null) == null"
            self.write("container.securityContext.readOnlyRootFilesystem", "true", unsaid)
            self.bind("readonly-root-filesystem-psp")
        types = spec["allowedProcMountTypes"]
        if "Unmasked" not in types:
            self.bind("allowed-proc-mount-types-psp")
        elif "Default" not in types:
            self.deny_unless(
                "proc-mount",
                "a container must have procMount Unmasked",
                forEach={"container": "containers"},
                expression="container.?securityContext.?procMount.orValue('Default') == 'Unmasked'",
            )

    def host(self) -> None:
        ports = []
        for i, each in enumerate(self.spec["hostPorts"]):
            ports.append({"min": max(each["min"], 0), "max": min(each["max"], 65535)})
            if ports[-1]["min"] > ports[-1]["max"]:
                ports.pop()
                self.no_effect("no port is in this range", "hostPorts", i)
        namespaces = [name for name in ("IPC", "Network", "PID") if self.spec[f"host{name}"]]
        if len(namespaces) < 3 or not any(each["min"] <= 1 and each["max"] == 65535 for each in ports):
            settings: dict[str, Any] = {f"allow_host_{name.lower()}": True for name in namespaces}
            self.bind("host-namespaces-psp", settings | ({"allow_host_ports": ports} if ports else {}))

    def capabilities(self) -> None:
        drops, adds = self.spec["requiredDropCapabilities"], self.spec["defaultAddCapabilities"]
        allowed = self.spec["allowedCapabilities"]
        if adds:
            not_dropped = "filter(c, !(c in container.?securityContext.?capabilities.?drop.orValue([])))"
            to = "container.securityContext.capabilities.add"
            each = {"forEach": {"container": "containers"}}
            self.mutations.append({"add": f"{_cel(adds)}.{not_dropped}", "to": to, **each})
        if "*" not in allowed:
            settings = {
                "allowed_capabilities": list(dict.fromkeys([*allowed, *adds])),
                "required_drop_capabilities": drops,
            }
            self.bind("capabilities-psp", {key: names for key, names in settings.items() if names})

    def users_and_groups(self) -> None:
        fields = {
            "runAsUser": "run_as_user",
            "runAsGroup": "run_as_group",
            "supplementalGroups": "supplemental_groups",
        }
        settings = {key: rule for name, key in fields.items() if (rule := self.strategy(name)) is not None}
        if settings:
            self.bind("user-group-psp", settings)
        fs_group = self.strategy("fsGroup")
        if fs_group is not None:
            self.bind("allowed-fsgroups-psp", fs_group)

    def strategy(self, name: str) -> dict[str, Any] | None:
        """The rule and the ranges of it, as Kubewarden's settings have them too; None where anything is allowed."""
        written = self.spec.get(name)
        if written is None or written["rule"] == "RunAsAny":
            return None
        if written["rule"] == "MustRunAsNonRoot":
            if written["ranges"]:
                self.no_effect("under MustRunAsNonRoot ranges are not looked at", name, "ranges")
            return {"rule": written["rule"]}
        return {"rule": written["rule"], "ranges": written["ranges"]}

    def se_linux(self) -> None:
        if self.spec["seLinux"]["rule"] == "RunAsAny":
            return
        options = {key: text for key, text in self.spec["seLinux"]["seLinuxOptions"].items() if text}
        if options:
            self.bind("selinux-psp", {"rule": "MustRunAs", **options})
        for key in () if "level" in options else ("level",) if options else ("user", "role", "type", "level"):
            self.deny_unless(
                f"selinux-{key}",
                f"seLinuxOptions must have no {key}",
                expression=f"{_HOLDERS}.all(h, h.?securityContext.?seLinuxOptions.?{key}.orValue('') == '')",
            )

    def volumes(self) -> None:
        types = self.spec["volumes"]
        if "*" not in types:
            allowed = [_VOLUMES.get(type, type) for type in types] or ["none"]
            token = {"exceptions": [_TOKEN]} if "secret" in types and "projected" not in types else {}
            self.bind("volumes-psp", {"allowedTypes": allowed}, **token)
        for name, type, restrict in (
            ("allowedHostPaths", "hostPath", self.host_paths),
            ("allowedFlexVolumes", "flexVolume", self.flex_volumes),
            ("allowedCSIDrivers", "csi", self.csi_drivers),
        ):
            if self.spec[name] and not {type, "*"}.intersection(types):
                self.no_effect(f"spec.volumes has no {type}", name)
            elif self.spec[name]:  # an empty list allows all of the type
                restrict()

    def host_paths(self) -> None:
        """Of prefixes that cover a path any that is writable decides, here the longest: what has no say is left out."""
        paths = self.spec["allowedHostPaths"]
        prefixes = [{"pathPrefix": path["pathPrefix"], "readOnly": path["readOnly"]} for path in paths]
        rooted = [path["pathPrefix"].startswith("/") for path in prefixes]
        writable = [
            _names(path["pathPrefix"]) for path, at in zip(prefixes, rooted, strict=True) if at and not path["readOnly"]
        ]
        kept = []
        for i, path in enumerate(prefixes):
            names = _names(path["pathPrefix"])
            if not rooted[i]:
                self.no_effect("no path of a host begins so", "allowedHostPaths", i, "pathPrefix")
            elif path["readOnly"] and any(names[: len(wider)] == wider for wider in writable):
                self.no_effect("a prefix of it is allowed without readOnly", "allowedHostPaths", i)
            else:
                kept.append(path)
        self.bind("hostpaths-psp", {"allowedHostPaths": kept})

    def flex_volumes(self) -> None:
        drivers = [{"driver": each["driver"]} for each in self.spec["allowedFlexVolumes"]]
        self.bind("flexvolume-drivers-psp", {"allowedFlexVolumes": drivers})

    def csi_drivers(self) -> None:
        self.deny_unless(
            "csi-driver",
            "the CSI driver {{ value }} is not allowed",
            forEach={"volume": "pod.?volumes.orValue([])"},
            value="volume.?csi.?driver",
            oneOf=[each["name"] for each in self.spec["allowedCSIDrivers"]],
        )

    def sysctls(self) -> None:
        allowed, forbidden = self.spec["allowedUnsafeSysctls"], self.spec["forbiddenSysctls"]
        if "*" in allowed:
            return
        names = [name for name in allowed if not name.endswith("*")]
        prefixes = [name.removesuffix("*") for name in allowed if name.endswith("*")]
        settings = {"allowedUnsafeSysctls": names, "forbiddenSysctls": forbidden}
        exception = {
            "name": "allowed-prefixes",
            "reason": f"allowedUnsafeSysctls of the {KIND} has them",
            "rules": ["sysctl"],
            "when": " || ".join(f"name.startsWith({_cel(prefix)})" for prefix in prefixes),
        }
        more = {"exceptions": [exception]} if prefixes else {}
        self.bind("sysctl-psp", {key: value for key, value in settings.items() if value}, **more)

    def seccomp(self) -> None:
        """What the pod's annotation says is written to the field that has replaced it, as API servers once did it."""
        annotations = _annotations(self.document)
        default = annotations.get(f"{_SECCOMP}defaultProfileName", "")
        if default:
            unsaid = f"{_NO_POD_PROFILE} && {_POD_ANNOTATION} == ''"
            self.write("pod.securityContext.seccompProfile", _profile(default), unsaid)
        allowed = [name for name in annotations.get(f"{_SECCOMP}allowedProfileNames", "").split(",") if name]
        if "*" in allowed:
            return
        if not allowed:
            self.deny_unless("seccomp", "no seccomp profile may be set", expression=_NO_SECCOMP)
            return
        if {"runtime/default", "docker/default"}.intersection(allowed):
            allowed = list(dict.fromkeys([*allowed, "runtime/default", "docker/default"]))
        for profile in allowed:
            said = f"{_NO_POD_PROFILE} && {_POD_ANNOTATION} == {_cel(profile)}"
            self.write("pod.securityContext.seccompProfile", _profile(profile), said)
        self.bind("seccomp-psp", {"allowed_profiles": allowed})
        has_one = {"value": "pod.?securityContext.?seccompProfile", "present": True}
        self.deny_unless("seccomp", "the pod must have a seccomp profile", **has_one)

    def app_armor(self) -> None:
        annotations = _annotations(self.document)
        default = annotations.get(f"{_APP_ARMOR}defaultProfileName", "")
        if default:
            self.write("container.securityContext.appArmorProfile", _profile(default), f"!({_HAS_APP_ARMOR})")
        allowed = [name for name in annotations.get(f"{_APP_ARMOR}allowedProfileNames", "").split(",") if name]
        if allowed:
            self.bind("apparmor-psp", {"allowed_profiles": allowed})
            self.deny_unless(
                "apparmor",
                "container {{ container.name }} must have an AppArmor profile",
                forEach={"container": "containers"},
                expression=_HAS_APP_ARMOR,
            )

    def runtime_class(self) -> None:
        classes = self.spec.get("runtimeClass")
        if classes is None:
            return
        default = classes.get("defaultRuntimeClassName")
        if default is not None:
            self.write("pod.runtimeClassName", _cel(default), "pod.?runtimeClassName.orValue(null) == null")
        if "*" not in classes["allowedRuntimeClassNames"]:
            self.deny_unless(
                "runtime-class",
                "the runtime class {{ value }} is not allowed",
                value="pod.?runtimeClassName",
                oneOf=classes["allowedRuntimeClassNames"],
            )
