"""The medications of an order: why one cannot be filled, and what is told of it when the order is done."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sandbox.engine import Turn
from sandbox.moments import iso
from sandbox.world import Record

__all__ = ["CANCELLED_BY_CUSTOMER", "REASONS", "filled_line", "obstacle", "rejected_line"]

CANCELLED_BY_CUSTOMER = "R0"
#: What the codes that come without a simulation say ("Table of Error Codes & Associated Information").
REASONS = {
    "NR": "No Refills Remaining",
    "PC": "Missing eRx",
    "R0": "Order Cancelled by Customer",
    "R1": "Duplicate Order",
    "R2": "Bad Address Details",
    "R3": "Out of Stock/Unavailable to Order",
    "R4": "Returned to sender",
    "R5": "Transferred Out of Pharmacy",
    "R019": "Other Reason",
    "R028": "Patient Payment for Insurance Claim not Provided",
}


def obstacle(turn: Turn, fill: Record, line: Mapping[str, Any]) -> tuple[str | None, Record | None]:
    """Why a line cannot be filled, as an error code; and its prescription, when there is one."""
    prescription = turn.own("prescription", line["prescription_token"])
    if prescription is None or prescription.owner != fill.owner:
        return "PC", None
    if line["cancelled"]:
        return CANCELLED_BY_CUSTOMER, prescription
    if line["claim"].get("error_code"):
        return line["claim"]["error_code"], prescription
    known = prescription.document
    if not known["fillable"]:
        return "R5", prescription
    if int(known["num_refills_filled"]) > 0 and known["refills_remaining"] <= 0:
        return "NR", prescription
    if not fill.document["simulated"] and (order := _duplicate(turn, fill, prescription.token)):
        fill.document["duplicate_of"] = order
        return "R1", prescription
    return None, prescription


def _duplicate(turn: Turn, fill: Record, token: str) -> str | None:
    """The order of an earlier fill of the same prescription that is still pending."""
    for other in turn.world.owned(fill.environment, "fill_request", fill.owner):
        earlier = other.number < fill.number and other.document["status"] == "pending"
        if earlier and any(line["prescription_token"] == token for line in other.document["lines"]):
            return str(other.document["order_token"])
    return None


def rejected_line(line: Mapping[str, Any], prescription: Record | None, code: str) -> dict[str, Any]:
    reason = line["claim"].get("error_message") if line["claim"].get("error_code") == code else None
    return {
        "requested_medication_name": prescription.document["prescribed_written_name"]
        if prescription
        else f"prescription_token:{line['prescription_token']}",
        "reject_reason": reason or REASONS.get(code, code),
        "error_code": code,
        "medication_token": line["medication_token"],
    }


def filled_line(turn: Turn, fill: Record, line: Mapping[str, Any], prescription: Record) -> dict[str, Any]:
    """Fill it: the first fill uses up no refill, each later one does."""
    known = prescription.document
    number, quantity = int(known["num_refills_filled"]), line["quantity"] or known["dispensed_quantity"]
    if number > 0:
        known["refills_remaining"] -= 1
        known["quantity_remaining"] = max(0, known["quantity_remaining"] - quantity)
    known |= {
        "num_refills_filled": str(number + 1),
        "last_filled_date": iso(turn.now),
        "current_rx_status_text": "Filled",
    }
    turn.save(prescription)
    name, simulated = known["prescribed_written_name"], fill.document["simulated"]
    result = {
        "medication_name": name,
        "dispensed_medication_name": name,
        "requested_medication_name": f"prescription_token:{prescription.token}" if simulated else name,
        "original_requested_prescription_token": prescription.token,
        "days_supply": known["dispensed_days_supply"],
        "quantity": quantity,
        "fill_number": str(number),
        "rx_number": known["rx_number"],
        "total_refills_allowed": known["number_of_refills_allowed"],
        "prescription_token": prescription.token,
        "medication_token": line["medication_token"],
        "dispensed_ndc": known["dispensed_ndc"],
        "remaining_refills": {
            "total_remaining_refills": known["refills_remaining"],
            "total_quantity_remaining": known["quantity_remaining"],
        },
    }
    return result if simulated else {**result, "patient_cash_amount": None}
