"""What each place of an object may hold and how that merges, as structured-merge-diff makes it of a schema.

Source: kube-openapi, pkg/schemaconv; structured-merge-diff v6, schema/elements.go.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from admit.kubernetes.schemas import Schema, Schemas

Form: TypeAlias = Literal["map", "scalar", "list"]
Scalar: TypeAlias = Literal["numeric", "string", "boolean", "untyped"]

_ANYTHING: Schema = {}
_UNTYPED: Schema = {"x-kubernetes-map-type": "atomic"}
_OPAQUE: dict[str, Schema] = {
    "io.k8s.apimachinery.pkg.api.resource.Quantity": {"type": "string", "format": "quantity"},
    "io.k8s.apimachinery.pkg.runtime.RawExtension": _UNTYPED,
}


@dataclass(frozen=True, slots=True)
class Structure:
    """A place by its schema, which is no reference; `lenient`: fields that it does not name are allowed below."""

    schema: Schema
    schemas: Schemas
    lenient: bool = False

    @property
    def forms(self) -> tuple[Form, ...]:
        """What a value may be."""
        match self.schema.get("type"):
            case None:
                return "map", "scalar", "list"
            case "object":
                return ("map",)
            case "array":
                return ("list",)
            case _:
                return ("scalar",)

    @property
    def scalar(self) -> Scalar:
        """What scalars there may be, if any."""
        match self.schema.get("type"):
            case "integer" | "number":
                return "numeric"
            case "boolean":
                return "boolean"
            case "string" if self.schema.get("format", "") in ("", "byte"):
                return "string"
            case _:
                return "untyped"

    @property
    def atomic(self) -> bool:
        """Whether a map here is replaced as a whole."""
        return self.schema.get("x-kubernetes-map-type") == "atomic"

    @property
    def keys(self) -> tuple[str, ...] | None:
        """The fields that tell the items of a list apart; none if it is a set, None if it is replaced as a whole."""
        match self.schema:
            case {"x-kubernetes-list-type": "set"}:
                return ()
            case {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": keys}:
                return tuple(keys)
            case {"x-kubernetes-list-type": _}:
                return None
            case {"x-kubernetes-patch-strategy": "merge" | "merge,retainKeys", "x-kubernetes-patch-merge-key": key}:
                return (key,)
            case {"x-kubernetes-patch-strategy": "merge" | "merge,retainKeys"}:
                return ()
            case _:
                return None

    @property
    def items(self) -> Structure:
        return self._inner(self.schema.get("items", _UNTYPED))

    def field(self, name: str) -> Structure | None:
        """The field of a map if the schema names it."""
        schema = self.schema.get("properties", {}).get(name)
        return None if schema is None else self._inner(schema)

    def value(self, name: str) -> Structure | None:
        """The field of a map, named in the schema or not; None if it may not be there."""
        return self.field(name) or self._others

    def default(self, name: str) -> Any:
        """The value of a field that is not given; None if there is no such."""
        return self.schema.get("properties", {}).get(name, {}).get("default")

    @property
    def _others(self) -> Structure | None:
        match self.schema.get("additionalProperties"):
            case None if self.lenient or not self.schema.get("properties"):
                return self._inner(_ANYTHING)
            case True:
                return self._inner(_ANYTHING)
            case None | False:
                return None
            case schema:
                return self._inner(schema)

    def _inner(self, schema: Schema) -> Structure:
        return structure(schema, self.schemas, self.lenient)


def structure(schema: Schema, schemas: Schemas, lenient: bool = False) -> Structure:
    """The structure of a schema or of what it refers to."""
    if (name := schema.get("$ref")) is not None:
        lenient = False
        referred = _OPAQUE.get(name) or schemas.named(name)
        map_type = schema.get("x-kubernetes-map-type")
        schema = referred if map_type is None else {**referred, "x-kubernetes-map-type": map_type}
    return Structure(schema, schemas, lenient or schema.get("x-kubernetes-preserve-unknown-fields") is True)
