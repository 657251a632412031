"""What makes pods, where Pod Security is told to refuse it too; upstream never does."""

from __future__ import annotations

from typing import Any

import pytest

import admit
from admit.podsecurity.configuration import document_for
from admit.podsecurity.levels import Standard

BAD: dict[str, Any] = {"spec": {"hostPID": True, "hostIPC": True, "containers": [{"name": "a", "image": "a"}]}}
GOOD = {"spec": {"containers": [{"name": "a", "image": "a"}]}}
ENGINE = admit.load([document_for(Standard("baseline", "v1.31"))], all_namespaces=True, enforce_controllers=True)
SAID = 'violates PodSecurity "baseline:v1.31": host namespaces (hostPID=true, hostIPC=true)'


def workload(kind: str, template: Any, **spec: Any) -> dict[str, Any]:
    version = {"CronJob": "batch/v1", "ReplicationController": "v1"}.get(kind, "apps/v1")
    inner = {"template": template, **spec} if kind != "CronJob" else {"jobTemplate": {"spec": {"template": template}}}
    return {"apiVersion": version, "kind": kind, "metadata": {"name": "web"}, "spec": inner}


@pytest.mark.parametrize(
    ("kind", "named", "at"),
    [
        ("Deployment", 'deployments.apps "web"', "/spec/template/spec"),
        ("CronJob", 'cronjobs.batch "web"', "/spec/jobTemplate/spec/template/spec"),
        ("ReplicationController", 'replicationcontrollers "web"', "/spec/template/spec"),
    ],
)
def test_denied(kind: str, named: str, at: str) -> None:
    decision = ENGINE.decide(workload(kind, BAD))
    assert decision.message == f"{named} is forbidden: {SAID}"
    assert (decision.code, decision.reason, decision.warnings) == (403, "Forbidden", ())
    assert [finding.pointer for finding in decision.findings] == [f"{at}/hostPID", f"{at}/hostIPC"]
    group, _, _ = workload(kind, BAD)["apiVersion"].rpartition("/")
    details = {"name": "web", "group": group, "kind": f"{kind.lower()}s"}
    assert decision.details == {key: value for key, value in details.items() if value}
    assert decision.audit_annotations["pod-security.kubernetes.io/enforce-policy"] == "baseline:v1.31"


@pytest.mark.parametrize(
    ("old", "new", "allowed"),
    [
        (workload("Deployment", BAD), workload("Deployment", BAD, replicas=3), True),
        (workload("Deployment", GOOD), workload("Deployment", BAD), False),
        (workload("Deployment", BAD), workload("Deployment", {**BAD, "metadata": {"labels": {"a": "b"}}}), False),
        (workload("Deployment", {"spec": 5}), workload("Deployment", BAD), False),
        (workload("ReplicationController", None), workload("ReplicationController", None), True),
    ],
)
def test_update(old: dict[str, Any], new: dict[str, Any], allowed: bool) -> None:
    assert ENGINE.decide(new, old, operation="UPDATE").allowed is allowed


def test_what_cannot_be_judged() -> None:
    assert ENGINE.decide({**workload("Deployment", GOOD), "spec": 5}).code == 400
    lost = admit.load([document_for(Standard("baseline", "v1.31"))], enforce_controllers=True)
    assert lost.decide(workload("Deployment", GOOD), namespace="nowhere").code == 500
    assert ENGINE.decide(workload("Deployment", BAD), subresource="status").allowed
