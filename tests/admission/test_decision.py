"""Decisions into reviews: status, patch, warnings, audit annotations."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Iterator
from typing import Any

import orjson
import pytest

from admit.admission import Decision, Finding, Findings, Request, from_manifest, read, write

POD = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web"}, "spec": {"hostPID": True}}


def answer(request: Request, **fields: Any) -> dict[str, Any]:
    review = orjson.loads(write(Decision(request, **{"object": request.object} | fields)))
    assert (review.pop("apiVersion"), review.pop("kind")) == ("admission.k8s.io/v1", "AdmissionReview")
    return review["response"]  # type: ignore[no-any-return]


@pytest.fixture
def request_() -> Request:
    return from_manifest(POD)


def test_allowed_says_no_more(request_: Request) -> None:
    bare = {**request_.raw, "uid": "705ab4f5"}
    assert answer(read(bare)) == {"uid": "705ab4f5", "allowed": True}


def test_findings_are_made_when_they_are_looked_at() -> None:
    made = []

    def later() -> Iterator[Finding]:
        made.append("later")
        yield Finding("p", "b", "later", "")

    findings = Findings()
    findings += [Finding("p", "b", "now", "")]
    findings += later()
    assert not made
    assert [finding.rule for finding in findings] == ["now", "later"]
    assert (len(findings), findings[1].rule, len(findings[:1])) == (2, "later", 1)
    assert findings == (Finding("p", "b", "now", ""), Finding("p", "b", "later", ""))
    assert repr(findings) == repr(tuple(findings))
    assert made == ["later"]
    assert Findings() == () == Findings(())


def test_denied(request_: Request) -> None:
    findings = (
        Finding("p", "b", "host-pid", "no host PID", "/spec/hostPID"),
        Finding("p", "b", "name", "bad name"),
        Finding("p", "w", "other", "a warning", "/spec", action="Warn"),
    )
    found = answer(
        request_, allowed=False, message="no host PID", code=422, reason="Invalid", findings=findings, object={}
    )
    assert found == {
        "uid": "",
        "allowed": False,
        "status": {
            "message": "no host PID",
            "code": 422,
            "reason": "Invalid",
            "details": {"causes": [{"message": "no host PID", "field": "spec.hostPID"}, {"message": "bad name"}]},
        },
    }


def test_patched(request_: Request) -> None:
    decision = Decision(request_, object=POD | {"spec": {"hostPID": False}})
    response = decision.response["response"]
    assert decision.patch == [{"op": "replace", "path": "/spec/hostPID", "value": False}]
    assert response["patchType"] == "JSONPatch"
    assert orjson.loads(b64decode(response["patch"])) == decision.patch


def test_an_equal_object_gives_no_patch(request_: Request) -> None:
    decision = Decision(request_, object=orjson.loads(orjson.dumps(POD)))
    assert decision.patch is None and "patch" not in decision.response["response"]


def test_a_deletion_has_no_patch() -> None:
    assert Decision(from_manifest(POD, operation="DELETE")).patch is None


def test_warnings_and_audit_annotations(request_: Request) -> None:
    long = "policy/" + "a" * 70
    found = answer(request_, warnings=("old",), audit_annotations={"policy/key": "x", long: "1", long + "b": "2"})
    assert found["warnings"] == ["old"]
    assert found["auditAnnotations"].pop("policy.key") == "x"
    assert sorted(found["auditAnnotations"].values()) == ["1", "2"]
    assert all(len(key) <= 63 and "/" not in key for key in found["auditAnnotations"])


@pytest.mark.parametrize(
    "pointer, field",
    [
        (None, ""),
        ("", ""),
        ("/spec/containers/0/ports/1", "spec.containers[0].ports[1]"),
        ("/metadata/annotations/example.com~1key", "metadata.annotations[example.com/key]"),
        ("/metadata/labels/app", "metadata.labels.app"),
    ],
)
def test_field(pointer: str | None, field: str) -> None:
    assert Finding("p", "b", "r", "m", pointer).field == field
