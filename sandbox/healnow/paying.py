"""A patient pays: an order comes to be, and its prescriptions are paid."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sandbox.engine import Turn
from sandbox.healnow.assumed import MOTO, PAID, PENDING, SHIPPING_IN_CENTS
from sandbox.healnow.errors import not_allowed
from sandbox.healnow.records import ADDRESS, CARD, ORDER, PRESCRIPTION, address_of, new_id, own
from sandbox.healnow.webhooks import change
from sandbox.ids import chance
from sandbox.world import Record

__all__ = ["card_for", "pay", "to_be_paid"]

CARD_TYPES = ("visa", "mastercard", "amex")


def to_be_paid(turn: Turn, patient: Record, ids: Sequence[str]) -> list[Record]:
    """This patient's prescriptions, if all are pending. Raises Refusal."""
    if not ids or len(set(ids)) != len(ids):
        raise not_allowed("Each item is paid once")
    found = [own(turn, PRESCRIPTION, token) for token in ids]
    for row in found:
        if row.owner != patient.token:
            raise not_allowed("A prescription is another patient's")
        if row.document["status"] != PENDING:
            raise not_allowed("A prescription is not pending any more")
    return found


def card_for(turn: Turn, patient: Record) -> Record:
    """The card that the patient has used last, or a new one."""
    known = turn.world.owned(patient.environment, CARD, patient.token)
    if known:
        return known[-1]
    document = {
        "card_type": CARD_TYPES[int(turn.ids.between(0, len(CARD_TYPES)))],
        "last4": turn.ids.digits(4),
        "phone": patient.document["phone"],
    }
    return turn.create(CARD, new_id(turn), document, owner=patient.token)


def pay(turn: Turn, patient: Record, prescriptions: Sequence[Record], card: Record | None) -> Record:
    """Make the order of these; without a card it was paid by phone, and has no payment."""
    token = new_id(turn)
    prices = {row.token: row.document["price_in_cents"] for row in prescriptions}
    items = sum(prices.values())
    shipping = SHIPPING_IN_CENTS if chance(turn.ids.seed, "shipping", token) < 0.5 else 0
    addresses = turn.world.owned(patient.environment, ADDRESS, patient.token)
    customer = turn.customer
    before = turn.world.how_many(customer.environment, customer.name, ORDER)
    document = {
        "ref": f"{before + 1:06}",
        "archived": False,
        "status": PAID,
        "total_in_cents": items + shipping,
        "totals": {"items_in_cents": items, "shipping_in_cents": shipping},
        "payment": _payment(turn, card, items + shipping) if card else None,
        "address": address_of(addresses[-1]) if addresses else {},
        "prices": prices,
    }
    order = turn.create(ORDER, token, document, owner=patient.token)
    for row in prescriptions:
        row.document |= {"order": token, "paid_in_cents": prices[row.token]}
    for row in prescriptions:
        change(turn, row, PAID if card else MOTO)
    return order


def _payment(turn: Turn, card: Record, cents: int) -> dict[str, Any]:
    known = card.document
    return {
        "id": new_id(turn),
        "amount_in_cents": cents,
        "card_type": known["card_type"],
        "last4": known["last4"],
    }
