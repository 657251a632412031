"""PodSecurityPolicy objects as rule sets: what a pod was allowed it is allowed, what it was denied it is denied."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from admit.cel import Environment
from admit.errors import RuleSetError
from admit.importers.psp import LABEL, Imported, imported
from admit.kubernetes.normalise import normalise
from admit.loading import check, load
from admit.rules.yaml import document_of
from admit.rules.yaml import load as read

HERE = Path(__file__).parent
ANY = {"rule": "RunAsAny"}
OPEN = {
    "privileged": True,
    "hostNetwork": True,
    "hostPID": True,
    "hostIPC": True,
    "hostPorts": [{"min": 0, "max": 65535}],
    "allowedCapabilities": ["*"],
    "volumes": ["*"],
    "allowedProcMountTypes": ["Default", "Unmasked"],
    "allowedUnsafeSysctls": ["*"],
    **dict.fromkeys(("seLinux", "runAsUser", "supplementalGroups", "fsGroup"), ANY),
}
SECCOMP = "seccomp.security.alpha.kubernetes.io/allowedProfileNames"
CASES: list[dict[str, Any]] = read((HERE / "psp.yaml").read_bytes())[0]
ERRORS: list[dict[str, Any]] = read((HERE / "psp-errors.yaml").read_bytes())[0]


def policy(case: dict[str, Any], name: str = "p") -> dict[str, Any]:
    """A PodSecurityPolicy that allows everything, but for what the case says."""
    annotations = {SECCOMP: "*", **case.get("annotations", {})}
    kept = {key: text for key, text in annotations.items() if text is not None}
    metadata = {"name": name, "annotations": kept}
    spec = OPEN | case.get("spec", {})
    return {"apiVersion": "policy/v1beta1", "kind": "PodSecurityPolicy", "metadata": metadata, "spec": spec}


def pod(said: dict[str, Any], namespace: str = "default") -> dict[str, Any]:
    metadata = {"name": "a", "namespace": namespace, "annotations": said.get("annotations", {})}
    containers = [{"name": "a", "image": "b:1", **said.get("container", {})}]
    spec = {**said.get("pod", {}), "containers": containers}
    admitted: dict[str, Any] = normalise({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec})
    return admitted


def rule_set(*policies: dict[str, Any], pods_only: bool = False) -> Imported:
    return imported(map(document_of, policies), pods_only)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_psp(case: dict[str, Any]) -> None:
    result = rule_set(policy(case))
    assert [note.message for note in result.notes if note.place] == case.get("notes", [])
    engine, faults = check(result.documents, advice=True)
    assert faults == []
    for said in case["allowed"]:
        decision = engine.decide(pod(said))
        assert (decision.allowed, decision.message) == (True, "")
        for path, value in said.get("becomes", {}).items():
            found = Environment(kubernetes="1.36", variables={"object": "dyn"}).compile(f"object.{path}")
            assert found(object=decision.object) == value
        assert engine.decide(decision.object or {}).patch is None
    for said in case.get("denied", ()):
        assert not engine.decide(pod(said)).allowed, said


@pytest.mark.parametrize("case", ERRORS, ids=lambda case: case["faults"][0])
def test_what_is_no_psp(case: dict[str, Any]) -> None:
    with pytest.raises(RuleSetError) as caught:
        rule_set(policy(case))
    found = [fault.message for fault in caught.value.faults]
    assert [text[: len(said)] for text, said in zip(found, case["faults"], strict=True)] == case["faults"]
    assert all(fault.place for fault in caught.value.faults)


def test_a_policy_that_says_nothing_denies() -> None:
    """But for the four strategies, which must be said."""
    bare = {**policy({}), "spec": dict.fromkeys(("seLinux", "runAsUser", "supplementalGroups", "fsGroup"), ANY)}
    engine = load(rule_set(bare).documents)
    assert engine.decide(pod({})).allowed
    for said in ({"pod": {"hostPID": True}}, {"container": {"securityContext": {"privileged": True}}}):
        assert not engine.decide(pod(said)).allowed
    assert not engine.decide(pod({"pod": {"volumes": [{"name": "a", "emptyDir": {}}]}})).allowed


def test_several_are_told_apart_by_namespaces() -> None:
    strict, lax = policy({"spec": {"hostPID": False}}, "strict"), policy({"spec": {"hostIPC": False}}, "lax")
    namespaces = [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": {LABEL: name}}}
        for name in ("strict", "lax", "other")
    ]
    result = rule_set(strict, {**lax, "apiVersion": "extensions/v1beta1"})
    engine = load(result.documents, namespaces=namespaces)
    of_host = {"pod": {"hostPID": True}}
    verdicts = {name: engine.decide(pod(of_host, name)) for name in ("strict", "lax", "other", "default")}
    assert [name for name, decision in verdicts.items() if decision.allowed] == ["lax"]
    nowhere = "the label admit.dev/psp of the namespace names none of the policies strict, lax"
    assert verdicts["other"].message == verdicts["default"].message == nowhere
    assert LABEL in result.notes[0].message


def test_workloads_and_pods() -> None:
    strict = policy({"spec": {"hostPID": False}})
    spec = {"template": {"spec": {"hostPID": True, "containers": [{"name": "a"}]}}}
    workload = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "a"}, "spec": spec}
    assert not load(rule_set(strict).documents).decide(workload).allowed
    engine = load(rule_set(strict, pods_only=True).documents)
    assert engine.decide(workload).allowed
    assert not engine.decide(pod({"pod": {"hostPID": True}})).allowed


def test_what_else_is_in_a_file() -> None:
    role = {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": {"name": "psp"}}
    both = {"apiVersion": "v1", "kind": "List", "items": [role, policy({})]}
    messages = [note.message for note in rule_set(both).notes]
    assert "ClusterRole 'psp' is passed over: it is no PodSecurityPolicy" in messages
    for wrong, said in (
        ([role], "there is no"),
        ([policy({}), policy({})], "there are two"),
        ([{"a": 1}], "expected a"),
    ):
        with pytest.raises(RuleSetError, match=said):
            rule_set(*wrong)
