"""HTTP on one connection: uvicorn's protocol, with limits for the part before the body, and offers ignored.

uvicorn takes headers of any size and waits for them for ever; a body's limits are `ingest.body`'s. Fields
behind a chunked body (trailers) it takes for headers when they arrive before the request is looked at. A
proxy that sets or removes headers does not see them, so they are thrown away; their size is limited too.

A client may offer another protocol with any request (`Upgrade: h2c` from curl and Java). The parser takes
such a request to end with its headers, so that its body is lost and what follows on the connection is taken
for a request. A server that does not want the offer goes on as if it were not there (RFC 9110, 7.8): the
head is parsed again without it.
"""

from __future__ import annotations

import asyncio
import json

import httptools
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from ingest.strays import Strays

__all__ = ["Protocol"]

#: Of headers, and of what comes in a body's place without being any of it.
MOST_HEAD_BYTES = 64 * 1024
HEAD_SECONDS = 10.0


class Protocol(HttpToolsProtocol):
    """Closes a connection whose headers are too large or too slow; answers what is not HTTP with JSON."""

    _offered = False
    _in_head = False
    # Since the message began or a piece of its body came.
    _bodiless_bytes = 0
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
        self._bodiless_bytes = 0

    def on_headers_complete(self) -> None:
        self._in_head = False
        self._head_is_over()
        self._offered = self.parser.should_upgrade()
        if not self._offered:
            super().on_headers_complete()
            self.headers = []  # the request has the other list: what is added from here on are trailers

    def on_body(self, body: bytes) -> None:
        self._bodiless_bytes = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        if not self._offered:
            super().on_message_complete()

    def data_received(self, data: bytes) -> None:
        self._unset_keepalive_if_required()
        self._bodiless_bytes += len(data)
        self._parse(data)
        # Most requests come whole, in one piece: then there is nothing to do here.
        if self._in_head and not self.transport.is_closing():
            if self._bodiless_bytes > MOST_HEAD_BYTES:
                self._note_large()
                self._close_with(431, "the headers are too large")
                return
            self._expect_head()
        elif self._bodiless_bytes > MOST_HEAD_BYTES and self.cycle is not None and self.cycle.more_body:
            # The request may have its answer already.
            self._note_large()
            self.transport.close()

    def _parse(self, data: bytes) -> None:
        while True:
            try:
                self.parser.feed_data(data)
            except httptools.HttpParserUpgrade as offer:
                if self.parser.get_method() == b"CONNECT":  # asks for a tunnel, and has no other meaning
                    self.send_400_response("")
                    return
                (end,) = offer.args  # where the head ends, in what was fed
                data = self._head_without_offer() + data[end:]
                # A new one: where the head also said `Connection: close`, the old one reads nothing more.
                self.parser = httptools.HttpRequestParser(self)
                self.parser.set_dangerous_leniencies(lenient_data_after_close=True)
                continue
            except httptools.HttpParserError:
                if (strays := self._strays()) is not None:
                    strays.unparsed(data)
                self.send_400_response("")
            return

    def _head_without_offer(self) -> bytes:
        """The head that was just parsed, less the offer."""
        version = self.parser.get_http_version().encode()
        lines = [b"%s %s HTTP/%s" % (self.parser.get_method(), self.url, version)]
        for name, value in self.headers:
            if name == b"connection":
                tokens = [token.strip() for token in value.split(b",")]
                value = b", ".join(token for token in tokens if token.lower() != b"upgrade")
            if name != b"upgrade":
                lines.append(b"%s: %s" % (name, value))
        return b"\r\n".join([*lines, b"", b""])

    def send_400_response(self, msg: str) -> None:
        self._close_with(400, "not a valid HTTP request")

    def _close_with(self, status: int, text: str) -> None:
        body = json.dumps({"error": text}).encode()
        head = b"content-type: application/json\r\nconnection: close\r\ncontent-length: %d\r\n\r\n" % len(
            body
        )
        self.transport.write(STATUS_LINE[status] + head + body)
        self.transport.close()

    def _strays(self) -> Strays | None:
        return getattr(self.app, "strays", None)

    def _note_large(self) -> None:
        if (strays := self._strays()) is not None:
            strays.too_large()

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
