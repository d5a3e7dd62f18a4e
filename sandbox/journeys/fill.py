"""A prescription, its fill and shipments, and a refill; some are refused, cancelled, or paid for later."""

from __future__ import annotations

from typing import Any

from sandbox.client import Refused
from sandbox.journeys.trip import Journey, Trip

__all__ = ["ADDRESS", "CLAIMED_SECONDS", "FILL", "FILLED_SECONDS", "NEEDS", "request_fill"]

# Order and shipments of a simulated fill take 211 s ("Simulated Fill Request Webhook Events").
FILLED_SECONDS = 215.0
CLAIMED_SECONDS = 35.0
ADDRESS = {
    "address_to_name": "Ada Doe",
    "address_to_street1": "1 Main Street",
    "address_to_city": "San Francisco",
    "address_to_state": "CA",
    "address_to_zip": "94105",
    "address_to_phone": "5555550100",
}
# The last one is free text, as the sample of a simulated error has it.
ERRORS = ("R1", "NR", "PC", "R019", "R3", "R5", "79", "no such medication")
NEEDS = (
    ("put", "/v1/patient"),
    ("get", "/v1/patient/{patient_token}/prescriptions"),
    ("post", "/v1/fill_request"),
)


async def request_fill(trip: Trip, patient: str | None, *tokens: str, **changes: Any) -> str:
    """Ask for a simulated fill of these prescriptions; its request_id."""
    body = {
        **ADDRESS,
        "patient_token": patient,
        "patient_payment_type": "cash",
        "patient_survey": {"conditions": "None", "medications": "None", "allergies": "None"},
        "medications": [{"prescription_token": token} for token in tokens],
        "metadata": trip.name,
        "simulation": {},
        **changes,
    }
    return str((await trip.call("POST", "/v1/fill_request", body))["request_id"])


async def _run(trip: Trip) -> None:
    patient = await trip.patient(True)
    (token,) = await trip.prescriptions(patient)
    drawn = trip.draw("course")
    if drawn < 0.06:
        await request_fill(trip, patient, token, simulation={"order": {"error": trip.pick("error", ERRORS)}})
    elif drawn < 0.12:
        await _cancel(trip, await request_fill(trip, patient, token))
    elif drawn < 0.18:
        await _claimed(trip, patient, token)
    else:
        await request_fill(trip, patient, token)
        await trip.pass_time(FILLED_SECONDS)
        await request_fill(trip, patient, token)


async def _cancel(trip: Trip, request_id: str) -> None:
    try:
        await trip.call("POST", "/v1/cancel_request", {"request_id": request_id})
    except Refused as refused:
        # Where the clock runs fast it may have shipped meanwhile: then it is delivered, as any other.
        if refused.status != 400:
            raise


async def _claimed(trip: Trip, patient: str, token: str) -> None:
    """The claim says what is owed; the payment comes with an update."""
    simulation = {"order": {"claims": [{"copay_amount": "10.00"}]}}
    request_id = await request_fill(trip, patient, token, simulation=simulation)
    await trip.pass_time(CLAIMED_SECONDS)
    update = {
        **ADDRESS,
        "request_id": request_id,
        "address_to_street2": "",
        "address_to_country": "US",
        "address_to_email": "ada@example.com",
        "medications": [{"prescription_token": token, "copay_payment": {"amount": "10.00"}}],
    }
    await trip.call("POST", "/v1/update_request", update)


FILL = Journey(
    "fill",
    weight=36,
    callbacks=8.0,
    needs=(*NEEDS, ("post", "/v1/update_request"), ("post", "/v1/cancel_request")),
    run=_run,
)
