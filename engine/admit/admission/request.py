"""What is asked: an AdmissionReview, an AdmissionRequest or a manifest, read into a Request."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import Any, NamedTuple, cast

import orjson

from admit.admission.kinds import Kind, kind_of
from admit.admission.native import native
from admit.errors import RequestError

OPERATIONS = frozenset({"CREATE", "UPDATE", "DELETE", "CONNECT"})

ANONYMOUS: Mapping[str, Any] = {"username": "system:anonymous", "groups": ["system:unauthenticated"]}
"""The user of a request that nobody has signed."""


class GroupVersionKind(NamedTuple):
    group: str
    version: str
    kind: str


class GroupVersionResource(NamedTuple):
    group: str
    version: str
    resource: str


class Request(NamedTuple):
    """An AdmissionRequest v1. What only few rules look at is taken from `raw` when they do.

    A tuple, since one is made for every decision, and a frozen dataclass takes three times as long.
    INVARIANT: `raw` has been checked, is native JSON (admission/native.py), and is never changed.
    """

    uid: str
    kind: GroupVersionKind
    resource: GroupVersionResource
    sub_resource: str
    name: str
    namespace: str
    operation: str
    object: dict[str, Any] | None
    old_object: dict[str, Any] | None
    raw: dict[str, Any]

    @property
    def request_kind(self) -> GroupVersionKind:
        """The kind as the client sent it, before the API server converted the object."""
        given = self.raw.get("requestKind")
        return _kind(given, "requestKind") if given else self.kind

    @property
    def request_resource(self) -> GroupVersionResource:
        given = self.raw.get("requestResource")
        return _resource(given, "requestResource") if given else self.resource

    @property
    def request_sub_resource(self) -> str:
        return self.raw.get("requestSubResource") or self.sub_resource

    @property
    def user_info(self) -> dict[str, Any]:
        return self.raw.get("userInfo") or {}

    @property
    def dry_run(self) -> bool:
        return self.raw.get("dryRun") is True

    @property
    def options(self) -> dict[str, Any] | None:
        return self.raw.get("options")

    @property
    def cel(self) -> dict[str, Any]:
        """The variable `request` of CEL: as in the API server, a text that is empty is an absent key."""
        texts = {
            "subResource": self.sub_resource,
            "requestSubResource": self.request_sub_resource,
            "name": self.name,
            "namespace": self.namespace,
        }
        user = self.user_info
        return {
            "kind": self.kind._asdict(),
            "resource": self.resource._asdict(),
            "requestKind": self.request_kind._asdict(),
            "requestResource": self.request_resource._asdict(),
            **{key: text for key, text in texts.items() if text},
            "operation": self.operation,
            "userInfo": {key: user[key] for key in ("username", "uid", "groups", "extra") if user.get(key)},
            "dryRun": self.dry_run,
            "options": self.options,
        }

    def with_object(self, object: dict[str, Any]) -> Request:
        """The same request about another object, as a mutation leaves it."""
        return self._replace(object=object)


def read(review: Mapping[str, Any] | bytes) -> Request:
    """The request of an AdmissionReview v1, or a bare AdmissionRequest. Raises RequestError."""
    request = _admission_request(native(_parsed(review) if isinstance(review, bytes) else review))
    _present(request, "uid")
    return _request(request)


def from_manifest(
    object: Mapping[str, Any],
    old_object: Mapping[str, Any] | None = None,
    operation: str = "CREATE",
    namespace: str | None = None,
    user: Mapping[str, Any] | None = None,
    subresource: str = "",
    dry_run: bool = False,
    kinds: Mapping[tuple[str, str], Kind] = MappingProxyType({}),
) -> Request:
    """The request that an API server would make of a manifest; with DELETE the object is the old one.

    The resource follows from the kind, `kinds` being those that are known beside the built-in ones; a namespaced object
    without a namespace is in `namespace`, else in `default`. Without a user it is one that nobody knows. Raises
    RequestError.
    """
    manifest = native(object)
    if type(manifest) is not dict:
        raise RequestError(f"expected an object with apiVersion and kind, got {_named(manifest)}")
    who, before = ANONYMOUS if user is None else native(user), native(old_object)
    if user is not None or before is not None:
        _check({"userInfo": who, "oldObject": before}, _SHAPE)
        _check_user(who)
    _check_operation(operation)
    _check(manifest, _MANIFEST)
    group, _, version = _present(manifest, "apiVersion").rpartition("/")
    if not version:
        raise RequestError(f"apiVersion {group}/ has no version")
    named = group, _present(manifest, "kind")
    known = kinds.get(named) or kind_of(*named)
    metadata = manifest.get("metadata") or {}
    _check(metadata, _METADATA, "metadata")
    name = metadata.get("name") or ""
    if operation == "DELETE":
        manifest, before = None, manifest
    within = _namespace(metadata.get("namespace") or "", namespace) if known.namespaced else ""
    if named == ("", "Namespace"):
        within = name  # as the API server has it
    raw: dict[str, Any] = {
        "uid": "",
        "kind": {"group": group, "version": version, "kind": known.kind},
        "resource": {"group": group, "version": version, "resource": known.resource},
        "subResource": subresource,
        "name": name,
        "namespace": within,
        "operation": operation,
        "userInfo": who,
        "object": manifest,
        "oldObject": before,
        "dryRun": dry_run,
    }
    if operation in ("CREATE", "UPDATE", "DELETE"):
        raw["options"] = {"apiVersion": "meta.k8s.io/v1", "kind": f"{operation.capitalize()}Options"}
    return Request(
        "",
        *_names(group, version, known),
        subresource,
        name,
        within,
        operation,
        manifest,
        before,
        raw,
    )


@lru_cache(maxsize=1024)
def _names(group: str, version: str, known: Kind) -> tuple[GroupVersionKind, GroupVersionResource]:
    return GroupVersionKind(group, version, known.kind), GroupVersionResource(group, version, known.resource)


def from_raw(review: Mapping[str, Any] | bytes) -> Request:
    """The request about any JSON, the `request` of a raw review: it is the object, of no kind. Raises RequestError."""
    document = native(_parsed(review) if isinstance(review, bytes) else review)
    if type(document) is not dict or type(document.get("request")) is not dict:
        raise RequestError("expected a raw review: an object with an object as request")
    object, nothing = document["request"], ("", "", "")
    uid = object.get("uid")
    return Request(
        uid if isinstance(uid, str) else "",
        GroupVersionKind(*nothing),
        GroupVersionResource(*nothing),
        "",
        "",
        "",
        "CREATE",
        object,
        None,
        {"operation": "CREATE", "object": object},
    )


def _parsed(text: bytes) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as error:
        if not text.strip():
            raise RequestError("expected an AdmissionReview, got nothing") from None
        raise RequestError(f"not JSON: {error}") from None


def _admission_request(document: Any) -> dict[str, Any]:
    if type(document) is not dict:
        raise RequestError(f"expected an AdmissionReview, got {_named(document)}")
    kind = document.get("kind")
    if kind is None and type(document.get("request")) is dict:  # a review without its head, as to a policy-server
        return cast(dict[str, Any], document["request"])
    if kind == "AdmissionReview":
        version = document.get("apiVersion")
        if version == "admission.k8s.io/v1":
            _check(document, _REVIEW)
            return cast(dict[str, Any], _present(document, "request"))
        if version == "admission.k8s.io/v1beta1":
            raise RequestError(
                "AdmissionReview of admission.k8s.io/v1beta1 is not supported: "
                "the webhook configuration must have admissionReviewVersions: [v1]"
            )
        raise RequestError(f"expected apiVersion admission.k8s.io/v1, got {version!r}")
    if type(kind) is dict or ("uid" in document and "operation" in document):
        return document
    raise RequestError(f"expected an AdmissionReview, got {'no kind' if kind is None else f'kind {kind!r}'}")


def _request(raw: dict[str, Any]) -> Request:
    _check(raw, _SHAPE)
    operation = _present(raw, "operation")
    _check_operation(operation)
    kind = _kind(_present(raw, "kind"), "kind")
    resource = raw.get("resource")
    if resource and not _is_resource(resource.get("resource")):
        raw = {key: value for key, value in raw.items() if key not in ("resource", "requestResource")}
        resource = None
    if raw.get("requestKind") != raw["kind"] and raw.get("requestKind"):
        _kind(raw["requestKind"], "requestKind")
    if raw.get("requestResource") != resource and raw.get("requestResource"):
        _resource(raw["requestResource"], "requestResource")
    if user := raw.get("userInfo"):
        _check_user(user)
    return Request(
        raw.get("uid") or "",
        kind,
        _resource(resource, "resource")
        if resource
        else GroupVersionResource(kind.group, kind.version, kind_of(kind.group, kind.kind).resource),
        raw.get("subResource") or "",
        raw.get("name") or "",
        raw.get("namespace") or "",
        operation,
        raw.get("object"),
        raw.get("oldObject"),
        raw,
    )


def _is_resource(name: Any) -> bool:
    """Kubewarden's tools do not know the resource, and write its kind or a sentence in its place."""
    return not name or type(name) is not str or (name.islower() and len(name) <= 63)


