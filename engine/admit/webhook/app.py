"""The ASGI application: admission routes answered here, all else handed to the routes for people."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Awaitable, Callable, Collection, Iterable, MutableMapping, Sequence
from functools import lru_cache
from typing import Any, Literal, NamedTuple, Protocol, TypeAlias
from urllib.parse import parse_qs

import orjson

from admit.admission import Decision, Request, read, write
from admit.errors import RequestError

Scope: TypeAlias = MutableMapping[str, Any]
Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
Application: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]
Route: TypeAlias = Literal["mutate", "validate", "audit"]

ALL: tuple[Route, ...] = ("mutate", "validate")
ONE: tuple[Route, ...] = ("mutate", "validate", "audit")
RAW = "validate_raw"

log = logging.getLogger("admit.webhook")


class Policy(Protocol):
    """What `/policies` tells of a policy."""

    @property
    def kind(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def title(self) -> str: ...
    @property
    def severity(self) -> str: ...


class Engine(Protocol):
    """What the server needs of an engine."""

    @property
    def bindings(self) -> Sequence[str]:
        """The names of the bindings, in rule-set order."""

    @property
    def hosted(self) -> Collection[str]:
        """Those of the bindings that are Kubewarden's documents."""

    @property
    def policies(self) -> Iterable[Policy]: ...

    def glance(self, review: bytes, *, route: Route, binding: str | None) -> str | None:
        """The uid of a review that is allowed as it is, if that can be seen without reading all of it."""

    def answer(self, request: Request, *, route: Route, binding: str | None, deadline: float | None) -> Decision:
        """The verdict; `deadline` is a time of `time.monotonic`."""

    def raw(self, review: bytes, binding: str, deadline: float | None) -> Decision:
        """The verdict of one binding on a raw review."""


class Target(NamedTuple):
    """What a path asks for: all bindings, or one; `raw` of any JSON. `upstream`: as a client of Kubewarden's does."""

    route: Route
    binding: str | None
    upstream: bool = False
    raw: bool = False


