"""Calls the partner's API as its customer does: HTTP/1.1 over kept connections, cheap enough for a load.

A client library costs several times as much per request; a load runs on the machine that it loads.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from typing import Any
from urllib.parse import urlsplit

import orjson

from sandbox.wire import Connection, Lost, Trouble

__all__ = ["Client", "Refused", "Unanswered"]

CONNECTIONS = 32
TIMEOUT_SECONDS = 60.0


class Unanswered(Exception):
    """No answer came; the text says why, as the end of a sentence."""


class Refused(Exception):
    """An answer that is no success: the text is its status and the request, nothing of its body."""

    def __init__(self, status: int, method: str, path: str) -> None:
        super().__init__(f"{method} {path} was answered with {status}")
        self.status = status


class Client:
    """`headers` go along with every request. For one event loop. Raises ValueError for no HTTP address."""

    def __init__(self, url: str, headers: dict[str, str]) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("the sandbox's address begins with http:// or https:// and names a host")
        self._host, self._port = parts.hostname, parts.port or (443 if parts.scheme == "https" else 80)
        self._tls = ssl.create_default_context() if parts.scheme == "https" else None
        named = {"Host": f"{self._host}:{self._port}", "Content-Type": "application/json", **headers}
        self._head = "".join(f"{name}: {value}\r\n" for name, value in named.items())
        self._idle: list[_Reading] = []
        self._places = asyncio.Semaphore(CONNECTIONS)
        self.requests = 0

    async def call(self, method: str, path: str, document: Any = None) -> Any:
        """The document of a 2xx answer. Raises Refused, or Unanswered."""
        body = b"" if document is None else orjson.dumps(document)
        line = f"{method} {path} HTTP/1.1\r\n{self._head}Content-Length: {len(body)}\r\n\r\n"
        async with self._places:
            self.requests += 1
            try:
                async with asyncio.timeout(TIMEOUT_SECONDS):
                    status, answer = await self._send(line.encode("ascii") + body)
            except TimeoutError:
                raise Unanswered("does not answer in time") from None
            except (OSError, Lost, Trouble) as error:
                raise Unanswered(f"does not answer ({type(error).__name__.strip('_')})") from None
        if not 200 <= status < 300:
            raise Refused(status, method, path.partition("?")[0])
        return orjson.loads(answer) if answer else None

    async def _send(self, request: bytes) -> tuple[int, bytes]:
        while self._idle:
            kept = self._idle.pop()
            if not kept.closed:
                # It may have been closed at the other end just now: then nothing was read, and it goes again.
                with contextlib.suppress(Lost):
                    return await self._exchange(kept, request)
        loop = asyncio.get_running_loop()
        _, connection = await loop.create_connection(_Reading, self._host, self._port, ssl=self._tls)
        return await self._exchange(connection, request)

    async def _exchange(self, connection: _Reading, request: bytes) -> tuple[int, bytes]:
        connection.body = b""
        try:
            status = await connection.exchange(request)
        except BaseException:
            connection.close()
            raise
        if not connection.closed:
            self._idle.append(connection)
        return status, connection.body

    def close(self) -> None:
        for connection in self._idle:
            connection.close()
        self._idle.clear()


class _Reading(Connection):
    """A connection that keeps the answer's body."""

    body = b""

    def on_body(self, data: bytes) -> None:
        self.body += data
