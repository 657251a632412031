"""An AdmissionReview read in passing: what it is about, with the objects left as they came."""

from __future__ import annotations

from typing import Any

import msgspec

from admit.admission.request import OPERATIONS

_NULL = msgspec.Raw(b"null")


class _Kind(msgspec.Struct, gc=False):
    version: str
    kind: str
    group: str | None = None


class _Resource(msgspec.Struct, gc=False):
    version: str
    resource: str
    group: str | None = None


class _User(msgspec.Struct):
    username: str | None = None
    uid: str | None = None
    groups: list[str] | None = None
    extra: dict[str, list[str] | None] | None = None


class Envelope(msgspec.Struct):
    """An AdmissionRequest v1. Types are those that `request.read` demands."""

    uid: str
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
    object: msgspec.Raw = _NULL
    oldObject: msgspec.Raw = _NULL

    @property
    def gvr(self) -> tuple[str, str, str]:
        return self.resource.group or "", self.resource.version, self.resource.resource


class _Review(msgspec.Struct):
    apiVersion: str
    kind: str
    request: Envelope


def envelope(text: bytes) -> Envelope | None:
    """The request of a review; None where anything about it is out of the ordinary, and `read` should say what.

    Texts beyond ASCII are out of the ordinary, since what is passed over is not looked at for lone surrogates.
    """
    if not text.isascii() or (b"\\" in text and b"\\u" in text):  # one byte is found twenty times as fast as two
        return None
    try:
        review: Any = _DECODER.decode(text)
    except (msgspec.DecodeError, RecursionError):
        return None
    request: Envelope = review.request
    if (
        review.kind != "AdmissionReview"
        or review.apiVersion != "admission.k8s.io/v1"
        or request.operation not in OPERATIONS
        or not (request.uid and request.kind.kind and request.kind.version)
        or not (request.resource.resource and request.resource.version)
    ):
        return None
    return request


_DECODER = msgspec.json.Decoder(_Review)
