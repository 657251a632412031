"""HTTP/1.1 as uvicorn has it, with slow and oversized requests cut off, and ordinary reviews answered at once."""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from admit.webhook.app import Refusal, Target, Webhook


class BoundedProtocol(HttpToolsProtocol):
    """Whoever sends too slowly loses the connection; between requests uvicorn's own limit holds."""

    seconds = 15.0  # from the first byte (or the connection) to the last of the body
    head_limit = 64 << 10

    def __init__(self, *args: Any, **keywords: Any) -> None:
        super().__init__(*args, **keywords)
        self._arriving = True
        self._head = 0  # bytes received of a head that is not complete; -1: it is
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._timer = self.loop.call_later(self.seconds, transport.abort)

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if not self._arriving:
            self._stop()
        elif self._timer is None and self.parser is not None:
            self._timer = self.loop.call_later(self.seconds, self.transport.abort)
        if self._arriving and self._head >= 0:
            self._head += len(data)
            if self._head > self.head_limit and not self.transport.is_closing():
                self.send_400_response("Request head too large.")

    def on_message_begin(self) -> None:
        self._arriving = True
        self._head = 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._head = -1
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        self._arriving = False
        super().on_message_complete()

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


class AdmissionProtocol(BoundedProtocol):
    """Answers an ordinary review as soon as its last byte is here; all else goes to the application as ever.

    A task, an event and two writes for each request would cost as much as reading the review. What the application
    would refuse, or what is out of the ordinary, is handed on as it came.
    """

    longest = 1 << 20  # of the bodies kept here; in larger ones the reading is what costs

    def __init__(self, *args: Any, **keywords: Any) -> None:
        super().__init__(*args, **keywords)
        self._webhook = self.app if isinstance(self.app, Webhook) else None
        self._target: Target | None = None
        self._pieces: list[bytes] = []

    def on_headers_complete(self) -> None:
        if self._webhook is not None and self._ordinary():
            self._head = -1
            self._target = self._webhook.targets.get(self.url.partition(b"?")[0].decode("latin-1"))
        if self._target is None:
            super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        if self._target is None:
            super().on_body(body)
        else:
            self._pieces.append(body)

    def on_message_complete(self) -> None:
        if self._target is not None and self._webhook is not None:
            try:
                answer = self._webhook.answer(self._target, self.url.partition(b"?")[2], b"".join(self._pieces))
            except Refusal:
                self._hand_on()
            else:
                self._target, self._pieces, self._arriving = None, [], False
                self._respond(answer)
                return
        super().on_message_complete()

    def shutdown(self) -> None:
        if self._target is not None:
            self._hand_on()
        super().shutdown()

    def _ordinary(self) -> bool:
        if self.expect_100_continue or self.flow.write_paused or (self.cycle and not self.cycle.response_complete):
            return False
        if self.parser.get_method() != b"POST" or self.parser.should_upgrade() or not self.parser.should_keep_alive():
            return False
        length = kind = None
        for name, value in self.headers:
            if name == b"content-length":
                length = int(value)
            elif name == b"content-type":
                kind = value
        return length is not None and length <= self.longest and kind == b"application/json"

    def _respond(self, answer: bytes) -> None:
        head = [b"%b: %b\r\n" % header for header in self.server_state.default_headers]
        self.transport.write(
            b"HTTP/1.1 200 OK\r\n%bcontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b"
            % (b"".join(head), len(answer), answer)
        )
        self.on_response_complete()

    def _hand_on(self) -> None:
        body, self._target, self._pieces = b"".join(self._pieces), None, []
        super().on_headers_complete()
        super().on_body(body)
