"""More of the desk's side: how the partner is to behave, and what of its truth one thing or a load needs."""

from __future__ import annotations

import time
from dataclasses import asdict
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sandbox.conduct import read_manner
from sandbox.control import answer_json as _json
from sandbox.control import private, told
from sandbox.engine import Engine
from sandbox.outcome import NEW, standing_after
from sandbox.partner import Partner
from sandbox.partners import truth_of
from sandbox.profile import ProfileError, bundled
from sandbox.refusals import Refusal
from tolerant_json import loads

__all__ = ["routes"]

LONGEST_LOAN = 3600.0  # seconds
#: Steps that come within so many seconds of the sandbox's time belong to what is under way.
SOON_SECONDS = 900.0


def routes(engine: Engine, live_contract: bool, partner: Partner) -> list[Route]:
    """`profile`, `dark`, `customer`, `figures` and `truth` of one entity. Keys come as this partner's do."""

    async def profile(request: Request) -> Response:
        conduct = engine.conduct
        try:
            if request.method == "POST":
                asked = await _asked(request)
                text = read_manner(str(asked.get("profile", ""))).text
                conduct.lend(conduct.of(text), _seconds(asked))
            elif request.method == "DELETE":
                conduct.give_back()
        except (ProfileError, ValueError) as error:
            return _json({"error": str(error)}, 400)
        return _json(
            {"profile": asdict(conduct.profile), "standing": conduct.standing.name, "bundled": bundled()}
        )

    async def dark(request: Request) -> Response:
        try:
            engine.conduct.go_dark(_seconds(await _asked(request)))
        except ValueError as error:
            return _json({"error": str(error)}, 400)
        return _json({"dark": engine.conduct.dark})

    async def customer(request: Request) -> Response:
        try:
            found = partner.authenticate(request, b"", engine.customers)
        except Refusal as refusal:
            return _json(refusal.document, refusal.status)
        return _json({"customer": found.name, "environment": found.environment})

    async def figures(_: Request) -> Response:
        return _json({**_figures(engine), "live_contract": live_contract})

    async def one(request: Request) -> Response:
        return _json(_one(engine, request.path_params["kind"], request.path_params["key"], live_contract))

    return [
        Route("/_sandbox/profile", private(profile), methods=["GET", "POST", "DELETE"]),
        Route("/_sandbox/dark", private(dark), methods=["POST"]),
        Route("/_sandbox/customer", private(customer)),
        Route("/_sandbox/figures", private(figures)),
        Route("/_sandbox/truth/{kind}/{key}", private(one)),
    ]


async def _asked(request: Request) -> dict[str, Any]:
    """The request's JSON object. Raises ValueError."""
    found = loads(await request.body())
    if not isinstance(found, dict):
        raise ValueError("send a JSON object")
    return found


def _seconds(asked: dict[str, Any]) -> float:
    seconds = asked.get("seconds")
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 0 <= seconds <= LONGEST_LOAN:
        raise ValueError("seconds must be a number from 0 to 3600")
    return float(seconds)


def _figures(engine: Engine) -> dict[str, Any]:
    """Cheap enough to be asked every second. `pending`: attempts and steps of what is under way."""
    return {
        "speed": engine.time.speed,
        "cpu_seconds": time.process_time(),
        "callbacks": {
            "generated": engine.ledger.generated,
            "sent": engine.ledger.sent,
            "delivered": engine.ledger.delivered,
        },
        "pending": {
            "attempts": engine.ledger.waiting() + engine.courier.under_way,
            "steps": engine.world.steps_until(engine.now() + SOON_SECONDS),
        },
        "steps_failed": engine.steps_failed,
    }


def _one(engine: Engine, kind: str, key: str, live_contract: bool) -> dict[str, Any]:
    """An entity's true state, outcome and lines, and its events as they were generated."""
    standing, events, keys = NEW, [], [key]
    for environment in ("sandbox", "live"):
        record = engine.world.get(environment, kind, key)
        if record and record.document.get("replaces"):
            # Its arrival was told under the token that it took the place of.
            keys.append(record.document["replaces"])
    for traced in engine.ledger.truth_of(kind, keys):
        event = traced.event
        events.append(told(engine, traced, live_contract))
        rows = truth_of(event.kind).said(event.kind, event.key, event.type, orjson.loads(event.body))
        for row in rows:
            if (row.kind, row.key) == (kind, key):
                standing = standing_after(
                    standing,
                    row,
                    surprise=event.surprise is not None,
                    contradicts=bool(event.contradicts),
                )
    return {"kind": kind, "key": key, **standing._asdict(), "lines": dict(standing.lines), "events": events}
