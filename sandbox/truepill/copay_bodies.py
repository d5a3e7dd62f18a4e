"""The callbacks of a copay request, as printed under "Copay Request Webhook Events" and "Simulated Copay
Request Webhook Events". Pure: from a copay's record to a body.

Samples disagree on the unit of `timestamp`, each is followed: milliseconds for an answer and an error,
seconds for a triage and for what a simulation is answered at first. They also differ on `claim_reject_codes`:
simulated lines list codes, others objects.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from sandbox.world import Record

__all__ = ["REASONS", "authorized", "denied", "dollars", "error", "line_told", "success", "triage"]

Body = dict[str, Any]
ALL_CHECKED = "Here is a list of medications that we have successfully checked the copay amounts for"
CHECKED = "Here is a list of medications that were checked"
#: What NCPDP's reject codes say.
REJECTS = {
    "07": "M/I Cardholder ID",
    "65": "Patient Is Not Covered",
    "70": "Product/Service Not Covered",
    "75": "Prior Authorization Required",
    "76": "Plan Limitations Exceeded",
    "79": "Refill too soon",
}
#: The codes of the reference's tables, of a line, a request and a triage, with their descriptions.
REASONS = {
    "BAD_INSURANCE_DETAILS": "Bad Insurance Details",
    "CLOSED_NETWORK": "Closed Network",
    "COPAY_REQUEST_ABANDONED": "Copay Request Abandoned",
    "CUSTOMER_CANCELLATION_REQUEST": "Copay Cancelled by Customer Request",
    "DUPLICATE_REQUEST": "Duplicate Request",
    "INSURANCE_ISSUE": "Insurance Issue",
    "INSURANCE_TERMINATED": "Coverage Terminated",
    "PA_DENIED": "Prior Authorization Denied",
    "PA_REQUIRED": "Prior Authorization Required",
    "PHARMACY_OUT_OF_NETWORK": "Out of Network",
    "PHARMACY_OUT_OF_NETWORK_STATE_MEDICAID": "Out of Network",
    "RX_NOT_COVERED": "Not covered by insurance",
    "RX_NO_REFILLS": "Prescription Has No More Refills",
    "RX_REFILL_TOO_SOON": "Refill too soon",
    "RX_TRANSFERRED": "Prescription Transferred",
    "CT001": "Clinic Outreach",
    "CT002": "Customer Clarification needed",
    "CT003": "Prior Authorization needed",
    "CT004": "Refill too soon",
    "CT005": "Pending internal transfer",
    "CT006": "Other Reason",
    "CT007": "Coverage Terminated",
    "CT008": "Coverage Not Effective",
    "CT009": "Date of Birth Mismatch",
    "CT010": "Bad Insurance Details",
}


def _body(copay: Record, timestamp: int, status: str, details: Body) -> Body:
    return {
        "request_id": copay.token,
        "status": status,
        "callback_type": "COPAY",
        "timestamp": timestamp,
        "details": {"metadata": copay.document["metadata"], **details},
    }


def _time(copay: Record, now: float) -> int:
    return int(now) if copay.document["simulated"] else int(now * 1000)


def success(copay: Record, now: float, lines: Sequence[Mapping[str, Any]]) -> Body:
    """The answer to a request, whatever became of its lines."""
    known = copay.document
    all_priced = all(line["status"] == "completed" for line in lines)
    details = {
        "message": ALL_CHECKED if all_priced and not known["simulated"] else CHECKED,
        "patient_token": copay.owner,
        "prescriptions": [line_told(copay, line) for line in lines],
    }
    return _body(copay, _time(copay, now), "success", details)


def authorized(copay: Record, now: float, line: Mapping[str, Any]) -> Body:
    """The success after an approval: without claims and the fill's number, as printed there."""
    told = _usual(copay, line)
    del told["fill_number"], told["claims"]
    details = {"message": ALL_CHECKED, "patient_token": copay.owner, "prescriptions": [told]}
    return _body(copay, int(now * 1000), "success", details)


