"""What goes into and comes out of the endpoints of a consult, and their errors.

Readings: the table spells fields in camel case, the samples in snake case, and one sample puts objects into
arrays of one: all are understood. `questionnaire` is `questionaire` in the table and `questionnaireId` in
prose. Errors say `status_code`, and have the first thing that is wrong as their message.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Annotated, Any, Literal

from pydantic import AliasChoices, BeforeValidator, Field

from sandbox.endpoint import Answer, Body, Query, Text
from sandbox.refusals import Refusal

__all__ = [
    "STATES",
    "Consult",
    "ConsultAccepted",
    "ConsultDocument",
    "ConsultError",
    "ConsultList",
    "ConsultsQuery",
    "PreferredRx",
    "Simulate",
    "Simulated",
    "no_access",
    "refused",
    "wrong",
]

STATES = (
    "advice_911",
    "advice_immediate_attention",
    "advice_local_provider",
    "advice_other",
    "patient_failed_to_respond",
    "rx_prescribed",
    "sig_otc",
)
State = Literal[
    "advice_911",
    "advice_immediate_attention",
    "advice_local_provider",
    "advice_other",
    "patient_failed_to_respond",
    "rx_prescribed",
    "sig_otc",
]
Status = Literal[
    "unassigned", "assigned", "review", "issue", "resolved", "rejected", "completed", "cancelled"
]
# The pattern that the printed error quotes.
PHONE = r"^\s*(?:\+?(\d{1,3}))?[-. (]*(\d{3})[-. )]*(\d{3})[-. ]*(\d{4})(?: *x(\d+))?\s*$"


def refused(status: int, message: str) -> Refusal:
    """`{status_code, error, message}`, as the errors of consults are printed."""
    return Refusal(status, {"status_code": status, "error": HTTPStatus(status).phrase, "message": message})


def no_access() -> Refusal:
    """What is another customer's."""
    return refused(401, "User is not allowed to access this resource")


def wrong(*errors: tuple[str, str]) -> Refusal:
    """Pairs of key and message; the first is told."""
    key, message = errors[0]
    return refused(400, f'"{key}" {message}')


def _only(value: Any) -> Any:
    return value[0] if isinstance(value, list) and len(value) == 1 else value


def _named(*names: str) -> Any:
    return Field(validation_alias=AliasChoices(*names))


def _or_null(*names: str) -> Any:
    return Field(None, validation_alias=AliasChoices(*names))


#: An object, or an array of one.
Thing = Annotated[dict[str, Any], BeforeValidator(_only)]


class ConsultPatient(Body):
    """`contacts` may stand beside the patient."""

    first_name: Text = _named("first_name", "firstName")
    last_name: Text = _named("last_name", "lastName")
    gender: Text
    dob: str = Field(pattern=r"^[0-9]{4}-?[0-9]{2}-?[0-9]{2}$")
    home_zip: Text | None = _or_null("home_zip", "homeZip")
    contacts: Thing | None = None


class PreferredRx(Body):
    ndc: Text | None = None
    days_supply: Annotated[int, Field(gt=0, le=10**6)] | None = _or_null("days_supply", "daysSupply")
    quantity: Annotated[int, Field(gt=0, le=10**9)] | None = None
    num_refills: Annotated[int, Field(ge=0, le=9999)] | None = _or_null("num_refills", "numRefills")


class Treatment(Body):
    rx: list[PreferredRx] = []
    devices: list[dict[str, Any]] = []


class Identification(Body):
    form: Text
    media_id: Text = _named("mediaId", "media_id")


class NamedMedia(Body):
    id: Text


class Media(Body):
    documents: list[NamedMedia] = []


class Consult(Body):
    patient: Annotated[ConsultPatient, BeforeValidator(_only)]
    contacts: Thing | None = None
    shipping_address: Thing = _named("shipping_address", "shippingAddress")
    questionnaire: Text = _named("questionnaire", "questionaire", "questionnaireId", "questionnaire_id")
    standard_questions: Thing = _named("standard_questions", "standardQuestions")
    payment_type: Literal["cash", "insurance"] = _named("payment_type", "paymentType")
    insurances: list[dict[str, Any]] = []
    answers: dict[str, Any] | None = None
    appointment: dict[str, Any] | None = None
    preferred_treatment: Treatment = Field(
        Treatment(), validation_alias=AliasChoices("preferred_treatment", "preferredTreatment")
    )
    media: Media = Media()
    identification: list[Identification] = []
    metadata: str | None = None

    @classmethod
    def also_wrong(cls, document: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
        payment = document.get("payment_type", document.get("paymentType"))
        if payment == "insurance" and not document.get("insurances"):
            yield "insurances", "is required"
        patient = _only(document.get("patient"))
        within = patient.get("contacts") if isinstance(patient, dict) else None
        for key, contacts in (("patient.contacts", within), ("contacts", document.get("contacts"))):
            said = _only(contacts)
            phone = said.get("phone") if isinstance(said, dict) else None
            if isinstance(phone, str) and not re.match(PHONE, phone):
                yield f"{key}.phone", f'with value "{phone}" fails to match the required pattern: /{PHONE}/'


class Simulate(Body):
    """What the samples of "Simulated Consults" send. Anything but the status has a default."""

    status: Literal["completed", "issue", "rejected", "issueCompleted"]
    completionState: Annotated[list[State], Field(min_length=1)] = ["rx_prescribed"]
    rx_ndc: Text | None = None
    icd10: Text | None = None
    notes: str | None = None
    issueReason: str = "Simulated issue"
    rejectReason: str = "Simulated rejection"
    providerAnswers: dict[str, Any] | None = None


class ConsultsQuery(Query):
    """Pages are counted from 1: the live contract does not show from where."""

    status: Status | None = None
    page_number: int = Field(1, ge=1, le=10**9)
    limit: int = Field(50, ge=1, le=100)


class ConsultError(Answer):
    status_code: int
    error: str
    message: str


class ConsultPatientToken(Answer):
    patient_token: str


class ConsultAccepted(Answer):
    consult: str
    patient: ConsultPatientToken


class ConsultPrescription(Answer):
    id: str
    ndc: str
    name: str
    strength: str
    days_supply: int
    refills: int
    sig: str
    quantity: int
    created_at: str


class ConsultProvider(Answer):
    npi: int
    first_name: str
    last_name: str


class ConsultDocument(Answer):
    """No status. No provider before one has accepted."""

    id: str
    prescriptions: list[ConsultPrescription]
    provider: ConsultProvider | None


class Simulated(Answer):
    """`statusflowFromTo` or `statusFlowFromTo` comes with what ends as completed."""

    newStatus: str
    statusflowFromTo: list[str] = []
    statusFlowFromTo: list[str] = []


class ListedConsult(ConsultDocument):
    """The live contract has the list; its fields are assumed."""

    status: str
    created_at: str
    updated_at: str
    metadata: str | None
    patient_token: str


class ConsultList(Answer):
    consults: list[ListedConsult]
    page_number: int
    limit: int
