"""The bundled policies by their own tests, run as `admit test` runs them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import admit
from admit.testing import SUFFIX, run

RULESETS = Path(__file__).parents[1] / "rulesets"
POLICIES = sorted(file for file in RULESETS.rglob("*.yaml") if not file.name.endswith(SUFFIX))


def test_each_policy_has_tests_and_each_test_a_policy() -> None:
    beside = {file.with_name(file.stem + SUFFIX) for file in POLICIES}
    assert beside == set(RULESETS.rglob(f"*{SUFFIX}"))


@pytest.mark.parametrize("policy", POLICIES, ids=lambda file: str(file.relative_to(RULESETS).with_suffix("")))
def test_policy(policy: Path) -> None:
    report = run(policy.with_name(policy.stem + SUFFIX))
    assert not report.failures, "\n".join(map(str, report.failures))
    assert not report.untested, "\n".join(map(str, report.untested))


PODS = {"apiGroups": [""], "apiVersions": ["v1"], "resources": ["pods"], "operations": ["CREATE", "UPDATE"]}
FSGROUPS = {"rule": "MayRunAs", "ranges": [{"min": 1, "max": 2}]}
OF_PODS: dict[str, tuple[dict[str, Any], dict[str, Any], dict[str, Any]]] = {  # settings, and what they refuse
    "allowed-fsgroups-psp": (FSGROUPS, {"securityContext": {"fsGroup": 3}}, {}),
    "allowed-proc-mount-types-psp": ({}, {}, {"securityContext": {"procMount": "Unmasked"}}),
    "apparmor-psp": ({}, {}, {"securityContext": {"appArmorProfile": {"type": "Unconfined"}}}),
    "flexvolume-drivers-psp": ({}, {"volumes": [{"name": "v", "flexVolume": {"driver": "d"}}]}, {}),
    "readonly-root-filesystem-psp": ({}, {}, {"securityContext": {"readOnlyRootFilesystem": False}}),
    "seccomp-psp": ({}, {}, {"securityContext": {"seccompProfile": {"type": "Unconfined"}}}),
    "selinux-psp": ({"rule": "MustRunAs", "user": "u"}, {}, {"securityContext": {"seLinuxOptions": {"user": "v"}}}),
    "sysctl-psp": ({}, {"securityContext": {"sysctls": [{"name": "kernel.sem", "value": "1"}]}}, {}),
    "volumes-psp": ({"allowedTypes": ["secret"]}, {"volumes": [{"name": "v", "emptyDir": {}}]}, {}),
}


@pytest.mark.parametrize("name", OF_PODS)
def test_the_scope_of_upstream(name: str) -> None:
    """What upstream asks of Pods alone is asked of all workloads, unless a binding is about Pods alone."""
    settings, pod, container = OF_PODS[name]
    spec = {"policyName": f"kubewarden/{name}", "settings": settings}
    limits = {"matchResources": {"resourceRules": [PODS]}}
    head = {"apiVersion": "admit.dev/v1", "kind": "PolicyBinding", "metadata": {"name": "it"}}
    everywhere = admit.load([{**head, "spec": spec}])
    upstream = admit.load([{**head, "spec": {**spec, **limits}}])
    bad = {"name": "it", "image": "it", **container}
    template = {"spec": {**pod, "containers": [bad]}}
    bare = {"apiVersion": "v1", "kind": "Pod", **template}
    deployment = {"apiVersion": "apps/v1", "kind": "Deployment", "spec": {"template": template}}
    assert [each.decide(bare).allowed for each in (everywhere, upstream)] == [False, False]
    assert [each.decide(deployment).allowed for each in (everywhere, upstream)] == [False, True]
    if container:
        sound = {"securityContext": {"readOnlyRootFilesystem": True, "seccompProfile": {"type": "RuntimeDefault"}}}
        kept = {"containers": [{"name": "it", "image": "it", **sound}]}
        before, after = {**bare, "spec": kept}, {**bare, "spec": {**kept, "ephemeralContainers": [bad]}}
        said = [
            each.decide(after, before, "UPDATE", subresource="ephemeralcontainers") for each in (everywhere, upstream)
        ]
        assert [each.allowed for each in said] == [False, True]


OF_NULLS: list[tuple[str, dict[str, Any], str, Any, str | None]] = [  # settings, kind, spec, and what is said of it
    ("pod-ndots", {}, "v1/Pod", {"containers": [], "dnsConfig": {"options": None}}, None),
    ("pod-ndots", {}, "v1/Pod", {"containers": [], "dnsConfig": {"options": [{}]}}, None),
    (
        "volumemounts",
        {"operator": "notAllAreUsed", "volumeMountsNames": ["a"]},
        "v1/Pod",
        {"containers": [{"name": "a", "volumeMounts": None}]},
        None,
    ),
    ("persistentvolumeclaim-storageclass", {"deniedStorageClasses": ["a"]}, "v1/PersistentVolumeClaim", None, None),
    ("disallow-service-nodeport", {}, "v1/Service", None, None),
    ("disallow-service-loadbalancer", {}, "v1/Service", None, None),
    (
        "ingress",
        {"requireTLS": True, "allowPorts": [1]},
        "networking.k8s.io/v1/Ingress",
        {"rules": [{"host": "a", "http": {"paths": None}}], "tls": [{"hosts": None}]},
        None,
    ),
    (
        "ingress",
        {"requireTLS": True, "denyPorts": [1]},
        "networking.k8s.io/v1/Ingress",
        {"rules": None, "tls": None},
        "Not all hosts have TLS enabled",
    ),
    (
        "allow-privilege-escalation-psp",
        {},
        "v1/Pod",
        {"containers": [{"name": "a", "securityContext": {"allowPrivilegeEscalation": None}}]},
        None,
    ),
    ("apparmor-psp", {}, "apps/v1/Deployment", {"template": {"metadata": {"annotations": None}, "spec": {}}}, None),
    ("flexvolume-drivers-psp", {}, "v1/Pod", {"volumes": [{"name": "v", "flexVolume": None}]}, None),
    (
        "flexvolume-drivers-psp",
        {"allowedFlexVolumes": [{"driver": "d"}]},
        "v1/Pod",
        {"volumes": [{"name": "v", "flexVolume": {"driver": None}}]},
        "Pod has at least one invalid flex volume driver",
    ),
    ("hostpaths-psp", {}, "v1/Pod", {"volumes": [{"name": "v", "hostPath": {"path": None}}]}, None),
    (
        "hostpaths-psp",
        {"allowedHostPaths": [{"pathPrefix": "/", "readOnly": True}]},
        "v1/Pod",
        {
            "volumes": [{"name": "v", "hostPath": {"path": "/var"}}],
            "containers": [{"name": "a", "volumeMounts": [{"name": "v", "mountPath": "/v", "readOnly": None}]}],
        },
        "hostPath '/var' mounted as 'v' should be readOnly 'true'",
    ),
]


@pytest.mark.parametrize("name, settings, kind, spec, said", OF_NULLS)
def test_nulls(name: str, settings: dict[str, Any], kind: str, spec: Any, said: str | None) -> None:
    """A null, as a request has it that no API server has written, is what is not there."""
    metadata = {"name": "it"}
    bound = {"policyName": f"kubewarden/{name}", "settings": settings}
    engine = admit.load([{"apiVersion": "admit.dev/v1", "kind": "PolicyBinding", "metadata": metadata, "spec": bound}])
    version, _, kind = kind.rpartition("/")
    decision = engine.decide({"apiVersion": version, "kind": kind, "metadata": metadata, "spec": spec})
    assert (decision.allowed, decision.message) == (said is None, said or "")
