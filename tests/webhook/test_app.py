"""The application without a server: routes, refusals, deadlines, faults."""

from __future__ import annotations

import asyncio
import json
import logging
from base64 import b64decode
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import httpx
import pytest

from admit.webhook.app import Webhook, seconds_of
from admit.webhook.pages import pages

from .engine import NamesEngine, review

JSON = {"content-type": "application/json"}


@pytest.fixture
def engine() -> NamesEngine:
    return NamesEngine()


@pytest.fixture
def app(engine: NamesEngine) -> Webhook:
    return Webhook(engine, pages(engine), body_limit=4096)


def call(app: Webhook, method: str, path: str, **arguments: Any) -> httpx.Response:
    async def respond() -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
            return await client.request(method, path, **arguments)

    return asyncio.run(respond())


def post(app: Webhook, path: str, name: str = "web") -> dict[str, Any]:
    response = call(app, "POST", path, json=review(name))
    assert response.status_code == 200 and response.headers["content-type"] == "application/json"
    answer = response.json()
    assert answer["kind"] == "AdmissionReview" and answer["response"]["uid"] == "705ab4f5"
    return answer["response"]  # type: ignore[no-any-return]


ROUTES = [
    ("/mutate", ("mutate", None)),
    ("/validate", ("validate", None)),
    ("/mutate/names", ("mutate", "names")),
    ("/validate/names", ("validate", "names")),
    ("/validate/kubewarden/names", ("validate", "kubewarden/names")),
    ("/validate/kubewarden%2Fnames", ("validate", "kubewarden/names")),
    ("/audit/names", ("audit", "names")),
]


@pytest.mark.parametrize("path, target", ROUTES)
def test_routes(app: Webhook, engine: NamesEngine, path: str, target: tuple[str, str | None]) -> None:
    assert post(app, path) == {"uid": "705ab4f5", "allowed": True}
    assert engine.asked[0][:2] == target


def test_a_raw_review_is_answered_as_one(app: Webhook, engine: NamesEngine) -> None:
    response = call(app, "POST", "/validate_raw/names", json={"request": {"uid": "7", "any": ["thing"]}})
    status = {"message": "not raw enough"}
    assert response.json() == {"response": {"uid": "7", "allowed": False, "status": status}}
    assert engine.asked == [("raw", "names", 0)]


def test_denial(app: Webhook) -> None:
    assert post(app, "/validate", "bad")["status"] == {
        "message": "bad name",
        "code": 422,
        "reason": "Invalid",
        "details": {"causes": [{"message": "bad name", "field": "metadata.name"}]},
    }


def test_patch_and_warning(app: Webhook) -> None:
    answer = post(app, "/mutate", "bare")
    patch = [{"op": "add", "path": "/metadata/labels", "value": {"app": "bare"}}]
    assert json.loads(b64decode(answer["patch"])) == patch
    assert (answer["patchType"], answer["warnings"]) == ("JSONPatch", ["bare"])


def test_a_fault_is_a_review_without_its_details(app: Webhook, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR):
        answer = post(app, "/mutate/names", "broken")
    assert answer == {
        "uid": "705ab4f5",
        "allowed": False,
        "status": {
            "message": "internal error in mutate of binding 'names': ZeroDivisionError (the server's log has more)",
            "code": 500,
            "reason": "InternalError",
        },
    }
    assert "ZeroDivisionError: secret" in caplog.text and "705ab4f5" in caplog.text


REFUSED = [
    ("GET", "/validate", {}, 405, "expected POST, got GET"),
    ("PUT", "/mutate/names", {"json": review()}, 405, "expected POST, got PUT"),
    ("POST", "/validate/other", {"json": review()}, 404, "there is no binding 'other'"),
    ("GET", "/mutate/other", {}, 404, "there is no binding 'other'"),
    ("POST", "/validate", {"content": b"{}"}, 415, "expected content type application/json, got none"),
    ("POST", "/validate", {"content": b"{}", "headers": {"content-type": "application/yaml"}}, 415, "application/yaml"),
    ("POST", "/validate", {"content": b"", "headers": JSON}, 400, "expected an AdmissionReview, got nothing"),
    ("POST", "/validate", {"content": b"{", "headers": JSON}, 400, "not JSON: "),
    ("POST", "/validate", {"json": {"kind": "Pod"}}, 400, "expected an AdmissionReview, got kind 'Pod'"),
    ("POST", "/validate", {"json": review(uid="")}, 400, "uid is missing"),
    ("POST", "/validate", {"content": b" " * 4097, "headers": JSON}, 413, "the request is larger than 4096 bytes"),
    ("POST", "/audit/other", {"json": review()}, 404, "there is no binding 'other'"),
    ("POST", "/validate_raw/other", {"json": review()}, 404, "there is no binding 'other'"),
    ("POST", "/validate/kubewarden/names", {"content": b"{", "headers": JSON}, 400, "not JSON: "),
    ("POST", "/validate/kubewarden/names", {"json": {}}, 422, "expected an AdmissionReview, got no kind"),
    ("POST", "/audit/names", {"json": {}}, 422, "expected an AdmissionReview, got no kind"),
    ("POST", "/validate_raw/names", {"json": {}}, 422, "expected a raw review: an object with an object as request"),
    ("POST", "/validate_raw/names", {"content": b"", "headers": JSON}, 400, "expected an AdmissionReview, got nothing"),
    (
        "POST",
        "/validate_raw/names",
        {"json": {"request": {"uid": "broken"}}},
        500,
        "something went wrong (the server's",
    ),
    ("POST", "/validate?timeout=soon", {"json": review()}, 400, "timeout must be a duration such as 10s, not 'soon'"),
]


