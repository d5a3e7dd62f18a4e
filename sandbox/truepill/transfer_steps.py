"""What becomes of a transfer by itself: attempts to reach the pharmacy or the prescriber, and the outcome.

A simulated transfer ends after a second, without attempts. Others end 1 to 3 days after the request, or as
rejected after 6 days of silence ("Create a Transfer", "Transfer Error Codes").
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sandbox.engine import Step, Turn
from sandbox.truepill import transfer_bodies
from sandbox.truepill.prescriptions import receive
from sandbox.truepill.rx_models import NewRx
from sandbox.world import Record

__all__ = ["STEPS", "begin", "bring"]

HOUR = 3600.0
DAY = 24 * HOUR
SIMULATED_SECONDS = 1.0
SILENCE_SECONDS = 6 * DAY
# How many of the transfers that are not simulated meet silence, are refused as a whole, and how many of the
# medications of the others are refused. No source has numbers: these are for something to happen.
SILENT, REFUSED, LINE_REFUSED = 0.10, 0.10, 0.10
REFUSALS = (
    "PATIENT_RECORD_NONEXISTANT",
    "PATIENT_INFO_MISMATCH",
    "PATIENT_CANCELLED_RX",
    "PATIENT_CONTACT_REQUESTED",
    "TRANSFER_CONTACT_INFO_INCORRECT",
)
LINE_REFUSALS = (
    "RX_NO_REFILLS",
    "RX_EXPIRED",
    "RX_NONEXISTANT",
    "RX_DOSAGE_MISMATCH",
    "RX_FORMULA_MISMATCH",
    "RX_IS_DAW",
)
CANCELLED = "PATIENT_CANCELLED_RX"
DUPLICATE = "TRANSFER_DUPLICATE"


def begin(turn: Turn, transfer: Record, error: Mapping[str, Any] | None) -> None:
    """Plan all that happens to a transfer that was accepted."""
    if transfer.document["simulated"]:
        turn.later(SIMULATED_SECONDS, "transfer_ends", transfer, error=error)
        return
    lines = transfer.document["lines"]
    pending = _pending_names(turn, transfer)
    for line in lines:
        if line["name"].casefold() in pending:
            line["rejection"] = _rejection(DUPLICATE)
    if lines and all(line["rejection"] for line in lines):
        turn.save(transfer)
        turn.later(turn.ids.between(HOUR, 6 * HOUR), "transfer_ends", transfer, error=_rejection(DUPLICATE))
        return
    luck = turn.ids.between(0, 1)
    if luck < SILENT:
        _stay_silent(turn, transfer)
    elif luck < SILENT + REFUSED:
        codes = (*REFUSALS, f"{transfer_bodies.contacted(transfer)}_DECLINED")
        _answer(turn, transfer, _rejection(_one_of(turn, codes)))
    else:
        for line in lines:
            if not line["rejection"] and turn.ids.between(0, 1) < LINE_REFUSED:
                line["rejection"] = _rejection(_one_of(turn, LINE_REFUSALS))
        turn.save(transfer)
        _answer(turn, transfer, None)


def _pending_names(turn: Turn, transfer: Record) -> set[str]:
    """The medications of the patient's earlier transfers that have not ended."""
    return {
        line["name"].casefold()
        for other in turn.world.owned(transfer.environment, "transfer", transfer.owner)
        if other.token != transfer.token and other.document["status"] == "pending"
        for line in other.document["lines"]
    }


def _one_of(turn: Turn, codes: tuple[str, ...]) -> str:
    return codes[int(turn.ids.between(0, len(codes)))]


def _rejection(code: str) -> dict[str, str | None]:
    return {"code": code, "reason": None, "other": None}


