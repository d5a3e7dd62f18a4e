"""Patients: "Patient" of the reference, and "Patient & Prescription" of its simulations."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Literal

from sandbox.engine import Turn
from sandbox.truepill.endpoint import Answer, Body, Call, Date, Endpoint, Query, Text
from sandbox.truepill.errors import invalid, not_found, other_customer
from sandbox.truepill.prescriptions import NewRx, receive
from sandbox.world import Record

__all__ = ["ENDPOINTS", "patient_of"]

IDENTITY = ("first_name", "last_name", "dob", "gender")
UPDATABLE = (
    "ssn",
    "communications_opt_in",
    "id_image",
    "ssn_serial",
    "mbi",
    "zip",
    "company",
    "street1",
    "street2",
    "city",
    "state",
    "country",
    "phone",
    "email",
    "language_preference",
    "viewed_notice_of_privacy_practices",
    "viewed_notice_of_privacy_practices_date",
)
KEPT = (*IDENTITY, "guardian", "species", *UPDATABLE)


class PatientUpdate(Body):
    ssn: Text | None = None
    communications_opt_in: bool | None = None
    id_image: Text | None = None
    ssn_serial: Text | None = None
    mbi: Text | None = None
    zip: Text | None = None
    company: Text | None = None
    street1: Text | None = None
    street2: Text | None = None
    city: Text | None = None
    state: Text | None = None
    country: Text | None = None
    phone: Text | None = None
    email: Text | None = None
    language_preference: Text | None = None
    viewed_notice_of_privacy_practices: bool | None = None
    viewed_notice_of_privacy_practices_date: Date | None = None

    @classmethod
    def also_wrong(cls, document: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
        # They identify a patient ("Update a Patient").
        return [(name, "is not allowed") for name in IDENTITY if name in document]


class PatientSimulation(Body):
    newRx: list[bool | NewRx] = []


class PatientCreate(Body):
    first_name: Text
    last_name: Text
    # In the order in which the reference lists what is missing.
    gender: Literal["male", "female"]
    dob: Date
    guardian: Text | None = None
    ssn: Text | None = None
    communications_opt_in: bool | None = None
    id_image: Text | None = None
    ssn_serial: Text | None = None
    mbi: Text | None = None
    zip: Text | None = None
    company: Text | None = None
    street1: Text | None = None
    street2: Text | None = None
    city: Text | None = None
    state: Text | None = None
    country: Text | None = None
    phone: Text | None = None
    email: Text | None = None
    language_preference: Text | None = None
    species: Text | None = None
    viewed_notice_of_privacy_practices: bool | None = None
    viewed_notice_of_privacy_practices_date: Date | None = None
    simulation: PatientSimulation | None = None


class PatientFind(Query):
    """The table also wants `zip`, a sample leaves it out: the sample is followed ("Find a Patient")."""

    first_name: Text
    last_name: Text
    dob: Date
    gender: Literal["male", "female"]
    zip: Text | None = None


class PatientToken(Answer):
    patient_token: str


class UpdateDetails(Answer):
    message: str


class PatientUpdated(Answer):
    patient_token: str
    timestamp: int
    status: str
    details: UpdateDetails


class Address(Answer):
    name: str
    street1: str | None
    street2: str | None
    city: str | None
    state: str | None
    zip: str | None
    company: str | None
    country: str | None
    phone: str | None
    email: str | None
    communications_opt_in: bool | None


class PatientDocument(Answer):
    first_name: str
    last_name: str
    guardian: str | None
    gender: str
    dob: str
    mbi: str | None
    address: Address
    patient_token: str


class PatientFound(Answer):
    first_name: str
    last_name: str
    guardian: str | None
    gender: str
    dob: str
    communications_opt_in: bool | None
    patient_token: str
    species: str


class Survey(Answer):
    conditions: str | None
    url_token: str
    other_medications: str | None
    known_allergies: str | None


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
    patient = _match(turn, body.model_dump(include={*IDENTITY, "zip"}))
    if patient is None:
        given = body.model_dump(include=set(KEPT))
        patient = turn.create(
            "patient",
            turn.ids.hex(16),
            {**given, "species": given["species"] or "HUMAN"},
            look=_identity(turn, given),
        )
    for wanted in simulation.newRx if simulation else ():
        if wanted:
            receive(turn, patient, wanted.model_dump(exclude_unset=True) if wanted is not True else {})
    return {"patient_token": patient.token}


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
