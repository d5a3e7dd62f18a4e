"""The desk's side of the sandbox, under `/_sandbox/`: nothing that the partner has, for loopback alone."""

from __future__ import annotations

import ipaddress
from collections.abc import Awaitable, Callable
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sandbox.engine import Engine
from sandbox.ledger import Ended, Event
from sandbox.moments import iso

__all__ = ["routes"]

TRUTH_LIMIT = 1000


def routes(engine: Engine) -> list[Route]:
    """`ready`, `status` and `truth`."""

    async def ready(_: Request) -> Response:
        return _json({"ready": True})

    async def status(_: Request) -> Response:
        return _json(_status(engine))

    async def truth(request: Request) -> Response:
        try:
            after = int(request.query_params.get("after", "0"))
            limit = min(TRUTH_LIMIT, max(1, int(request.query_params.get("limit", TRUTH_LIMIT))))
        except ValueError:
            return _json({"error": "after and limit are numbers"}, 400)
        events = [_told(*row) for row in engine.ledger.truth(after, limit)]
        # Null when all has been read; else what to give as `after`.
        return _json({"events": events, "next": events[-1]["id"] if len(events) == limit else None})

    return [
        Route("/_sandbox/ready", _private(ready)),
        Route("/_sandbox/status", _private(status)),
        Route("/_sandbox/truth", _private(truth)),
    ]


def _status(engine: Engine) -> dict[str, Any]:
    return {
        "clock": {
            "now": iso(engine.now()),
            "speed": engine.clock.speed,
            "running": engine.clock.running,
        },
        "seed": engine.world.ids.seed,
        "counts": engine.world.counts(),
        "settled": engine.settled,
        "unsent": engine.ledger.unsent(),
        "steps_failed": engine.steps_failed,
    }


def _told(event: Event, attempts: list[Ended]) -> dict[str, Any]:
    return {
        "id": event.id,
        "environment": event.environment,
        "customer": event.customer,
        "kind": event.kind,
        "key": event.key,
        "type": event.type,
        "timestamp": event.timestamp,
        "body": orjson.loads(event.body),
        "delivered": sum(attempt.delivered for attempt in attempts),
        "attempts": [{"status_code": row.status_code, "error": row.error} for row in attempts],
    }


def _private(
    answer: Callable[[Request], Awaitable[Response]],
) -> Callable[[Request], Awaitable[Response]]:
    async def guarded(request: Request) -> Response:
        host = request.client.host if request.client else ""
        try:
            near = ipaddress.ip_address(host).is_loopback
        except ValueError:
            near = False
        if not near:
            return _json({"error": "this is for the sandbox's own machine"}, 403)
        return await answer(request)

    return guarded


def _json(document: Any, status: int = 200) -> Response:
    return Response(orjson.dumps(document), status, media_type="application/json")
