"""What a level says of a pod: versions, odd pods, and the same said by the engine."""

from __future__ import annotations

from typing import Any

import pytest

import admit
from admit.errors import RequestError, UsageError
from admit.library import Library
from admit.podsecurity import Failure, Result, evaluate

POD: dict[str, Any] = {"containers": [{"name": "a", "securityContext": {"privileged": True}}], "hostPID": True}
FAILURES = (
    Failure("hostNamespaces", "host namespaces", "hostPID=true"),
    Failure("privileged", "privileged", 'container "a" must not set securityContext.privileged=true'),
)


def test_result() -> None:
    result = evaluate("baseline", "latest", {"spec": POD})
    assert (result.allowed, result.failures) == (False, FAILURES)
    assert result.message == f"host namespaces (hostPID=true), privileged ({FAILURES[1].detail})"
    assert result.reasons == "host namespaces, privileged"
    assert Result((Failure("sysctls", "forbidden sysctls", ""),)).message == "forbidden sysctls"
    assert evaluate("privileged", "v1.0", {"spec": POD}) == Result()


@pytest.mark.parametrize("pod", [{}, {"spec": None}, {"spec": {}}, {"metadata": None, "spec": {"containers": None}}])
def test_nothing_to_object_to(pod: dict[str, Any]) -> None:
    assert evaluate("restricted", "latest", pod).allowed


@pytest.mark.parametrize("version", ["latest", "v1.37", "v1.38", "v1.1000000"])
def test_what_is_newer_than_the_newest(version: str) -> None:
    probe = {"httpGet": {"port": 80, "host": "b"}}
    (failure,) = evaluate(
        "baseline", version, {"spec": {"containers": [{"name": "a", "livenessProbe": probe}]}}
    ).failures
    assert failure.check == "hostProbesAndHostLifecycle"


@pytest.mark.parametrize(
    "spec",
    [
        {**POD, "containers": [{**POD["containers"][0], "ports": None}, None], "volumes": [{"name": None}]},
        {**POD, "securityContext": None, "initContainers": [{"name": None, "securityContext": {"privileged": None}}]},
        {**POD, "unknown": 1},
    ],
)
def test_null_is_nothing(spec: dict[str, Any]) -> None:
    assert evaluate("baseline", "latest", {"metadata": {"annotations": None}, "spec": spec}).failures == FAILURES


def test_names_of_any_kind() -> None:
    spec = {"containers": [{"name": name, "securityContext": {"privileged": True}} for name in ('"', "\n", "", None)]}
    (failure,) = evaluate("baseline", "latest", {"spec": spec}).failures
    assert failure.detail == 'containers """, "\n", "", "" must not set securityContext.privileged=true'


def test_texts_of_any_length() -> None:
    spec = {"containers": [{"name": "a" * 60, "securityContext": {"privileged": True}}] * 600}
    (failure,) = evaluate("baseline", "latest", {"spec": spec}).failures
    assert failure.detail.count("a" * 60) == 600


ODD: Any = {
    "metadata": {
        "annotations": {
            "container.apparmor.security.beta.kubernetes.io/a": "x",
            "container.seccomp.security.alpha.kubernetes.io/a": "x",
        }
    },
    "spec": {
        "hostPID": True,
        "volumes": [{"hostPath": {}}, {"name": "b"}],
        "securityContext": {"runAsUser": 0, "sysctls": [{"name": "x"}], "seLinuxOptions": {"role": "r"}},
        "initContainers": None,
        "containers": [
            {
                "name": "a",
                "ports": [{}, {"hostPort": 1}],
                "livenessProbe": {"httpGet": {"host": "x"}},
                "securityContext": {
                    "privileged": True,
                    "procMount": "",
                    "windowsOptions": {"hostProcess": True},
                    "capabilities": {"add": ["NET_BIND_SERVICE", "BPF"]},
                    "seccompProfile": {},
                },
            },
            {"securityContext": {"runAsNonRoot": False}},
        ],
    },
}
CONTEXT = "/spec/containers/{}/securityContext"
FIRST, SECOND = (CONTEXT.format(i) for i in (0, 1))
POINTERS = {
    "appArmorProfile": ["/metadata/annotations/container.apparmor.security.beta.kubernetes.io~1a"],
    "capabilities_baseline": [f"{FIRST}/capabilities/add/1"],
    "hostNamespaces": ["/spec/hostPID"],
    "hostPathVolumes": ["/spec/volumes/0/hostPath"],
    "hostPorts": ["/spec/containers/0/ports/1/hostPort"],
    "hostProbesAndHostLifecycle": ["/spec/containers/0/livenessProbe/httpGet/host"],
    "privileged": [f"{FIRST}/privileged"],
    "procMount": [f"{FIRST}/procMount"],
    "procMount_restricted": [f"{FIRST}/procMount"],
    "seLinuxOptions": ["/spec/securityContext/seLinuxOptions/role"],
    "seccompProfile_baseline": ["/metadata/annotations/container.seccomp.security.alpha.kubernetes.io~1a"],
    "sysctls": ["/spec/securityContext/sysctls/0/name"],
    "windowsHostProcess": [f"{FIRST}/windowsOptions/hostProcess"],
    "allowPrivilegeEscalation": [f"{FIRST}/allowPrivilegeEscalation", f"{SECOND}/allowPrivilegeEscalation"],
    "capabilities_restricted": [
        f"{FIRST}/capabilities/drop",
        f"{SECOND}/capabilities/drop",
        f"{FIRST}/capabilities/add/1",
    ],
    "restrictedVolumes": ["/spec/volumes/0", "/spec/volumes/1"],
    "runAsNonRoot": [f"{SECOND}/runAsNonRoot", f"{FIRST}/runAsNonRoot"],
    "runAsUser": ["/spec/securityContext/runAsUser"],
    "seccompProfile_restricted": [f"{FIRST}/seccompProfile/type", f"{SECOND}/seccompProfile"],
}


