"""Checkout sessions: a page where a patient pays what is in the cart, for some hours."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sandbox.endpoint import Call, Endpoint
from sandbox.engine import Step, Turn
from sandbox.healnow import assumed
from sandbox.healnow.errors import not_allowed
from sandbox.healnow.models import SessionCreate, SessionDocument
from sandbox.healnow.paying import to_be_paid
from sandbox.healnow.records import PATIENT, SESSION, new_id, own, session_of
from sandbox.world import Record

__all__ = ["ENDPOINTS", "STEPS"]


def _create(turn: Turn, call: Call) -> dict[str, Any]:
    body: SessionCreate = call.body
    patient = own(turn, PATIENT, body.patient.id)
    found = to_be_paid(turn, patient, [item.id for item in body.items])
    total = sum(row.document["price_in_cents"] for row in found)
    token = new_id(turn)
    document = {
        "status": assumed.OPEN,
        "checkout_url": f"{call.base_url}checkout/{token}",
        "success_url": body.success_url,
        "cancel_url": body.cancel_url,
        "total_in_cents": total,
        "totals": {"items_in_cents": total},
        "items": [row.token for row in found],
        "payment": None,
    }
    session = turn.create(SESSION, token, document, owner=patient.token)
    turn.later(assumed.SESSION_SECONDS, "checkout_expires", session)
    return session_of(turn, session)


def _get(turn: Turn, call: Call) -> dict[str, Any]:
    return session_of(turn, own(turn, SESSION, call.path["session_id"]))


def _expire(turn: Turn, call: Call) -> dict[str, Any]:
    """Of one that has expired nothing changes; one that was paid cannot."""
    session = own(turn, SESSION, call.path["session_id"])
    if session.document["status"] == assumed.PAID:
        raise not_allowed("The checkout session was paid")
    turn.settle(session)
    _expires(turn, session, {})
    return session_of(turn, session)


def _expires(turn: Turn, session: Record, _: Mapping[str, Any]) -> None:
    if session.document["status"] == assumed.OPEN:
        session.document["status"] = assumed.EXPIRED
        turn.save(session)


STEPS: dict[str, Step] = {"checkout_expires": _expires}
ENDPOINTS = (
    Endpoint(
        "POST", assumed.SESSIONS, "Create a checkout session", _create, SessionDocument, body=SessionCreate
    ),
    Endpoint("GET", assumed.SESSION, "Fetch a checkout session", _get, SessionDocument),
    Endpoint("POST", f"{assumed.SESSION}/expire", "Expire a checkout session", _expire, SessionDocument),
)
