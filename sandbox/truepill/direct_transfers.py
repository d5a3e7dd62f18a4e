"""Direct transfers: "Create a Direct Transfer", its callbacks and simulation; what the live contract adds.

A simulated one succeeds after a second. No text says how its printed error is had: it speaks of a
duplicate, so the same prescription of the same pharmacy, sent again for the same patient, gives it. Others
end after 1 to 3 days; those whose `transfer_to` is not the partner's are accepted and rejected then, since
a printed request has it so. In the live contract `/v2/direct_transfer` is told by DIRECT_TRANSFER_V2.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sandbox.endpoint import Call, Endpoint
from sandbox.engine import Step, Turn
from sandbox.moments import iso
from sandbox.truepill import transfers
from sandbox.truepill.direct_models import (
    DirectAccepted,
    DirectDocument,
    DirectOrTransfer,
    DirectTransfer,
    EitherAccepted,
)
from sandbox.truepill.errors import failed, invalid
from sandbox.truepill.events import LiveEventQuery, Page, page
from sandbox.truepill.patients import patient_of
from sandbox.truepill.transfer_models import Transfer
from sandbox.truepill.transfer_steps import bring
from sandbox.world import Record

__all__ = ["ENDPOINTS", "STEPS"]

DAY = 86_400.0
SIMULATED_SECONDS = 1.0
#: The partner's pharmacy, by default ("Transfer To").
PARTNER = {"name": "Truepill", "id_number": "1295182590", "pharmacist": "Quynh Do"}


def _create(turn: Turn, call: Call) -> dict[str, Any]:
    if isinstance(call.body, Transfer):
        return transfers.accept(turn, call.body)
    return _accept(turn, call.body, "DIRECT_TRANSFER")


def _create_v2(turn: Turn, call: Call) -> dict[str, Any]:
    return _accept(turn, call.body, "DIRECT_TRANSFER_V2")


def _accept(turn: Turn, body: DirectTransfer, type_: str) -> dict[str, Any]:
    simulated = body.simulation is not None
    if simulated and turn.customer.environment != "sandbox":
        raise invalid(("simulation", "is not allowed"))
    patient = patient_of(turn, body.patient_token)
    to = {**body.transfer_to.model_dump(include=set(PARTNER)), "id_number": str(body.transfer_to.id_number)}
    document = {
        "type": type_,
        "status": "pending",
        "updated": turn.now,
        "message": None,
        "metadata": body.metadata,
        "simulated": simulated,
        "to_partner": to == PARTNER,
        "token": turn.ids.hex(10),
        "original": [str(body.transfer_from.id_number), body.prescription.number],
        "given": _given(body),
        "prescription": None,
    }
    request_id = turn.ids.hex(32 if simulated else 16)
    direct = turn.create(
        "direct_transfer", request_id, document, owner=patient.token, look=str(document["token"])
    )
    seconds = SIMULATED_SECONDS if simulated else turn.ids.between(DAY, 3 * DAY)
    turn.later(seconds, "direct_transfer_ends", direct)
    return {
        "request_id": request_id,
        "timestamp": turn.timestamp,
        "status": "success",
        "details": {"direct_transfer_id": direct.look},
    }


def _given(body: DirectTransfer) -> dict[str, Any]:
    """The prescription as it will be here."""
    wanted = body.prescription
    left = wanted.fills_left if wanted.fills_left is not None else wanted.refills_left or 0
    written = int(float(wanted.quantity_written))
    given: dict[str, Any] = {
        "prescribed_written_name": wanted.medication_name,
        "prescribed_ndc": wanted.prescribed_ndc,
        "medication_sig": wanted.medication_sig,
        "prescriber": f"{body.prescriber.first_name} {body.prescriber.last_name}",
        "prescriber_npi": body.prescriber.npi,
        "prescribed_quantity": written,
        "dispensed_quantity": written,
        "refills_remaining": left,
        "quantity_remaining": min(left * written, 10**9),
        "number_of_refills_allowed": left if wanted.original_refills is None else wanted.original_refills,
    }
    if wanted.days_supply is not None:
        given |= {"days_supply": str(wanted.days_supply), "dispensed_days_supply": wanted.days_supply}
    if wanted.icd10_code:
        given["diagnosis_codes"] = {"icd10": [wanted.icd10_code], "icd9": []}
    return given


def _ends(turn: Turn, direct: Record, _: Mapping[str, Any]) -> None:
    known = direct.document
    earlier = _earlier(turn, direct)
    if earlier:
        known |= {"status": "rejected", "message": "Direct Transfer Rejected. duplicate"}
    elif not (known["simulated"] or known["to_partner"]):
        known |= {"status": "rejected", "message": "Direct Transfer Rejected. transfer_to does not match"}
    else:
        known |= {"status": "completed", "message": "Direct Transfer Accepted."}
        known["prescription"] = bring(turn, direct.owner, known["given"], known["simulated"]).token
    known["updated"] = turn.now
    turn.save(direct)
    body = _callback(turn, direct, earlier)
    turn.emit("direct_transfer", direct.token, body)


def _callback(turn: Turn, direct: Record, earlier: Record | None) -> dict[str, Any]:
    """A simulated one has no metadata; its error names the prescription that the first one brought."""
    known = direct.document
    accepted, simulated = known["status"] == "completed", known["simulated"]
    details = {
        **({} if simulated else {"metadata": known["metadata"]}),
        "message": known["message"],
        "patient_token": direct.owner,
        "direct_transfer_token": direct.look,
    }
    if accepted:
        details["prescription_token"] = known["prescription"]
    elif simulated and earlier:
        details["prescription_token"] = earlier.document["prescription"]
    return {
        "request_id": direct.token,
        "timestamp": turn.timestamp,
        "callback_type": known["type"],
        "status": "success" if accepted else "error",
        "details": details,
    }


def _earlier(turn: Turn, direct: Record) -> Record | None:
    """The patient's first request for the same prescription, unless that was rejected."""
    for other in turn.world.owned(direct.environment, "direct_transfer", direct.owner):
        if other.number >= direct.number:
            return None
        same = other.document["original"] == direct.document["original"]
        if same and other.document["status"] != "rejected":
            return other
    return None


