"""The webhooks (live contract, as integrators' public code has them): one for each change of a prescription.

What a webhook names a prescription by differs. Mostly that is the `eid`; once there is an order it is in a
part of the cases the rx number with the order instead, but never where two prescriptions of one order share
theirs. Some have the id too, and the refill and quantity; one in eight has the names of another generation.
"""

from __future__ import annotations

from typing import Any

from sandbox.engine import Turn
from sandbox.healnow.assumed import EVENT
from sandbox.healnow.callbacks import renamed
from sandbox.healnow.records import ORDER, PRESCRIPTION
from sandbox.ids import chance
from sandbox.world import Record

__all__ = ["change"]

BY_RX_NUMBER = 0.25
WITH_ID = 0.4
WITH_DETAILS = 0.3
RENAMED = 0.125


def change(turn: Turn, prescription: Record, status: str) -> None:
    """Give a prescription this status, keep it, and tell the customer."""
    prescription.document["status"] = status
    turn.save(prescription)

    def drawn(what: str) -> float:
        return chance(turn.ids.seed, what, prescription.token, status)

    body: dict[str, Any] = {"type": f"{EVENT}{status}", "data": _data(turn, prescription, drawn)}
    turn.emit(PRESCRIPTION, prescription.token, renamed(body) if drawn("renamed") < RENAMED else body)


def _data(turn: Turn, prescription: Record, drawn: Any) -> dict[str, Any]:
    known = prescription.document
    data: dict[str, Any] = {}
    by_rx_number = known["order"] is not None and drawn("by rx number") < BY_RX_NUMBER
    if by_rx_number and _is_alone(turn, prescription):
        data["rx_number"] = known["rx_number"]
    else:
        data["eid"] = known["eid"]
    if known["order"] is not None:
        data["order_id"] = known["order"]
    paid = known["paid_in_cents"]
    data["amount_in_cents"] = known["price_in_cents"] if paid is None else paid
    if drawn("with id") < WITH_ID:
        data["id"] = prescription.token
    if drawn("with details") < WITH_DETAILS:
        data |= {"refill_number": known["refill_number"], "qty": known["qty"]}
    return data


def _is_alone(turn: Turn, prescription: Record) -> bool:
    """Whether no other prescription of its order has its rx number."""
    known = prescription.document
    order = turn.own(ORDER, known["order"])
    others = [token for token in (order.document["prices"] if order else ()) if token != prescription.token]
    rows = [turn.own(PRESCRIPTION, token) for token in others]
    return all(row is None or row.document["rx_number"] != known["rx_number"] for row in rows)
