"""What goes into and comes out of the endpoints of a direct transfer.

Readings: fields that the table requires and a printed request lacks are not required: `original_refills`,
and `days_supply`, `fills_left` and `fills_transferred` where the request is simulated (its sample says
`refills_left` and `refills_transferred`). The name in an address may be empty, as in a sample.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, Field, GetJsonSchemaHandler, ModelWrapValidatorHandler, model_validator
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from sandbox.endpoint import Answer, Body, Date, Text
from sandbox.truepill.transfer_models import Accepted, Transfer

__all__ = ["DirectAccepted", "DirectDocument", "DirectOrTransfer", "DirectTransfer", "EitherAccepted"]

PrescriberType = Literal[
    "OD", "PMHNP", "MBBS", "DNP", "D.O.", "DPT", "D.D.S.", "F.N.P.", "CPP", "N.D.", "P.A.", "APNP", "V.M.D.",
    "RPh", "APRN", "DC APC", "DC", "APC", "PsyD", "CRNA", "PharmD", "B.V.M.S.", "WHNP", "PhD", "ARNP", "PT",
    "CRNP", "DPM", "CNP", "N.P.", "CDH", "D.M.D.", "D.V.M.", "M.D.", "CNM",
]  # fmt: skip
#: Strings in the table, numbers in samples.
Number = Annotated[int, Field(ge=0)] | Text
Quantity = (
    Annotated[int, Field(ge=0, le=10**9)] | Annotated[str, Field(pattern=r"^[0-9]{1,9}(\.[0-9]{1,3})?$")]
)
Fills = Annotated[int, Field(ge=0, le=9999)]
OTHER_NAMES = {"fills_left": "refills_left", "fills_transferred": "refills_transferred"}


class DirectAddress(Body):
    name: str
    street1: Text
    city: Text
    state: Text
    zip: Text
    company: str | None = None
    street2: str | None = None
    phone: str | None = None
    email: str | None = None


class Prescriber(Body):
    first_name: Text
    last_name: Text
    address: DirectAddress
    npi: Text
    prescriber_type: PrescriberType | None = None


class TransferFrom(Body):
    name: Text
    address: DirectAddress
    id_number: Number
    pharmacist: Text


class TransferTo(Body):
    name: Text
    id_number: Number
    pharmacist: Text


class DirectPrescription(Body):
    medication_name: Text
    prescribed_ndc: Text
    days_supply: Annotated[int, Field(gt=0, le=10**6)] | None = None
    quantity_written: Quantity
    quantity_dispensed: Quantity
    medication_sig: Text
    fills_left: Fills | None = None
    fills_transferred: Fills | None = None
    refills_left: Fills | None = None
    refills_transferred: Fills | None = None
    number: Text
    can_substitute: bool
    written_date: Date
    original_refills: Fills | None = None
    quantity_transferred: Quantity | None = None
    expiration_date: Date | None = None
    direct_transfer_url: Text | None = None
    last_fill_date: Date | None = None
    first_fill_date: Date | None = None
    icd10_code: Text | None = None
    notes: str | None = None
    diagnosis: str | None = None


class DirectSimulation(Body):
    """Empty: all that it does is to be there."""


class DirectTransfer(Body):
    patient_token: Text
    prescriber: Prescriber
    transfer_from: TransferFrom
    transfer_to: TransferTo
    prescription: DirectPrescription
    metadata: str | None = None
    simulation: DirectSimulation | None = None

    @classmethod
    def also_wrong(cls, document: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
        prescription = document.get("prescription")
        if not isinstance(prescription, dict):
            return
        if document.get("simulation") is None and prescription.get("days_supply") is None:
            yield "prescription.days_supply", "is required"
        for name, other in OTHER_NAMES.items():
            if prescription.get(name) is None and prescription.get(other) is None:
                yield f"prescription.{name}", "is required"
        url = prescription.get("direct_transfer_url")
        if isinstance(url, str) and url and not _is_url(url):
            yield "prescription.direct_transfer_url", "must be a valid uri"


def _is_url(text: str) -> bool:
    try:
        parts = urlsplit(text)
        return parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:
        return False


def _is_transfer(document: Any) -> bool:
    """A simulated transfer that was sent here, as the samples of its simulation do."""
    direct = DirectTransfer.model_fields.keys() - Transfer.model_fields.keys()
    mine = Transfer.model_fields.keys() - DirectTransfer.model_fields.keys()
    return (
        isinstance(document, dict)
        and document.get("simulation") is not None
        and not direct & document.keys()
        and bool(mine & document.keys())
    )


class DirectOrTransfer(DirectTransfer):
    """A direct transfer, or a simulated transfer that was sent to its path: then it is read as a Transfer."""

    @model_validator(mode="wrap")
    @classmethod
    def _read(cls, document: Any, handler: ModelWrapValidatorHandler[DirectOrTransfer]) -> Any:
        return Transfer.model_validate(document) if _is_transfer(document) else handler(document)

    @classmethod
    def also_wrong(cls, document: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
        return Transfer.also_wrong(document) if _is_transfer(document) else super().also_wrong(document)

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return {"anyOf": [handler(schema), handler(Transfer.__pydantic_core_schema__)]}


class DirectDetails(Answer):
    direct_transfer_id: str


class DirectAccepted(Answer):
    request_id: str
    timestamp: int
    status: str
    details: DirectDetails


class EitherAccepted(BaseModel):
    """Only its schema is used."""

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return {
            "anyOf": [
                handler(DirectAccepted.__pydantic_core_schema__),
                handler(Accepted.__pydantic_core_schema__),
            ]
        }


class DirectDocument(Answer):
    """The live contract has it; its fields are assumed, after those of a transfer."""

    created_at: str
    updated_at: str
    request_id: str
    direct_transfer_token: str
    status: str
    message: str | None
    metadata: str | None
    patient_token: str
    prescription_token: str | None
