"""What will it cost? A copay, where the insurer wants it a prior authorization, and the fill."""

from __future__ import annotations

from typing import Any

from sandbox.journeys.fill import request_fill
from sandbox.journeys.trip import Journey, Trip

__all__ = ["COPAY", "COPAY_OF_SEVERAL", "INSURANCE"]

# NCPDP codes: a prior authorization is required, the product is not covered.
NEEDS_AUTHORIZATION = ["75"]
REFUSED = ["70"]
# Of the tables of a copay's errors and triages ("Copay Request Webhook Events").
ERRORS = ("BAD_INSURANCE_DETAILS", "CLOSED_NETWORK", "INSURANCE_TERMINATED", "PA_REQUIRED")
TRIAGES: tuple[dict[str, str], ...] = (
    {},
    {"code": "CT001", "additional_information": "The prescriber is asked for a diagnosis"},
    {"code": "CT004"},
    {"code": "CT010", "additional_information": "Missing/Invalid PCN"},
)
ANSWERED_SECONDS = 10.0
# Three statuses, half a minute apart, and the copay's answer some seconds later.
DECIDED_SECONDS = 75.0
APPROVED = ("new", "submitted", "approved")
DECLINED = ("new", "submitted", "declined")
WON = ("new", "submitted", "declined", "appealed", "approved")
ELECTRONIC = ("new", "pending", "approved")
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
    insurance = await _insure(trip, patient)
    drawn = trip.draw("course")
    if drawn < 0.06:
        await _ask(trip, patient, insurance, [token], {"error": {"reject_codes": REFUSED}})
        return
    if drawn < 0.12:
        await _ask(trip, patient, insurance, [token], {"error": {"error_code": trip.pick("error", ERRORS)}})
        return
    if drawn < 0.2:
        await _ask(trip, patient, insurance, [token], {"triage": trip.pick("triage", TRIAGES)})
        return
    if drawn < 0.24:
        request_id = await _ask(trip, patient, insurance, [token], {"error": {"reject_codes": REFUSED}})
        if trip.draw("late") < 0.5:
            await trip.pass_time(ANSWERED_SECONDS)
        await trip.call("POST", "/v1/copay_request/cancel", {"request_id": request_id})
        return
    if drawn < 0.4:
        # The partner asks the payer by itself.
        simulation = {
            "error": {"reject_codes": NEEDS_AUTHORIZATION},
            "prior_auth": ELECTRONIC,
        }
        await _ask(trip, patient, insurance, [token], simulation, initiate_prior_auth=True)
        await trip.pass_time(DECIDED_SECONDS)
    elif drawn < 0.6:
        await _ask(trip, patient, insurance, [token], {"error": {"reject_codes": NEEDS_AUTHORIZATION}})
        await trip.pass_time(ANSWERED_SECONDS)
        granted = trip.draw("payer") < 0.75
        await _authorize(trip, patient, insurance, token, APPROVED if granted else DECLINED)
        if not granted:
            return
        await trip.pass_time(DECIDED_SECONDS)
    else:
        await _ask(trip, patient, insurance, [token], {})
        await trip.pass_time(ANSWERED_SECONDS)
    await _fill(trip, patient, insurance, [token])


async def _several(trip: Trip) -> None:
    """Two or three prescriptions: all priced, all waiting for the payer, or the first one priced at once.

    Each decision of the payer brings an answer of its own, which lists that prescription alone.
    """
    patient = await trip.patient(*[True] * trip.pick("prescriptions", (2, 3)))
    tokens = await trip.prescriptions(patient)
    insurance = await _insure(trip, patient)
    drawn = trip.draw("course")
    if drawn < 0.15:
        await _ask(trip, patient, insurance, tokens, {})
        await trip.pass_time(ANSWERED_SECONDS)
    elif drawn < 0.5:
        simulation = {"error": {"reject_codes": NEEDS_AUTHORIZATION}, "prior_auth": ELECTRONIC}
        await _ask(trip, patient, insurance, tokens, simulation, initiate_prior_auth=True)
        await trip.pass_time(DECIDED_SECONDS)
    else:
        others = tokens[1:]
        refused = {"reject_codes": NEEDS_AUTHORIZATION, "prescriptions": others}
        await _ask(trip, patient, insurance, tokens, {"error": refused})
        await trip.pass_time(ANSWERED_SECONDS)
        for token in others:
            flow = trip.pick(f"payer {others.index(token)}", (APPROVED, DECLINED, WON))
            await _authorize(trip, patient, insurance, token, flow)
            await trip.pass_time(ANSWERED_SECONDS)
        await trip.pass_time(DECIDED_SECONDS)
    await _fill(trip, patient, insurance, tokens)


async def _insure(trip: Trip, patient: str) -> str:
    made = await trip.call("POST", "/v1/insurance", {"patient_token": patient, "insurance": INSURANCE})
    return str(made["details"]["insurance_token"])


async def _fill(trip: Trip, patient: str, insurance: str, tokens: list[str]) -> None:
    insured = {"patient_payment_type": "insurance", "insurances": [{"insurance_token": insurance}]}
    await request_fill(trip, patient, *tokens, **insured)


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
    trip: Trip, patient: str, insurance: str, tokens: list[str], simulation: dict[str, Any], **changes: Any
) -> str:
    """The id of the request."""
    body = {
        "patient_token": patient,
        "insurance_token": [insurance],
        "prescriptions": tokens,
        "metadata": trip.name,
        "simulation": simulation,
        **changes,
    }
    return str((await trip.call("POST", "/v1/copay_request", body))["request_id"])


NEEDS = (
    ("post", "/v1/insurance"),
    ("post", "/v1/copay_request"),
    ("post", "/v1/prior_authorization"),
    ("post", "/v1/fill_request"),
)
COPAY = Journey(
    "copay", weight=10, callbacks=7.0, needs=(*NEEDS, ("post", "/v1/copay_request/cancel")), run=_run
)
COPAY_OF_SEVERAL = Journey("copay_of_several", weight=8, callbacks=14.0, needs=NEEDS, run=_several)
