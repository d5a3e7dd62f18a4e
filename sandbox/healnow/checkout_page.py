"""What a patient does at a `checkout_url`, without a key: the URL is the permission.

`GET` shows the session, `POST …/pay` pays all of it or its `items`, `POST …/moto` the same by phone, and
`DELETE …/items/{id}` takes one out of the cart.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from sandbox.engine import Engine, Turn
from sandbox.healnow import assumed
from sandbox.healnow.errors import not_allowed, not_found
from sandbox.healnow.paying import card_for, pay, to_be_paid
from sandbox.healnow.records import PATIENT, PRESCRIPTION, SESSION, own, session_of
from sandbox.healnow.webhooks import change
from sandbox.refusals import Refusal
from sandbox.world import Record
from tolerant_json import loads

__all__ = ["routes"]

Action = Callable[[Turn, Record, Request, Any], None]


def routes(engine: Engine) -> Sequence[BaseRoute]:
    """The pages, below the partner's prefix."""

    def page(method: str, path: str, action: Action) -> Route:
        async def answer(request: Request) -> Response:
            asked = loads(await request.body())
            try:
                return _json(200, _done(engine, request, asked, action))
            except Refusal as refusal:
                return _json(refusal.status, refusal.document)

        return Route(f"/checkout/{{session_id}}{path}", answer, methods=[method])

    return (
        page("GET", "", _look),
        page("POST", "/pay", _pay),
        page("POST", "/moto", _moto),
        page("DELETE", "/items/{item_id}", _remove),
    )


def _done(engine: Engine, request: Request, asked: Any, action: Action) -> dict[str, Any]:
    session = _session(engine, request.path_params["session_id"])
    customer = engine.customers.by_name.get(session.customer)
    if customer is None:
        raise not_found("Checkout session")
    with engine.turn(customer, session.document.get("manner", "")) as turn:
        action(turn, session, request, asked if isinstance(asked, dict) else {})
        return session_of(turn, session)


def _session(engine: Engine, token: str) -> Record:
    for environment in ("sandbox", "live"):
        if found := engine.world.get(environment, SESSION, token):
            return found
    raise not_found("Checkout session")


def _look(turn: Turn, session: Record, request: Request, asked: Any) -> None:
    """Nothing changes."""


def _pay(turn: Turn, session: Record, request: Request, asked: Any) -> None:
    _order(turn, session, asked, by_phone=False)


def _moto(turn: Turn, session: Record, request: Request, asked: Any) -> None:
    _order(turn, session, asked, by_phone=True)


def _order(turn: Turn, session: Record, asked: Any, *, by_phone: bool) -> None:
    known = session.document
    if known["status"] != assumed.OPEN:
        raise not_allowed(f"The checkout session is {known['status']}")
    listed = asked.get("items")
    wanted = [str(item) for item in listed] if isinstance(listed, list) else _left(turn, session)
    if not set(wanted) <= set(known["items"]):
        raise not_allowed("An item is not of this checkout session")
    patient = own(turn, PATIENT, session.owner)
    found = to_be_paid(turn, patient, wanted)
    order = pay(turn, patient, found, None if by_phone else card_for(turn, patient))
    known |= {"status": assumed.PAID, "payment": order.document["payment"]}
    turn.settle(session)
    turn.save(session)


def _left(turn: Turn, session: Record) -> list[str]:
    """What nobody has taken out meanwhile."""
    rows = [own(turn, PRESCRIPTION, token) for token in session.document["items"]]
    return [row.token for row in rows if row.document["status"] == assumed.PENDING]


def _remove(turn: Turn, session: Record, request: Request, asked: Any) -> None:
    item = request.path_params["item_id"]
    if item not in session.document["items"]:
        raise not_found("Item")
    prescription = own(turn, PRESCRIPTION, item)
    if prescription.document["status"] != assumed.PENDING:
        raise not_allowed("The prescription is not pending any more")
    change(turn, prescription, assumed.REMOVED)


def _json(status: int, document: Any) -> Response:
    return Response(orjson.dumps(document), status, media_type="application/json")
