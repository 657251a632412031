"""Reviews, bare requests and manifests into requests; and what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import orjson
import pytest

from admit.admission import from_manifest, from_raw, native, read
from admit.admission.kinds import kind_of, plural
from admit.admission.native import MAX_DEPTH
from admit.errors import RequestError

POD = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web"}, "spec": {"containers": []}}


def review(**changes: Any) -> dict[str, Any]:
    """A review of a Pod's creation; a field set to `...` is left out."""
    request = {
        "uid": "705ab4f5",
        "kind": {"group": "", "version": "v1", "kind": "Pod"},
        "resource": {"group": "", "version": "v1", "resource": "pods"},
        "name": "web",
        "namespace": "shop",
        "operation": "CREATE",
        "userInfo": {"username": "jane", "groups": ["dev"], "extra": {"scopes": ["a"]}},
        "object": POD,
        "oldObject": None,
        "dryRun": False,
        "options": {"kind": "CreateOptions", "apiVersion": "meta.k8s.io/v1"},
    }
    request |= changes
    request = {key: value for key, value in request.items() if value is not ...}
    return {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": request}


@pytest.mark.parametrize("form", [dict, orjson.dumps, lambda review: review["request"]])
def test_a_review_is_read(form: Any) -> None:
    request = read(form(review(subResource="status")))
    assert (request.uid, request.operation, request.name, request.namespace) == ("705ab4f5", "CREATE", "web", "shop")
    assert request.kind == request.request_kind == ("", "v1", "Pod")
    assert request.resource == request.request_resource == ("", "v1", "pods")
    assert request.sub_resource == request.request_sub_resource == "status"
    assert request.object == POD and request.old_object is None
    assert request.user_info["username"] == "jane" and not request.dry_run


def test_the_variable_of_cel() -> None:
    sent = {"group": "apps", "version": "v1beta1", "kind": "Deployment"}
    request = read(review(requestKind=sent, name="", dryRun=True, userInfo={"username": "jane", "groups": []}))
    assert request.cel == {
        "kind": {"group": "", "version": "v1", "kind": "Pod"},
        "resource": {"group": "", "version": "v1", "resource": "pods"},
        "requestKind": sent,
        "requestResource": {"group": "", "version": "v1", "resource": "pods"},
        "namespace": "shop",
        "operation": "CREATE",
        "userInfo": {"username": "jane"},
        "dryRun": True,
        "options": {"kind": "CreateOptions", "apiVersion": "meta.k8s.io/v1"},
    }


def test_the_resource_follows_from_the_kind() -> None:
    request = read(review(resource=..., kind={"kind": "NetworkPolicy", "version": "v1", "group": "networking.k8s.io"}))
    assert request.resource == ("networking.k8s.io", "v1", "networkpolicies")


@pytest.mark.parametrize("name", ["Pod", "this-is-the-plural-name-of-the-resource-which-only-an-api-server-knows"])
def test_what_is_no_resource_follows_from_the_kind(name: str) -> None:
    given = {"group": "", "version": "v1", "resource": name}
    request = read(review(resource=given, requestResource=given))
    assert request.resource == request.request_resource == ("", "v1", "pods")


def test_a_review_without_its_head_is_read() -> None:
    assert read({"request": review()["request"]}).uid == read(review()).uid


def test_any_json_is_the_object_of_a_raw_request() -> None:
    request = from_raw(b'{"request": {"uid": "7", "any": [1]}}')
    assert (request.uid, request.object, request.resource) == ("7", {"uid": "7", "any": [1]}, ("", "", ""))
    for wrong in (b"{}", b"[]", b'{"request": [1]}'):
        with pytest.raises(RequestError, match="expected a raw review"):
            from_raw(wrong)


def test_every_request_of_the_conformance_data_is_read(conformance: Path) -> None:
    for path in sorted((conformance / "kubewarden").glob("*-policy.json")):
        for case in json.loads(path.read_text()):
            if case["request_form"] in ("AdmissionReview", "AdmissionRequest"):
                request = read(case["request"])
                assert request.resource.resource and request.cel["kind"]["kind"], case["name"]


REFUSED = [
    (b"", "expected an AdmissionReview, got nothing"),
    (b"{", "not JSON: "),
    (b"[]", "expected an AdmissionReview, got a list"),
    (b"3", "expected an AdmissionReview, got a number"),
    (b"{}", "expected an AdmissionReview, got no kind"),
    (b'{"kind": "Pod"}', "expected an AdmissionReview, got kind 'Pod'"),
    (b'{"kind": "AdmissionReview", "apiVersion": "v1"}', "expected apiVersion admission.k8s.io/v1, got 'v1'"),
    (b'{"kind": "AdmissionReview", "apiVersion": "admission.k8s.io/v1beta1"}', "v1beta1 is not supported"),
    (b'{"kind": "AdmissionReview", "apiVersion": "admission.k8s.io/v1"}', "request is missing"),
    (b'{"kind": "AdmissionReview", "apiVersion": "admission.k8s.io/v1", "request": []}', "request must be an object"),
    (orjson.dumps(review()).replace(b'"web"', rb'"\ud800"'), "not JSON: no low surrogate"),
    (orjson.dumps(review()).replace(b'"web"', b'"\xed\xa0\x80"'), "not JSON: .*not valid UTF-8"),
    (orjson.dumps(review()).replace(b'"web"', b"1" * 400), "not JSON: number is infinity"),
    (b"[" * 2000 + b"]" * 2000, "not JSON: depth limit"),
    (b"[" * 500 + b"]" * 500, "nested deeper than 254 levels"),
    (review(uid=...), "uid is missing"),
    (review(uid=""), "uid is missing"),
    (review(uid=5), "uid must be a string, not a number"),
    (review(operation=...), "operation is missing"),
    (review(operation="PATCH"), "expected operation CREATE, UPDATE, DELETE or CONNECT, got 'PATCH'"),
    (review(kind=...), "kind is missing"),
    (review(kind=..., resource=...), "kind is missing"),
    (review(kind="Pod"), "kind must be an object, not a string"),
    (review(kind={"version": "v1"}), "kind.kind is missing"),
    (review(resource={"version": "v1"}), "resource.resource is missing"),
    (review(object=[]), "object must be an object, not a list"),
    (review(oldObject="x"), "oldObject must be an object, not a string"),
    (review(dryRun="yes"), "dryRun must be a boolean, not a string"),
    (review(namespace=True), "namespace must be a string, not a boolean"),
    (review(requestKind={"kind": "Pod"}), "requestKind.version is missing"),
    (review(requestResource="pods"), "requestResource must be an object"),
    (review(userInfo={"groups": ["a", 1]}), "userInfo.groups must be a list of strings"),
    (review(userInfo={"extra": {"scopes": "a"}}), "userInfo.scopes must be a list of strings"),
    (review(object={"a": {1: 2}}), "a key must be a string, not 1"),
    (review(object={"a": object()}), "a value of type object is no JSON"),
]


@pytest.mark.parametrize("given, message", REFUSED)
def test_what_is_refused(given: Any, message: str) -> None:
    with pytest.raises(RequestError, match=message) as caught:
        read(given)
    assert caught.value.status == 400


NATIVE = [
    (2**63 - 1, 2**63 - 1),
    (2**63, float(2**63)),
    (-(2**63), -(2**63)),
    (-(2**63) - 1, -float(2**63)),
    ({"a": [2**64, True, None, 1.5]}, {"a": [float(2**64), True, None, 1.5]}),
    ("a\ud800b", "a\ufffdb"),
    ("\ud83d\ude00", "\U0001f600"),
    ({"\udc00": 1}, {"\ufffd": 1}),
    ((1, 2**70), [1, float(2**70)]),
]


@pytest.mark.parametrize("value, expected", NATIVE)
def test_native(value: Any, expected: Any) -> None:
    found = native(value)
    assert repr(found) == repr(expected)


def test_what_is_native_is_not_copied() -> None:
    assert native(POD) is POD


def test_integers_of_a_body() -> None:
    text = orjson.dumps(review()).replace(b'"containers":[]', b'"a":9223372036854775808,"b":9223372036854775807')
    spec = read(text).object["spec"]  # type: ignore[index]
    assert repr(spec) == "{'a': 9.223372036854776e+18, 'b': 9223372036854775807}"


@pytest.mark.parametrize("extra", [0, 2**60])  # the second needs the walk
def test_depth(extra: int) -> None:
    value: Any = extra
    for _ in range(MAX_DEPTH):
        value = [value]
    assert json.dumps(native(value)) == json.dumps(value)
    with pytest.raises(RequestError, match="nested deeper"):
        native([value])


def manifest(kind: str, api_version: str = "v1", **metadata: str) -> dict[str, Any]:
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata}


