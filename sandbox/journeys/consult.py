"""A consult: asked for, assigned, perhaps with an issue, and completed or rejected."""

from __future__ import annotations

from typing import Any

from sandbox.journeys.trip import Journey, Trip

__all__ = ["CONSULT"]

REQUEST: dict[str, Any] = {
    "patient": {
        "first_name": "Jane",
        "last_name": "Doe",
        "gender": "female",
        "dob": "2000-01-01",
        "home_zip": "94538",
        "preferred_contact": "email",
        "contacts": {"email": "jane@example.com", "phone": "415-555-0100", "sms": "415-555-0100"},
    },
    "shipping_address": {
        "line1": "Jane Doe",
        "street1": "123 Steiner St",
        "city": "San Francisco",
        "state": "CA",
        "zip": "94115",
    },
    "primary_care_provider": {"name": "Dr. Provider", "phone": "555-555-5555", "fax": "555-555-5555"},
    "payment_type": "cash",
    "preferred_treatment": {
        "rx": [
            {
                "ndc": "00069-1085-30",
                "days_supply": "90",
                "quantity": "1",
                "num_refills": "1",
                "allow_substitutions": False,
            }
        ]
    },
    "questionnaire": "603971f14e57401334aa16e0",
    "standard_questions": {"medications": "None", "allergies": "None", "conditions": "None"},
}
COMPLETED = {"status": "completed", "completionState": ["rx_prescribed"], "icd10": "U07.1"}
FLOWS = (
    (0.1, {"status": "rejected", "rejectReason": "Not treated here"}),
    (0.2, {"status": "issue", "issueReason": "An answer is missing"}),
    (0.4, {**COMPLETED, "status": "issueCompleted", "issueReason": "An answer is missing"}),
    (1.0, {**COMPLETED, "rx_ndc": "00069-1085-30", "notes": "Treated."}),
)


async def _run(trip: Trip) -> None:
    patient = {**REQUEST["patient"], "last_name": f"Load {trip.name}"}
    body = {**REQUEST, "patient": patient, "metadata": trip.name}
    consult = (await trip.call("POST", "/consults/v0/consult", body))["consult"]
    drawn = trip.draw("course")
    flow = next(flow for odds, flow in FLOWS if drawn <= odds)
    await trip.call("PATCH", f"/consults/v0/consult/{consult}/simulate", flow)


CONSULT = Journey(
    "consult",
    weight=8,
    callbacks=4.0,
    needs=(("post", "/consults/v0/consult"), ("patch", "/consults/v0/consult/{consult_id}/simulate")),
    run=_run,
)
