"""An AdmissionReview read in passing: what it is about, and of its objects only what somebody asked for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Generic, TypeAlias, TypeVar

import msgspec

from admit.admission.request import OPERATIONS

Part = TypeVar("Part")
OldPart = TypeVar("OldPart")

_Text: TypeAlias = Annotated[str, msgspec.Meta(min_length=1)]


class _Kind(msgspec.Struct, gc=False):
    version: _Text
    kind: _Text
    group: str | None = None


class _Resource(msgspec.Struct, gc=False):
    version: _Text
    resource: _Text
    group: str | None = None


class _User(msgspec.Struct):
    username: str | None = None
    uid: str | None = None
    groups: list[str] | None = None
    extra: dict[str, list[str] | None] | None = None


class Envelope(msgspec.Struct, Generic[Part, OldPart]):
    """An AdmissionRequest v1. Types are those that `request.read` demands; null must be of the objects'."""

    uid: _Text
    kind: _Kind
    resource: _Resource
    operation: str
    subResource: str | None = None
    requestKind: _Kind | None = None
    requestResource: _Resource | None = None
    requestSubResource: str | None = None
    name: str | None = None
    namespace: str | None = None
    userInfo: _User | None = None
    dryRun: bool | None = None
    options: dict[str, msgspec.Raw] | None = None
    object: Part = None  # type: ignore[assignment]
    oldObject: OldPart = None  # type: ignore[assignment]

    @property
    def gvr(self) -> tuple[str, str, str]:
        return self.resource.group or "", self.resource.version, self.resource.resource


class _Review(msgspec.Struct, Generic[Part, OldPart]):
    apiVersion: str
    kind: str
    request: Envelope[Part, OldPart]


Reader: TypeAlias = Callable[[bytes], Envelope[Any, Any] | None]
"""Of a review. None where anything about it is out of the ordinary, and `request.read` should say what.

Texts beyond ASCII are out of the ordinary, since what is passed over is not looked at for lone surrogates.
"""


def reader(part: Any, old_part: Any) -> Reader:
    """What reads the objects as values of these types."""
    decode = msgspec.json.Decoder(_Review[part, old_part]).decode

    def read(text: bytes) -> Envelope[Any, Any] | None:
        if not text.isascii() or (b"\\" in text and b"\\u" in text):  # one byte is found twenty times as fast as two
            return None
        try:
            review = decode(text)
        except (msgspec.DecodeError, RecursionError):
            return None
        request = review.request
        if (
            review.kind != "AdmissionReview"
            or review.apiVersion != "admission.k8s.io/v1"
            or request.operation not in OPERATIONS
        ):
            return None
        return request

    return read


bare = reader(msgspec.Raw, msgspec.Raw)


def hint(text: bytes) -> bytes:
    """What a review seems to be about: two of one resource and operation mostly have the same, as an API server writes
    them. At most HINT bytes."""
    resource, operation = text.find(b'"resource":'), text.find(b'"operation":')
    end = text.find(b'"request', resource, resource + HINT)  # "requestKind", behind a "subResource"
    return text[resource : max(end, resource)] + text[operation : operation + len('"operation":"CR')]


HINT = 200
