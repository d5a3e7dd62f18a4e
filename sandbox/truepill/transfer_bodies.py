"""The callbacks of a transfer, as printed under "Transfer Webhook Events", "Transfer Contact Webhook Events"
and "Transfer" of the simulations. Pure: from a transfer's record to a body.

Readings: an `error_code` is promised for every rejection and stands in no printed one: a rejection by one
of the table's codes carries it and its description, a simulated one when the request gave one. The quantity
is the one prescribed, but the one that remains where the request overrides that: so both samples come out
as printed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sandbox.world import Record

__all__ = ["contact", "contacted", "error", "success"]

Body = dict[str, Any]
OTHER = "TRANSFER_OTHER_REASON"
DESCRIPTIONS = {
    "RX_DOSAGE_MISMATCH": "The dosage is another than that of the prescription",
    "RX_FORMULA_MISMATCH": "The formulation is another than that of the prescription",
    "RX_NO_REFILLS": "No refills remaining",
    "RX_NONEXISTANT": "The pharmacy has no such prescription",
    "RX_EXPIRED": "The prescription has expired",
    "RX_IS_DAW": "The brand must be dispensed as written",
    "PATIENT_RECORD_NONEXISTANT": "The pharmacy does not know the patient",
    "PATIENT_CANCELLED_RX": "The patient cancelled",
    "PATIENT_INFO_MISMATCH": "The patient's data differ from the prescription's",
    "PATIENT_CONTACT_REQUESTED": "The patient is asked to get in touch",
    "PHARMACY_NO_RESPONSE": "The pharmacy did not respond",
    "PHARMACY_DECLINED": "The pharmacy refuses the transfer",
    "PRESCRIBER_DECLINED": "The prescriber declined",
    "PRESCRIBER_NO_RESPONSE": "The prescriber did not respond",
    "TRANSFER_DUPLICATE": "Duplicate transfer",
    "TRANSFER_CONTACT_INFO_INCORRECT": "The contact information is incorrect",
    OTHER: "Other reason",
}


def contacted(transfer: Record) -> str:
    """PHARMACY or PRESCRIBER: whom a transfer is asked of."""
    return "PHARMACY" if transfer.document["request"]["pharmacy_name"] else "PRESCRIBER"


def _body(transfer: Record, timestamp: int, type_: str, status: str, details: Body) -> Body:
    return {
        "request_id": transfer.token,
        "timestamp": timestamp,
        "callback_type": type_,
        "status": status,
        "details": {"metadata": transfer.document["metadata"], **details},
    }


def contact(transfer: Record, timestamp: int, code: str | None) -> Body:
    """TRANSFER_CONTACT: a success, or with a code the error."""
    token = {"transfer_token": transfer.document["transfer_token"]}
    if code:
        details = {"error_code": code, **token, "message": DESCRIPTIONS[code]}
        return _body(transfer, timestamp, "TRANSFER_CONTACT", "error", details)
    request, who = transfer.document["request"], contacted(transfer).lower()
    method = "fax" if request[f"{who}_fax"] else "phone"
    details = {
        "message": "A transfer contact was successfully made",
        "patient_token": transfer.owner,
        **token,
        "contact_name": request[f"{who}_name"],
        "contact_method": method,
        "contact_number": request[f"{who}_{method}"],
    }
    return _body(transfer, timestamp, "TRANSFER_CONTACT", "success", details)


def error(transfer: Record, timestamp: int, rejection: Mapping[str, Any]) -> Body:
    """TRANSFER error: nothing came over. `rejection`: its code, reason and other, each possibly null."""
    code, reason, other = rejection["code"], rejection["reason"], rejection["other"]
    details: Body = {"message": other or reason or "No medications were able to be transferred"}
    if code:
        details["error_code"] = code
    description = reason if other else None if reason else DESCRIPTIONS.get(code or "")
    if description:
        details["description"] = description
    return _body(transfer, timestamp, "TRANSFER", "error", {**details, "patient_token": transfer.owner})


def success(transfer: Record, timestamp: int, brought: Mapping[str, Record]) -> Body:
    """TRANSFER success. `brought`: the prescriptions that came, by the token of the medication."""
    lines = transfer.document["lines"]
    details = {
        "message": "Here is a list of medications that were successfully transferred",
        "patient_token": transfer.owner,
        "medications": [_medication(transfer, line, brought.get(line["token"])) for line in lines],
    }
    return _body(transfer, timestamp, "TRANSFER", "success", details)


def _medication(transfer: Record, line: Mapping[str, Any], prescription: Record | None) -> Body:
    simulated = transfer.document["simulated"]
    told = {
        # Simulated ones have the token under a second name, as printed, and no schedule.
        **({"transfer_medication_id": line["token"]} if simulated else {}),
        "transfer_medication_token": line["token"],
        "requested_medication_name": line["name"],
    }
    if prescription is None:
        reason = line["rejection"]
        message = reason["other"] or reason["reason"] or DESCRIPTIONS.get(reason["code"], reason["code"])
        return {**told, "rejection_message": message}
    known, given = prescription.document, line["given"]
    days = known["days_supply"]
    told |= {
        "last_filled_date": "No Data",
        "prescriber": known["prescriber"],
        "medication_sig": known["medication_sig"],
        "prescription_token": prescription.token,
        "medication_name": known["prescribed_written_name"],
        "num_refills_remaining": known["refills_remaining"],
        "quantity": given.get("quantity_remaining", known["prescribed_quantity"]),
        "days_supply": int(days) if days.isdecimal() and len(days) < 7 else known["dispensed_days_supply"],
    }
    return told if simulated else {**told, "dea_schedule": known["prescribed_dea_schedule"]}