def _one(turn: Turn, call: Call) -> Record:
    token = call.path["direct_transfer_token"]
    for direct in turn.world.look(turn.customer.environment, "direct_transfer", token):
        if direct.customer == turn.customer.name:
            return direct
    raise failed(404, "Direct transfer not found.")


def _get(turn: Turn, call: Call) -> dict[str, Any]:
    direct = _one(turn, call)
    known = direct.document
    return {
        "created_at": iso(direct.created),
        "updated_at": iso(known["updated"]),
        "request_id": direct.token,
        "direct_transfer_token": direct.look,
        "status": known["status"],
        "message": known["message"],
        "metadata": known["metadata"],
        "patient_token": direct.owner,
        "prescription_token": known["prescription"],
    }


def _events(turn: Turn, call: Call) -> dict[str, Any]:
    direct = _one(turn, call)
    return page(turn, call.query, [("key", "$eq", direct.token), ("kind", "$eq", "direct_transfer")])


PATH = "/v1/direct_transfer"
ONE = f"{PATH}/{{direct_transfer_token}}"
CREATE, GET = "Create a direct transfer", "Get a direct transfer"
STEPS: dict[str, Step] = {"direct_transfer_ends": _ends}
ENDPOINTS = (
    Endpoint("POST", PATH, CREATE, _create, EitherAccepted, body=DirectOrTransfer),
    Endpoint(
        "POST", "/v2/direct_transfer", CREATE, _create_v2, DirectAccepted, body=DirectTransfer, live=True
    ),
    Endpoint("GET", ONE, GET, _get, DirectDocument, live=True),
    Endpoint(
        "GET", f"{ONE}/webhook_events", "Pull its events", _events, Page, query=LiveEventQuery, live=True
    ),
)
