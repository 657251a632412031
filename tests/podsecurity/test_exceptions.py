"""Exceptions of single containers, volumes and so on: the message of the profile is what it would be without them."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache
from typing import Any

import pytest

import admit
from admit.admission.patch import tokens
from admit.library import Library
from admit.podsecurity import evaluate

SOUND = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}, "runAsNonRoot": True}
PROFILE = {"seccompProfile": {"type": "RuntimeDefault"}}
HOST = {"httpGet": {"port": 80, "host": "elsewhere"}}


def context(**fields: Any) -> dict[str, Any]:
    return {"securityContext": {**SOUND, **PROFILE, **fields}}


OF_CONTAINERS: dict[str, tuple[str, dict[str, Any]]] = {
    "app-armor-profile": ("latest", context(appArmorProfile={"type": "Unconfined"})),
    "capabilities-baseline": ("v1.21", context(capabilities={"add": ["NET_ADMIN"]})),
    "host-ports": ("latest", {"ports": [{"hostPort": 1}, {"hostPort": 2}]}),
    "host-probes-and-host-lifecycle": ("latest", {"livenessProbe": HOST, "lifecycle": {"preStop": HOST}}),
    "privileged": ("latest", context(privileged=True)),
    "proc-mount": ("v1.34", context(procMount="Unmasked")),
    "proc-mount-restricted": ("latest", context(procMount="Unmasked")),
    "se-linux-options": ("latest", context(seLinuxOptions={"type": "x", "user": "u", "role": "r"})),
    "seccomp-profile-restricted": ("latest", context(seccompProfile={"type": "Unconfined"})),
    "windows-host-process": ("latest", context(windowsOptions={"hostProcess": True})),
    "allow-privilege-escalation": ("latest", context(allowPrivilegeEscalation=True)),
    "capabilities-restricted": ("latest", context(capabilities={"add": ["NET_ADMIN"]})),
    "run-as-non-root": ("latest", context(runAsNonRoot=False)),
    "run-as-user": ("latest", context(runAsUser=0)),
}


def pod(*names: str, violating: dict[str, Any], **spec: Any) -> dict[str, Any]:
    """A pod of the containers `a`, `b` and `c`, those named violating."""
    every = (
        {"name": name, "image": f"{name}:1", **context(), **(violating if name in names else {})} for name in "abc"
    )
    init, *containers = every
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "web", **spec.pop("metadata", {})},
        "spec": {"initContainers": [init], "containers": containers, **spec},
    }


@pytest.mark.parametrize("check", OF_CONTAINERS)
def test_container(check: str) -> None:
    version, violating = OF_CONTAINERS[check]
    decision = engine_at("restricted", version).decide(pod("a", "c", violating=violating))
    assert decision.message == evaluate("restricted", version, pod("c", violating=violating)).message
    assert {tuple(tokens(finding.pointer or ""))[:3] for finding in decision.findings} == {("spec", "containers", "1")}


def test_exception_that_is_over() -> None:
    version, violating = OF_CONTAINERS["run-as-user"]
    both = pod("a", "c", violating=violating)
    late = engine_at("restricted", version, day=2)
    assert late.decide(both).message == evaluate("restricted", version, both).message


@pytest.mark.parametrize("field", ["runAsNonRoot", "seccompProfile"])
def test_container_that_says_nothing(field: str) -> None:
    """Where one that says the wrong thing is excepted, those are told that say nothing."""
    silent = pod(violating={})
    del silent["spec"]["containers"][0]["securityContext"][field]
    wrong = {"runAsNonRoot": False, "seccompProfile": {"type": "Unconfined"}}[field]
    silent["spec"]["initContainers"][0]["securityContext"][field] = wrong
    decision = engine_at("restricted", "latest").decide(silent)
    unexcepted = {**silent["spec"], "initContainers": []}
    assert decision.message == evaluate("restricted", "latest", {"spec": unexcepted}).message
    assert decision.message.startswith(field)


ANNOTATION = "container.apparmor.security.beta.kubernetes.io/"
SECCOMP = "container.seccomp.security.alpha.kubernetes.io/"
VOLUMES = [{"name": "logs", "hostPath": {"path": "/var/log"}}, {"name": "root", "hostPath": {"path": "/"}}]
PARTS: dict[str, tuple[str, str, dict[str, Any], str, str]] = {
    "app-armor-profile": (
        "restricted:latest",
        "container.name == 'a'",
        {"metadata": {"annotations": {f"{ANNOTATION}a": "x", f"{ANNOTATION}b": "x", f"{ANNOTATION}d": "x"}}},
        f'forbidden AppArmor profiles (annotations must not set AppArmor profile type to "{ANNOTATION}b="x"", '
        f'"{ANNOTATION}d="x"")',
        f"/metadata/annotations/{ANNOTATION.replace('/', '~1')}b",
    ),
    "seccomp-profile-baseline": (
        "baseline:v1.18",
        "container.name == 'a'",
        {"metadata": {"annotations": {f"{SECCOMP}a": "x", f"{SECCOMP}b": "x"}}},
        f'seccompProfile (forbidden annotation {SECCOMP}b="x")',
        f"/metadata/annotations/{SECCOMP.replace('/', '~1')}b",
    ),
    "host-path-volumes": (
        "baseline:latest",
        "volume.hostPath.path == '/var/log'",
        {"volumes": VOLUMES},
        'hostPath volumes (volume "root")',
        "/spec/volumes/1/hostPath",
    ),
    "restricted-volumes": (
        "restricted:latest",
        "volume.name == 'logs'",
        {"volumes": VOLUMES},
        'restricted volume types (volume "root" uses restricted volume type "hostPath")',
        "/spec/volumes/1",
    ),
    "sysctls": (
        "baseline:latest",
        "sysctl.name.startsWith('net.')",
        {"securityContext": {"sysctls": [{"name": "net.core.somaxconn"}, {"name": "kernel.msgmax"}]}},
        "forbidden sysctls (kernel.msgmax)",
        "/spec/securityContext/sysctls/1/name",
    ),
    "host-namespaces/host-pid": (
        "baseline:latest",
        "object.metadata.name == 'web'",
        {"hostPID": True, "hostNetwork": True},
        "host namespaces (hostNetwork=true)",
        "/spec/hostNetwork",
    ),
}


@pytest.mark.parametrize("rule", PARTS)
def test_part(rule: str) -> None:
    standard, _, spec, said, at = PARTS[rule]
    level, _, version = standard.partition(":")
    decision = engine_at(level, version).decide(pod(violating={}, **spec))
    assert decision.message == said
    assert decision.findings[0].pointer == at


def test_one_capability_of_one_container() -> None:
    added = context(capabilities={"add": ["NET_RAW", "SYS_TIME"], "drop": ["ALL"]})
    decision = engine_at("restricted", "latest").decide(pod("b", "c", violating=added))
    assert decision.message == (
        'unrestricted capabilities (containers "b", "c" must not include "SYS_TIME" in '
        "securityContext.capabilities.add)"
    )


@cache
def engine_at(level: str, version: str, day: int = 1) -> admit.Engine:
    """The profile with all the exceptions, on that day; they are over after the first."""
    first = "container.name == 'a' && container.image.startsWith('a:')"
    rules = [(check, first) for check in OF_CONTAINERS] + [(rule, when) for rule, (_, when, *_) in PARTS.items()]
    rules += [("capabilities-restricted", "capability == 'NET_RAW' && container.name in ['b', 'c']")]
    known = {member.name for member in Library()[f"pod-security/{level}"].policies}
    exceptions = [
        {"name": f"e{i}", "reason": "because", "rules": [f"pod-security/{rule}"], "when": when, "expires": "2027-01-01"}
        for i, (rule, when) in enumerate(rules)
        if f"pod-security/{rule.partition('/')[0]}" in known
    ]
    spec = {"policyName": f"pod-security/{level}", "settings": {"version": version}, "exceptions": exceptions}
    head = {"apiVersion": "admit.dev/v1", "kind": "PolicyBinding", "metadata": {"name": "case"}}
    return admit.load([{**head, "spec": spec}], clock=lambda: datetime(2027, 1, day, tzinfo=UTC))
