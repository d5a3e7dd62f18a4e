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
from sandbox.ledger import Ended, Traced
from sandbox.misbehave import is_whole
from sandbox.moments import iso
from sandbox.partners import truth_of

__all__ = ["answer_json", "private", "routes", "told"]

TRUTH_LIMIT = 1000
# The one trouble with an attempt after which it is certain that nothing arrived.
NO_CONNECTION = "cannot connect"


def routes(engine: Engine, live_contract: bool) -> list[Route]:
    """`ready`, `status` and `truth`."""

    async def ready(_: Request) -> Response:
        return answer_json({"ready": True})

    async def status(_: Request) -> Response:
        return answer_json(_status(engine))

    async def truth(request: Request) -> Response:
        try:
            after = int(request.query_params.get("after", "0"))
            limit = min(TRUTH_LIMIT, max(1, int(request.query_params.get("limit", TRUTH_LIMIT))))
        except ValueError:
            return answer_json({"error": "after and limit are numbers"}, 400)
        events = [told(engine, row, live_contract) for row in engine.ledger.truth(after, limit)]
        # Null when all has been read; else what to give as `after`.
        return answer_json({"events": events, "next": events[-1]["id"] if len(events) == limit else None})

    return [
        Route("/_sandbox/ready", private(ready)),
        Route("/_sandbox/status", private(status)),
        Route("/_sandbox/truth", private(truth)),
    ]


def _status(engine: Engine) -> dict[str, Any]:
    return {
        "clock": {
            "now": iso(engine.now()),
            "speed": engine.time.speed,
            "running": engine.time.running,
        },
        "seed": engine.world.ids.seed,
        "counts": engine.world.counts(),
        "settled": engine.settled,
        "unsent": engine.ledger.unsent(),
        "steps_failed": engine.steps_failed,
    }


def told(engine: Engine, traced: Traced, live_contract: bool) -> dict[str, Any]:
    """An event, what it says, how its delivery went, and where it can still be had.

    `perhaps`: no attempt was answered, but one may have arrived. `waiting`: attempts that have not ended.
    `contradicts`: it contradicts on purpose what was said before, so that a review is meant.
    """
    event, attempts = traced.event, traced.attempts
    body = orjson.loads(event.body)
    truth = truth_of(event.kind)
    rows = [] if event.surprise == "type" else truth.said(event.kind, event.key, event.type, body)
    whole = is_whole(engine.conduct.profile, engine.world.ids.seed, event.id)
    return {
        "id": event.id,
        "partner": event.partner,
        "environment": event.environment,
        "customer": event.customer,
        "kind": event.kind,
        "key": event.key,
        "type": event.type,
        "timestamp": event.timestamp,
        "body": body,
        "surprise": event.surprise,
        "contradicts": bool(event.contradicts),
        "says": [
            {**row._asdict(), "lines": [{"token": token, "status": status} for token, status in row.lines]}
            for row in rows
        ],
        "offered": truth.offered(event.kind, event.key, event.type, body, live_contract, whole=whole),
        "delivered": sum(attempt.delivered for attempt in attempts),
        "perhaps": any(row.status_code is None and row.error != NO_CONNECTION for row in attempts),
        "waiting": traced.waiting,
        "attempts": [_attempt(row) for row in attempts],
    }


def _attempt(row: Ended) -> dict[str, Any]:
    """With its body, where that was another than the event's."""
    other = {} if row.body is None else {"body": orjson.loads(row.body)}
    return {"status_code": row.status_code, "error": row.error, **other}


def private(
    answer: Callable[[Request], Awaitable[Response]],
) -> Callable[[Request], Awaitable[Response]]:
    async def guarded(request: Request) -> Response:
        host = request.client.host if request.client else ""
        try:
            near = ipaddress.ip_address(host).is_loopback
        except ValueError:
            near = False
        if not near:
            return answer_json({"error": "this is for the sandbox's own machine"}, 403)
        return await answer(request)

    return guarded


def answer_json(document: Any, status: int = 200) -> Response:
    return Response(orjson.dumps(document), status, media_type="application/json")