def _check_operation(operation: str) -> None:
    if operation not in OPERATIONS:
        raise RequestError(f"expected operation CREATE, UPDATE, DELETE or CONNECT, got {operation!r}")


def _kind(given: dict[str, Any], path: str) -> GroupVersionKind:
    _check(given, _KIND, path)
    return GroupVersionKind(given.get("group") or "", _present(given, "version", path), _present(given, "kind", path))


def _resource(given: dict[str, Any], path: str) -> GroupVersionResource:
    _check(given, _RESOURCE, path)
    group = given.get("group") or ""
    return GroupVersionResource(group, _present(given, "version", path), _present(given, "resource", path))


def _check_user(user: Mapping[str, Any]) -> None:
    _check(user, _USER, "userInfo")
    for key, texts in (("groups", user.get("groups")), *(user.get("extra") or {}).items()):
        if texts is not None and (type(texts) is not list or not _TEXT.issuperset(map(type, texts))):
            raise RequestError(f"userInfo.{key} must be a list of strings")


_TEXT = frozenset({str})
_KIND = {"group": str, "version": str, "kind": str}
_RESOURCE = {"group": str, "version": str, "resource": str}
_USER = {"username": str, "uid": str, "groups": list, "extra": dict}
_METADATA = {"name": str, "namespace": str}
_MANIFEST = {"apiVersion": str, "kind": str, "metadata": dict}
_REVIEW = {"request": dict}
_SHAPE = {
    "uid": str,
    "kind": dict,
    "resource": dict,
    "subResource": str,
    "requestKind": dict,
    "requestResource": dict,
    "requestSubResource": str,
    "name": str,
    "namespace": str,
    "operation": str,
    "userInfo": dict,
    "object": dict,
    "oldObject": dict,
    "dryRun": bool,
    "options": dict,
}


def _check(given: Mapping[str, Any], shape: Mapping[str, type[Any]], path: str = "") -> None:
    """Raises RequestError where a field that is there, and is not null, has another type than in the shape."""
    for key, expected in shape.items():
        value = given.get(key)
        if type(value) is not expected and value is not None:
            name = f"{path}.{key}" if path else key
            raise RequestError(f"{name} must be {_NAMES[expected]}, not {_named(value)}")


def _present(given: dict[str, Any], key: str, path: str = "") -> Any:
    value = given.get(key)
    if not value:
        raise RequestError(f"{f'{path}.{key}' if path else key} is missing")
    return value


def _namespace(own: str, given: str | None) -> str:
    if own and given and own != given:
        raise RequestError(f"the object is in namespace {own!r}, the request in {given!r}")
    return own or given or "default"


_NAMES = {dict: "an object", list: "a list", str: "a string", bool: "a boolean", int: "a number", float: "a number"}


def _named(value: Any) -> str:
    return _NAMES.get(type(value), "null")
