"""A judge's first look at an object: only what it reads is made of the JSON, the rest is passed over."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypedDict

import msgspec

from admit.admission import native
from admit.cel.ast import Expr
from admit.errors import RequestError
from admit.plan.reads import Reads, reads


class Projection:
    """Two decoders, of `object` and `oldObject`, to the parts that some conditions read.

    INVARIANT: a function of the conditions comes out on the parts as on the whole.
    """

    def __init__(self, conditions: Sequence[Expr], definitions: Mapping[str, Expr]) -> None:
        self._object = _decoder(reads(conditions, definitions, "object"))
        self._old_object = _decoder(reads(conditions, definitions, "oldObject"))

    def parts(self, object: Any, old_object: Any) -> tuple[Any, Any] | None:
        """The parts of two JSON texts; None where they are not of the shape that the conditions suppose."""
        try:
            object, old_object = native((self._object.decode(object), self._old_object.decode(old_object)))
            return object, old_object
        except (msgspec.DecodeError, RequestError, RecursionError):
            return None


def _decoder(read: Reads) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(_shape(read) if read.fields and not read.whole else dict[str, Any] | None)


def _shape(read: Reads) -> Any:
    """The type that a decoder takes; null is of every shape."""
    if read.is_leaf:
        return Any
    if read.items is not None:
        element: Any = _shape(read.items)
        return list[element] | None
    fields = {name: _shape(part) for name, part in read.fields.items()}
    return TypedDict("Part", fields, total=False) | None  # type: ignore[operator]