def _stay_silent(turn: Turn, transfer: Record) -> None:
    """An attempt a day, and nobody answers."""
    code = f"{transfer_bodies.contacted(transfer)}_NO_RESPONSE"
    for day in range(int(SILENCE_SECONDS // DAY)):
        turn.later(day * DAY + turn.ids.between(2 * HOUR, 8 * HOUR), "transfer_contact", transfer, code=code)
    turn.later(SILENCE_SECONDS, "transfer_ends", transfer, error=_rejection(code))


def _answer(turn: Turn, transfer: Record, error: Mapping[str, Any] | None) -> None:
    """Somebody is reached; what cannot be had is said at a second attempt."""
    reached = turn.ids.between(2 * HOUR, 20 * HOUR)
    turn.later(reached, "transfer_contact", transfer)
    refused = next((line["rejection"] for line in transfer.document["lines"] if line["rejection"]), error)
    if refused and refused["code"] != DUPLICATE:
        turn.later(
            reached + turn.ids.between(HOUR, 3 * HOUR), "transfer_contact", transfer, code=refused["code"]
        )
    turn.later(turn.ids.between(DAY, 3 * DAY), "transfer_ends", transfer, error=error)


def _contact(turn: Turn, transfer: Record, data: Mapping[str, Any]) -> None:
    body = transfer_bodies.contact(transfer, turn.timestamp, data.get("code"))
    turn.emit("transfer", transfer.token, body)


def _ends(turn: Turn, transfer: Record, data: Mapping[str, Any]) -> None:
    known = transfer.document
    error = data["error"]
    if not (error or known["lines"]):
        # Who names no medication gets the one that is there.
        name = str(NewRx.model_fields["prescribed_written_name"].default)
        known["lines"] = [
            {"token": turn.ids.hex(12), "name": name, "given": {}, "rejection": None, "prescription": None}
        ]
    for line in known["lines"]:
        line["ended"] = True
    came = [] if error else [line for line in known["lines"] if not line["rejection"]]
    # A simulated rejection of every medication still is a success ("Medication-Specific Simulations").
    if error is None and not came and not known["simulated"]:
        error = known["lines"][0]["rejection"]
    if error:
        known |= {
            "status": "cancelled" if error["code"] == CANCELLED else "rejected",
            "cancel_reason": error["reason"] or error["code"],
            "cancel_reason_other": error["other"],
        }
        turn.save(transfer)
        body = transfer_bodies.error(transfer, turn.timestamp, error)
    else:
        known["status"] = "completed"
        brought = {line["token"]: _bring_line(turn, transfer, line) for line in came}
        turn.save(transfer)
        body = transfer_bodies.success(transfer, turn.timestamp, brought)
    turn.emit("transfer", transfer.token, body)


def _bring_line(turn: Turn, transfer: Record, line: dict[str, Any]) -> Record:
    """What the request names stands for the defaults of the table, as in the samples."""
    named = {"prescribed_written_name": line["name"]}
    if transfer.document["request"]["prescriber_name"]:
        named["prescriber"] = transfer.document["request"]["prescriber_name"]
    prescription = bring(turn, transfer.owner, {**named, **line["given"]}, transfer.document["simulated"])
    line["prescription"] = prescription.token
    return prescription


def bring(turn: Turn, owner: str, given: Mapping[str, Any], simulated: bool) -> Record:
    """Have a prescription come over for a patient; its NOTIFY_RX follows.

    When the patient has one of the same medication here already, the new one takes its place: the old token
    is discontinued, and the NOTIFY_RX names both ("Notify Rx Webhook Events").
    """
    patient = turn.own("patient", owner)
    if patient is None:
        raise LookupError("a patient whose transfer was accepted is gone")
    name = str(given["prescribed_written_name"]).casefold()
    old = next((row for row in _held(turn, owner) if _name(row) == name), None)
    after = 1.0 if simulated else turn.ids.between(1, HOUR)
    prescription = receive(
        turn, patient, given, after=after, origin="Transfer", replaces=old.token if old else None
    )
    said = ("prescriber_npi", "date_written")
    prescription.document |= {field: given[field] for field in said if given.get(field)}
    turn.save(prescription)
    if old:
        old.document |= {"fillable": False, "current_rx_status_text": "Transferred"}
        turn.save(old)
    return prescription


def _held(turn: Turn, owner: str) -> list[Record]:
    """What can still be filled."""
    found = turn.world.owned(turn.customer.environment, "prescription", owner)
    return [row for row in found if row.document["fillable"]]


def _name(prescription: Record) -> str:
    return str(prescription.document["prescribed_written_name"]).casefold()


STEPS: dict[str, Step] = {"transfer_contact": _contact, "transfer_ends": _ends}
