"""What goes into and comes out of the endpoints of a patient."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Literal

from sandbox.endpoint import Answer, Body, Date, Query, Text
from sandbox.truepill.rx_models import NewRx

__all__ = [
    "IDENTITY",
    "KEPT",
    "UPDATABLE",
    "Address",
    "PatientCreate",
    "PatientDocument",
    "PatientFind",
    "PatientFound",
    "PatientToken",
    "PatientUpdate",
    "PatientUpdated",
    "Survey",
]

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
