"""Patients: "Patient" of the reference, and "Patient & Prescription" of its simulations."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sandbox.endpoint import Call, Endpoint
from sandbox.engine import Turn
from sandbox.truepill.errors import invalid, not_found, other_customer
from sandbox.truepill.patient_models import (
    IDENTITY,
    KEPT,
    UPDATABLE,
    Address,
    PatientCreate,
    PatientDocument,
    PatientFind,
    PatientFound,
    PatientToken,
    PatientUpdate,
    PatientUpdated,
    Survey,
)
from sandbox.truepill.prescriptions import receive
from sandbox.world import Record

__all__ = ["ENDPOINTS", "known_or_new", "patient_of"]

# Health questions of a survey, in the order of the printed answer ("Get a Patient Survey").
SURVEY_QUESTIONS = (
    "asthma_breathing",
    "heart_disease",
    "arthritis",
    "lung_disorder",
    "bleeding_clotting_disorder",
    "neurological_chronic_headaches",
    "blood_transfusion",
    "psychiatric_disorder",
    "bowel_stomach",
    "pulmonary_embolism",
    "cancer",
    "stroke",
    "cholesterol_disorder",
    "seizure_epilepsy",
    "diabetes",
    "thyroid_disorder",
    "eye_disorder",
    "urinary_kidney_disorder",
)


def patient_of(turn: Turn, token: str) -> Record:
    """This customer's patient. Raises Refusal: 404, or 400 when it is another customer's."""
    patient = turn.get("patient", token)
    if patient is None:
        raise not_found("Patient")
    if patient.customer != turn.customer.name:
        raise other_customer()
    return patient


def _create(turn: Turn, call: Call) -> dict[str, Any]:
    body: PatientCreate = call.body
    simulation = body.simulation
    if simulation and turn.customer.environment != "sandbox":
        # "Simulations are available only in the sandbox": how that is refused is not printed.
        raise invalid(("simulation", "is not allowed"))
    patient = known_or_new(turn, body.model_dump(include=set(KEPT)))
    for wanted in simulation.newRx if simulation else ():
        if wanted:
            overrides = wanted.model_dump(exclude_unset=True) if wanted is not True else {}
            receive(turn, patient, overrides, simulated=True)
    return {"patient_token": patient.token}


def known_or_new(turn: Turn, given: Mapping[str, Any]) -> Record:
    """The patient that matches these fields of `KEPT`, made when there is none."""
    return _match(turn, given) or turn.create(
        "patient",
        turn.ids.hex(16),
        {**given, "species": given["species"] or "HUMAN"},
        look=_identity(turn, given),
    )


def _identity(turn: Turn, given: Mapping[str, Any]) -> str:
    return "\x1f".join([turn.customer.name, *(str(given[name]).strip().casefold() for name in IDENTITY)])


def _match(turn: Turn, given: Mapping[str, Any]) -> Record | None:
    """The first patient with the same name, date of birth and gender, unless two known zip codes differ."""
    for patient in turn.world.look(turn.customer.environment, "patient", _identity(turn, given)):
        known, wanted = patient.document["zip"], given.get("zip")
        if known is None or wanted is None or known == wanted:
            return patient
    return None


def _update(turn: Turn, call: Call) -> dict[str, Any]:
    patient = patient_of(turn, call.path["patient_token"])
    patient.document |= call.body.model_dump(include=set(UPDATABLE), exclude_unset=True)
    turn.save(patient)
    return {
        "patient_token": patient.token,
        "timestamp": turn.timestamp,
        "status": "success",
        "details": {"message": f"Accepted: Patient {patient.token} has been updated"},
    }


def _get(turn: Turn, call: Call) -> dict[str, Any]:
    patient = patient_of(turn, call.path["patient_token"])
    known = patient.document
    name = f"{known['first_name']} {known['last_name']}"
    fields = [name for name in Address.model_fields if name != "name"]
    return {
        **{name: known[name] for name in ("first_name", "last_name", "guardian", "gender", "dob", "mbi")},
        "address": {"name": name, **{name: known[name] for name in fields}},
        "patient_token": patient.token,
    }


def _find(turn: Turn, call: Call) -> dict[str, Any]:
    patient = _match(turn, call.query.model_dump())
    if patient is None:
        raise not_found("Patient")
    known = {**patient.document, "patient_token": patient.token}
    return {name: known[name] for name in PatientFound.model_fields}


def _survey(turn: Turn, call: Call) -> dict[str, Any]:
    """The survey of the patient's last fill. Before the first, all is null: nothing else is printed."""
    patient = patient_of(turn, call.path["patient_token"])
    given = patient.document.get("survey") or {}
    return {
        **{question: given.get(question) for question in SURVEY_QUESTIONS},
        "conditions": given.get("conditions"),
        "smoking_frequency": given.get("smoking_frequency"),
        "drinking_frequency": given.get("drinking_frequency"),
        "url_token": patient.token,
        "other_medications": _text(given.get("medications")),
        "known_allergies": given.get("allergies"),
        "pregnancy": given.get("pregnancy"),
    }


def _text(medications: Any) -> str | None:
    if isinstance(medications, list):
        return ", ".join(str(row.get("name", "")) for row in medications if isinstance(row, dict))
    return medications if medications is None else str(medications)


ONE = "/v1/patient/{patient_token}"
ENDPOINTS = (
    Endpoint("PUT", "/v1/patient", "Create a patient", _create, PatientToken, body=PatientCreate),
    Endpoint("GET", "/v1/patient", "Find a patient", _find, PatientFound, query=PatientFind),
    Endpoint("GET", ONE, "Get a patient", _get, PatientDocument),
    Endpoint("POST", ONE, "Update a patient", _update, PatientUpdated, body=PatientUpdate),
    Endpoint("GET", f"{ONE}/patient_survey", "Get a patient's survey", _survey, Survey),
    # As the sample has it, without the version.
    Endpoint("GET", "/patient/{patient_token}/patient_survey", "Get a patient's survey", _survey, Survey),
)
