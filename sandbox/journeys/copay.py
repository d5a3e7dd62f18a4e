"""What will it cost? A copay, where the insurer wants it a prior authorization, and the fill."""

from __future__ import annotations

from typing import Any

from sandbox.journeys.fill import request_fill
from sandbox.journeys.trip import Journey, Trip

__all__ = ["COPAY"]

# NCPDP codes: a prior authorization is required, the product is not covered.
NEEDS_AUTHORIZATION = ["75"]
REFUSED = ["70"]
ANSWERED_SECONDS = 10.0
# Three statuses, half a minute apart, and the copay's answer some seconds later.
DECIDED_SECONDS = 75.0
APPROVED = ("new", "submitted", "approved")
DECLINED = ("new", "submitted", "declined")
INSURANCE = {
    "cardholder_id": "ABC12345",
    "rx_group": "006543",
    "rx_bin": "997955",
    "pcn": "TEST",
    "phone_number": "(555) 555-1234",
}


async def _run(trip: Trip) -> None:
    patient = await trip.patient(True)
    (token,) = await trip.prescriptions(patient)
    made = await trip.call("POST", "/v1/insurance", {"patient_token": patient, "insurance": INSURANCE})
    insurance = made["details"]["insurance_token"]
    drawn = trip.draw("course")
    if drawn < 0.1:
        await _ask(trip, patient, insurance, token, {"error": {"reject_codes": REFUSED}})
        return
    if drawn < 0.2:
        await _ask(trip, patient, insurance, token, {"triage": {}})
        return
    if drawn < 0.4:
        # The partner asks the payer by itself.
        simulation = {
            "error": {"reject_codes": NEEDS_AUTHORIZATION},
            "prior_auth": ["new", "pending", "approved"],
        }
        await _ask(trip, patient, insurance, token, simulation, initiate_prior_auth=True)
        await trip.pass_time(DECIDED_SECONDS)
    elif drawn < 0.6:
        await _ask(trip, patient, insurance, token, {"error": {"reject_codes": NEEDS_AUTHORIZATION}})
        await trip.pass_time(ANSWERED_SECONDS)
        granted = trip.draw("payer") < 0.75
        await _authorize(trip, patient, insurance, token, APPROVED if granted else DECLINED)
        if not granted:
            return
        await trip.pass_time(DECIDED_SECONDS)
    else:
        await _ask(trip, patient, insurance, token, {})
        await trip.pass_time(ANSWERED_SECONDS)
    insured = {"patient_payment_type": "insurance", "insurances": [{"insurance_token": insurance}]}
    await request_fill(trip, patient, token, **insured)


async def _authorize(trip: Trip, patient: str, insurance: str, token: str, flow: tuple[str, ...]) -> None:
    """Without a simulation, which is the sandbox's own here, a payer takes days."""
    body = {
        "patient_token": patient,
        "insurance_token": insurance,
        "prescription_token": token,
        "metadata": trip.name,
        "prescriber_phone": "1-800-123-4567",
        "prescriber_fax": "1-800-234-5678",
        "simulation": {"flow": flow},
    }
    await trip.call("POST", "/v1/prior_authorization", body)


async def _ask(
    trip: Trip, patient: str, insurance: str, token: str, simulation: dict[str, Any], **changes: Any
) -> None:
    body = {
        "patient_token": patient,
        "insurance_token": [insurance],
        "prescriptions": [token],
        "metadata": trip.name,
        "simulation": simulation,
        **changes,
    }
    await trip.call("POST", "/v1/copay_request", body)


COPAY = Journey(
    "copay",
    weight=15,
    callbacks=7.0,
    needs=(
        ("post", "/v1/insurance"),
        ("post", "/v1/copay_request"),
        ("post", "/v1/prior_authorization"),
        ("post", "/v1/fill_request"),
    ),
    run=_run,
)
