"""The same SQL and the same sealing as the receiver, one COMMIT a request: what is lost without group commit.

Nothing is hinted, so at one connection it does strictly less than the receiver.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime

from psycopg_pool import AsyncConnectionPool
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from bench.signing import Signature
from settings import Settings
from store.crypto.keyed_hash import KeyedHash
from store.crypto.sealing import Sealer
from store.inbox.admit import admit
from store.inbox.model import Arrival

__all__ = ["build"]


def build(settings: Settings) -> Starlette:
    signature = Signature(settings)
    keyed_hash = KeyedHash(settings.lookup_key or b"")
    sealer = Sealer(settings.seal_keys)
    pool = AsyncConnectionPool(
        settings.database_url or "", min_size=4, max_size=16, open=False, kwargs={"autocommit": True}
    )

    async def webhook(request: Request) -> JSONResponse:
        body = await request.body()
        if not signature.holds(request, body):
            return JSONResponse({"error": "not verified"}, status_code=401)
        event = keyed_hash.event_id("truepill", "push", "", body)
        arrival = Arrival(event, "truepill", "push", datetime.now(UTC), sealer.seal(body, event))
        async with pool.connection() as conn:
            new = await admit(conn, [arrival])
        return JSONResponse({"event": event.hex(), "duplicate": event not in new})

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        async with pool:
            yield

    return Starlette(routes=[Route("/webhooks/truepill", webhook, methods=["POST"])], lifespan=lifespan)
