"""What each callback of the pharmacy says, in the words of the kinds and states that rxledger promises."""

from __future__ import annotations

from collections.abc import Mapping

from sandbox.truth import Json, Line, Said

__all__ = ["KINDS", "said", "state_after"]


# By the codes of an ORDER's error; every other one rejects ("Fill Request Errors").
ORDER_ERRORS = {
    "R0": "order:cancelled",
    "R028": "order:unpaid",
    "R4": "order:returned",
    "R5": "order:transferred_out",
}
SCANS = ("pre_transit", "transit", "delivered", "returned", "failure")
# How the sandbox words an insurance that was looked up and is not there ("Insurance Coverage").
NOT_FOUND = "not found"

#: Where a signal leaves an entity. What is not listed leaves it where it was.
STATES = {
    "order:success": "completed",
    "order:triage": "triage",
    "order:rejected": "rejected",
    "order:cancelled": "cancelled",
    "order:unpaid": "cancelled",
    "order:returned": "returned",
    "order:transferred_out": "rejected",
    "claim:owed": "awaiting_payment",
    "shipment:pre_transit": "completed",
    "shipment:transit": "in_transit",
    "shipment:delivered": "delivered",
    "shipment:returned": "returned",
    "shipment:failure": "delivery_failed",
    "contact:success": "contacting",
    "contact:error": "contacting",
    "transfer:success": "completed",
    "transfer:rejected": "rejected",
    "transfer:cancelled": "cancelled",
    "direct_transfer:success": "completed",
    "direct_transfer:error": "rejected",
    "copay:success": "completed",
    "copay:triage": "triage",
    "copay:rejected": "rejected",
    "copay:cancelled": "cancelled",
    "coverage:found": "found",
    "coverage:not_found": "not_found",
    "coverage:not_checked": "not_checked",
    "rx:received": "received",
    "rx:superseded": "superseded",
}
#: What an entity is before the first of these; of the others the first event tells.
INITIAL = {"consult": "unassigned", "prior_auth": "new", "prescription": "received"}
# What names a line, and what only a refused one has.
TOKENS = ("prescription_token", "medication_token", "transfer_medication_token")
REFUSALS = ("error_code", "reject_reason", "rejection_reason", "rejection_message")
# Their status is their state.
NAMED = ("pa", "consult")


def said(kind: str, key: str, type: str, body: Json) -> list[Said]:
    """What a callback says. Nothing when its type is none of the reference's."""
    reader = READERS.get(type)
    return reader(kind, key, body) if reader else []


def state_after(state: str | None, said: Said, idle: bool = False) -> str:
    """Where this leaves an entity; None is one that was not heard of yet.

    `idle`: a surprise, or what contradicts an earlier event on purpose. It changes nothing.
    """
    before = state or INITIAL.get(said.kind, "pending")
    if idle:
        return before
    if said.signal == "claim:settled":
        return "pending" if before == "awaiting_payment" else before
    if said.signal == "rx:received" and before == "superseded":
        return before
    family, _, name = said.signal.partition(":")
    return name if family in NAMED else STATES.get(said.signal, before)


def _details(body: Json) -> Json:
    details = body.get("details")
    return details if isinstance(details, Mapping) else {}


def _code(body: Json) -> str:
    details = _details(body)
    return str(details.get("error_code") or details.get("code") or "").upper()


def _lines(body: Json, field: str, done: str) -> tuple[Line, ...]:
    """The lines of a success. One that was refused has a reason, a code or a status that says so."""
    rows = _details(body).get(field) or ()
    return tuple((_token(row), "rejected" if _is_refused(row) else done) for row in rows)


def _token(row: Json) -> str:
    return next((str(row[name]) for name in TOKENS if row.get(name)), "")


def _is_refused(row: Json) -> bool:
    return row.get("status") == "rejected" or any(row.get(name) for name in REFUSALS)


