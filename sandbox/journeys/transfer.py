"""A prescription comes from another pharmacy: asked for there, or handed over directly; then it is filled."""

from __future__ import annotations

from typing import Any

from sandbox.journeys.fill import request_fill
from sandbox.journeys.trip import Journey, Trip

__all__ = ["DIRECT_TRANSFER", "TRANSFER"]

TRANSFERRED_SECONDS = 20.0
REJECTION = {"reject_reason": "No prescription at the pharmacy", "error_code": "RX_NONEXISTANT"}
CLINIC = {
    "street1": "1234 Scribe St",
    "city": "San Francisco",
    "state": "CA",
    "zip": "94109",
    "country": "US",
    "phone": "5035558923",
}


async def _transfer(trip: Trip) -> None:
    patient = await trip.patient()
    drawn = trip.draw("course")
    simulation: dict[str, Any] = {}
    if drawn < 0.1:
        simulation = {"error": {**REJECTION, "reject_reason_other": None}}
    elif drawn < 0.3:
        refusal = {"error_code": "RX_NONEXISTANT", "rejection_reason": "No prescription at the pharmacy"}
        simulation = {"medications": [True, {"error": refusal}]}
    body = {
        "patient_token": patient,
        "pharmacy_name": "Example Pharmacy",
        "pharmacy_phone": "5555551234",
        "prescriber_name": "Dr. Prescriber",
        "prescriber_phone": "5555554567",
        "metadata": trip.name,
        "medications": ["Sprintec Tablet", "Spironolactone 10mg tablet"],
        "simulation": simulation,
    }
    await trip.call("POST", "/v1/transfer_request", body)
    await trip.pass_time(TRANSFERRED_SECONDS)
    if tokens := await trip.prescriptions(patient):
        await request_fill(trip, patient, *tokens)


async def _direct_transfer(trip: Trip) -> None:
    patient = await trip.patient()
    body = {
        "patient_token": patient,
        "prescriber": {
            "first_name": "Philip",
            "last_name": "Scribe",
            "npi": "1559977654",
            "address": {"name": "Philip Scribe", **CLINIC},
        },
        "transfer_from": {
            "name": "Other Pharmacy, LLC",
            "address": {"name": "Other Pharmacy, LLC", "email": "pharmacy@example.com", **CLINIC},
            "id_number": "134123941",
            "pharmacist": "Philip Scribe",
            "dea": "DEA1234",
        },
        "transfer_to": {"name": "Truepill", "id_number": "1295182590", "pharmacist": "Quynh Do"},
        "prescription": {
            "medication_name": "COLD HEAD CONGESTION",
            "quantity_written": "50",
            "quantity_dispensed": "50",
            "medication_sig": "Take one daily",
            "written_date": "20200527",
            "original_refills": 12,
            "quantity_transferred": 11,
            "refills_left": 11,
            "refills_transferred": 11,
            "number": "12345",
            "can_substitute": True,
            "prescribed_ndc": "12345678912",
            "direct_transfer_url": "https://files.example.com/rx.png",
        },
        "metadata": trip.name,
        "simulation": {},
    }
    await trip.call("POST", "/v1/direct_transfer", body)


LISTED = ("get", "/v1/patient/{patient_token}/prescriptions")
TRANSFER = Journey(
    "transfer",
    weight=12,
    callbacks=6.5,
    needs=(("post", "/v1/transfer_request"), LISTED, ("post", "/v1/fill_request")),
    run=_transfer,
)
DIRECT_TRANSFER = Journey(
    "direct_transfer", weight=5, callbacks=1.0, needs=(("post", "/v1/direct_transfer"),), run=_direct_transfer
)
