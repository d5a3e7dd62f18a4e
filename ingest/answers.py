"""Answers as ASGI messages, built once: a request that is accepted only fills in its id."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from starlette.types import Message, Send

__all__ = ["RETRY_AFTER", "Answer", "accepted", "error"]

#: Seconds a partner should wait before it tries again.
RETRY_AFTER = 5

_JSON = (b"content-type", b"application/json")
_ID_DIGITS = 32


class Answer:
    """A whole answer: `start` and `body` may be sent any number of times."""

    __slots__ = ("body", "start")

    def __init__(
        self, status: int, document: Mapping[str, Any], headers: Mapping[str, str] | None = None
    ) -> None:
        self.body = json.dumps(document).encode()
        extra = [(name.encode(), value.encode()) for name, value in (headers or {}).items()]
        self.start = _start(status, len(self.body), extra)

    async def send(self, send: Send) -> None:
        await send(self.start)
        await send({"type": "http.response.body", "body": self.body})


def error(status: int, text: str, **headers: str) -> Answer:
    """`{"error": text}`; `retry_after="5"` becomes the header `retry-after`."""
    return Answer(status, {"error": text}, {name.replace("_", "-"): value for name, value in headers.items()})


def _start(status: int, length: int, extra: list[tuple[bytes, bytes]]) -> Message:
    headers = [_JSON, (b"content-length", b"%d" % length), *extra]
    return {"type": "http.response.start", "status": status, "headers": headers}


_NEW = b'{"event": "%b", "duplicate": false}'
_SEEN = b'{"event": "%b", "duplicate": true}'
_NEW_START = _start(200, len(_NEW) - 2 + _ID_DIGITS, [])
_SEEN_START = _start(200, len(_SEEN) - 2 + _ID_DIGITS, [])


async def accepted(send: Send, event_id: bytes, duplicate: bool) -> None:
    """200 with the event's public id: 32 hex digits."""
    await send(_SEEN_START if duplicate else _NEW_START)
    body = (_SEEN if duplicate else _NEW) % event_id.hex().encode()
    await send({"type": "http.response.body", "body": body})
