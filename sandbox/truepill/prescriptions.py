"""Prescriptions: "Prescription" and "Get Patient Prescriptions", and how simulated ones are received.

A prescription's document holds what `GET /v1/prescription` and `GET …/prescriptions` tell, and how often it
was filled.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sandbox.endpoint import Call, Endpoint
from sandbox.engine import Step, Turn
from sandbox.moments import iso
from sandbox.truepill.errors import not_found, other_customer
from sandbox.truepill.rx_models import (
    ListedPrescription,
    NewRx,
    PatientPrescriptions,
    PrescriptionDocument,
    PrescriptionFields,
)
from sandbox.world import Record

__all__ = ["ENDPOINTS", "STEPS", "receive"]

DAY = 86_400.0
# "Shortly afterward" ("Simulated Notify Rx Webhook Events").
NOTIFY_SECONDS = 1.0
#: What the answer about a simulated prescription does not have ("Get a Prescription" of the simulations).
SIMULATED_LACK = frozenset(
    {
        "expiration_date",
        "fillable",
        "formulary",
        "original_prescribed_ndc",
        "origin",
        "prescribed_quantity_unit",
    }
)


def receive(
    turn: Turn,
    patient: Record,
    overrides: Mapping[str, Any],
    *,
    after: float = NOTIFY_SECONDS,
    origin: str = "Electronic",
    replaces: str | None = None,
    simulated: bool = False,
) -> Record:
    """Have a prescription of the patient come in; its NOTIFY_RX follows so many seconds later.

    `overrides`: fields of NewRx. `replaces`: the token of the prescription that was transferred to make this.
    `simulated`: by the simulation of a patient.
    """
    fields = NewRx.model_validate(overrides).model_dump(include=set(NewRx.model_fields))
    document = {
        **fields,
        "date_written": iso(turn.now - turn.now % DAY),
        "expiration_date": iso(turn.now - turn.now % DAY + 365 * DAY),
        "last_filled_date": None,
        "current_rx_status_text": "On Hold",
        "fillable": True,
        "origin": origin,
        "prescriber_npi": turn.ids.digits(10),
        "prescriber_order_number": turn.ids.digits(8),
        "rx_number": turn.ids.digits(7),
        **({"rx_number": fields["rx_number"]} if fields["rx_number"] else {}),
        "medication_id": _guid(turn.ids.hex(32)),
        "rx_link": f"rxl_{turn.ids.hex(24)}",
        "replaces": replaces,
        "simulated": simulated,
    }
    prescription = turn.create("prescription", turn.ids.hex(12), document, owner=patient.token)
    turn.later(after, "notify_rx", prescription)
    return prescription


def _guid(digits: str) -> str:
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))


def _notify(turn: Turn, prescription: Record, _: Mapping[str, Any]) -> None:
    known = prescription.document
    details = {
        "medication_name": known["prescribed_written_name"],
        "prescriber": known["prescriber"],
        "prescription_token": prescription.token,
        "patient_token": prescription.owner,
    }
    body: dict[str, Any] = {"timestamp": turn.timestamp, "callback_type": "NOTIFY_RX"}
    pushed = {**details, "location": "Hayward, CA"}
    # A pulled copy says more, and says the place in another way ("Get Webhook Events").
    pulled = {
        **details,
        "patient_token_duplicates": [],
        "merged_patients": [],
        "location": "hayward",
        "rx_link": known["rx_link"],
    }
    key = prescription.token
    if known["replaces"]:
        # The old token stands first and the new one beside it ("Notify Rx Webhook Event Fields").
        tokens = {"prescription_token": known["replaces"], "transfer_prescription_token": key}
        pushed, pulled, key = {**pushed, **tokens}, {**pulled, **tokens}, known["replaces"]
    turn.emit("prescription", key, {**body, "details": pushed}, {**body, "details": pulled})


def _told(prescription: Record) -> dict[str, Any]:
    """What both reads tell of a prescription."""
    known = prescription.document
    return {
        **{name: known[name] for name in ListedPrescription.model_fields if name in known},
        "prescription_token": prescription.token,
        "medication_name": known["prescribed_written_name"],
        "is_refill": int(known["num_refills_filled"] != "0"),
        "expiration_date_utc": known["expiration_date"],
        "original_prescribed_ndc": None,
        "date_filled_utc": known["last_filled_date"],
        "prescribed_quantity_unit": known["prescribed_unit_text"],
    }


def _list(turn: Turn, call: Call) -> dict[str, Any]:
    token = call.path["patient_token"]
    patient = turn.get("patient", token)
    if patient is None:
        raise not_found("Patient")
    if patient.customer != turn.customer.name:
        raise other_customer()
    found = turn.world.owned(patient.environment, "prescription", token)
    # The list writes the origin as its code: 5 is the sample's.
    return {"patient_token": token, "prescriptions": [{**_told(row), "origin": "5"} for row in found]}


def _get(turn: Turn, call: Call) -> dict[str, Any]:
    prescription = turn.own("prescription", call.path["prescription_token"])
    if prescription is None:
        raise not_found("Prescription")
    known = prescription.document
    told = {
        **_told(prescription),
        **known,
        "prescriber_address": _address(known["prescriber"]),
        "notes": "prescription notes",
        "icd_codes": {name: known["diagnosis_codes"][name] for name in ("icd10", "icd9")},
        "is_daw": False,
        "dea_schedule": known["prescribed_dea_schedule"],
        "formulary": {"on_formulary": True, "formulary_ndc": known["prescribed_ndc"]},
    }
    left_off = SIMULATED_LACK if known.get("simulated") else frozenset()
    names = (name for name in PrescriptionFields.model_fields if name not in left_off)
    return {"prescription": {name: told[name] for name in names}}


def _address(prescriber: str) -> dict[str, str | None]:
    return {
        "name": prescriber,
        "company": None,
        "street1": "1 Clinic Way",
        "street2": None,
        "city": "San Francisco",
        "state": "CA",
        "zip": "94402",
        "country": "US",
        "phone": "(555) 555-0100",
        "email": "prescriber@example.com",
    }


STEPS: dict[str, Step] = {"notify_rx": _notify}
ENDPOINTS = (
    Endpoint(
        "GET",
        "/v1/patient/{patient_token}/prescriptions",
        "Get a patient's prescriptions",
        _list,
        PatientPrescriptions,
    ),
    Endpoint(
        "GET",
        "/v1/prescription/{prescription_token}",
        "Get a prescription",
        _get,
        PrescriptionDocument,
    ),
)
