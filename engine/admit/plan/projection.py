"""A judge's first look at a review: only what it reads of the objects is made of the JSON, the rest is passed over."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypedDict

from admit.admission import native
from admit.admission.envelope import Envelope, reader
from admit.cel.ast import Expr
from admit.errors import RequestError
from admit.plan.ir import OBJECTS
from admit.plan.reads import Reads, reads


class Projection:
    """Reads reviews with those parts of `object` and `oldObject` that some conditions read.

    INVARIANT: a function of the conditions comes out on the parts as on the whole.
    """

    def __init__(self, conditions: Sequence[Expr], definitions: Mapping[str, Expr]) -> None:
        self._read = reader(*[_type(reads(conditions, definitions, name)) for name in OBJECTS])

    def read(self, review: bytes) -> Envelope[Any, Any] | None:
        """None also where the objects are not of the shape that the conditions suppose."""
        asked = self._read(review)
        if asked is not None:
            try:
                asked.object, asked.oldObject = native((asked.object, asked.oldObject))
            except RequestError:
                return None
        return asked


def _type(read: Reads) -> Any:
    return _shape(read) if read.fields and not read.whole else dict[str, Any] | None


def _shape(read: Reads) -> Any:
    """The type that a decoder takes; null is of every shape."""
    if read.is_leaf:
        return Any
    if read.items is not None:
        element: Any = _shape(read.items)
        return list[element] | None
    fields = {name: _shape(part) for name, part in read.fields.items()}
    return TypedDict("Part", fields, total=False) | None  # type: ignore[operator]
