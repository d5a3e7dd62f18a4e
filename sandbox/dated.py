"""Every answer has a `Date` header, by the sandbox's own clock (RFC 9110, "Date").

Who reads a record without a time of its own can only date it by that; the server's own header, by the
machine's clock, must not stand beside it.
"""

from __future__ import annotations

from collections.abc import Callable

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sandbox.moments import rfc1123

__all__ = ["Dated", "date_header"]

DATE = b"date"


def date_header(seconds: float) -> tuple[bytes, bytes]:
    """The header, from Unix seconds: it counts whole ones."""
    return DATE, rfc1123(seconds).encode("ascii")


class Dated:
    """The application with the header on what has none yet. `now`: Unix seconds of the sandbox's clock."""

    def __init__(self, app: ASGIApp, now: Callable[[], float]) -> None:
        self._app = app
        self._now = now

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def dated(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = [*message.get("headers", ())]
                if all(name.lower() != DATE for name, _ in headers):
                    headers.append(date_header(self._now()))
                message = {**message, "headers": headers}
            await send(message)

        await self._app(scope, receive, dated if scope["type"] == "http" else send)