MANIFESTS = [
    (manifest("Pod", name="web"), {}, ("", "v1", "pods"), "default", "web"),
    (manifest("Pod", name="web", namespace="shop"), {}, ("", "v1", "pods"), "shop", "web"),
    (manifest("Pod", generateName="web-"), {"namespace": "shop"}, ("", "v1", "pods"), "shop", ""),
    (manifest("Ingress", "networking.k8s.io/v1", name="i"), {},
     ("networking.k8s.io", "v1", "ingresses"), "default", "i"),
    (manifest("ClusterRole", "rbac.authorization.k8s.io/v1", name="r"), {"namespace": "shop"},
     ("rbac.authorization.k8s.io", "v1", "clusterroles"), "", "r"),
    (manifest("Namespace", name="shop"), {}, ("", "v1", "namespaces"), "shop", "shop"),
    (manifest("Proxy", "example.com/v2", name="p"), {}, ("example.com", "v2", "proxies"), "default", "p"),
]  # fmt: skip


@pytest.mark.parametrize("given, arguments, resource, namespace, name", MANIFESTS)
def test_manifest(given: Any, arguments: Any, resource: Any, namespace: str, name: str) -> None:
    request = from_manifest(given, **arguments)
    assert (request.resource, request.namespace, request.name) == (resource, namespace, name)
    assert request.object is given and request.operation == "CREATE"
    assert request.options == {"apiVersion": "meta.k8s.io/v1", "kind": "CreateOptions"}


