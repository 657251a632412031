"""The OpenAPI schemas of kinds: those of a version of Kubernetes, and those that CustomResourceDefinitions add.

The former are in openapi.json.xz, made by tests/kubernetes/openapi.py and read when a schema is first asked for.
"""

from __future__ import annotations

import lzma
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from importlib.resources import files
from typing import Any, NamedTuple, TypeAlias

import orjson

Schema: TypeAlias = Mapping[str, Any]
"""An OpenAPI schema without prose and validation. A `$ref` in it, if any, is the name of a definition."""

ANY_OBJECT: Schema = {"type": "object"}
OBJECT_META = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"


class GroupVersionKind(NamedTuple):
    group: str
    version: str
    kind: str

    def __str__(self) -> str:
        """As an API server prints it: `apps/v1, Kind=Deployment`."""
        return f"{self.group}/{self.version}, Kind={self.kind}"


class Resource(NamedTuple):
    """What the API calls the objects of a kind, and whether they live in a namespace."""

    kind: GroupVersionKind
    name: str
    namespaced: bool


def kind_of(document: Mapping[str, Any]) -> GroupVersionKind:
    group, _, version = str(document.get("apiVersion", "")).rpartition("/")
    return GroupVersionKind(group, version, str(document.get("kind", "")))


@dataclass(frozen=True, eq=False)
class Schemas:
    """What an API server of a minor version knows of its kinds, once it has these CustomResourceDefinitions."""

    minor: int
    crds: tuple[Mapping[str, Any], ...] = ()

    def of(self, kind: GroupVersionKind) -> Schema | None:
        """The schema of a kind's objects; None for a kind that there is not."""
        name = self._names.get("/".join(kind))
        return self.custom(kind) if name is None else self.named(name)

    def custom(self, kind: GroupVersionKind) -> Schema | None:
        """The schema of a custom resource; None for any other kind."""
        return self._custom.get(kind)

    def named(self, name: str) -> Schema:
        """What a `$ref` stands for."""
        schema: Schema = _published(self.minor)["definitions"][name]
        return schema

    def whole(self, kind: GroupVersionKind) -> Schema | None:
        """The schema of a kind with what each `$ref` stands for in its place, and within itself any object.

        Source: k8s.io/apiserver, pkg/cel/openapi/resolver/refs.go.
        """
        schema = self.of(kind)
        return None if schema is None else self._whole(schema, (self._names.get("/".join(kind)),))

    def serves(self, group: str, version: str) -> bool:
        """Whether the group has kinds of this version."""
        return any((each.kind.group, each.kind.version) == (group, version) for each in self.resources)

    def kinds(self, group: str, version: str, resource: str) -> list[GroupVersionKind]:
        """The kinds of a resource; as API machinery has it, in any group where the group is "" (for `events`, two).

        Source: apimachinery, pkg/api/meta, DefaultRESTMapper.KindsFor.
        """
        return sorted(
            kind
            for kind, name, _ in self.resources
            if kind.version == version and group in ("", kind.group) and resource.lower() in (name, kind.kind.lower())
        )

    @cached_property
    def resources(self) -> tuple[Resource, ...]:
        """All resources, without subresources."""
        built_in = (
            Resource(GroupVersionKind(group, version, kind), name, namespaced)
            for key, (kind, namespaced) in _published(self.minor)["resources"].items()
            for group, version, name in [key.split("/")]
        )
        return (*built_in, *(resource for crd in self.crds for resource, _ in _served(crd)))

    def _whole(self, schema: Schema, within: tuple[str | None, ...]) -> Schema:
        if (name := schema.get("$ref")) is not None:
            return ANY_OBJECT if name in within else self._whole(self.named(name), (*within, name))
        return _mapped(schema, lambda inner: self._whole(inner, within))

    @property
    def _names(self) -> Mapping[str, str]:
        return _published(self.minor)["kinds"]

    @cached_property
    def _custom(self) -> Mapping[GroupVersionKind, Schema]:
        return {resource.kind: schema for crd in self.crds for resource, schema in _served(crd)}


@cache
def _published(minor: int) -> dict[str, dict[str, Any]]:
    """The tables of openapi.json.xz as they are for one version."""
    tables: dict[str, dict[str, Any]] = {}
    for table, entries in _changes().items():
        now = ((name, [None, *(value for since, value in each if since <= minor)]) for name, each in entries.items())
        tables[table] = {name: values[-1] for name, values in now if values[-1] is not None}
    return tables


@cache
def _changes() -> dict[str, dict[str, list[tuple[int, Any]]]]:
    packed = (files(__package__) / "openapi.json.xz").read_bytes()
    changes: dict[str, dict[str, list[tuple[int, Any]]]] = orjson.loads(lzma.decompress(packed))
    return changes


def _served(crd: Mapping[str, Any]) -> Iterator[tuple[Resource, Schema]]:
    """The resources that a CustomResourceDefinition adds, one a version, as an API server publishes their schemas.

    What is no schema is as if it were not there.
    Source: apiextensions-apiserver, pkg/controller/openapi/builder.
    """
    match crd.get("spec"):
        case {
            "group": str(group),
            "names": {"kind": str(kind), "plural": str(plural)},
            "versions": [*versions],
        }:
            namespaced = crd["spec"].get("scope") != "Cluster"
        case _:
            return
    for version in versions:
        match version:
            case {"served": False}:
                continue
            case {"name": str(name), "schema": {"openAPIV3Schema": schema}} if _is_schema(schema):
                published = _with_meta(_embedding(schema))
            case {"name": str(name)}:
                published = ANY_OBJECT
            case _:
                continue
        yield Resource(GroupVersionKind(group, name, kind), plural, namespaced), published


def _is_schema(schema: Any) -> bool:
    match schema:
        case {"$ref": _}:
            return False
        case {"type": kind} if kind not in ("object", "array", "string", "integer", "number", "boolean"):
            return False
        case {"x-kubernetes-list-map-keys": keys} if not isinstance(keys, list):
            return False
        case {"properties": properties} if not isinstance(properties, Mapping):
            return False
        case {"items": bool()}:
            return False
        case Mapping():
            inner = [
                schema[key] for key in ("items", "additionalProperties") if not isinstance(schema.get(key, True), bool)
            ]
            return all(map(_is_schema, [*inner, *schema.get("properties", {}).values()]))
        case _:
            return False


_STRING = {"type": "string"}
_META = {"apiVersion": _STRING, "kind": _STRING, "metadata": {"$ref": OBJECT_META}}


def _embedding(schema: Schema) -> Schema:
    """The schema with the fields that embedded resources have without saying."""
    schema = _mapped(schema, _embedding)
    return _with_meta(schema) if schema.get("x-kubernetes-embedded-resource") is True else schema


def _with_meta(schema: Schema) -> Schema:
    return {**schema, "properties": {**schema.get("properties", {}), **_META}}


def _mapped(schema: Schema, change: Callable[[Schema], Schema]) -> Schema:
    """The schema with its inner schemas changed."""
    inner: dict[str, Any] = {
        key: change(schema[key]) for key in ("items", "additionalProperties") if isinstance(schema.get(key), Mapping)
    }
    if isinstance(properties := schema.get("properties"), Mapping):
        inner["properties"] = {name: change(each) for name, each in properties.items()}
    return {**schema, **inner}
