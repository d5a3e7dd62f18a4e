"""Fill requests: "Create a Fill Request", "Get a Fill Request", the events of one; and the live list."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import orjson
from pydantic import Field

from sandbox.endpoint import Call, Endpoint, Query
from sandbox.engine import Turn
from sandbox.ids import opaque
from sandbox.moments import iso
from sandbox.truepill import fill_bodies, fill_steps
from sandbox.truepill.errors import invalid, not_found
from sandbox.truepill.events import EventQuery, Page, comparison, holds, page, shifted
from sandbox.truepill.fill_models import Accepted, Create, FillDocument, FillList, Line
from sandbox.truepill.fill_simulation import OrderSimulation
from sandbox.truepill.patients import patient_of
from sandbox.world import Record

__all__ = ["ENDPOINTS"]

PAGE = 100


class FillsQuery(Query):
    created_at: list[str] = []
    metadata: str | None = None
    next: str | None = None
    limit: int = Field(PAGE, ge=1, le=PAGE)


def _create(turn: Turn, call: Call) -> dict[str, Any]:
    body: Create = call.body
    simulation = body.simulation
    if simulation and turn.customer.environment != "sandbox":
        raise invalid(("simulation", "is not allowed"))
    patient = patient_of(turn, body.patient_token) if body.patient_token else None
    claims = (simulation.order.claims if simulation else None) or []
    request = body.model_dump(include=set(Create.model_fields) - {"simulation", "medications"})
    # Whether a question was answered at all matters, so the survey is kept as it came.
    request["patient_survey"] = call.document["patient_survey"]
    document = {
        "request": request,
        "metadata": body.metadata,
        "status": "pending",
        "simulated": simulation is not None,
        "lines": [
            _line(turn, line, claims[place].model_dump() if place < len(claims) else {})
            for place, line in enumerate(body.medications)
        ],
        "otc_products": request["otc_products"],
        "order_token": turn.ids.hex(6),
        "tracking_number": turn.ids.digits(26),
        "shipped": False,
        "awaiting_payment": False,
        "duplicate_of": None,
        "course": {
            **(simulation.order if simulation else OrderSimulation()).course(),
            "error": (simulation.order.error or simulation.error) if simulation else None,
            "claimed": bool(claims),
        },
    }
    owner = patient.token if patient else ""
    fill = turn.create("fill_request", f"fill_request_{turn.ids.hex(20)}", document, owner=owner)
    if patient and request["patient_survey"]:
        patient.document["survey"] = body.model_dump(include={"patient_survey"})["patient_survey"]
        turn.save(patient)
    fill_steps.begin(turn, fill)
    return {
        "request_id": fill.token,
        "timestamp": turn.timestamp,
        "status": "success",
        "details": {
            "message": "Your fill request has been processed successfully.",
            "metadata": body.metadata,
        },
    }


def _line(turn: Turn, line: Line, claim: dict[str, Any]) -> dict[str, Any]:
    return {
        "prescription_token": line.prescription_token,
        "medication_token": turn.ids.hex(12),
        "quantity": line.quantity,
        "paid": line.copay_payment is not None,
        "cancelled": False,
        "claim": {name: claim.get(name) for name in ("copay_amount", "error_code", "error_message")},
    }


def _own(turn: Turn, call: Call) -> Record:
    fill = turn.own("fill_request", call.path["request_id"])
    if fill is None:
        raise not_found()
    return fill


def _get(turn: Turn, call: Call) -> dict[str, Any]:
    return _told(turn, _own(turn, call))


def _told(turn: Turn, fill: Record) -> dict[str, Any]:
    known, request = fill.document, fill.document["request"]
    patient = turn.own("patient", fill.owner)
    who = patient.document if patient else {}
    # "eta": it was packed once, whatever became of it since.
    packed, tracking = "eta" in known, fill_bodies.tracking(fill)
    return {
        "patient_first_name": who.get("first_name", request["patient_first_name"]),
        "patient_last_name": who.get("last_name", request["patient_last_name"]),
        "patient_dob": who.get("dob"),
        "patient_gender": who.get("gender"),
        "patient_payment_type": request["patient_payment_type"],
        **_first_medication(turn, fill),
        "otc_products": known["otc_products"],
        "check_in": request["check_in"],
        **{name: value for name, value in request.items() if name.startswith(("shipping_", "address_"))},
        "notes": request["notes"],
        "metadata": known["metadata"],
        "url_token": fill.token.removeprefix("fill_request_"),
        "status": known["status"],
        "created_at": iso(fill.created),
        "error_code": known.get("error_code"),
        "rejection_reason": known.get("rejection_reason"),
        "additional_rejection_details": known.get("additional_rejection_details"),
        "triage_reason": known.get("triage_reason"),
        "additional_triage_details": known.get("additional_triage_details"),
        "tracking_url": tracking["tracking_url"] if packed else None,
        "carrier": tracking["carrier"] if packed else None,
    }


def _first_medication(turn: Turn, fill: Record) -> dict[str, Any]:
    """The printed answer has room for one."""
    lines = fill.document["lines"]
    prescription = turn.own("prescription", lines[0]["prescription_token"]) if lines else None
    known = prescription.document if prescription else {}
    # How often it was filled counts this fill once that is done.
    filled = int(known.get("num_refills_filled", 0)) - ("eta" in fill.document)
    return {
        "medication_name": known.get("prescribed_written_name"),
        "quantity_dispensed": (lines[0]["quantity"] or known["dispensed_quantity"]) if known else None,
        "days_supply": known.get("dispensed_days_supply"),
        "prescribing_doctor": known.get("prescriber"),
        "medication_sig": known.get("medication_sig"),
        "refill_number": max(0, filled) if known else None,
        "is_refill": filled > 0,
    }


def _events(turn: Turn, call: Call) -> dict[str, Any]:
    fill = _own(turn, call)
    return page(turn, call.query, [("key", "$eq", fill.token), ("kind", "$eq", "fill_request")])


def _list(turn: Turn, call: Call) -> dict[str, Any]:
    """A customer's fill requests, the oldest first. The live contract does not show its page's shape."""
    query: FillsQuery = call.query
    asked, metadata, limit, after = query.created_at, query.metadata, query.limit, 0
    if query.next:
        kept = turn.ledger.page(query.next, turn.customer.name)
        if kept is None or turn.strikes("expire_page"):
            raise invalid(("next", "is not a valid page token"))
        asked, metadata, limit, after = kept
    began = after
    wanted = [comparison("created_at", text, _moment) for text in asked]
    found: list[Record] = []
    while len(found) <= limit and (
        rows := turn.world.listed(turn.customer.name, "fill_request", after, PAGE)
    ):
        after = rows[-1].number
        found += [
            row
            for row in rows
            if metadata in (None, row.document["metadata"])
            and all(holds(row.created, operator, value) for _, operator, value in wanted)
        ]
    token = None
    if len(found) > limit:
        repeats = turn.strikes("repeat_page")
        last = began if repeats else found[shifted(turn, limit - 1, len(found))].number
        rest = [asked, metadata, limit, last]
        token = opaque(turn.ids.seed, orjson.dumps([turn.customer.name, "fills", rest]))
        turn.ledger.keep_page(token, turn.customer.name, rest, turn.now)
    results = [{**_told(turn, row), "request_id": row.token} for row in found[:limit]]
    return {"results": results, "next_page_token": token}


def _moment(text: str) -> float:
    """Seconds, or an ISO time. Raises ValueError."""
    try:
        return float(int(text))
    except ValueError:
        return datetime.fromisoformat(text).timestamp()


ONE = "/v1/fill_request/{request_id}"
ENDPOINTS = (
    Endpoint("POST", "/v1/fill_request", "Create a fill request", _create, Accepted, body=Create),
    Endpoint("GET", ONE, "Get a fill request", _get, FillDocument),
    Endpoint("GET", f"{ONE}/webhook_events", "Pull its events", _events, Page, query=EventQuery),
    Endpoint("GET", "/v1/fill_requests", "List fill requests", _list, FillList, query=FillsQuery, live=True),
)
