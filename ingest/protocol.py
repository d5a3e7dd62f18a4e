"""HTTP on one connection: uvicorn's protocol, with limits for the part before the body.

uvicorn takes headers of any size and waits for them for ever; a body's limits are `ingest.body`'s.
"""

from __future__ import annotations

import asyncio
import json

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

__all__ = ["Protocol"]

MOST_HEAD_BYTES = 64 * 1024
HEAD_SECONDS = 10.0


class Protocol(HttpToolsProtocol):
    """Closes a connection whose headers are too large or too slow; answers what is not HTTP with JSON."""

    _in_head = False
    _head_bytes = 0
    _head_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._expect_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._head_is_over()
        super().connection_lost(exc)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._in_head = True
        self._head_bytes = 0

    def on_headers_complete(self) -> None:
        self._in_head = False
        self._head_is_over()
        super().on_headers_complete()

    def data_received(self, data: bytes) -> None:
        began_in_head = self._in_head
        super().data_received(data)
        # Most requests come whole, in one piece: then there is nothing to do here.
        if self._in_head and not self.transport.is_closing():
            if began_in_head:
                self._head_bytes += len(data)
                if self._head_bytes > MOST_HEAD_BYTES:
                    self._close_with(431, "the headers are too large")
                    return
            self._expect_head()

    def send_400_response(self, msg: str) -> None:
        self._close_with(400, "not a valid HTTP request")

    def _close_with(self, status: int, text: str) -> None:
        body = json.dumps({"error": text}).encode()
        head = b"content-type: application/json\r\nconnection: close\r\ncontent-length: %d\r\n\r\n" % len(
            body
        )
        self.transport.write(STATUS_LINE[status] + head + body)
        self.transport.close()

    def _expect_head(self) -> None:
        if self._head_timer is None:
            self._head_timer = self.loop.call_later(HEAD_SECONDS, self._head_is_late)

    def _head_is_over(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _head_is_late(self) -> None:
        self._head_timer = None
        if self.cycle is not None and not self.cycle.response_complete:
            self._expect_head()  # an earlier request of this connection still waits for its answer
        elif not self.transport.is_closing():
            self.transport.close()
