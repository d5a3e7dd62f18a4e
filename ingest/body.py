"""Reading a body within its limits, and reading off the rest of one that was refused."""

from __future__ import annotations

import asyncio
from collections.abc import Generator
from typing import Any

from starlette.types import Message, Receive, Send

from ingest.answers import Answer
from ingest.limits import Limits

__all__ = ["BodyReader", "Crowded", "Disconnected", "TooLarge", "TooSlow", "refuse"]


class TooLarge(Exception):
    """More than the largest body that is taken."""


class TooSlow(Exception):
    """Not complete within the time limit."""


class Disconnected(Exception):
    """The client went away before its body was complete."""


class Crowded(Exception):
    """The bodies that are arriving hold as much memory as they may together."""


class BodyReader:
    """Reads bodies for one receiver; shared by its routes, since they share its memory."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._held = 0

    async def read(self, receive: Receive) -> bytes:
        """The whole body. Raises TooLarge, TooSlow, Disconnected or Crowded."""
        steps = receive().__await__()
        try:
            pending = next(steps)
        except StopIteration as done:
            message: Message = done.value
            if message["type"] == "http.request" and not message.get("more_body"):
                # The usual case, and the reason for stepping by hand: the whole body is here, and a timer
                # costs more than reading it.
                body: bytes = message.get("body", b"")
                if len(body) > self._limits.body_bytes:
                    raise TooLarge from None
                return body
            return await self._slowly(message, receive)
        return await self._slowly(_Started(steps, pending), receive)

    async def _slowly(self, first: Message | _Started, receive: Receive) -> bytes:
        try:
            async with asyncio.timeout(self._limits.body_seconds):
                message = await first if isinstance(first, _Started) else first
                return await self._gather(message, receive)
        except TimeoutError:
            raise TooSlow from None

    async def _gather(self, message: Message, receive: Receive) -> bytes:
        body = bytearray()
        try:
            while message["type"] != "http.disconnect":
                chunk = message.get("body", b"")
                body += chunk
                self._held += len(chunk)
                if len(body) > self._limits.body_bytes:
                    raise TooLarge
                if self._held > self._limits.held_bytes:
                    raise Crowded
                if not message.get("more_body"):
                    return bytes(body)
                message = await receive()
            raise Disconnected
        finally:
            self._held -= len(body)


class _Started:
    """The rest of an awaitable whose first step was taken by hand, and what that step waits for."""

    def __init__(self, steps: Generator[Any, Any, Message], pending: object) -> None:
        self._steps = steps
        self._pending = pending

    def __await__(self) -> Generator[Any, Any, Message]:
        try:
            yield self._pending
        except BaseException as error:
            # A cancellation belongs to what is being waited for, which ends by it as it would have otherwise.
            self._steps.throw(error)
            raise
        return (yield from self._steps)


async def refuse(receive: Receive, send: Send, answer: Answer, limits: Limits) -> None:
    """Answer, then read off what the client still sends before the connection is closed.

    A connection closed with unread data is reset, and the reset may overtake the answer. `answer` says
    `Connection: close`; its last, empty piece is what closes.
    """
    await send(answer.start)
    await send({"type": "http.response.body", "body": answer.body, "more_body": True})
    left = limits.drain_bytes
    try:
        async with asyncio.timeout(limits.drain_seconds):
            more = True
            while more and left > 0:
                message = await receive()
                left -= len(message.get("body", b""))
                more = message.get("more_body", False)
    except TimeoutError:
        left = 0
    await send({"type": "http.response.body", "body": b""})
