"""Fills that do not go straight to the door: triage, parcels that come back or are lost, several parcels, and
partners that contradict themselves. What happens is described by the sandbox's own `simulation.order`."""

from __future__ import annotations

from typing import Any

from sandbox.journeys.fill import NEEDS, request_fill
from sandbox.journeys.trip import Journey, Trip

__all__ = ["CONTRADICTION", "LOST_PARCEL", "OVER_THE_COUNTER", "PARCELS", "TRIAGE"]

# "Table of Triage Codes & Associated Information": the date of T005 is the partner's.
REASONS = (
    {"code": "T001"},
    {"code": "T003", "additional_information": "Prior authorization for the first medication"},
    {"code": "T004", "additional_information": "Which flavor is wanted?"},
    {"code": "T005"},
    {"code": "T006", "additional_information": "The directions are not complete"},
    {"code": "T007", "additional_information": "The label has to be printed again"},
)
RETURNED_TO_SENDER = {"error": "R4"}
TRANSIT, DELIVERED, RETURNED, FAILURE = "TRANSIT", "DELIVERED", "RETURNED", "FAILURE"
#: What the carrier says of one parcel or two, and what the pharmacy says after that.
COURSES: tuple[dict[str, Any], ...] = (
    {"parcels": [["PRE_TRANSIT", TRANSIT, "UNKNOWN", TRANSIT, DELIVERED]]},
    {"parcels": [["PRE_TRANSIT", "UNKNOWN", DELIVERED, DELIVERED]]},
    {"parcels": [[TRANSIT, FAILURE, TRANSIT, DELIVERED]]},
    {"parcels": [[TRANSIT, FAILURE, DELIVERED]]},
    {"parcels": [[TRANSIT, FAILURE, FAILURE, RETURNED]]},
    {"parcels": [[TRANSIT, FAILURE, RETURNED]], "afterwards": [RETURNED_TO_SENDER]},
    {"parcels": [[TRANSIT, TRANSIT, RETURNED]]},
    {"parcels": [[TRANSIT, RETURNED]], "afterwards": [RETURNED_TO_SENDER]},
    {"parcels": [[TRANSIT, TRANSIT]], "afterwards": [RETURNED_TO_SENDER]},
    {"parcels": [[TRANSIT, DELIVERED, RETURNED]]},
    {"parcels": [[TRANSIT, DELIVERED]], "afterwards": [RETURNED_TO_SENDER]},
    {"parcels": [[TRANSIT, TRANSIT, DELIVERED], [TRANSIT, TRANSIT, DELIVERED]]},
    # Undone before the carrier has anything.
    {"parcels": [[]], "afterwards": [{"error": "R5"}]},
    {"parcels": [["PRE_TRANSIT"]], "afterwards": [{"error": "R0"}]},
)
#: Each contradicts what was said before: somebody has to look, and a review is meant.
CONTRADICTIONS: tuple[dict[str, Any], ...] = (
    {"parcels": [[TRANSIT, DELIVERED, FAILURE]]},
    {"parcels": [[TRANSIT, RETURNED, DELIVERED]]},
    {"parcels": [[]], "afterwards": [{"triage": REASONS[0]}]},
    {"parcels": [[TRANSIT, DELIVERED]], "afterwards": [{"triage": REASONS[3]}]},
    {"parcels": [[TRANSIT]], "afterwards": [{"error": "R3"}]},
    {"parcels": [[TRANSIT, DELIVERED]], "afterwards": [{"error": "R0"}]},
)
# Until a customer notices that a parcel does not come, its triage and its last scan are over.
LOST_SECONDS = 200.0


async def _one_fill(trip: Trip, order: dict[str, Any]) -> None:
    patient = await trip.patient(True)
    tokens = await trip.prescriptions(patient)
    await request_fill(trip, patient, *tokens, simulation={"order": order})


async def _triage(trip: Trip) -> None:
    """One reason or two; then it is filled, or refused after all."""
    order: dict[str, Any] = {"triage": [trip.pick("reason", REASONS)]}
    if trip.draw("another") < 0.3:
        order["triage"].append(trip.pick("second reason", REASONS))
    if trip.draw("refused") < 0.25:
        order["error"] = trip.pick("error", ("R2", "R3", "R019", "R0"))
    await _one_fill(trip, order)


async def _parcels(trip: Trip) -> None:
    await _one_fill(trip, trip.pick("course", COURSES))


async def _contradiction(trip: Trip) -> None:
    await _one_fill(trip, trip.pick("course", CONTRADICTIONS))


async def _lost_parcel(trip: Trip) -> None:
    """The first parcel never comes; a second order takes its place ("Replacing Fill Requests")."""
    patient = await trip.patient(True)
    (token,) = await trip.prescriptions(patient)
    scans = trip.pick("scans", ([TRANSIT], [TRANSIT, "UNKNOWN"], [TRANSIT, FAILURE], ["PRE_TRANSIT"]))
    lost = await request_fill(trip, patient, token, simulation={"order": {"parcels": [scans]}})
    await trip.pass_time(LOST_SECONDS)
    await request_fill(trip, patient, token, replacement_order=lost)


async def _over_the_counter(trip: Trip) -> None:
    """Products without any medication, for a patient or for a guest, who has no token."""
    products = [{"sku": "TPIBPN20", "quantity": 2}]
    if trip.draw("item") < 0.5:
        products.append({"item": "Vitamin C", "quantity": 1})
    changes: dict[str, Any] = {"otc_products": products, "patient_survey": None}
    patient = None
    if trip.draw("guest") < 0.5:
        changes |= {"patient_first_name": "Ada", "patient_last_name": f"Load {trip.name}"}
    else:
        patient = await trip.patient()
    if trip.draw("refused") < 0.2:
        changes["simulation"] = {"order": {"triage": [trip.pick("reason", REASONS)], "error": "R3"}}
    await request_fill(trip, patient, **changes)


TRIAGE = Journey("triage", weight=9, callbacks=6.0, needs=NEEDS, run=_triage)
PARCELS = Journey("parcels", weight=14, callbacks=6.0, needs=NEEDS, run=_parcels)
CONTRADICTION = Journey("contradiction", weight=2, callbacks=4.5, needs=NEEDS, run=_contradiction)
LOST_PARCEL = Journey("lost_parcel", weight=4, callbacks=7.5, needs=NEEDS, run=_lost_parcel)
OVER_THE_COUNTER = Journey("over_the_counter", weight=4, callbacks=4.0, needs=NEEDS, run=_over_the_counter)
