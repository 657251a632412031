"""HTTP/1.1 as uvicorn has it, with a bound on how long a request may take to arrive and how large its head may be."""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol


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