@pytest.mark.parametrize("method, path, arguments, status, message", REFUSED)
def test_refusals(app: Webhook, method: str, path: str, arguments: Any, status: int, message: str) -> None:
    response = call(app, method, path, **arguments)
    assert response.status_code == status
    assert response.json() == {"message": response.json()["message"], "status": status}
    assert message in response.json()["message"]
    assert response.headers.get("allow") == ("POST" if status == 405 else None)


@pytest.mark.parametrize("kind", ["application/json", "application/json; charset=utf-8", "Application/JSON"])
def test_content_types(app: Webhook, kind: str) -> None:
    content = json.dumps(review()).encode()
    assert call(app, "POST", "/validate", content=content, headers={"content-type": kind}).status_code == 200


def raw(app: Webhook, messages: list[dict[str, Any]], **scope: Any) -> tuple[list[Any], int]:
    """What the application sends, and how many messages it left unread."""
    unread, sent = iter(messages), []

    async def receive() -> dict[str, Any]:
        return next(unread)

    async def send(message: Any) -> None:
        sent.append(message)

    given = {"type": "http", "method": "POST", "path": "/validate", "query_string": b"", "headers": _TYPE, **scope}
    asyncio.run(app(given, receive, send))
    return sent, len(list(unread))


_TYPE = [(b"content-type", b"application/json")]


def pieces(body: bytes, size: int) -> Iterator[dict[str, Any]]:
    for start in range(0, len(body), size):
        more = start + size < len(body)
        yield {"type": "http.request", "body": body[start : start + size], "more_body": more}


def test_a_body_in_pieces(app: Webhook) -> None:
    sent, unread = raw(app, list(pieces(json.dumps(review()).encode(), 100)))
    assert sent[0]["status"] == 200 and unread == 0


def test_an_oversized_body_in_pieces_is_not_read_to_its_end(app: Webhook) -> None:
    sent, unread = raw(app, list(pieces(b" " * 100_000, 1000)))
    assert sent[0]["status"] == 413 and unread == 95
    assert (b"connection", b"close") in sent[0]["headers"]


def test_an_oversized_body_that_says_so_is_not_read_at_all(app: Webhook) -> None:
    sent, unread = raw(app, list(pieces(b" " * 5000, 1000)), headers=[*_TYPE, (b"content-length", b"5000")])
    assert sent[0]["status"] == 413 and unread == 5


@pytest.mark.parametrize("first", [[], [{"type": "http.request", "body": b"{", "more_body": True}]])
def test_a_client_that_leaves_gets_nothing(app: Webhook, first: list[dict[str, Any]]) -> None:
    assert raw(app, [*first, {"type": "http.disconnect"}]) == ([], 0)


@pytest.mark.parametrize(
    "query, seconds",
    [(b"", 9.9), (b"timeout=2s", 1.9), (b"timeout=500ms", 0.45), (b"timeout=5m", 29.9), (b"a=b&timeout=1s", 0.9)],
)
def test_deadline(
    app: Webhook, engine: NamesEngine, query: bytes, seconds: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("admit.webhook.app.time", SimpleNamespace(monotonic=lambda: 1000.0))
    raw(app, list(pieces(json.dumps(review()).encode(), 10_000)), query_string=query)
    assert engine.asked[0][2] == pytest.approx(1000 + seconds)


@pytest.mark.parametrize(
    "text, seconds",
    [("10s", 10), ("1m30s", 90), ("1.5s", 1.5), ("250ms", 0.25), ("5µs", 5e-6), (".5h", 1800), ("2ns", 2e-9)],
)
def test_durations(text: str, seconds: float) -> None:
    assert seconds_of(text) == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["", "10", "s", "-1s", "1d", "1s ", "1 s", "١s", "1e3s"])
def test_no_durations(text: str) -> None:
    with pytest.raises(ValueError, match="not a duration"):
        seconds_of(text)


def test_probes_and_policies(app: Webhook) -> None:
    assert call(app, "GET", "/healthz").json() == {"status": "ok"}
    for ready in ("/readyz", "/readiness"):
        assert call(app, "GET", ready).json() == {"status": "ok", "bindings": 2}
    assert call(app, "GET", "/policies").json() == {
        "bindings": ["names", "kubewarden/names"],
        "policies": [{"kind": "Policy", "name": "names", "title": "Names", "severity": "low"}],
    }
    assert call(app, "GET", "/elsewhere").status_code == 404


def test_documentation_names_every_route_and_needs_nothing_from_elsewhere(app: Webhook) -> None:
    paths = call(app, "GET", "/openapi.json").json()["paths"]
    assert set(paths) == {
        "/mutate", "/mutate/{binding}", "/validate", "/validate/{binding}", "/audit/{binding}",
        "/validate_raw/{binding}", "/healthz", "/readyz", "/readiness", "/policies",
    }  # fmt: skip
    page = call(app, "GET", "/docs")
    assert page.headers["content-type"].startswith("text/html")
    assert all(path in page.text for path in paths)
    assert "<script" not in page.text and "http://" not in page.text and "https://" not in page.text
