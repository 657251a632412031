"""Structured merge: what becomes of an object, and what is refused."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest

from admit.cel.env import NEWEST
from admit.cel.values import NONE, Uint, make_map
from admit.errors import EvaluationError, StatusError
from admit.kubernetes.merge import merge
from admit.kubernetes.schemas import Schemas

KINDS = Schemas(NEWEST)


def names(text: str) -> list[dict[str, Any]]:
    return [{"name": name} for name in text]


def pod(**spec: Any) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Pod", "spec": spec}


# the pod's spec, what is said of it (NONE: the JSON null of optional.none()), what becomes of it
MERGED: list[tuple[dict[str, Any], dict[str, Any], dict[str, Any]]] = [
    ({"nodeName": "a", "hostname": "b"}, {"nodeName": "c"}, {"nodeName": "c", "hostname": "b"}),
    (
        {"securityContext": {"runAsUser": 1}},
        {"securityContext": {"runAsGroup": 2}},
        {"securityContext": {"runAsUser": 1, "runAsGroup": 2}},
    ),
    ({"securityContext": None}, {"securityContext": {}}, {"securityContext": {}}),
    ({"nodeName": "a", "os": {"name": "x"}}, {"nodeName": NONE, "os": NONE}, {"nodeName": None, "os": {"name": "x"}}),
    ({"volumes": names("ab")}, {"volumes": NONE}, {"volumes": names("ab")}),
    ({"volumes": []}, {"volumes": NONE}, {"volumes": None}),
    ({"volumes": names("a")}, {"volumes": []}, {"volumes": names("a")}),
    ({"volumes": None}, {"volumes": names("a")}, {"volumes": names("a")}),
    ({"volumes": names("ab")}, {"volumes": names("c")}, {"volumes": names("abc")}),
    ({"volumes": names("ab")}, {"volumes": names("cb")}, {"volumes": names("acb")}),
    ({"volumes": names("abc")}, {"volumes": names("ca")}, {"volumes": names("bca")}),
    ({"volumes": names("aab")}, {"volumes": names("b")}, {"volumes": names("aab")}),
    ({"volumes": names("aab")}, {"volumes": names("ac")}, {"volumes": names("acb")}),
    ({"volumes": []}, {"volumes": [{}]}, {"volumes": [{}]}),  # their name is "" if it is not given
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
    ({"overhead": {"cpu": "1"}}, {"overhead": {"cpu": 2, "memory": "3"}}, {"overhead": {"cpu": 2, "memory": "3"}}),
]


@pytest.mark.parametrize("spec, said, expected", MERGED)
def test_merged(spec: dict[str, Any], said: dict[str, Any], expected: dict[str, Any]) -> None:
    document = pod(**spec)
    before = deepcopy(document)
    merged = merge(document, {"spec": said}, KINDS)
    assert merged == pod(**expected)
    assert document == before
    assert merge(merged, {"spec": said}, KINDS) == merged


def test_what_is_not_known_here_of_a_newer_object_is_kept() -> None:
    newer = pod(novel=[1], os={"name": "linux", "novel": {}})
    assert merge(newer, {"spec": {"os": {"name": "windows"}}}, KINDS) == pod(
        novel=[1], os={"name": "windows", "novel": {}}
    )


def test_kind_is_kept() -> None:
    assert merge(pod(), {"apiVersion": "v2", "kind": "Other", "metadata": {"name": "a"}}, KINDS) == {
        **pod(),
        "metadata": {"name": "a"},
    }


def test_sets() -> None:
    document = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"finalizers": ["a", "b"]}}
    merged = merge(document, {"metadata": {"finalizers": ["c", "a"]}}, KINDS)
    assert merged["metadata"] == {"finalizers": ["c", "a", "b"]}


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

    assert merge(of("a"), of("b"), KINDS) == of("ab")


SCHEMA = {
    "type": "object",
    "properties": {
        "size": {"x-kubernetes-int-or-string": True, "anyOf": [{"type": "integer"}, {"type": "string"}]},
        "options": {
            "type": "object",
            "x-kubernetes-preserve-unknown-fields": True,
            "properties": {"strict": {"type": "object", "properties": {"on": {"type": "boolean"}}}},
        },
        "codes": {"type": "array", "x-kubernetes-list-type": "set", "items": {"type": "number"}},
        "rules": {
            "type": "array",
            "x-kubernetes-list-type": "map",
            "x-kubernetes-list-map-keys": ["port", "host"],
            "items": {
                "type": "object",
                "properties": {"host": {"type": "string"}, "port": {"type": "integer", "default": 80}},
            },
        },
        "pod": {"type": "object", "x-kubernetes-embedded-resource": True, "properties": {"spec": {"type": "object"}}},
        "tuple": {"type": "object", "x-kubernetes-map-type": "atomic", "properties": {"a": {"type": "string"}}},
        "plain": {"type": "array", "items": {"type": "string"}},
        "lists": {"type": "array", "x-kubernetes-list-type": "set", "items": {}},
    },
}
CUSTOM = Schemas(
    NEWEST,
    (
        {
            "spec": {
                "group": "example.com",
                "names": {"kind": "Thing", "plural": "things"},
                "versions": [{"name": "v1", "schema": {"openAPIV3Schema": SCHEMA}}],
            }
        },
    ),
)


def thing(**fields: Any) -> dict[str, Any]:
    return {"apiVersion": "example.com/v1", "kind": "Thing", **fields}


# a thing's fields, what is said of it, what becomes of it
CUSTOM_MERGED: list[tuple[dict[str, Any], dict[str, Any], dict[str, Any]]] = [
    ({"size": 1}, {"size": "2%"}, {"size": "2%"}),
    (
        {"options": {"a": [1], "b": {"c": 1}}},
        {"options": {"a": 2, "b": {"d": 2}}},
        {"options": {"a": 2, "b": {"c": 1, "d": 2}}},
    ),
    (
        {"options": {"strict": {"on": True}}},
        {"options": {"strict": {"off": 1}}},
        {"options": {"strict": {"on": True, "off": 1}}},
    ),
    ({"codes": [1, 2]}, {"codes": [3.0, 2.0]}, {"codes": [1, 3.0, 2.0]}),
    ({"rules": [{"host": "a"}]}, {"rules": [{"host": "a", "port": 80}]}, {"rules": [{"host": "a", "port": 80}]}),
    ({"rules": [{"host": "a"}]}, {"rules": [{"port": 80}]}, {"rules": [{"host": "a"}, {"port": 80}]}),
    (
        {"pod": {"spec": {"a": 1}}},
        {"pod": {"kind": "Pod", "spec": {"b": 1}}},
        {"pod": {"kind": "Pod", "spec": {"a": 1, "b": 1}}},
    ),
    ({"pod": {}}, {"pod": {"metadata": {"finalizers": ["a"]}}}, {"pod": {"metadata": {"finalizers": ["a"]}}}),
    ({"tuple": {"a": "b"}}, {}, {"tuple": {"a": "b"}}),
]


@pytest.mark.parametrize("fields, said, expected", CUSTOM_MERGED)
def test_custom_resources(fields: dict[str, Any], said: dict[str, Any], expected: dict[str, Any]) -> None:
    assert merge(thing(**fields), said, CUSTOM) == thing(**expected)


def test_a_kind_without_a_schema_is_any_object() -> None:
    spec = {"group": "example.com", "names": {"kind": "Thing", "plural": "things"}, "versions": [{"name": "v1"}]}
    said = {"spec": {"b": 2}, "list": 1}
    assert merge(thing(spec={"a": 1}, list=[1]), said, Schemas(NEWEST, ({"spec": spec},))) == thing(
        spec={"a": 1, "b": 2}, list=1
    )


ATOMIC = "invalid ApplyConfiguration: may not mutate atomic arrays, maps or structs: "
UNFIT = "failed to convert patch object to typed object: "
GONE = 'omits all key fields ["port" "host"] (and doesn\'t have default values for any key fields)'
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
    (thing(), {"tuple": {"a": "b"}, "plain": ["a"]}, ATOMIC + ".tuple, .plain"),
    (thing(), {"size": ["a", {}]}, ATOMIC + ".size, .size[1]"),
    (pod(), {"spec": {"volumes": names("a"), "volums": []}}, UNFIT + ".spec.volums: field not declared in schema"),
    (pod(), {"spec": {"volumes": ["a"]}}, "associative list with keys may not have non-map elements"),
    (pod(), {"spec": {"volumes": [NONE]}}, "associative list with keys may not have a null element"),
    (pod(), {"spec": {"volumes": [None]}}, "associative list with keys may not have non-map elements"),
    (pod(), {"spec": {"volumes": names("aa")}}, UNFIT + '.spec.volumes: duplicate entries for key [name="a"]'),
    (pod(volumes=[1]), {"spec": {"volumes": names("a")}}, "failed to convert original object to typed object: .spec."),
    (pod(volumes=names("a")), {"spec": {"volumes": {}}}, UNFIT + ".spec.volumes: expected list, got &{map[]}"),
    (pod(), {"spec": {"volumes": "a"}}, UNFIT + ".spec.volumes: expected list, got &{a}"),
    (pod(), {"spec": {"os": [1, None]}}, UNFIT + ".spec.os: expected map, got &{[1 NULL_VALUE]}"),
    (pod(), {"spec": {"os": [1, NONE]}}, UNFIT + ".spec.os: expected map, got &{[1 <nil>]}"),
    (pod(), {"spec": {"os": None}}, UNFIT + ".spec.os: expected map, got &{NULL_VALUE}"),
    (pod(), {"spec": {"priority": None}}, ".spec.priority: expected numeric (int or float), got structpb.NullValue"),
    (pod(), {"spec": {"priority": Uint(5)}}, ".spec.priority: expected numeric (int or float), got uint64"),
    (pod(), {"spec": {"nodeName": b"ab"}}, "got &value.valueUnstructured{Value:[]uint8{0x61, 0x62}}"),
    (pod(), {"spec": {"hostIPC": None}}, UNFIT + ".spec.hostIPC: expected boolean, got &{NULL_VALUE}"),
    (pod(), {"metadata": {"labels": {"a": None}}}, ".labels.a: expected string, got &value.valueUnstructured{Value:0}"),
    (
        pod(),
        {"spec": {"nodeName": {"b": 1, "a": "x"}}},
        '.spec.nodeName: expected string, got &value.valueUnstructured{Value:map[string]interface {}{"a":"x", "b":1}}',
    ),
    (pod(), {"spec": {"priority": True}}, UNFIT + ".spec.priority: expected numeric (int or float), got bool"),
    (pod(), {"spec": {"hostIPC": 1}}, UNFIT + ".spec.hostIPC: expected boolean, got &{1}"),
    (pod(), {"spec": {"overhead": {"cpu": []}}}, UNFIT + ".spec.overhead.cpu: expected any scalar, got &{[]}"),
    (
        pod(),
        {"spec": {"hostIPC": 1, "containers": [{"name": "a", "tty": 1}]}},
        UNFIT + "errors:\n  .spec.hostIPC: expected boolean, got &{1}\n"
        '  .spec.containers[name="a"].tty: expected boolean, got &{1}',
    ),
    (thing(), {"codes": [1, 1.0]}, UNFIT + ".codes: duplicate entries for key [=1]"),
    (thing(), {"lists": [{}]}, ".lists: element 0: associative list without keys has an element that's a map type"),
    (thing(), {"lists": [[]]}, ".lists: element 0: not supported: associative list with lists as elements"),
    (thing(), {"lists": [NONE]}, "associative list without keys has an element that's an explicit null"),
    (thing(), {"options": {"a": {"b": None}}}, UNFIT + ".options.a.b: expected map, got &{NULL_VALUE}"),
    (thing(), {"lists": [None]}, UNFIT + ".lists[={{undefined}}]: expected map, got &{NULL_VALUE}"),
    (
        {"apiVersion": "v1", "kind": "Pods"},
        {},
        UNFIT + "no corresponding type for /v1, Kind=Pods",
    ),
    (
        {"apiVersion": "autoscaling/v1", "kind": "Scale"},
        {"spec": {"replicas": 1}},
        UNFIT + "no corresponding type for autoscaling/v1, Kind=Scale",
    ),
]


@pytest.mark.parametrize("document, said, message", REFUSED)
def test_refused(document: dict[str, Any], said: dict[str, Any], message: str) -> None:
    with pytest.raises(EvaluationError) as caught:
        merge(document, said, CUSTOM)
    assert str(caught.value).startswith("error applying patch: ")
    assert message in str(caught.value)


def test_items_without_keys() -> None:
    rules = {**SCHEMA["properties"]["rules"], "items": {"type": "object", "properties": {"host": {"type": "string"}}}}  # type: ignore[index]
    spec = {
        "group": "example.com",
        "names": {"kind": "Thing", "plural": "things"},
        "versions": [{"name": "v1", "schema": {"openAPIV3Schema": {"type": "object", "properties": {"rules": rules}}}}],
    }
    with pytest.raises(EvaluationError) as caught:
        merge(thing(), {"rules": [{}]}, Schemas(NEWEST, ({"spec": spec},)))
    assert str(caught.value).endswith(f".rules: element 0: associative list with keys has an element that {GONE}")


def test_nothing_known_of_the_kind() -> None:
    with pytest.raises(StatusError) as caught:
        merge(thing(), {}, KINDS)
    assert caught.value.code == 503
    assert str(caught.value) == (
        "Resource kind example.com/v1, Kind=Thing not found. There can be a delay between when "
        "CustomResourceDefinitions are created and when they are available."
    )


def test_keys_are_strings() -> None:
    with pytest.raises(EvaluationError, match="map key 1 is of type int, not string"):
        merge(pod(), {"metadata": {"labels": make_map([(1, "a")])}}, KINDS)
