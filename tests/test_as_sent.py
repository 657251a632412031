"""Bundled policies about reviews with nulls in them, and without metadata: nothing has normalised these."""

from __future__ import annotations

from typing import Any, TypeAlias

import pytest

import admit
from admit.engine import Engine

Json: TypeAlias = Any

DENIED = {"labels": {"denied_labels": ["a"]}, "annotations": {"denied_annotations": ["a"]}}


@pytest.mark.parametrize("field", ["labels", "annotations"])
@pytest.mark.parametrize("found", [{}, {"metadata": None}, {"metadata": {}}, {"metadata": dict.fromkeys(DENIED)}])
def test_no_metadata(field: str, found: Json) -> None:
    sent = {"apiVersion": "v1", "kind": "ConfigMap", **found}
    wanted = {"criteria": "containsAnyOf", "values": ["a"]}
    assert _engine(f"safe-{field}", DENIED[field]).decide(sent).allowed
    assert _engine(field, wanted).decide(sent).message.endswith(f"None of the expected {field} were found: a")


@pytest.mark.parametrize("context", [None, {}, {"readOnlyRootFilesystem": None}])
def test_readonly_root_filesystem(context: Json) -> None:
    decision = _engine("readonly-root-filesystem-psp", {}).decide(_pod(securityContext=context))
    assert decision.message == "One of the containers does not have readOnlyRootFilesystem enabled"


@pytest.mark.parametrize("metadata", [None, {}, {"annotations": None}])
def test_seccomp(metadata: Json) -> None:
    sent = {**_pod(securityContext={"seccompProfile": {"type": "RuntimeDefault"}}), "metadata": metadata}
    assert _engine("seccomp-psp", {"profile_types": ["RuntimeDefault"]}).decide(sent).allowed


@pytest.mark.parametrize("resources", [None, {"limits": None, "requests": None}, {"limits": {"cpu": None}}])
def test_container_resources(resources: Json) -> None:
    engine = _engine("container-resources", {"cpu": {"defaultLimit": 2, "maxLimit": 2}})
    decision = engine.decide(_pod(resources=resources))
    assert decision.allowed, decision.message
    assert decision.object is not None
    assert decision.object["spec"]["containers"][0]["resources"]["limits"] == {"cpu": "2"}


@pytest.mark.parametrize("volume", [{"name": "v"}, {"name": "v", "emptyDir": None}])
def test_volumes(volume: Json) -> None:
    sent = _pod()
    sent["spec"]["volumes"] = [volume]
    assert _engine("volumes-psp", {"allowedTypes": ["emptyDir"]}).decide(sent).allowed
    decision = _engine("volumes-psp", {"allowedTypes": ["secret"]}).decide(sent)
    assert decision.message == "volume 'v' of type 'emptyDir' is not in the AllowedTypes list"
    assert [found.pointer for found in decision.findings] == ["/spec/volumes/0"]


def _engine(policy: str, settings: Json) -> Engine:
    spec = {"policyName": f"kubewarden/{policy}", "settings": settings}
    binding = {"apiVersion": "admit.dev/v1", "kind": "PolicyBinding", "metadata": {"name": "web"}, "spec": spec}
    return admit.load([binding])


def _pod(**fields: Json) -> Json:
    container = {"name": "web", "image": "nginx", **fields}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web"}, "spec": {"containers": [container]}}
