"""The schemas of kinds, and the file of those that Kubernetes publishes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from admit.cel.env import NEWEST, OLDEST
from admit.kubernetes import schemas
from admit.kubernetes.schemas import ANY_OBJECT, GroupVersionKind, Resource, Schemas, kind_of

from .openapi import published

DEPLOYMENT = GroupVersionKind("apps", "v1", "Deployment")
CRONTAB = GroupVersionKind("stable.example.com", "v1", "CronTab")
SPEC = {"type": "object", "properties": {"cronSpec": {"type": "string"}}}


def crd(**version: Any) -> dict[str, Any]:
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "spec": {
            "group": "stable.example.com",
            "names": {"kind": "CronTab", "plural": "crontabs"},
            "scope": "Cluster",
            "versions": [{"name": "v1", "served": True, **version}, {"name": "v0", "served": False}],
        },
    }


def test_definitions_are_named() -> None:
    kinds = Schemas(NEWEST)
    schema = kinds.of(DEPLOYMENT)
    assert schema is not None
    spec = kinds.named(schema["properties"]["spec"]["$ref"])
    assert spec["properties"]["replicas"] == {"type": "integer", "format": "int32"}
    pod = kinds.named("io.k8s.api.core.v1.PodSpec")
    assert pod["properties"]["containers"]["x-kubernetes-list-map-keys"] == ["name"]
    assert kinds.named("io.k8s.api.core.v1.ContainerPort")["properties"]["protocol"]["default"] == "TCP"


def test_versions() -> None:
    policy = GroupVersionKind("admissionregistration.k8s.io", "v1", "MutatingAdmissionPolicy")
    assert [minor for minor in range(OLDEST, NEWEST + 1) if Schemas(minor).of(policy)] == [36, 37]
    flows = GroupVersionKind("flowcontrol.apiserver.k8s.io", "v1beta3", "FlowSchema")
    assert [minor for minor in range(OLDEST, NEWEST + 1) if Schemas(minor).of(flows)] == [28, 29, 30, 31]


def test_whole() -> None:
    whole = Schemas(NEWEST).whole(DEPLOYMENT)
    assert whole is not None
    assert "$ref" not in json.dumps(whole)
    template = whole["properties"]["spec"]["properties"]["template"]
    assert template["properties"]["metadata"] == whole["properties"]["metadata"]
    definition = Schemas(NEWEST).whole(GroupVersionKind("apiextensions.k8s.io", "v1", "CustomResourceDefinition"))
    assert definition is not None
    versions = definition["properties"]["spec"]["properties"]["versions"]["items"]
    validation = versions["properties"]["schema"]["properties"]["openAPIV3Schema"]
    assert validation["properties"]["not"] == ANY_OBJECT


def test_custom_resources() -> None:
    kinds = Schemas(NEWEST, (crd(schema={"openAPIV3Schema": {"type": "object", "properties": {"spec": SPEC}}}),))
    schema = kinds.of(CRONTAB)
    assert schema is not None
    assert list(schema["properties"]) == ["spec", "apiVersion", "kind", "metadata"]
    assert schema["properties"]["spec"] == SPEC
    assert kinds.of(CRONTAB._replace(version="v0")) is None
    assert kinds.resources[-1] == Resource(CRONTAB, "crontabs", False)
    assert kinds.serves("stable.example.com", "v1")
    assert not kinds.serves("stable.example.com", "v0")
    assert Schemas(NEWEST, (crd(),)).of(CRONTAB) == ANY_OBJECT
    assert Schemas(NEWEST).of(CRONTAB) is None


@pytest.mark.parametrize(
    "schema",
    [
        None,
        [],
        {"type": ["object"]},
        {"type": "object", "properties": {"a": None}},
        {"type": "object", "properties": []},
        {"type": "object", "additionalProperties": {"$ref": "other"}},
        {"type": "array", "items": [{"type": "string"}]},
        {"type": "array", "items": {"type": "array", "x-kubernetes-list-map-keys": "name"}},
    ],
)
def test_what_is_no_schema_says_nothing(schema: Any) -> None:
    assert Schemas(NEWEST, (crd(schema={"openAPIV3Schema": schema}),)).of(CRONTAB) == ANY_OBJECT


def test_embedded_resources() -> None:
    embedded = {"type": "object", "x-kubernetes-embedded-resource": True}
    items = {"type": "array", "items": embedded}
    kinds = Schemas(NEWEST, (crd(schema={"openAPIV3Schema": {"type": "object", "properties": {"pods": items}}}),))
    whole = kinds.whole(CRONTAB)
    assert whole is not None
    assert whole["properties"]["pods"]["items"]["properties"]["metadata"] == whole["properties"]["metadata"]


@pytest.mark.parametrize("malformed", [{}, {"spec": None}, {"spec": crd()["spec"] | {"versions": [None, {}]}}])
def test_malformed_definitions_define_nothing(malformed: dict[str, Any]) -> None:
    assert Schemas(NEWEST, (malformed,)).resources == Schemas(NEWEST).resources


@pytest.mark.parametrize(
    "resource, expected",
    [
        (("apps", "v1", "deployments"), [DEPLOYMENT]),
        (("apps", "v1", "deployment"), [DEPLOYMENT]),
        (("apps", "v1beta1", "deployments"), []),
        (("batch", "v1", "deployments"), []),
        (("", "v1", "pods"), [GroupVersionKind("", "v1", "Pod")]),
        (("", "v1", "events"), [GroupVersionKind("", "v1", "Event"), GroupVersionKind("events.k8s.io", "v1", "Event")]),
    ],
)
def test_kinds_of_resources(resource: tuple[str, str, str], expected: list[GroupVersionKind]) -> None:
    assert Schemas(NEWEST).kinds(*resource) == expected


def test_kind_of() -> None:
    assert kind_of({"apiVersion": "apps/v1", "kind": "Deployment"}) == DEPLOYMENT
    assert str(kind_of({"apiVersion": "v1", "kind": "Pod"})) == "/v1, Kind=Pod"


def test_all_references_are_there() -> None:
    def references(schema: Any) -> set[str]:
        found = {schema["$ref"]} if "$ref" in schema else set()
        inner = [schema.get("items"), schema.get("additionalProperties"), *schema.get("properties", {}).values()]
        return found.union(*(references(each) for each in inner if isinstance(each, dict)))

    for minor in range(OLDEST, NEWEST + 1):
        tables = schemas._published(minor)
        named = set(tables["kinds"].values()).union(*map(references, tables["definitions"].values()))
        assert named <= tables["definitions"].keys()
        assert len(named) > 400


SOURCES = Path.home() / "go" / "pkg" / "mod" / "cache" / "download" / "k8s.io" / "kubernetes" / "@v"


@pytest.mark.may_skip  # the sources are 20 MB a version, and not fetched for a test
@pytest.mark.parametrize("minor", range(OLDEST, NEWEST + 1))
def test_file_is_what_kubernetes_publishes(minor: int) -> None:
    source = SOURCES / f"v1.{minor}.0.zip"
    if not source.is_file():
        pytest.skip("the source of this version is not in Go's module cache")
    assert schemas._published(minor) == published(source)