class Webhook:
    """The application over one engine; `pages` answers all that is no admission."""

    def __init__(self, engine: Engine, pages: Application, body_limit: int = 8 << 20, timeout: float = 10.0) -> None:
        self.targets = _targets(engine.bindings, engine.hosted)
        self._engine = engine
        self._pages = pages
        self._body_limit = body_limit
        self._timeout = timeout

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._pages(scope, receive, send)
            return
        path = scope["path"]
        target = self.targets.get(path)
        if target is not None:
            await self._admit(target, scope, receive, send)
        elif path.startswith(_NAMING):
            await Refusal(404, f"there is no binding {path.split('/', 2)[2]!r}").send(send)
        else:
            await self._pages(scope, receive, send)

    def answer(self, target: Target, query: bytes, body: bytes) -> bytes:
        """The review to answer with. Raises Refusal."""
        deadline = time.monotonic() + _granted(query, self._timeout)
        route, binding, _, raw = target
        try:
            uid = None if raw else self._engine.glance(body, route=route, binding=binding)
            if uid is not None:
                return _ALLOWED % orjson.dumps(uid)
        except Exception:
            log.exception("a glance at a review to /%s/%s failed; it is read in full", route, binding or "")
        try:
            if raw:
                return self._raw(binding or "", deadline, body)
            request = read(body)
        except RequestError as error:
            raise Refusal(_status(error, target, body), str(error)) from None
        try:
            return write(self._engine.answer(request, route=route, binding=binding, deadline=deadline))
        except Exception as error:
            # A fault of ours is no verdict, but the API server must have a review: without one it would only
            # report a failed call.
            log.exception("could not answer request %s to /%s/%s", request.uid, route, binding or "")
            what = f"binding {binding!r}" if binding else "the bindings"
            message = f"internal error in {route} of {what}: {type(error).__name__} (the server's log has more)"
            return write(Decision(request, False, message, 500, "InternalError", object=request.object))

    def _raw(self, binding: str, deadline: float, body: bytes) -> bytes:
        """The answer to a raw review. Raises RequestError, Refusal."""
        try:
            decision = self._engine.raw(body, binding, deadline)
        except RequestError:
            raise
        except Exception:
            log.exception("could not answer a raw request to /%s/%s", RAW, binding)
            raise Refusal(500, "something went wrong (the server's log has more)") from None
        return orjson.dumps({"response": decision.response["response"]})

    async def _admit(self, target: Target, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            _check_head(scope, self._body_limit)
            body = await _body(receive, self._body_limit)
            if body is None:
                return  # the client has gone
            answer = self.answer(target, scope["query_string"], body)
        except Refusal as refusal:
            await refusal.send(send)
            return
        headers = [_JSON, (b"content-length", b"%d" % len(answer))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": answer})


class Refusal(Exception):
    """An answer that is no review: the request cannot be read."""

    def __init__(self, status: int, message: str, *headers: tuple[bytes, bytes]) -> None:
        super().__init__(message)
        self.status = status
        self.headers = headers

    async def send(self, send: Send) -> None:
        body = orjson.dumps({"message": str(self)[:1000], "status": self.status})
        headers = [_JSON, (b"content-length", b"%d" % len(body)), *self.headers]
        await send({"type": "http.response.start", "status": self.status, "headers": headers})
        await send({"type": "http.response.body", "body": body})


_ALLOWED = b'{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","response":{"uid":%b,"allowed":true}}'
_JSON = (b"content-type", b"application/json")
_CLOSE = (b"connection", b"close")


_NAMING = tuple(f"/{route}/" for route in (*ONE, RAW))


def _targets(bindings: Iterable[str], hosted: Collection[str]) -> dict[str, Target]:
    targets = {f"/{route}": Target(route, None) for route in ALL}
    for binding in bindings:
        for route in ONE:
            upstream = route == "audit" or binding in hosted
            targets[f"/{route}/{binding}"] = Target(route, binding, upstream)
        targets[f"/{RAW}/{binding}"] = Target("mutate", binding, upstream=True, raw=True)
    return targets


def _status(error: RequestError, target: Target, body: bytes) -> int:
    """The status of a refusal; a policy-server tells JSON of another shape from what is no JSON."""
    if not target.upstream or error.status != 400:
        return error.status
    try:
        orjson.loads(body)
    except orjson.JSONDecodeError:
        return 400
    return 422


def _check_head(scope: Scope, limit: int) -> None:
    if scope["method"] != "POST":
        raise Refusal(405, f"expected POST, got {scope['method']}", (b"allow", b"POST"), _CLOSE)
    kind = None
    for name, value in scope["headers"]:
        if name == b"content-type":
            kind = value
        elif name == b"content-length" and int(value) > limit:
            raise _too_large(limit)
    if kind != b"application/json" and (kind is None or kind.partition(b";")[0].strip().lower() != b"application/json"):
        got = "none" if kind is None else kind.decode("latin-1")
        raise Refusal(415, f"expected content type application/json, got {got}", _CLOSE)


def _too_large(limit: int) -> Refusal:
    return Refusal(413, f"the request is larger than {limit} bytes", _CLOSE)


async def _body(receive: Receive, limit: int) -> bytes | None:
    """The whole body; None if the client leaves before its end."""
    pieces, size, more = [], 0, True
    while more:
        message = await receive()
        if message["type"] != "http.request":
            return None
        pieces.append(message["body"])
        size += len(message["body"])
        if size > limit:
            raise _too_large(limit)
        more = message.get("more_body", False)
    return b"".join(pieces)


_MARGIN = 0.1  # of the time granted, what the way back may take: at most this many seconds, at most a tenth
_LONGEST = 30.0  # what an API server allows


@lru_cache(maxsize=64)
def _granted(query: bytes, default: float) -> float:
    """The seconds there are for a verdict, from the `timeout` that an API server sends. Raises Refusal."""
    seconds = default
    for text in parse_qs(query.decode("latin-1")).get("timeout", ())[:1]:
        try:
            seconds = min(seconds_of(text), _LONGEST)
        except ValueError:
            raise Refusal(400, f"timeout must be a duration such as 10s, not {text!r}", _CLOSE) from None
    return seconds - min(_MARGIN, seconds / 10)


def seconds_of(text: str) -> float:
    """A duration as Go writes it ("1m30s" -> 90.0). Raises ValueError."""
    if not _DURATION.fullmatch(text):
        raise ValueError(f"not a duration: {text!r}")
    return sum(float(number) * _UNITS[unit] for number, unit in _PART.findall(text))


_UNITS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "μs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_PART = re.compile(r"([0-9]+\.?[0-9]*|\.[0-9]+)(ns|us|µs|μs|ms|s|m|h)")
_DURATION = re.compile(rf"(?:{_PART.pattern})+")
