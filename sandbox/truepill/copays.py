"""Copay requests: "Create a Copay Request", "Cancel a Copay Request"; and the live contract's read of one.

Readings: the answer's list of tokens has two names in print, that of a simulation's sample is given to
simulated requests; a request can be cancelled until it is, and the COPAY error that its table has for that
follows, although no text says so; an insurance or a prescription that the patient does not have is a 404.
"""

from __future__ import annotations

from typing import Any

from sandbox.endpoint import Call, Endpoint
from sandbox.engine import Turn
from sandbox.moments import iso
from sandbox.truepill import claims, copay_steps, prior_auths
from sandbox.truepill.belongings import insurance_of, may_simulate, prescription_of
from sandbox.truepill.copay_bodies import REASONS
from sandbox.truepill.copay_models import (
    CopayAccepted,
    CopayCancel,
    CopayCancelled,
    CopayCreate,
    CopayDocument,
    CopayLine,
)
from sandbox.truepill.errors import RequestError, not_found, request_error
from sandbox.truepill.patients import patient_of
from sandbox.world import Record

__all__ = ["ENDPOINTS"]

#: What the read tells of a line: the names of the callbacks.
READ = ("prescription_token", "status", "next_fill_date", "copay_amount", "fill_number", "quantity")


def _create(turn: Turn, call: Call) -> dict[str, Any]:
    body: CopayCreate = call.body
    simulation = body.simulation
    may_simulate(turn, simulation)
    patient = patient_of(turn, body.patient_token)
    document: dict[str, Any] = {
        "metadata": body.metadata,
        "status": "pending",
        "error_code": None,
        "triage_reason": None,
        "updated": turn.now,
        "simulated": simulation is not None,
        "initiate_prior_auth": body.initiate_prior_auth,
        "flow": simulation.prior_auth if simulation else None,
        "copay_request_token": turn.ids.hex(16),
        "insurances": [_insurance(insurance_of(turn, patient, token)) for token in body.insurance_token],
        "lines": [_line(turn, patient, line) for line in body.prescriptions],
    }
    look = document["copay_request_token"]
    copay = turn.create("copay", turn.ids.hex(32), document, owner=patient.token, look=look)
    copay_steps.begin(turn, copay, simulation)
    name = "copay_request_prescriptions_tokens" if simulation else "copay_request_prescription_tokens"
    return {
        "request_id": copay.token,
        "status": "success",
        "timestamp": turn.timestamp,
        "details": {
            "copay_request_token": look,
            name: [
                {
                    "prescription_token": line["prescription_token"],
                    "copay_request_prescription_token": line["token"],
                    "status": line["status"],
                }
                for line in document["lines"]
            ],
        },
    }


def _insurance(insurance: Record) -> dict[str, Any]:
    """`processed`: what the pharmacy's people have read off the picture of a card, if there is one."""
    known, processed = insurance.document, None
    if known["insurance_card_image_url"]:
        processed = {name: known[name] for name in ("rx_bin", "pcn", "rx_group", "cardholder_id")}
        processed["relationship_code"] = str(known["relationship_code"] or 1)
    return {"insurance_token": insurance.token, "processed": processed}


def _line(turn: Turn, patient: Record, line: CopayLine) -> dict[str, Any]:
    prescription = prescription_of(turn, patient, line.prescription_token)
    known = prescription.document
    return {
        "prescription_token": prescription.token,
        "token": turn.ids.hex(16),
        "quantity": _whole(line.quantity or known["dispensed_quantity"]),
        "days_supply": _whole(line.days_supply or known["dispensed_days_supply"]),
        "fill_number": claims.next_fill(prescription),
        "status": "pending",
        "reason": None,
        "codes": [],
        "waits": False,
        "next_fill_date": None,
        "amounts": [],
        "copay_amount": None,
    }


def _whole(number: float) -> float:
    return int(number) if number == int(number) else number


def _cancel(turn: Turn, call: Call) -> dict[str, Any]:
    body: CopayCancel = call.body
    copay = _named(turn, body)
    if copay is None or copay.document["status"] == "cancelled":
        raise request_error(
            "The copay was not cancelled: it is not yours, does not exist or has been cancelled before.",
            turn.timestamp,
        )
    copay.document["status"] = "cancelled"
    turn.save(copay)
    turn.settle(copay)
    claims.reverse(turn, copay)
    prior_auths.call_off(turn, copay)
    turn.later(copay_steps.CANCEL_SECONDS, "copay_fails", copay, code=copay_steps.CANCELLED)
    return {
        "request_id": f"cancel_copay_request_{turn.ids.hex(32)}",
        "timestamp": turn.timestamp,
        "status": "success",
        "details": {
            "code": copay_steps.CANCELLED,
            "description": REASONS[copay_steps.CANCELLED],
            "message": f"Accepted: Copay Request {copay.document['copay_request_token']} has been cancelled.",
        },
    }


def _named(turn: Turn, body: CopayCancel) -> Record | None:
    if body.request_id:
        return turn.own("copay", body.request_id)
    found = turn.world.look(turn.customer.environment, "copay", body.copay_request_token or "")
    return next((row for row in found if row.customer == turn.customer.name), None)


def _get(turn: Turn, call: Call) -> dict[str, Any]:
    copay = turn.own("copay", call.path["request_id"])
    if copay is None:
        raise not_found("Copay Request")
    known = copay.document
    return {
        "request_id": copay.token,
        "copay_request_token": known["copay_request_token"],
        "patient_token": copay.owner,
        "metadata": known["metadata"],
        "status": known["status"],
        "error_code": known["error_code"],
        "triage_reason": known["triage_reason"],
        "created_at": iso(copay.created),
        "updated_at": iso(known["updated"]),
        "prescriptions": [
            {
                **{name: line[name] for name in READ},
                "copay_request_prescription_token": line["token"],
                "error_code": line["reason"],
            }
            for line in known["lines"]
        ],
    }


ENDPOINTS = (
    Endpoint("POST", "/v1/copay_request", "Create a copay request", _create, CopayAccepted, body=CopayCreate),
    Endpoint(
        "POST",
        "/v1/copay_request/cancel",
        "Cancel a copay request",
        _cancel,
        CopayCancelled,
        body=CopayCancel,
        refusals={400: RequestError},
    ),
    Endpoint(
        "GET",
        "/v1/copay_request/{request_id}",
        "Get a copay request",
        _get,
        CopayDocument,
        live=True,
    ),
)