def test_each_check_says_where() -> None:
    found: dict[str, list[str]] = {}
    for level, version in (("baseline", "v1.18"), ("baseline", "v1.34"), ("restricted", "latest")):
        for failure in evaluate(level, version, ODD).failures:
            found.setdefault(failure.check, failure.pointers)
    assert found == POINTERS
    assert Failure("sysctls", "forbidden sysctls", "").pointers == []


WRONG: list[tuple[Any, str]] = [
    (5, "expected a pod but found int"),
    ({"spec": []}, "PodSpec"),
    ({"metadata": {"annotations": {"a": 1}}}, "annotations of type string"),
    ({"spec": {"containers": 5}}, "containers of type"),
    ({"spec": {"containers": [5]}}, "of type v1.Container"),
    ({"spec": {"hostUsers": "no"}}, "hostUsers of type bool"),
    ({"spec": {"hostPID": "true"}}, "hostPID of type bool"),
    ({"spec": {"containers": [{"ports": [{"hostPort": "80"}]}]}}, "hostPort of type int32"),
    ({"spec": {"containers": [{"securityContext": {"privileged": "no"}}]}}, "privileged of type bool"),
    ({"spec": {"os": "windows"}}, "os of type v1.PodOS"),
    ({"spec": {"securityContext": {"runAsUser": "0"}}}, "runAsUser of type int64"),
    ({"spec": {"volumes": [{"emptyDir": []}]}}, "emptyDir of type v1.EmptyDirVolumeSource"),
]


@pytest.mark.parametrize(("pod", "said"), WRONG)
def test_a_wrong_type_is_never_allowed(pod: Any, said: str) -> None:
    with pytest.raises(RequestError, match=said):
        evaluate("restricted", "latest", pod)


@pytest.mark.parametrize(
    ("level", "version", "said"),
    [("baselin", "latest", "must be one of privileged, baseline"), ("baseline", "1.30", 'must be "latest" or "v1.x"')],
)
def test_levels_and_versions_that_there_are_not(level: str, version: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        evaluate(level, version, {})


def test_a_pod_that_no_api_server_would_read() -> None:
    with pytest.raises(RequestError, match="cannot unmarshal"):
        evaluate("baseline", "latest", {"spec": {"containers": [{"name": 1, "securityContext": {"privileged": True}}]}})


@pytest.mark.parametrize("level", ["baseline", "restricted"])
def test_the_engine_says_the_same(level: str) -> None:
    spec = {"policyName": f"pod-security/{level}"}
    engine = admit.load(
        [{"apiVersion": "admit.dev/v1", "kind": "PolicyBinding", "metadata": {"name": "x"}, "spec": spec}]
    )
    decision = engine.decide({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "x"}, "spec": POD})
    assert decision.message == evaluate(level, "latest", {"spec": POD}).message
    assert decision.reason == "Forbidden"


def test_each_check_has_one_message() -> None:
    for name, policy in Library().items():
        if name.startswith("pod-security/"):
            assert len({validation.message for validation in policy.validations}) <= 1, name
            assert policy.policies or all(validation.reason == "Forbidden" for validation in policy.validations), name
