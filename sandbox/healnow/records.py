"""The records, by their kinds, and how each is told.

A prescription's kind is `payment`: it is what rxledger calls one, and it has that id.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from sandbox.engine import Turn
from sandbox.healnow.errors import not_found
from sandbox.healnow.models import (
    AddressDocument,
    CardDocument,
    PatientDocument,
    PrescriptionDocument,
)
from sandbox.ids import chance
from sandbox.world import Record

__all__ = [
    "ADDRESS",
    "CARD",
    "ORDER",
    "PATIENT",
    "PRESCRIPTION",
    "SESSION",
    "address_of",
    "card_of",
    "new_id",
    "order_of",
    "own",
    "patient_of",
    "prescription_of",
    "session_of",
]

PATIENT, ADDRESS, CARD = "healnow_patient", "healnow_address", "healnow_card"
ORDER, SESSION, PRESCRIPTION = "healnow_order", "checkout", "payment"
NAMES = {
    PATIENT: "Patient",
    ADDRESS: "Address",
    CARD: "Card",
    ORDER: "Order",
    SESSION: "Checkout session",
    PRESCRIPTION: "Prescription",
}


def new_id(turn: Turn) -> str:
    """16 letters and digits, as printed ones are."""
    return turn.ids.letters(16)


def own(turn: Turn, kind: str, token: str) -> Record:
    """This customer's record. Raises Refusal: 404."""
    record = turn.own(kind, token)
    if record is None:
        raise not_found(NAMES[kind])
    return record


def _fields(record: Record, model: Any) -> dict[str, Any]:
    known = {**record.document, "id": record.token}
    return {name: known[name] for name in model.model_fields}


def address_of(record: Record) -> dict[str, Any]:
    return _fields(record, AddressDocument)


def card_of(record: Record) -> dict[str, Any]:
    return _fields(record, CardDocument)


def prescription_of(record: Record) -> dict[str, Any]:
    return _fields(record, PrescriptionDocument)


def patient_of(record: Record) -> dict[str, Any]:
    return _fields(record, PatientDocument)


def _prescriptions(turn: Turn, ids: Iterable[str]) -> list[Record]:
    return [own(turn, PRESCRIPTION, token) for token in ids]


def session_of(turn: Turn, session: Record) -> dict[str, Any]:
    known = session.document
    names = ("status", "checkout_url", "success_url", "cancel_url", "total_in_cents", "totals")
    return {
        "id": session.token,
        **{name: known[name] for name in names},
        "patient": patient_of(own(turn, PATIENT, session.owner)),
        "items": [prescription_of(row) for row in _prescriptions(turn, known["items"])],
        "payment": known["payment"],
    }


def order_of(turn: Turn, order: Record) -> dict[str, Any]:
    known = order.document
    patient = patient_of(own(turn, PATIENT, order.owner))
    names = ("ref", "archived", "status", "total_in_cents", "totals")
    rows = _prescriptions(turn, known["prices"])
    return {
        "id": order.token,
        **{name: known[name] for name in names},
        "signature": f"{patient['first_name']} {patient['last_name']}",
        "answers": [],
        "patient": patient,
        "payment": known["payment"],
        "shipment": {"method": "standard"},
        "address": known["address"],
        "items": [_item(turn, order, row, known["prices"]) for row in rows],
    }


def _item(turn: Turn, order: Record, row: Record, prices: Mapping[str, int]) -> dict[str, Any]:
    """Of half of the orders flat, of the others with the prescription beneath it."""
    told = {**prescription_of(row), "price_in_cents": prices[row.token]}
    if chance(turn.ids.seed, "flat", order.token) < 0.5:
        return told
    return {"price_in_cents": prices[row.token], "qty": told["qty"], "prescription": told}
