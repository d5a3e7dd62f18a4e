"""What becomes of a fill request by itself: claims, the order's outcome, its shipments.

Simulated fills keep the times of the printed samples: the order 61 s after the request, the shipments 30, 60
and 60 s later. Others take hours and days. An order's status is that of the partner's GET:
pending, completed, rejected or cancelled; only `pending` is printed.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from sandbox.engine import Step, Turn
from sandbox.moments import iso
from sandbox.truepill import claims, fill_bodies
from sandbox.world import Record

__all__ = ["CANCELLED_BY_CUSTOMER", "STEPS", "begin", "go_on", "owed"]

HOUR = 3600.0
DAY = 24 * HOUR
ORDER_SECONDS = 61.0
CLAIM_SECONDS = 31.0
# "Patient's insurance claims can be kept open for up to 10 days" ("Expiring Orders").
UNPAID_SECONDS = 10 * DAY
CANCELLED_BY_CUSTOMER = "R0"
#: The seconds after the one before, status and message of each.
SIMULATED = (
    (30.0, "TRANSIT", "Your shipment has arrived at the USPS regional origin facility."),
    (60.0, "TRANSIT", "In Transit, Arriving On Time"),
    (60.0, "DELIVERED", "Your shipment has been delivered at the destination mailbox."),
)
USUAL = (
    (6 * HOUR, "PRE_TRANSIT", "The carrier is waiting for the shipment."),
    (12 * HOUR, "TRANSIT", "The shipment has arrived at the regional origin facility."),
    (DAY, "TRANSIT", "In transit, arriving on time."),
    (DAY, "DELIVERED", "The shipment has been delivered."),
)
REASONS = {
    "NR": "No Refills Remaining",
    "PC": "Missing eRx",
    "R0": "Order Cancelled by Customer",
    "R1": "Duplicate Order",
    "R5": "Transferred Out of Pharmacy",
    "R019": "Other Reason",
    "R028": "Patient Payment for Insurance Claim not Provided",
}


def begin(turn: Turn, fill: Record, error: str | None, claimed: bool) -> None:
    """Plan the first step of a fill that was accepted."""
    known = fill.document
    if error:
        turn.later(ORDER_SECONDS, "fill_simulated_error", fill, error=error)
    elif claimed:
        turn.later(CLAIM_SECONDS, "fill_claims", fill)
    elif known["simulated"]:
        turn.later(ORDER_SECONDS, "fill_order", fill)
    else:
        # A patient who wants to speak to the pharmacist first is called.
        first = DAY if known["request"]["check_in"] else 0.0
        if known["request"]["patient_payment_type"] == "insurance" and claims.ask(turn, fill):
            turn.later(first + turn.ids.between(HOUR / 2, 2 * HOUR), "fill_claims", fill)
            return
        turn.later(first + turn.ids.between(2 * HOUR, DAY), "fill_order", fill)


def go_on(turn: Turn, fill: Record) -> None:
    """What was owed has been paid: the order goes its way."""
    turn.settle(fill)
    turn.later(ORDER_SECONDS, "fill_order", fill)


def owed(fill: Record) -> Decimal:
    """What the patient owes for lines that are not paid, in dollars."""
    lines = (line for line in fill.document["lines"] if not (line["paid"] or line["cancelled"]))
    return sum((Decimal(str(line["claim"].get("copay_amount") or 0)) for line in lines), Decimal(0))


def _claims(turn: Turn, fill: Record, _: Mapping[str, Any]) -> None:
    claims.bill_order(turn, fill)
    turn.emit("fill_request", fill.token, fill_bodies.claim(fill, turn.timestamp))
    if owed(fill):
        fill.document["awaiting_payment"] = True
        turn.save(fill)
        turn.later(UNPAID_SECONDS, "fill_fails", fill, code="R028", message=f"${owed(fill):.2f}")
    else:
        turn.later(ORDER_SECONDS - CLAIM_SECONDS, "fill_order", fill)


def _simulated_error(turn: Turn, fill: Record, data: Mapping[str, Any]) -> None:
    message = f"You requested a simulated error code of {data['error']}"
    _fail(turn, fill, data["error"], "Simulated Error", message)


def _fails(turn: Turn, fill: Record, data: Mapping[str, Any]) -> None:
    _fail(turn, fill, data["code"], _rejected(data["code"]), data.get("message"))


def _rejected(code: str) -> str:
    return f"Rejected: {REASONS.get(code, code)}"


def _fail(turn: Turn, fill: Record, code: str, description: str, message: str | None) -> None:
    fill.document |= {
        "status": "cancelled" if code in ("R0", "R028") else "rejected",
        "awaiting_payment": False,
        "error_code": code,
        "rejection_reason": description.removeprefix("Rejected: "),
        "additional_rejection_details": message,
    }
    turn.save(fill)
    turn.settle(fill)
    claims.reverse(turn, fill)
    turn.emit("fill_request", fill.token, fill_bodies.error(fill, turn.timestamp, code, description, message))


def _order(turn: Turn, fill: Record, _: Mapping[str, Any]) -> None:
    known = fill.document
    if known["lines"] and not _complete(known["request"]["patient_survey"]):
        _fail(turn, fill, "R019", _rejected("R019"), "The patient survey is incomplete.")
        return
    links: dict[str, str] = {}
    medications, codes = [], []
    for line in known["lines"]:
        code, prescription = _obstacle(turn, fill, line)
        if prescription is None or code:
            medications.append(_rejected_line(line, prescription, code or "PC"))
            codes.append(code or "PC")
        else:
            medications.append(_filled_line(turn, fill, line, prescription))
            links[prescription.token] = prescription.document["rx_link"]
    if known["lines"] and not links and not known["otc_products"]:
        _fail(turn, fill, codes[0], _rejected(codes[0]), known["duplicate_of"])
        return
    known |= {"status": "completed", "awaiting_payment": False, "eta": turn.now + 3 * DAY}
    turn.save(fill)
    body = fill_bodies.success(fill, turn.now, medications)
    turn.emit("fill_request", fill.token, body, fill_bodies.pulled_order(body, links))
    _ship_next(turn, fill, 0, parcel=0)
    if not known["simulated"] and _is_split(fill):
        known["second_tracking_number"] = turn.ids.digits(26)
        turn.save(fill)
        _ship_next(turn, fill, 0, parcel=1)


def _is_split(fill: Record) -> bool:
    """Whether it goes in two parcels: one fill in eight, by its token alone."""
    return int(fill.token[-2:], 16) < 32


def _complete(survey: Mapping[str, Any] | None) -> bool:
    return survey is not None and {"conditions", "medications", "allergies"} <= survey.keys()


def _obstacle(turn: Turn, fill: Record, line: Mapping[str, Any]) -> tuple[str | None, Record | None]:
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


def _rejected_line(line: Mapping[str, Any], prescription: Record | None, code: str) -> dict[str, Any]:
    reason = line["claim"].get("error_message") if line["claim"].get("error_code") == code else None
    return {
        "requested_medication_name": prescription.document["prescribed_written_name"]
        if prescription
        else f"prescription_token:{line['prescription_token']}",
        "reject_reason": reason or REASONS.get(code, code),
        "error_code": code,
        "medication_token": line["medication_token"],
    }


def _filled_line(turn: Turn, fill: Record, line: Mapping[str, Any], prescription: Record) -> dict[str, Any]:
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


def _ship_next(turn: Turn, fill: Record, place: int, parcel: int) -> None:
    journey = SIMULATED if fill.document["simulated"] else USUAL
    if place < len(journey):
        seconds = journey[place][0]
        spread = 1.0 if fill.document["simulated"] else turn.ids.between(0.5, 1.5)
        turn.later(seconds * spread, "fill_ships", fill, place=place, parcel=parcel)


def _ships(turn: Turn, fill: Record, data: Mapping[str, Any]) -> None:
    place, parcel = data["place"], data.get("parcel", 0)
    _, status, message = (SIMULATED if fill.document["simulated"] else USUAL)[place]
    if not fill.document["shipped"]:
        fill.document["shipped"] = True
        turn.save(fill)
    turn.emit("fill_request", fill.token, fill_bodies.shipment(fill, turn.timestamp, status, message, parcel))
    _ship_next(turn, fill, place + 1, parcel)


STEPS: dict[str, Step] = {
    "fill_claims": _claims,
    "fill_simulated_error": _simulated_error,
    "fill_fails": _fails,
    "fill_order": _order,
    "fill_ships": _ships,
}
