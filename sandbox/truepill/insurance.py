"""Insurances: "Create an Insurance" and "Get Insurance Details".

A patient that does not exist is answered with a message alone, as printed here and nowhere else; the status
beside it is not printed, 404 is taken.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Annotated, Any

from pydantic import Field

from sandbox.endpoint import Answer, Body, Call, Endpoint, Text
from sandbox.engine import Turn
from sandbox.refusals import Refusal
from sandbox.truepill.errors import not_found
from sandbox.truepill.patients import patient_of

__all__ = ["ENDPOINTS", "create"]

BIN_LENGTH = 6
TOLD = ("cardholder_id", "rx_group", "rx_bin", "pcn")


class InsuranceFields(Body):
    cardholder_id: Text
    # Its length is checked below, in words that say what is wrong with it.
    rx_bin: Annotated[Text, Field(json_schema_extra={"minLength": BIN_LENGTH, "maxLength": BIN_LENGTH})]
    rx_group: str | None = None
    pcn: str | None = None
    relationship_code: int | None = None
    phone_number: str | None = None
    insurance_card_image_url: Text | None = None


class InsuranceCreate(Body):
    patient_token: Text
    insurance: InsuranceFields

    @classmethod
    def also_wrong(cls, document: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
        insurance = document.get("insurance")
        found = insurance.get("rx_bin") if isinstance(insurance, dict) else None
        if isinstance(found, str) and found and len(found) != BIN_LENGTH:
            yield "insurance.rx_bin", f"length must be {BIN_LENGTH} characters long"


class CreatedDetails(Answer):
    insurance_token: str


class Created(Answer):
    request_id: str
    status: str
    timestamp: int
    details: CreatedDetails


class PatientMissing(Answer):
    message: str


class InsuranceDocument(Answer):
    cardholder_id: str
    rx_group: str | None
    rx_bin: str
    pcn: str | None


def create(turn: Turn, owner: str, fields: Mapping[str, Any]) -> str:
    """Keep an insurance of a patient; returns its token. `fields`: those of a request, and `payer_name`."""
    names = (*InsuranceFields.model_fields, "payer_name")
    document = {name: fields.get(name) for name in names}
    return turn.create("insurance", turn.ids.hex(16), document, owner=owner).token


def _create(turn: Turn, call: Call) -> dict[str, Any]:
    body: InsuranceCreate = call.body
    if turn.get("patient", body.patient_token) is None:
        raise Refusal(404, {"message": "Patient not found"})
    patient = patient_of(turn, body.patient_token)
    return {
        "request_id": turn.ids.hex(32),
        "status": "success",
        "timestamp": turn.timestamp,
        "details": {"insurance_token": create(turn, patient.token, body.insurance.model_dump())},
    }


def _get(turn: Turn, call: Call) -> dict[str, Any]:
    insurance = turn.own("insurance", call.path["insurance_token"])
    if insurance is None:
        raise not_found("Insurance")
    return {name: insurance.document[name] for name in TOLD}


ENDPOINTS = (
    Endpoint(
        "POST",
        "/v1/insurance",
        "Create an insurance",
        _create,
        Created,
        body=InsuranceCreate,
        refusals={404: PatientMissing},
    ),
    Endpoint("GET", "/v1/insurance/{insurance_token}", "Get an insurance", _get, InsuranceDocument),
)
