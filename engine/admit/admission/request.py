"""What is asked: an AdmissionReview, an AdmissionRequest or a manifest, read into a Request."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple, TypeVar

import orjson

from admit.admission.kinds import kind_of
from admit.admission.native import native
from admit.errors import RequestError

OPERATIONS = frozenset({"CREATE", "UPDATE", "DELETE", "CONNECT"})

T = TypeVar("T")
D = TypeVar("D")


class GroupVersionKind(NamedTuple):
    group: str
    version: str
    kind: str


class GroupVersionResource(NamedTuple):
    group: str
    version: str
    resource: str


@dataclass(frozen=True, slots=True, eq=False)
class Request:
    """An AdmissionRequest v1. What only few rules look at is taken from `raw` when they do.

    INVARIANT: `raw` has been checked, is native JSON (admission/native.py), and is never changed.
    """

    uid: str
    kind: GroupVersionKind
    resource: GroupVersionResource
    sub_resource: str
    name: str
    namespace: str
    operation: str
    object: dict[str, Any] | None = field(repr=False)
    old_object: dict[str, Any] | None = field(repr=False)
    raw: dict[str, Any] = field(repr=False)

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
        return replace(self, object=object)


def read(review: Mapping[str, Any] | bytes) -> Request:
    """The request of an AdmissionReview v1, or a bare AdmissionRequest. Raises RequestError."""
    request = _admission_request(native(_parsed(review) if isinstance(review, bytes) else review))
    _require(request, "uid", str)
    return _request(request)


def from_manifest(
    object: Mapping[str, Any],
    old_object: Mapping[str, Any] | None = None,
    operation: str = "CREATE",
    namespace: str | None = None,
    user: Mapping[str, Any] | None = None,
    subresource: str = "",
    dry_run: bool = False,
) -> Request:
    """The request that an API server would make of a manifest; with DELETE the object is the old one.

    The resource follows from the kind; a namespaced object without a namespace is in `namespace`, else in `default`.
    Raises RequestError.
    """
    manifest = native(object)
    if type(manifest) is not dict:
        raise RequestError(f"expected an object with apiVersion and kind, got {_named(manifest)}")
    group, _, version = _require(manifest, "apiVersion", str).rpartition("/")
    known = kind_of(group, _require(manifest, "kind", str))
    metadata = _field(manifest, "metadata", dict, {})
    name = _field(metadata, "name", str, "")
    raw = {
        "uid": "",
        "kind": {"group": group, "version": version, "kind": known.kind},
        "resource": {"group": group, "version": version, "resource": known.resource},
        "subResource": subresource,
        "name": name,
        "namespace": _namespace(metadata, namespace) if known.namespaced else "",
        "operation": operation,
        "userInfo": native(user or {}),
        "object": manifest,
        "oldObject": native(old_object),
        "dryRun": dry_run,
    }
    if (group, known.kind) == ("", "Namespace"):
        raw["namespace"] = name  # as the API server has it
    if operation == "DELETE":
        raw |= {"object": None, "oldObject": manifest}
    if operation in ("CREATE", "UPDATE", "DELETE"):
        raw["options"] = {"apiVersion": "meta.k8s.io/v1", "kind": f"{operation.capitalize()}Options"}
    return _request(raw)


def _parsed(text: bytes) -> Any:
    if not text.strip():
        raise RequestError("expected an AdmissionReview, got nothing")
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise RequestError(f"not JSON: {error}") from None


def _admission_request(document: Any) -> dict[str, Any]:
    if type(document) is not dict:
        raise RequestError(f"expected an AdmissionReview, got {_named(document)}")
    kind = document.get("kind")
    if kind == "AdmissionReview":
        version = document.get("apiVersion")
        if version == "admission.k8s.io/v1":
            return _require(document, "request", dict)
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
    operation = _require(raw, "operation", str)
    if operation not in OPERATIONS:
        raise RequestError(f"expected operation CREATE, UPDATE, DELETE or CONNECT, got {operation!r}")
    kind = _kind(_require(raw, "kind", dict), "kind")
    given = _field(raw, "resource", dict, None)
    if given is not None:
        resource = _resource(given, "resource")
    else:
        resource = GroupVersionResource(kind.group, kind.version, kind_of(kind.group, kind.kind).resource)
    _check_rest(raw)
    return Request(
        _field(raw, "uid", str, ""),
        kind,
        resource,
        _field(raw, "subResource", str, ""),
        _field(raw, "name", str, ""),
        _field(raw, "namespace", str, ""),
        operation,
        _field(raw, "object", dict, None),
        _field(raw, "oldObject", dict, None),
        raw,
    )


def _check_rest(raw: dict[str, Any]) -> None:
    """What `Request` takes from `raw` later must not fail then."""
    kind, resource = raw.get("requestKind"), raw.get("requestResource")
    if kind is not None and kind != raw["kind"]:
        _kind(_require(raw, "requestKind", dict), "requestKind")
    if resource is not None and resource != raw.get("resource"):
        _resource(_require(raw, "requestResource", dict), "requestResource")
    _field(raw, "requestSubResource", str, None)
    _field(raw, "dryRun", bool, None)
    _field(raw, "options", dict, None)
    user = _field(raw, "userInfo", dict, None)
    if user:
        _field(user, "username", str, None, "userInfo")
        _field(user, "uid", str, None, "userInfo")
        extra = _field(user, "extra", dict, None, "userInfo") or {}
        for key, texts in (("groups", _field(user, "groups", list, None, "userInfo") or []), *extra.items()):
            if type(texts) is not list or not _TEXT.issuperset(map(type, texts)):
                raise RequestError(f"userInfo.{key} must be a list of strings")


_TEXT = frozenset({str})


def _kind(given: dict[str, Any], key: str) -> GroupVersionKind:
    return GroupVersionKind(
        _field(given, "group", str, "", key), _require(given, "version", str, key), _require(given, "kind", str, key)
    )


def _resource(given: dict[str, Any], key: str) -> GroupVersionResource:
    return GroupVersionResource(
        _field(given, "group", str, "", key),
        _require(given, "version", str, key),
        _require(given, "resource", str, key),
    )


def _field(where: dict[str, Any], key: str, expected: type[T], default: D, path: str = "") -> T | D:
    value = where.get(key)
    if value is None:
        return default
    if type(value) is not expected:
        raise _mistyped(f"{path}.{key}" if path else key, expected, value)
    return value


def _require(where: dict[str, Any], key: str, expected: type[T], path: str = "") -> T:
    value = _field(where, key, expected, None, path)
    if not value:
        raise RequestError(f"{f'{path}.{key}' if path else key} is missing")
    return value


def _namespace(metadata: dict[str, Any], given: str | None) -> str:
    own = _field(metadata, "namespace", str, "", "metadata")
    if own and given and own != given:
        raise RequestError(f"the object is in namespace {own!r}, the request in {given!r}")
    return own or given or "default"


_NAMES = {dict: "an object", list: "a list", str: "a string", bool: "a boolean", int: "a number", float: "a number"}


def _mistyped(key: str, expected: type[Any], value: Any) -> RequestError:
    return RequestError(f"{key} must be {_NAMES[expected]}, not {_named(value)}")


def _named(value: Any) -> str:
    return _NAMES.get(type(value), "null")
