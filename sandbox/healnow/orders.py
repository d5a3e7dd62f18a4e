"""Orders: what was paid, and its receipt."""

from __future__ import annotations

from functools import partial
from typing import Any

from sandbox.endpoint import Call, Endpoint
from sandbox.engine import Turn
from sandbox.healnow import assumed
from sandbox.healnow.errors import not_allowed
from sandbox.healnow.models import OrderCreate, OrderDocument, Orders, PageQuery
from sandbox.healnow.paging import all_of, page_of
from sandbox.healnow.paying import pay, to_be_paid
from sandbox.healnow.receipt import receipt
from sandbox.healnow.records import CARD, ORDER, PATIENT, order_of, own

__all__ = ["ENDPOINTS"]


def _list(turn: Turn, call: Call) -> dict[str, Any]:
    return all_of(turn, ORDER, call.query, partial(order_of, turn), "per_pate")


def _of_patient(turn: Turn, call: Call) -> dict[str, Any]:
    patient = own(turn, PATIENT, call.path["patient_id"])
    found = turn.world.owned(patient.environment, ORDER, patient.token)
    return page_of(turn, found, call.query, partial(order_of, turn), "per_pate")


def _create(turn: Turn, call: Call) -> dict[str, Any]:
    """With a card that the patient has used before."""
    body: OrderCreate = call.body
    patient = own(turn, PATIENT, body.patient.id)
    card = own(turn, CARD, body.card.id)
    if card.owner != patient.token:
        raise not_allowed("The card is another patient's")
    prescriptions = to_be_paid(turn, patient, [item.id for item in body.items])
    return order_of(turn, pay(turn, patient, prescriptions, card))


def _get(turn: Turn, call: Call) -> dict[str, Any]:
    return order_of(turn, own(turn, ORDER, call.path["order_id"]))


def _receipt(turn: Turn, call: Call) -> bytes:
    order = own(turn, ORDER, call.path["order_id"])
    return receipt(order.document["ref"], order.document["total_in_cents"])


ENDPOINTS = (
    Endpoint("GET", assumed.ORDERS, "List orders", _list, Orders, query=PageQuery),
    Endpoint("POST", assumed.ORDERS, "Create an order", _create, OrderDocument, body=OrderCreate),
    Endpoint("GET", assumed.ORDER, "Fetch an order", _get, OrderDocument),
    Endpoint("GET", f"{assumed.ORDER}/receipt", "Fetch an order's receipt", _receipt, bytes),
    Endpoint(
        "GET", f"{assumed.PATIENT}/orders", "List a patient's orders", _of_patient, Orders, query=PageQuery
    ),
)
