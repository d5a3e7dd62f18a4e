"""Sends callbacks: HTTP/1.1 over kept connections, straight on asyncio, its answers read by httptools.

A client library costs several times as much per request, and hides the connection, with which a misbehaving
partner must be able to do what no library offers.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from typing import cast

import httptools

from sandbox.customers import Callback
from sandbox.plan import How

__all__ = ["Connection", "Lost", "Sender", "Trouble"]

CONNECT_SECONDS = 5.0


class Trouble(Exception):
    """No answer came; the text says why in a word or two."""


class Lost(Exception):
    """The connection ended before anything of the answer came."""


class Sender:
    """Sends to one callback URL. `timeout`: seconds for one callback from connecting to the whole answer."""

    def __init__(self, callback: Callback, timeout: float = 10.0, agent: str = "sandbox") -> None:
        self._callback = callback
        self._timeout = timeout
        self._tls = ssl.create_default_context() if callback.secure else None
        self._idle: list[Connection] = []
        host = f"[{callback.host}]" if ":" in callback.host else callback.host
        lines = [
            f"POST {callback.target} HTTP/1.1",
            f"Host: {host}:{callback.port}",
            "Content-Type: application/json",
            f"User-Agent: {agent}",
            *(f"{name}: {value}" for name, value in callback.headers),
            "Content-Length: ",
        ]
        self._head = "\r\n".join(lines).encode("ascii")

    async def send(self, body: bytes, how: How = "send") -> int:
        """The answer's status. Raises Trouble."""
        try:
            async with asyncio.timeout(self._timeout):
                return await self._send(self._request(body), how, len(body))
        except TimeoutError:
            raise Trouble("timed out") from None
        except Lost:
            raise Trouble("connection closed") from None
        except OSError:
            raise Trouble("cannot connect") from None

    def _request(self, body: bytes) -> bytes:
        sign = self._callback.sign
        signed = "".join(f"\r\n{name}: {value}" for name, value in sign(body)) if sign else ""
        return b"%b%d%b\r\n\r\n%b" % (self._head, len(body), signed.encode("ascii"), body)

    async def _send(self, request: bytes, how: How, length: int) -> int:
        while self._idle:
            kept = self._idle.pop()
            if not kept.closed:
                # It may have been closed at the other end just now: then nothing was read, and it goes again.
                with contextlib.suppress(Lost):
                    return await self._exchange(kept, request, how, length)
        return await self._exchange(await self._connect(), request, how, length)

    async def _connect(self) -> Connection:
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(CONNECT_SECONDS):
            _, connection = await loop.create_connection(
                Connection, self._callback.host, self._callback.port, ssl=self._tls
            )
        return connection

    async def _exchange(self, connection: Connection, request: bytes, how: How, length: int) -> int:
        if how == "hang_up":
            connection.write(request)
            connection.close()
            raise Trouble("closed before the answer")
        try:
            status = await connection.exchange(request if how == "send" else request[: -length // 2])
        except BaseException:
            connection.close()
            raise
        if connection.closed:
            return status
        self._idle.append(connection)
        return status

    def close(self) -> None:
        for connection in self._idle:
            connection.close()
        self._idle.clear()


class Connection(asyncio.Protocol):
    """One request at a time."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._parser: httptools.HttpResponseParser | None = None
        self._answer: asyncio.Future[int] | None = None
        self.closed = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def write(self, data: bytes) -> None:
        if self._transport:
            self._transport.write(data)

    def exchange(self, request: bytes) -> asyncio.Future[int]:
        """Write a request; the status of its answer, once all of that is read."""
        self._parser = httptools.HttpResponseParser(self)
        self._answer = asyncio.get_running_loop().create_future()
        self.write(request)
        return self._answer

    def close(self) -> None:
        """What was written still goes out."""
        self.closed = True
        if self._transport:
            self._transport.close()

    def data_received(self, data: bytes) -> None:
        if self._parser is None:
            self.close()
            return
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self._fail(Trouble("not HTTP"))
            self.close()

    def on_message_complete(self) -> None:
        if self._parser and self._answer and not self._answer.done():
            if not self._parser.should_keep_alive():
                self.close()
            self._answer.set_result(self._parser.get_status_code())

    def connection_lost(self, exc: Exception | None) -> None:
        self.closed = True
        self._fail(Lost())

    def _fail(self, error: Exception) -> None:
        if self._answer and not self._answer.done():
            self._answer.set_exception(error)