def _order(kind: str, key: str, body: Json) -> list[Said]:
    status = body["status"]
    if status == "error":
        return [Said(kind, key, ORDER_ERRORS.get(_code(body), "order:rejected"))]
    lines = _lines(body, "medications", "filled") if status == "success" else ()
    return [Said(kind, key, f"order:{status}", lines)]


def _shipment(kind: str, key: str, body: Json) -> list[Said]:
    status = str(_details(body)["status"]).lower()
    return [Said(kind, key, f"shipment:{status if status in SCANS else 'unknown'}")]


def _claim(kind: str, key: str, body: Json) -> list[Said]:
    lines = _details(body).get("medications") or ()
    owes = any(float(line.get("copay_amount") or 0) > 0 for line in lines)
    return [Said(kind, key, "claim:owed" if owes else "claim:settled")]


def _transfer(kind: str, key: str, body: Json) -> list[Said]:
    if body["status"] == "success":
        return [Said(kind, key, "transfer:success", _lines(body, "medications", "transferred"))]
    cancelled = _code(body) == "PATIENT_CANCELLED_RX"
    return [Said(kind, key, "transfer:cancelled" if cancelled else "transfer:rejected")]


def _contact(kind: str, key: str, body: Json) -> list[Said]:
    return [Said(kind, key, f"contact:{body['status']}")]


def _direct_transfer(kind: str, key: str, body: Json) -> list[Said]:
    return [Said(kind, key, f"direct_transfer:{body['status']}")]


def _copay(kind: str, key: str, body: Json) -> list[Said]:
    if body["status"] == "error":
        cancelled = _code(body) == "CUSTOMER_CANCELLATION_REQUEST"
        return [Said(kind, key, "copay:cancelled" if cancelled else "copay:rejected")]
    lines = _lines(body, "prescriptions", "completed") if body["status"] == "success" else ()
    return [Said(kind, key, f"copay:{body['status']}", lines)]


def _prior_auth(kind: str, key: str, body: Json) -> list[Said]:
    return [Said(kind, key, f"pa:{body['status']}")]


def _coverage(kind: str, key: str, body: Json) -> list[Said]:
    if body["status"] == "success":
        return [Said(kind, key, "coverage:found")]
    missing = NOT_FOUND in str(body.get("message", "")).lower()
    return [Said(kind, key, "coverage:not_found" if missing else "coverage:not_checked")]


def _consult(kind: str, key: str, body: Json) -> list[Said]:
    # One flow calls it "resolve", the table of statuses "resolved" ("Simulated Consults").
    status = {"resolve": "resolved"}.get(body["status"], body["status"])
    return [Said(kind, key, f"consult:{status}")]


def _file(kind: str, key: str, _: Json) -> list[Said]:
    return [Said(kind, key, "file:received")]


def _notify_rx(kind: str, key: str, body: Json) -> list[Said]:
    """One with a transfer_prescription_token speaks of two: the old one and the one in its place."""
    successor = _details(body).get("transfer_prescription_token")
    if not successor or successor == key:
        return [Said(kind, key, "rx:received")]
    return [Said(kind, key, "rx:superseded"), Said(kind, successor, "rx:received")]


READERS = {
    "ORDER": _order,
    "SHIPMENT": _shipment,
    "ORDER_CLAIM": _claim,
    "TRANSFER": _transfer,
    "TRANSFER_CONTACT": _contact,
    "DIRECT_TRANSFER": _direct_transfer,
    "DIRECT_TRANSFER_V2": _direct_transfer,
    "COPAY": _copay,
    "PRIOR_AUTH": _prior_auth,
    "COVERAGE": _coverage,
    "CONSULT": _consult,
    "FILE": _file,
    "NOTIFY_RX": _notify_rx,
}
KINDS = frozenset(
    {
        "fill_request",
        "transfer",
        "direct_transfer",
        "copay",
        "prior_auth",
        "consult",
        "coverage",
        "prescription",
    }
)
