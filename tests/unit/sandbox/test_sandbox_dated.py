"""The Date header of the sandbox's answers: its own clock's, and never two of them."""

from __future__ import annotations

import asyncio
from typing import Any

from starlette.types import Message, Receive, Scope, Send

from sandbox.dated import Dated, date_header


def answered(*headers: tuple[bytes, bytes], now: float) -> list[tuple[bytes, bytes]]:
    """The headers that leave, of an application that answers with these at this time of the sandbox."""
    sent: list[Message] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [*headers]})
        await send({"type": "http.response.body", "body": b"{}"})

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        return {"type": "http.request"}

    scope: dict[str, Any] = {"type": "http"}
    asyncio.run(Dated(app, lambda: now)(scope, receive, send))
    assert [message["type"] for message in sent] == ["http.response.start", "http.response.body"]
    return [*sent[0]["headers"]]


def test_an_answer_without_a_date_is_given_the_present_in_whole_seconds() -> None:
    assert answered((b"x", b"y"), now=784_111_777.9) == [
        (b"x", b"y"),
        (b"date", b"Sun, 06 Nov 1994 08:49:37 GMT"),
    ]


def test_an_answer_that_left_late_keeps_the_time_at_which_it_was_read() -> None:
    read = date_header(784_111_777.0)
    assert answered(read, now=784_200_000.0) == [read]
    assert answered((b"Date", read[1]), now=784_200_000.0) == [(b"Date", read[1])]
