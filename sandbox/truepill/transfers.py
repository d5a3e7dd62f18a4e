"""Transfers: "Create a Transfer", "List Transfers", "Get a Transfer".

Readings: the endpoint is `/v1/transfer_request`; the samples of simulations also post to `/v1/transfer` and
`/v1/direct_transfer`, which are understood. A simulated request's id is 32 hex digits, as its callbacks
print.
"""

from __future__ import annotations

from typing import Any

from sandbox.endpoint import Call, Endpoint
from sandbox.engine import Turn
from sandbox.moments import iso
from sandbox.truepill import transfer_steps
from sandbox.truepill.errors import failed, invalid
from sandbox.truepill.events import shifted
from sandbox.truepill.patients import patient_of
from sandbox.truepill.transfer_models import (
    Accepted,
    GivenRx,
    RejectedMedication,
    Scenario,
    Transfer,
    TransferFound,
    TransferList,
    TransfersQuery,
)
from sandbox.world import Record

__all__ = ["ENDPOINTS", "accept"]

PAGE = 50
# Where SQLite's numbers end, far behind any page that there can be.
LAST_PAGE = 10**15
NAMED = (
    "pharmacy_name",
    "pharmacy_phone",
    "pharmacy_fax",
    "prescriber_name",
    "prescriber_phone",
    "prescriber_fax",
    "notes",
)


def _create(turn: Turn, call: Call) -> dict[str, Any]:
    return accept(turn, call.body)


def accept(turn: Turn, body: Transfer) -> dict[str, Any]:
    """Take a transfer on and answer it."""
    simulation = body.simulation
    if simulation and turn.customer.environment != "sandbox":
        raise invalid(("simulation", "is not allowed"))
    patient = patient_of(turn, body.patient_token)
    scenarios = simulation.medications if simulation else []
    document = {
        "request": body.model_dump(include=set(NAMED)),
        "metadata": body.metadata,
        "status": "pending",
        "simulated": simulation is not None,
        "transfer_token": turn.ids.hex(12),
        "cancel_reason": None,
        "cancel_reason_other": None,
        "lines": [
            _line(turn, name, scenarios[place] if place < len(scenarios) else True, simulation is not None)
            for place, name in enumerate(body.names)
        ],
    }
    token = turn.ids.hex(32) if simulation else f"transfer_request_{turn.ids.hex(20)}"
    transfer = turn.create(
        "transfer", token, document, owner=patient.token, look=str(document["transfer_token"])
    )
    error = simulation.error.told if simulation and simulation.error else None
    transfer_steps.begin(turn, transfer, error)
    return {
        "request_id": transfer.token,
        "timestamp": turn.timestamp,
        "status": "success",
        "details": {
            "message": "Your transfer request has been received.",
            "transfer_token": transfer.look,
            "transfer_medications": [
                {"transfer_medication_token": line["token"], "medication_name": line["name"]}
                for line in transfer.document["lines"]
            ],
            "patient_token": patient.token,
        },
    }


def _line(turn: Turn, name: str, scenario: Scenario, simulated: bool) -> dict[str, Any]:
    rejection = scenario.error.told if isinstance(scenario, RejectedMedication) else None
    given = scenario.model_dump(exclude_unset=True) if isinstance(scenario, GivenRx) else {}
    return {
        # The tokens of simulated ones are printed longer.
        "token": turn.ids.hex(16 if simulated else 12),
        "name": name,
        "given": given,
        "rejection": rejection,
        "prescription": None,
    }


def _list(turn: Turn, call: Call) -> list[dict[str, Any]]:
    query: TransfersQuery = call.query
    skip = min(query.page, LAST_PAGE) * PAGE
    if skip and turn.strikes("repeat_page"):
        skip -= PAGE
    found = turn.world.paged(turn.customer.name, "transfer", shifted(turn, skip, skip + PAGE), PAGE)
    return [
        {
            **_head(transfer),
            "transfer_medications": [
                {"url_token": line["token"], "medication_name": line["name"]}
                for line in transfer.document["lines"]
            ],
        }
        for transfer in found
    ]


def _head(transfer: Record) -> dict[str, Any]:
    return {
        "created_at": iso(transfer.created),
        "url_token": transfer.look,
        "status": transfer.document["status"],
    }


def _get(turn: Turn, call: Call) -> list[dict[str, Any]]:
    """An array of one, as printed."""
    token = call.path["transfer_token"]
    for transfer in turn.world.look(turn.customer.environment, "transfer", token):
        if transfer.customer == turn.customer.name:
            return [_told(turn, transfer)]
    raise failed(404, "Transfer not found.")


def _told(turn: Turn, transfer: Record) -> dict[str, Any]:
    known, request = transfer.document, transfer.document["request"]
    fields = ("pharmacy_name", "pharmacy_phone", "prescriber_name", "prescriber_phone", "notes")
    return {
        **_head(transfer),
        "cancel_reason": known["cancel_reason"],
        "cancel_reason_other": known["cancel_reason_other"],
        # What was not said is an empty text, as printed.
        **{name: request[name] or "" for name in fields},
        "metadata": known["metadata"],
        "transfer_medications": [_medication(turn, line) for line in known["lines"]],
        "messages": [],
    }


def _medication(turn: Turn, line: dict[str, Any]) -> dict[str, Any]:
    rejection = line["rejection"] if line.get("ended") and line["rejection"] else {}
    prescription = turn.own("prescription", line["prescription"]) if line["prescription"] else None
    return {
        "url_token": line["token"],
        "rejection_reason": rejection.get("reason") or rejection.get("code"),
        "rejection_reason_other": rejection.get("other"),
        "medication_name": line["name"],
        "prescription": _prescription(prescription) if prescription else None,
    }


def _prescription(prescription: Record) -> dict[str, Any]:
    known = prescription.document
    same = (
        "prescriber",
        "days_supply",
        "num_refills_filled",
        "prescribed_quantity",
        "prescribed_written_name",
        "prescribed_generic_name",
    )
    return {
        "num_refills_remaining": known["refills_remaining"],
        "medication_name": known["prescribed_written_name"],
        "prescription_date": known["date_written"],
        "last_filled_date": known["last_filled_date"],
        "url_token": prescription.token,
        **{name: known[name] for name in same},
    }


PATH = "/v1/transfer_request"
ENDPOINTS = (
    Endpoint("POST", PATH, "Create a transfer", _create, Accepted, body=Transfer),
    Endpoint("GET", PATH, "List transfers", _list, TransferList, query=TransfersQuery),
    Endpoint("GET", f"{PATH}/{{transfer_token}}", "Get a transfer", _get, TransferFound),
    # As a sample of the simulation has it.
    Endpoint("POST", "/v1/transfer", "Create a transfer", _create, Accepted, body=Transfer),
)