def denied(copay: Record, now: float, line: Mapping[str, Any]) -> Body:
    """The success that says that the payer has declined a line's prior authorization."""
    details = {"message": CHECKED, "patient_token": copay.owner, "prescriptions": [_usual(copay, line)]}
    return _body(copay, int(now * 1000), "success", details)


def error(copay: Record, now: float, code: str, other: str | None) -> Body:
    """The sample's `rejection_reason_other` is taken; the table calls it reject_reason_other."""
    details = {
        "error_code": code,
        "message": "This request was rejected. Please see details.",
        "patient_token": copay.owner,
        "reject_reason": REASONS.get(code, code),
    }
    if other is not None:
        details["rejection_reason_other"] = other
    return _body(copay, _time(copay, now), "error", details)


def triage(copay: Record, timestamp: int, code: str, information: str | None) -> Body:
    details = {
        "message": "This copay has been moved to Triage status",
        "code": code,
        "description": REASONS.get(code, code),
        "copay_token": copay.document["copay_request_token"],
        "patient_token": copay.owner,
    }
    if information is not None:
        details["additional_information"] = information
    return _body(copay, timestamp, "triage", details)


def line_told(copay: Record, line: Mapping[str, Any]) -> Body:
    """One prescription of an answer."""
    return _simulated(copay, line) if copay.document["simulated"] else _usual(copay, line)


def _simulated(copay: Record, line: Mapping[str, Any]) -> Body:
    told = {
        "prescription_token": line["prescription_token"],
        "status": line["status"],
        "copay_request_prescription_token": line["token"],
        "fill_number": line["fill_number"],
        "insurance_token": copay.document["insurances"][0]["insurance_token"],
    }
    if line["status"] == "completed":
        price = {name: line[name] for name in ("next_fill_date", "copay_amount")}
        return {**told, **price, "days_supply": str(line["days_supply"])}
    return {**told, "claim_reject_codes": line["codes"]}


def _usual(copay: Record, line: Mapping[str, Any]) -> Body:
    insurances = copay.document["insurances"]
    told = {
        "prescription_token": line["prescription_token"],
        # The last payer's, that is the one which decides what is left for the patient.
        "insurance_token": insurances[-1]["insurance_token"],
        "status": line["status"],
        "copay_request_prescription_token": line["token"],
        "next_fill_date": line["next_fill_date"],
        "fill_number": line["fill_number"],
    }
    if line["status"] == "completed":
        claims = [
            _claim(place, insurance, {"status": "Paid", "copay_amount": amount})
            for place, (insurance, amount) in enumerate(zip(insurances, line["amounts"], strict=True))
        ]
        return {
            **told,
            "copay_amount": line["copay_amount"],
            "days_supply": str(line["days_supply"]),
            "quantity": line["quantity"],
            "claims": claims,
        }
    told["error_code"] = REASONS[line["reason"]]
    if not line["codes"]:
        # Rejected before any claim was sent: there is nothing to tell of claims.
        return told
    codes = [{"code": code, "message": REJECTS.get(code, "Rejected")} for code in line["codes"]]
    rejected = {"status": "Rejected", "claim_reject_codes": codes}
    claims = [_claim(place, insurance, rejected) for place, insurance in enumerate(insurances)]
    return {**told, "claim_reject_codes": codes, "claims": claims}


def _claim(place: int, insurance: Mapping[str, Any], outcome: Mapping[str, Any]) -> Body:
    """An insurance that was corrected by hand has no token here, but what it was corrected to."""
    processed = insurance["processed"]
    who: Body = {"insurance_token": None if processed else insurance["insurance_token"]}
    if processed:
        who["insurance"] = processed
    return {**who, "billing_order": place + 1, **outcome}


def dollars(amount: Decimal) -> str:
    """As the samples write it: 21.02, 1.10, 10, 0."""
    return str(int(amount)) if amount == int(amount) else f"{amount:.2f}"
