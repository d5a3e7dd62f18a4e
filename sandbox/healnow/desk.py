"""The desk's side of the payments partner, under `/_sandbox/`: what only a person would do, and the joins.

A join says which fill a payment is for, none being null, and which prescription of it; or that it cannot be
told, on purpose.
Whoever made the prescription tells it: the partner does not know.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from sandbox.control import TRUTH_LIMIT, answer_json, private
from sandbox.engine import Engine, Turn
from sandbox.healnow import assumed
from sandbox.healnow.paying import card_for
from sandbox.healnow.records import PATIENT, PRESCRIPTION, SESSION, card_of, prescription_of
from sandbox.healnow.truth import SIGNALS, STATES
from sandbox.healnow.webhooks import change
from sandbox.world import Record
from tolerant_json import loads

__all__ = ["routes"]

JOIN = "join"
#: What a person may do to a prescription, and in which status it must be.
BY_HAND = {
    assumed.REMOVED: (assumed.PENDING,),
    assumed.MANUALLY_CANCELLED: (assumed.PENDING, assumed.PAID, assumed.MOTO),
}
PAGES = "/_sandbox/healnow"


def routes(engine: Engine) -> Sequence[BaseRoute]:
    """`cards`, `prescriptions/{id}/{what}`, `joins`, `payments` and `checkouts`."""

    async def card(request: Request) -> Response:
        patient = await _named(engine, request, PATIENT, "patient")
        if patient is None:
            return _unknown("patient")
        return _turned(engine, patient, lambda turn: card_of(card_for(turn, patient)))

    async def by_hand(request: Request) -> Response:
        what, prescription = (
            request.path_params["what"],
            _find(engine, PRESCRIPTION, request.path_params["id"]),
        )
        if prescription is None:
            return _unknown("prescription")
        if prescription.document["status"] not in BY_HAND.get(what, ()):
            return answer_json({"error": "it cannot be done to this prescription"}, 422)

        def done(turn: Turn) -> dict[str, Any]:
            change(turn, prescription, what)
            return prescription_of(prescription)

        return _turned(engine, prescription, done)

    async def join(request: Request) -> Response:
        asked = loads(await request.body())
        payment = _find(engine, PRESCRIPTION, str(asked.get("payment"))) if isinstance(asked, dict) else None
        if payment is None:
            return _unknown("payment")
        fill = asked.get("fill")
        told = {
            "fill": None if fill is None else str(fill),
            "token": asked.get("token"),
            "ambiguous": asked.get("ambiguous") is True,
        }

        def keep(turn: Turn) -> dict[str, Any]:
            turn.create(JOIN, payment.token, told, owner=told["fill"] or "")
            return told

        return _turned(engine, payment, keep)

    return [
        Route(f"{PAGES}/cards", private(card), methods=["POST"]),
        Route(f"{PAGES}/prescriptions/{{id}}/{{what}}", private(by_hand), methods=["POST"]),
        Route("/_sandbox/joins", private(join), methods=["POST"]),
        Route("/_sandbox/payments", private(_listing(engine, PRESCRIPTION, _payment))),
        Route("/_sandbox/checkouts", private(_listing(engine, SESSION, _checkout))),
    ]


def _find(engine: Engine, kind: str, token: str) -> Record | None:
    found = (engine.world.get(environment, kind, token) for environment in ("sandbox", "live"))
    return next((record for record in found if record), None)


async def _named(engine: Engine, request: Request, kind: str, field: str) -> Record | None:
    asked = loads(await request.body())
    return _find(engine, kind, str(asked.get(field))) if isinstance(asked, dict) else None


def _turned(engine: Engine, record: Record, act: Callable[[Turn], dict[str, Any]]) -> Response:
    customer = engine.customers.by_name.get(record.customer)
    if customer is None:
        return _unknown("customer")
    with engine.turn(customer, record.document.get("manner", "")) as turn:
        return answer_json(act(turn))


def _unknown(what: str) -> Response:
    return answer_json({"error": f"there is no such {what}"}, 404)


def _listing(
    engine: Engine, kind: str, tell: Callable[[Engine, Record], dict[str, Any]]
) -> Callable[[Request], Awaitable[Response]]:
    """All records of a kind behind the number `after`; `next` is what to give then."""

    async def listing(request: Request) -> Response:
        try:
            after = int(request.query_params.get("after", "0"))
        except ValueError:
            return answer_json({"error": "after is a number"}, 400)
        found = engine.world.numbered(kind, after, TRUTH_LIMIT)
        more = found[-1].number if len(found) == TRUTH_LIMIT else None
        return answer_json({"data": [tell(engine, row) for row in found], "next": more})

    return listing


def _payment(engine: Engine, record: Record) -> dict[str, Any]:
    """`price_in_cents` is what was paid, where it was."""
    known = record.document
    join = engine.world.get(record.environment, JOIN, record.token)
    paid = known["paid_in_cents"]
    return {
        "id": record.token,
        "customer": record.customer,
        "eid": known["eid"],
        "rx_number": known["rx_number"],
        "refill_number": known["refill_number"],
        "order_id": known["order"],
        "price_in_cents": known["price_in_cents"] if paid is None else paid,
        "state": STATES[SIGNALS[known["status"]]],
        "join": None
        if join is None
        else {name: join.document[name] for name in ("fill", "token", "ambiguous")},
    }


def _checkout(engine: Engine, record: Record) -> dict[str, Any]:
    return {"id": record.token, "customer": record.customer, "state": record.document["status"]}