def test_manifest_of_a_deletion() -> None:
    request = from_manifest(POD, operation="DELETE", user={"username": "jane"}, dry_run=True)
    assert request.object is None and request.old_object is POD
    assert request.cel["userInfo"] == {"username": "jane"} and request.dry_run


def test_manifest_of_an_update_of_a_subresource() -> None:
    request = from_manifest(POD, POD, operation="UPDATE", subresource="ephemeralcontainers")
    assert request.old_object is POD and request.sub_resource == "ephemeralcontainers"


@pytest.mark.parametrize(
    "given, arguments, message",
    [
        ([], {}, "expected an object with apiVersion and kind, got a list"),
        ({"kind": "Pod"}, {}, "apiVersion is missing"),
        ({"apiVersion": "v1"}, {}, "kind is missing"),
        ({"apiVersion": "v1", "kind": "Pod", "metadata": 1}, {}, "metadata must be an object"),
        (manifest("Pod", namespace="a"), {"namespace": "b"}, "the object is in namespace 'a', the request in 'b'"),
        (POD, {"operation": "create"}, "expected operation CREATE"),
    ],
)
def test_manifest_refused(given: Any, arguments: Any, message: str) -> None:
    with pytest.raises(RequestError, match=message):
        from_manifest(given, **arguments)


@pytest.mark.parametrize(
    "group, kind, resource, namespaced",
    [
        ("", "Endpoints", "endpoints", True),
        ("", "ComponentStatus", "componentstatuses", False),
        ("networking.k8s.io", "IPAddress", "ipaddresses", False),
        ("storage.k8s.io", "CSIStorageCapacity", "csistoragecapacities", True),
        ("gateway.networking.k8s.io", "Gateway", "gateways", True),
        ("metrics.k8s.io", "PodMetrics", "pods", True),
        ("example.com", "Widget", "widgets", True),
    ],
)
def test_kinds(group: str, kind: str, resource: str, namespaced: bool) -> None:
    assert kind_of(group, kind) == (group, kind, resource, namespaced)


def test_plural_of_a_guess() -> None:
    assert [plural(kind) for kind in ("Policy", "Class", "Pod")] == ["policies", "classes", "pods"]
