"""Prescriptions and the cart: what a patient is asked to pay."""

from __future__ import annotations

from typing import Any

from sandbox.endpoint import Call, Endpoint
from sandbox.engine import Turn
from sandbox.healnow import assumed
from sandbox.healnow.errors import not_allowed
from sandbox.healnow.models import (
    CartDocument,
    PageQuery,
    PrescriptionDocument,
    PrescriptionFields,
    Prescriptions,
    PrescriptionUpdate,
)
from sandbox.healnow.paging import page_of
from sandbox.healnow.records import PATIENT, PRESCRIPTION, new_id, own, patient_of, prescription_of
from sandbox.healnow.webhooks import change
from sandbox.world import Record

__all__ = ["ENDED", "ENDPOINTS", "add_to_cart"]

#: Statuses that nothing leads out of.
ENDED = (assumed.CANCELLED, assumed.MANUALLY_CANCELLED, assumed.REMOVED)


def add_to_cart(turn: Turn, patient: Record, fields: PrescriptionFields) -> Record:
    """Ask a patient for the price of a prescription."""
    document = {
        **fields.model_dump(include=set(PrescriptionFields.model_fields)),
        "status": assumed.PENDING,
        "order": None,
        "paid_in_cents": None,
    }
    record = turn.create(PRESCRIPTION, new_id(turn), document, owner=patient.token)
    change(turn, record, assumed.PENDING)
    return record


def _of_patient(turn: Turn, call: Call) -> tuple[Record, list[Record]]:
    patient = own(turn, PATIENT, call.path["patient_id"])
    return patient, turn.world.owned(patient.environment, PRESCRIPTION, patient.token)


def _list(turn: Turn, call: Call) -> dict[str, Any]:
    return page_of(turn, _of_patient(turn, call)[1], call.query, prescription_of, "per_pate")


def _create(turn: Turn, call: Call) -> dict[str, Any]:
    patient = own(turn, PATIENT, call.path["patient_id"])
    return prescription_of(add_to_cart(turn, patient, call.body))


def _in_path(turn: Turn, call: Call) -> Record:
    return own(turn, PRESCRIPTION, call.path["prescription_id"])


def _get(turn: Turn, call: Call) -> dict[str, Any]:
    return prescription_of(_in_path(turn, call))


def _update(turn: Turn, call: Call) -> dict[str, Any]:
    """What was paid, or is in no cart any more, stays as it was."""
    prescription = _in_path(turn, call)
    if prescription.document["status"] != assumed.PENDING:
        raise not_allowed("The prescription is not pending any more")
    changed = call.body.model_dump(include=set(PrescriptionUpdate.model_fields), exclude_unset=True)
    nullable = ("refill_number",)
    prescription.document |= {
        name: value for name, value in changed.items() if value is not None or name in nullable
    }
    turn.save(prescription)
    return prescription_of(prescription)


def _cancel(turn: Turn, call: Call) -> dict[str, Any]:
    """Paid ones too: the money goes back. A second time changes nothing."""
    prescription = _in_path(turn, call)
    if prescription.document["status"] == assumed.REMOVED:
        raise not_allowed("The prescription is in no cart")
    if prescription.document["status"] not in ENDED:
        change(turn, prescription, assumed.CANCELLED)
    return prescription_of(prescription)


def _cart(turn: Turn, call: Call) -> dict[str, Any]:
    patient, found = _of_patient(turn, call)
    pending = [row for row in found if row.document["status"] == assumed.PENDING]
    total = sum(row.document["price_in_cents"] for row in pending)
    return {
        "total_in_cents": total,
        "totals": {"items_in_cents": total},
        "prescriptions": [prescription_of(row) for row in pending],
        "patient": patient_of(patient),
    }


OF_PATIENT = f"{assumed.PATIENT}/prescriptions"
ENDPOINTS = (
    Endpoint("GET", f"{assumed.PATIENT}/cart", "Fetch a patient's cart", _cart, CartDocument),
    Endpoint("GET", OF_PATIENT, "List prescriptions", _list, Prescriptions, query=PageQuery),
    Endpoint(
        "POST", OF_PATIENT, "Create a prescription", _create, PrescriptionDocument, body=PrescriptionFields
    ),
    Endpoint("GET", assumed.PRESCRIPTION, "Fetch a prescription", _get, PrescriptionDocument),
    Endpoint(
        "PUT",
        assumed.PRESCRIPTION,
        "Update a prescription",
        _update,
        PrescriptionDocument,
        body=PrescriptionUpdate,
    ),
    Endpoint(
        "POST", f"{assumed.PRESCRIPTION}/cancel", "Cancel a prescription", _cancel, PrescriptionDocument
    ),
)
