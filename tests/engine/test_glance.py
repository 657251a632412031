"""Reviews that are allowed as they are, seen without being read; all others are left to be read."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

import admit
from admit.admission.envelope import hint

RULES = [
    {
        "apiVersion": "admit.dev/v1",
        "kind": "PolicyBinding",
        "metadata": {"name": name.replace("/", "-")},
        "spec": {"policyName": name},
    }
    for name in ("kubewarden/host-namespaces-psp", "pod-security/run-as-user")
]
POD: dict[str, Any] = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "web", "annotations": {"note": "x"}},
    "spec": {"containers": [{"name": "app", "ports": [{"containerPort": 80}]}]},
}
GVK, GVR = {"group": "", "version": "v1", "kind": "Pod"}, {"group": "", "version": "v1", "resource": "pods"}
REQUEST: dict[str, Any] = {
    "uid": "u-1",
    "kind": GVK,
    "resource": GVR,
    "requestKind": GVK,
    "name": "web",
    "namespace": "shop",
    "operation": "CREATE",
    "userInfo": {"username": "jane", "groups": ["devs"]},
    "object": POD,
    "oldObject": None,
}


def review(request: dict[str, Any] = REQUEST, **fields: Any) -> bytes:
    head = {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview"}
    return orjson.dumps({**head, "request": {**request, **fields}})


def pod(**spec: Any) -> dict[str, Any]:
    return {**POD, "spec": {**POD["spec"], **spec}}


@pytest.fixture(scope="module")
def engine() -> admit.Engine:
    """An engine that has planned the route: before, nothing can be said at a glance."""
    engine = admit.load(RULES)
    assert engine.glance(review()) is None
    engine.review(orjson.loads(review()))
    return engine


@pytest.mark.parametrize(
    "text",
    [
        review(),
        review(object=pod(hostPID=False, volumes=[{"anything": [1, 2]}])),
        review(options={"kind": "CreateOptions"}, dryRun=True),
        review().replace(b'"x"', b'"a \\"quoted\\" text"'),
        review(object=pod(hostPID=True)).replace(b'"hostPID":true', b'"hostPID":true,"hostPID":false'),
    ],
)
def test_allowed(engine: admit.Engine, text: bytes) -> None:
    assert engine.glance(text) == "u-1"


@pytest.mark.parametrize(
    "text",
    [
        review(object=pod(hostPID=True)),
        review(object=pod(securityContext=None)),  # allowed, but not in the usual way
        review(object=pod(hostPID="yes")),
        review(object=pod(hostPID=True)).replace(b'"hostPID":true', b'"hostPID":false,"hostPID":true'),
        review().replace(b'"oldObject":null', b'"object":' + orjson.dumps(pod(hostPID=True))),
        review(object=pod(containers="none")),
        review(object=pod(containers=[{"securityContext": {"runAsUser": 0}}])),
        review(object=[]),
        review(object="Pod"),
        review(operation="PATCH"),
        review(operation="UPDATE"),  # not planned yet
        review(uid=""),
        review(uid=1),
        review(userInfo={"groups": "devs"}),
        review(resource=None),
        review(kind={"version": "v1"}),
        review(requestKind={**GVK, "version": ""}),
        review(requestResource={**GVR, "resource": ""}),
        review().replace(b"/v1", b"/v1beta1"),
        review().replace(b"AdmissionReview", b"Review"),
        review().replace(b'"x"', b'"\\ud800"'),
        review().replace(b'"x"', '"é"'.encode()),
        review().replace(b'"x"', b'"\xff"'),
        review().replace(b'"x"', b"1e"),
        review()[:-1],
        b"",
        b"[]",
        b"[" * 100_000,
    ],
)
def test_left_to_be_read(engine: admit.Engine, text: bytes) -> None:
    assert engine.glance(text) is None


def test_a_binding_alone(engine: admit.Engine) -> None:
    assert engine.glance(review(), binding="pod-security-run-as-user") is None
    engine.review(orjson.loads(review()), binding="pod-security-run-as-user")
    assert engine.glance(review(object=pod(hostPID=True)), binding="pod-security-run-as-user") == "u-1"


@pytest.mark.parametrize(
    "fields",
    [
        {"namespace": ""},
        {"subResource": "status"},
        {"resource": {**GVR, "resource": "services"}, "kind": {**GVK, "kind": "Service"}},
    ],
)
def test_what_seems_to_be_about_the_same(engine: admit.Engine, fields: dict[str, Any]) -> None:
    """Of a review that another writer than an API server has made."""
    usual, other = (
        review({"decoy": {"resource": GVR, "requests": 1}, **REQUEST}, **changed) for changed in ({}, fields)
    )
    assert hint(usual) == hint(other)
    assert engine.glance(usual) == "u-1"
    assert engine.glance(other) is None
    assert engine.glance(usual) == "u-1"


def test_a_hint_is_short() -> None:
    assert len(hint(review(name="x" * 1000).replace(b"requestKind", b"kindAsked"))) < 300


def test_what_pod_security_judges_is_read() -> None:
    kind = {"apiVersion": "pod-security.admission.config.k8s.io/v1", "kind": "PodSecurityConfiguration"}
    engine = admit.load([{**kind, "defaults": {"enforce": "baseline"}}], all_namespaces=True)
    service = {"kind": {**GVK, "kind": "Service"}, "resource": {**GVR, "resource": "services"}}
    for asked in (REQUEST, {**REQUEST, **service}):
        assert engine.review(orjson.loads(review(asked))).allowed
    assert engine.glance(review()) is None
    assert engine.glance(review(**service)) == "u-1"
