"""Changing a fill request: "Update a Fill Request" and "Cancel a Fill Request".

Readings: a refusal has status 400; an order can be changed until it has shipped; a cancelled one is followed
by the ORDER error R0 that the table of codes has for it, although no text says so.
"""

from __future__ import annotations

from typing import Any

from sandbox.endpoint import Call, Endpoint
from sandbox.engine import Turn
from sandbox.truepill import fill_steps
from sandbox.truepill.errors import RequestError, request_error
from sandbox.truepill.fill_models import Cancel, Cancelled, Update, Updated
from sandbox.world import Record

__all__ = ["ENDPOINTS"]

CANCEL_SECONDS = 1.0
ENDED = ("returned", "rejected", "cancelled")


def _open(turn: Turn, token: str) -> Record | None:
    """This customer's fill, while it can still be changed."""
    fill = turn.own("fill_request", token)
    if fill is None or fill.document["shipped"] or fill.document["status"] in ENDED:
        return None
    return fill


def _update(turn: Turn, call: Call) -> dict[str, Any]:
    body: Update = call.body
    fill = _open(turn, body.request_id)
    if fill is None:
        raise request_error(
            f"The request ({body.request_id}) was not updated: it is not yours, or has shipped or ended.",
            turn.timestamp,
        )
    changed = body.model_dump(
        include=set(Update.model_fields) - {"request_id", "medications"}, exclude_unset=True
    )
    known = fill.document
    known["request"] |= {name: value for name, value in changed.items() if value is not None}
    paid = {line.prescription_token for line in body.medications if line.copay_payment is not None}
    for line in known["lines"]:
        line["paid"] = line["paid"] or line["prescription_token"] in paid
    if known["awaiting_payment"] and not fill_steps.owed(fill):
        known["awaiting_payment"] = False
        fill_steps.go_on(turn, fill)
    turn.save(fill)
    message = f"Accepted: Order {fill.token} has been updated with the new request parameters."
    return _accepted(turn, "update", {"message": message})


def _cancel(turn: Turn, call: Call) -> dict[str, Any]:
    body: Cancel = call.body
    fill = _open(turn, body.request_id)
    if fill is None:
        raise request_error(
            "The request was not cancelled: it is not yours, or has shipped, ended or been cancelled.",
            turn.timestamp,
        )
    lines = fill.document["lines"]
    if body.medications is not None:
        named = {line.prescription_token for line in body.medications}
        for line in lines:
            line["cancelled"] = line["cancelled"] or line["prescription_token"] in named
    # All of its medications are the whole order ("Cancelling Medications in Fill Request").
    if body.medications is None or (lines and all(line["cancelled"] for line in lines)):
        turn.settle(fill)
        fill.document["status"] = "cancelled"
        turn.later(CANCEL_SECONDS, "fill_fails", fill, code=fill_steps.CANCELLED_BY_CUSTOMER)
    turn.save(fill)
    details = {
        "code": "03",
        "description": "Order Cancelled by Customer Request",
        "message": f"Accepted: Order {fill.token} has been cancelled.",
    }
    return _accepted(turn, "cancel", details)


def _accepted(turn: Turn, what: str, details: dict[str, Any]) -> dict[str, Any]:
    """Both have a request_id of their own."""
    return {
        "request_id": f"{what}_request_{turn.ids.hex(20)}",
        "timestamp": turn.timestamp,
        "status": "success",
        "details": details,
    }


REFUSALS = {400: RequestError}
ENDPOINTS = (
    Endpoint(
        "POST",
        "/v1/update_request",
        "Update a fill request",
        _update,
        Updated,
        body=Update,
        refusals=REFUSALS,
    ),
    Endpoint(
        "POST",
        "/v1/cancel_request",
        "Cancel a fill request",
        _cancel,
        Cancelled,
        body=Cancel,
        refusals=REFUSALS,
    ),
)
