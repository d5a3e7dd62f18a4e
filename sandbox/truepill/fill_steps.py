"""What becomes of a fill request by itself: triage, claims, the order's end, and what is said of it later.

Simulated fills keep the times of the printed samples: the order 61 s after the request. Others take hours and
days. An order's status is that of the partner's GET: pending, triage, completed, returned, rejected or
cancelled; only `pending` is printed. That alone says where it stands: reasons and codes of earlier moments
stay in the record beside it, as the printed one has them all under `pending`.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from sandbox.engine import Step, Turn
from sandbox.moments import day
from sandbox.truepill import claims, fill_bodies, shipments
from sandbox.truepill.fill_lines import CANCELLED_BY_CUSTOMER, REASONS, filled_line, obstacle, rejected_line
from sandbox.world import Record

__all__ = ["CANCELLED_BY_CUSTOMER", "STEPS", "begin", "go_on", "owed"]

HOUR = 3600.0
DAY = 24 * HOUR
ORDER_SECONDS = 61.0
CLAIM_SECONDS = 31.0
TRIAGE_SECONDS = 31.0
BETWEEN_NEWS = 20.0
# "Patient's insurance claims can be kept open for up to 10 days" ("Expiring Orders").
UNPAID_SECONDS = 10 * DAY
TRANSFERRED_OUT, RETURNED = "R5", "R4"
#: Where an error leaves the order; every other one rejects it.
STATUSES = {CANCELLED_BY_CUSTOMER: "cancelled", "R028": "cancelled", RETURNED: "returned"}
OUT_OF_STOCK = "T005"
#: "Table of Triage Codes & Associated Information".
TRIAGES = {
    "T001": "Invalid Address",
    "T003": "Prior Authorization Required",
    "T004": "Customer Clarification Needed",
    OUT_OF_STOCK: "Out of Stock",
    "T006": "Clinical Outreach to MD",
    "T007": "Other Reason",
}


def begin(turn: Turn, fill: Record) -> None:
    """Plan the first step of a fill that was accepted."""
    if fill.document["course"]["triage"]:
        turn.later(TRIAGE_SECONDS, "fill_triaged", fill, place=0)
    else:
        _work(turn, fill)


def _work(turn: Turn, fill: Record) -> None:
    """The pharmacy works on it, from the beginning or after a triage."""
    known, course = fill.document, fill.document["course"]
    if course["error"]:
        turn.later(ORDER_SECONDS, "fill_simulated_error", fill, error=course["error"])
    elif course["claimed"]:
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


def _triaged(turn: Turn, fill: Record, data: Mapping[str, Any]) -> None:
    """One reason after the other; then it is worked on again, which no callback says."""
    reasons, place = fill.document["course"]["triage"], data["place"]
    fill.document["status"] = "triage"
    _tell_triage(turn, fill, reasons[place])
    if place + 1 < len(reasons):
        turn.later(BETWEEN_NEWS, "fill_triaged", fill, place=place + 1)
    else:
        turn.later(BETWEEN_NEWS, "fill_resumes", fill)


def _tell_triage(turn: Turn, fill: Record, reason: Mapping[str, Any], *, contradicts: bool = False) -> None:
    code, information = reason["code"], reason["additional_information"]
    if code == OUT_OF_STOCK and information is None:
        information = day(turn.now + 3 * DAY)
    description = TRIAGES.get(code, code)
    fill.document |= {"triage_reason": description, "additional_triage_details": information}
    turn.save(fill)
    body = fill_bodies.triage(fill, turn.timestamp, code, description, information)
    turn.emit("fill_request", fill.token, body, contradicts=contradicts)


def _resumes(turn: Turn, fill: Record, _: Mapping[str, Any]) -> None:
    fill.document["status"] = "pending"
    turn.save(fill)
    _work(turn, fill)


def _claims(turn: Turn, fill: Record, _: Mapping[str, Any]) -> None:
    known = fill.document
    claims.bill_order(turn, fill)
    turn.emit("fill_request", fill.token, fill_bodies.claim(fill, turn.timestamp))
    refused = next((line["claim"] for line in known["lines"] if line["claim"].get("error_code")), None)
    if refused:
        # Of a line: the order goes on without it.
        known |= {"error_code": refused["error_code"], "rejection_reason": refused["error_message"]}
    if owed(fill):
        known["awaiting_payment"] = True
        turn.later(UNPAID_SECONDS, "fill_fails", fill, code="R028", message=f"${owed(fill):.2f}")
    else:
        turn.later(ORDER_SECONDS - CLAIM_SECONDS, "fill_order", fill)
    turn.save(fill)


def _simulated_error(turn: Turn, fill: Record, data: Mapping[str, Any]) -> None:
    message = f"You requested a simulated error code of {data['error']}"
    _fail(turn, fill, data["error"], "Simulated Error", message)


def _fails(turn: Turn, fill: Record, data: Mapping[str, Any]) -> None:
    _fail(turn, fill, data["code"], _rejected(data["code"]), data.get("message"))


def _rejected(code: str) -> str:
    return f"Rejected: {REASONS.get(code, code)}"


def _fail(turn: Turn, fill: Record, code: str, description: str, message: str | None) -> None:
    fill.document |= {"status": STATUSES.get(code, "rejected"), "awaiting_payment": False}
    turn.settle(fill)
    claims.reverse(turn, fill)
    _tell_error(turn, fill, code, description, message)


def _tell_error(
    turn: Turn, fill: Record, code: str, description: str, message: str | None, *, contradicts: bool = False
) -> None:
    fill.document |= {
        "error_code": code,
        "rejection_reason": description.removeprefix("Rejected: "),
        "additional_rejection_details": message,
    }
    turn.save(fill)
    body = fill_bodies.error(fill, turn.timestamp, code, description, message)
    turn.emit("fill_request", fill.token, body, contradicts=contradicts)


def _order(turn: Turn, fill: Record, _: Mapping[str, Any]) -> None:
    known = fill.document
    if known["lines"] and not _complete(known["request"]["patient_survey"]):
        _fail(turn, fill, "R019", _rejected("R019"), "The patient survey is incomplete.")
        return
    links: dict[str, str] = {}
    medications, codes = [], []
    for line in known["lines"]:
        code, prescription = obstacle(turn, fill, line)
        if prescription is None or code:
            medications.append(rejected_line(line, prescription, code or "PC"))
            codes.append(code or "PC")
        else:
            medications.append(filled_line(turn, fill, line, prescription))
            links[prescription.token] = prescription.document["rx_link"]
    if known["lines"] and not links and not known["otc_products"]:
        _fail(turn, fill, codes[0], _rejected(codes[0]), known["duplicate_of"])
        return
    known |= {"status": "completed", "awaiting_payment": False, "eta": turn.now + 3 * DAY}
    turn.save(fill)
    body = fill_bodies.success(fill, turn.now, medications)
    turn.emit("fill_request", fill.token, body, fill_bodies.pulled_order(body, links))
    shipments.ship(turn, fill)
    if known.get("course", {}).get("afterwards"):
        turn.later(shipments.last_scan_after(fill) + BETWEEN_NEWS, "fill_afterwards", fill, place=0)


def _complete(survey: Mapping[str, Any] | None) -> bool:
    return survey is not None and {"conditions", "medications", "allergies"} <= survey.keys()


def _afterwards(turn: Turn, fill: Record, data: Mapping[str, Any]) -> None:
    """What is said of an order that was done. The record's status stays when it contradicts that."""
    known, place = fill.document, data["place"]
    planned = known["course"]["afterwards"]
    code, reason = planned[place]["error"], planned[place]["triage"]
    if code:
        contradicts = not _may_undo(fill, code)
        if not contradicts:
            known["status"] = STATUSES.get(code, "rejected")
            if code != RETURNED:
                claims.reverse(turn, fill)
        _tell_error(turn, fill, code, _rejected(code), None, contradicts=contradicts)
    if reason:
        _tell_triage(turn, fill, reason, contradicts=True)
    if place + 1 < len(planned):
        turn.later(BETWEEN_NEWS, "fill_afterwards", fill, place=place + 1)


def _may_undo(fill: Record, code: str) -> bool:
    """Whether an error may follow a success: a parcel that comes back, or before the carrier has it the
    order's being cancelled or transferred out."""
    if code == RETURNED or fill.document["status"] != "completed":
        return code == RETURNED
    return code in (CANCELLED_BY_CUSTOMER, TRANSFERRED_OUT) and not shipments.has_left(fill)


STEPS: dict[str, Step] = {
    "fill_triaged": _triaged,
    "fill_resumes": _resumes,
    "fill_claims": _claims,
    "fill_simulated_error": _simulated_error,
    "fill_fails": _fails,
    "fill_order": _order,
    "fill_afterwards": _afterwards,
    **shipments.STEPS,
}
