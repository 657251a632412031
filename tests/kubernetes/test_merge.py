"""Structured merge: what becomes of an object, and what is refused."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest

from admit.errors import EvaluationError
from admit.kubernetes.merge import merge


def names(text: str) -> list[dict[str, Any]]:
    return [{"name": name} for name in text]


def pod(**spec: Any) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Pod", "spec": spec}


# the pod's spec, what is said of it, what becomes of it
MERGED: list[tuple[dict[str, Any], dict[str, Any], dict[str, Any]]] = [
    ({"a": 1, "b": 2}, {"b": 3, "c": 4}, {"a": 1, "b": 3, "c": 4}),
    ({"securityContext": {"a": 1}}, {"securityContext": {"b": 1}}, {"securityContext": {"a": 1, "b": 1}}),
    ({"securityContext": None}, {"securityContext": {}}, {"securityContext": {}}),
    ({"a": 1, "os": {"name": "x"}}, {"a": None, "os": None}, {"a": None, "os": {"name": "x"}}),
    ({"volumes": names("ab")}, {"volumes": None}, {"volumes": names("ab")}),
    ({"volumes": names("a")}, {"volumes": []}, {"volumes": names("a")}),
    ({"volumes": None}, {"volumes": names("a")}, {"volumes": names("a")}),
    ({"volumes": names("ab")}, {"volumes": names("c")}, {"volumes": names("abc")}),
    ({"volumes": names("ab")}, {"volumes": names("cb")}, {"volumes": names("acb")}),
    ({"volumes": names("abc")}, {"volumes": names("ca")}, {"volumes": names("bca")}),
    ({"volumes": names("aab")}, {"volumes": names("b")}, {"volumes": names("aab")}),
    ({"volumes": names("aab")}, {"volumes": names("ac")}, {"volumes": names("acb")}),
    (
        {"containers": [{"name": "a", "image": "i", "env": [{"name": "x", "value": "1"}]}]},
        {"containers": [{"name": "a", "env": [{"name": "x", "value": "2"}, {"name": "y"}]}]},
        {"containers": [{"name": "a", "image": "i", "env": [{"name": "x", "value": "2"}, {"name": "y"}]}]},
    ),
    (
        {"containers": [{"name": "a", "ports": [{"containerPort": 80}]}]},
        {"containers": [{"name": "a", "ports": [{"containerPort": 80, "protocol": p} for p in ("TCP", "UDP")]}]},
        {"containers": [{"name": "a", "ports": [{"containerPort": 80, "protocol": p} for p in ("TCP", "UDP")]}]},
    ),
    (
        {"containers": [{"name": "a", "volumeMounts": [{"name": "x", "mountPath": "/a"}]}]},
        {"containers": [{"name": "a", "volumeMounts": [{"name": "y", "mountPath": "/a"}]}]},
        {"containers": [{"name": "a", "volumeMounts": [{"name": "y", "mountPath": "/a"}]}]},
    ),
    ({"hostAliases": [{"ip": "1"}]}, {"hostAliases": [{"ip": "2"}]}, {"hostAliases": [{"ip": "1"}, {"ip": "2"}]}),
]


@pytest.mark.parametrize("spec, said, expected", MERGED)
def test_merged(spec: dict[str, Any], said: dict[str, Any], expected: dict[str, Any]) -> None:
    document = pod(**spec)
    before = deepcopy(document)
    merged = merge(document, {"spec": said})
    assert merged == pod(**expected)
    assert document == before
    assert merge(merged, {"spec": said}) == merged


def test_kind_is_kept() -> None:
    assert merge(pod(), {"apiVersion": "v2", "kind": "Other", "metadata": {"name": "a"}}) == {
        **pod(),
        "metadata": {"name": "a"},
    }


def test_sets() -> None:
    document = {"kind": "Other", "metadata": {"finalizers": ["a", "b"]}}
    assert merge(document, {"metadata": {"finalizers": ["c", "a"]}})["metadata"] == {"finalizers": ["c", "a", "b"]}


@pytest.mark.parametrize(
    "api_version, kind, path",
    [
        ("v1", "PodTemplate", ("template",)),
        ("v1", "ReplicationController", ("spec", "template")),
        ("apps/v1", "Deployment", ("spec", "template")),
        ("batch/v1", "Job", ("spec", "template")),
        ("batch/v1", "CronJob", ("spec", "jobTemplate", "spec", "template")),
    ],
)
def test_kinds_that_carry_pods(api_version: str, kind: str, path: tuple[str, ...]) -> None:
    def of(containers: str) -> dict[str, Any]:
        inner: dict[str, Any] = {"spec": {"containers": names(containers)}}
        for field in reversed(path):
            inner = {field: inner}
        return {"apiVersion": api_version, "kind": kind, **inner}

    assert merge(of("a"), of("b")) == of("ab")


ATOMIC = "invalid ApplyConfiguration: may not mutate atomic arrays, maps or structs: "
UNFIT = "failed to convert patch object to typed object: "
REFUSED: list[tuple[dict[str, Any], dict[str, Any], str]] = [
    (pod(), {"spec": {"tolerations": []}}, ATOMIC + ".spec.tolerations"),
    (pod(), {"spec": {"nodeSelector": {}}}, ATOMIC + ".spec.nodeSelector"),
    (pod(), {"spec": {"imagePullSecrets": names("a")}}, ATOMIC + ".spec.imagePullSecrets[0]"),
    (
        pod(),
        {"spec": {"containers": [{"name": "a", "args": [], "command": []}]}},
        ATOMIC + ".spec.containers[0].args, .spec.containers[0].command",
    ),
    (
        {"apiVersion": "apps/v1", "kind": "Deployment"},
        {"spec": {"selector": {"matchLabels": {"l": "v"}}}},
        ATOMIC + ".spec.selector",
    ),
    (
        {"apiVersion": "batch/v1", "kind": "CronJob"},
        {"spec": {"jobTemplate": {"spec": {"selector": {}}}}},
        ATOMIC + ".spec.jobTemplate.spec.selector",
    ),
    (
        pod(),
        {"spec": {"containers": [{"image": "i"}]}},
        UNFIT + ".spec.containers: element 0: associative list with keys has an element that omits key field "
        '"name" (and doesn\'t have default value)',
    ),
    (pod(), {"spec": {"volumes": ["a"]}}, "associative list with keys may not have non-map elements"),
    (pod(), {"spec": {"volumes": names("aa")}}, UNFIT + ".spec.volumes: duplicate entries for a key"),
    (pod(volumes=[{}]), {"spec": {"volumes": names("a")}}, "failed to convert original object to typed object"),
    (pod(volumes=names("a")), {"spec": {"volumes": {}}}, UNFIT + ".spec.volumes: expected list, got map"),
    (pod(), {"spec": {"volumes": "a"}}, UNFIT + ".spec.volumes: expected list, got scalar"),
    (pod(os="a"), {"spec": {"os": {}}}, UNFIT + ".spec.os: expected scalar, got map"),
    (
        {"apiVersion": "v1", "kind": "Service"},
        {"spec": {"ports": []}},
        "how lists of kind Service merge is not known here: .spec.ports",
    ),
]


@pytest.mark.parametrize("document, said, message", REFUSED)
def test_refused(document: dict[str, Any], said: dict[str, Any], message: str) -> None:
    with pytest.raises(EvaluationError) as caught:
        merge(document, said)
    assert str(caught.value).startswith("error applying patch: ")
    assert message in str(caught.value)
