"""Prescriptions: "Prescription" and "Get Patient Prescriptions", and how simulated ones are received.

A prescription's document holds what `GET /v1/prescription` and `GET …/prescriptions` tell, and how often it
was filled.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import Field

from sandbox.engine import Step, Turn
from sandbox.moments import iso
from sandbox.truepill.endpoint import Answer, Body, Call, Endpoint
from sandbox.truepill.errors import not_found, other_customer
from sandbox.world import Record

__all__ = ["ENDPOINTS", "STEPS", "NewRx", "receive"]

DAY = 86_400.0
# "Shortly afterward" ("Simulated Notify Rx Webhook Events").
NOTIFY_SECONDS = 1.0


class DiagnosisCodes(Body):
    icd10: list[str] = ["Z30.09"]
    icd9: list[str] = ["V85.30"]


class NewRx(Body):
    """The overridable fields of a simulated prescription, with their defaults."""

    medication_sig: str = "Take one Daily"
    prescriber: str = "Dr. P. Scribe"
    days_supply: str = "28"
    num_refills_filled: str = Field("0", pattern=r"^[0-9]{1,4}$")
    refills_remaining: int = Field(2, ge=0, le=9999)
    quantity_remaining: int = Field(84, ge=0, le=10**9)
    number_of_refills_allowed: int = Field(2, ge=0, le=9999)
    prescribed_drug_strength: str = "10 mg"
    prescribed_ndc: str = "51862009706"
    prescribed_dea_schedule: int = 0
    prescribed_quantity: int = Field(42, ge=0, le=10**9)
    prescribed_unit_text: str = "EA"
    prescribed_label_type: str = "Generic"
    prescribed_brand_name: str = "Brand Label"
    prescribed_written_name: str = "Brand Label 10 mg Tablet"
    prescribed_generic_name: str = "Generic 10 mg tablet"
    dispensed_drug_strength: str = "10 mg"
    dispensed_ndc: str = "51862009706"
    dispensed_quantity: int = Field(42, ge=0, le=10**9)
    dispensed_dea_schedule: int = 0
    dispensed_days_supply: int = Field(28, ge=0, le=10**6)
    diagnosis_codes: DiagnosisCodes = DiagnosisCodes()


class ListedPrescription(Answer):
    prescription_token: str
    medication_name: str
    medication_sig: str
    prescriber: str
    date_written: str
    refills_remaining: int
    current_rx_status_text: str
    fillable: bool
    days_supply: str
    is_refill: int
    last_filled_date: str | None
    expiration_date_utc: str
    number_of_refills_allowed: int
    prescribed_brand_name: str
    prescribed_drug_strength: str
    prescribed_generic_name: str
    prescribed_ndc: str
    prescribed_quantity: int
    prescribed_written_name: str
    prescriber_npi: str
    quantity_remaining: int
    rx_number: str
    origin: str
    prescriber_order_number: str
    original_prescribed_ndc: str | None
    date_filled_utc: str | None
    medication_id: str
    prescribed_quantity_unit: str


class PatientPrescriptions(Answer):
    patient_token: str
    prescriptions: list[ListedPrescription]


class Formulary(Answer):
    on_formulary: bool
    formulary_ndc: str | None


class PrescriptionFields(Answer):
    date_written: str
    expiration_date: str
    days_supply: str
    is_refill: int
    last_filled_date: str | None
    medication_sig: str
    number_of_refills_allowed: int
    origin: str
    prescribed_brand_name: str
    prescribed_drug_strength: str
    prescribed_generic_name: str
    prescribed_ndc: str
    prescribed_quantity: int
    prescribed_written_name: str
    prescriber: str
    prescriber_address: dict[str, str | None]
    prescriber_npi: str
    prescriber_order_number: str
    quantity_remaining: int
    refills_remaining: int
    rx_number: str
    prescription_token: str
    notes: str
    icd_codes: dict[str, list[str]]
    is_daw: bool
    fillable: bool
    dea_schedule: int
    original_prescribed_ndc: str | None
    date_filled_utc: str | None
    prescribed_quantity_unit: str
    formulary: Formulary


class PrescriptionDocument(Answer):
    prescription: PrescriptionFields


def receive(
    turn: Turn,
    patient: Record,
    overrides: Mapping[str, Any],
    *,
    after: float = NOTIFY_SECONDS,
    origin: str = "Electronic",
    replaces: str | None = None,
) -> Record:
    """Have a prescription of the patient come in; its NOTIFY_RX follows so many seconds later.

    `overrides`: fields of NewRx. `replaces`: the token of the prescription that was transferred to make this.
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
        "medication_id": _guid(turn.ids.hex(32)),
        "rx_link": f"rxl_{turn.ids.hex(24)}",
        "replaces": replaces,
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
    return {"prescription": {name: told[name] for name in PrescriptionFields.model_fields}}


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
