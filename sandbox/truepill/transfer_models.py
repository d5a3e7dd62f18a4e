"""What goes into and comes out of the endpoints of a transfer.

Readings: the list of medications is `medications` in the table and `medication_name` in a sample: both are
understood. A rejection's reason is spelled `reject_reason` and `rejection_reason`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, RootModel, Tag

from sandbox.endpoint import Answer, Body, Query, Text
from sandbox.truepill.rx_models import NewRx

__all__ = [
    "Accepted",
    "GivenRx",
    "RejectedMedication",
    "Rejection",
    "Scenario",
    "Transfer",
    "TransferDocument",
    "TransferFound",
    "TransferList",
    "TransferSimulation",
    "TransfersQuery",
]

PAIRS = (("pharmacy_name", "pharmacy_phone"), ("prescriber_name", "prescriber_phone"))


class Rejection(Body):
    """Why a simulated transfer, or one of its medications, is rejected."""

    error_code: Text | None = None
    reject_reason: str | None = None
    reject_reason_other: str | None = None
    rejection_reason: str | None = None
    rejection_reason_other: str | None = None

    @property
    def told(self) -> dict[str, str | None]:
        """`code`, `reason` and `other`, under whichever name they came."""
        return {
            "code": self.error_code,
            "reason": self.reject_reason or self.rejection_reason,
            "other": self.reject_reason_other or self.rejection_reason_other,
        }


class RejectedMedication(Body):
    error: Rejection


class GivenRx(NewRx):
    """The overridable fields of a prescription that is transferred; `date_written`: any text."""

    prescriber_npi: Text | None = None
    date_written: Text | None = None


def _which(value: Any) -> str:
    # No identifiers, so that they do not show in the key of an error.
    if isinstance(value, bool):
        return "the-default"
    rejected = "error" in value if isinstance(value, dict) else isinstance(value, RejectedMedication)
    return "a-rejection" if rejected else "an-override"


Scenario = Annotated[
    Annotated[Literal[True], Tag("the-default")]
    | Annotated[RejectedMedication, Tag("a-rejection")]
    | Annotated[GivenRx, Tag("an-override")],
    Discriminator(_which),
]


class TransferSimulation(Body):
    """`medications` says what becomes of each medication of the request, in its order."""

    error: Rejection | None = None
    medications: list[Scenario] = []


class Transfer(Body):
    patient_token: Text
    pharmacy_name: Text | None = None
    pharmacy_phone: Text | None = None
    pharmacy_fax: Text | None = None
    prescriber_name: Text | None = None
    prescriber_phone: Text | None = None
    prescriber_fax: Text | None = None
    medications: list[Text] = []
    medication_name: list[Text] | Text | None = None
    metadata: str | None = None
    notes: str | None = None
    simulation: TransferSimulation | None = None

    @property
    def names(self) -> list[str]:
        """What is to be transferred."""
        named = self.medication_name or []
        return self.medications or ([named] if isinstance(named, str) else named)

    @classmethod
    def also_wrong(cls, document: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
        """Name and phone of a pharmacy or of a prescriber; of neither, the pharmacy's are asked for."""
        if not any(all(document.get(name) for name in pair) for pair in PAIRS):
            begun = next((pair for pair in PAIRS if any(document.get(name) for name in pair)), PAIRS[0])
            for name in begun:
                if not document.get(name):
                    yield name, "is required"
        simulation = document.get("simulation")
        scenarios = simulation.get("medications") if isinstance(simulation, dict) else None
        named = document.get("medications") or document.get("medication_name") or []
        count = len(named) if isinstance(named, list) else 1
        if isinstance(scenarios, list) and len(scenarios) > count:
            yield "simulation.medications", "contains more items than medications"


class TransfersQuery(Query):
    """A page of 50, from 0."""

    page: int = Field(0, ge=0)


class RequestedMedication(Answer):
    transfer_medication_token: str
    medication_name: str


class AcceptedTransfer(Answer):
    message: str
    transfer_token: str
    transfer_medications: list[RequestedMedication]
    patient_token: str


class Accepted(Answer):
    request_id: str
    timestamp: int
    status: str
    details: AcceptedTransfer


class ListedMedication(Answer):
    url_token: str
    medication_name: str


class ListedTransfer(Answer):
    created_at: str
    url_token: str
    status: str
    transfer_medications: list[ListedMedication]


class TransferList(RootModel[list[ListedTransfer]]):
    """A page; `[]` behind the last one."""


class TransferredPrescription(Answer):
    num_refills_remaining: int
    medication_name: str
    prescription_date: str | None
    prescriber: str | None
    last_filled_date: str | None
    url_token: str | None
    days_supply: str
    num_refills_filled: str
    prescribed_quantity: int
    prescribed_written_name: str
    prescribed_generic_name: str


class TransferMedication(Answer):
    url_token: str
    rejection_reason: str | None
    rejection_reason_other: str | None
    medication_name: str
    prescription: TransferredPrescription | None


class TransferDocument(Answer):
    created_at: str
    url_token: str
    status: str
    cancel_reason: str | None
    cancel_reason_other: str | None
    pharmacy_name: str
    pharmacy_phone: str
    prescriber_name: str
    prescriber_phone: str
    notes: str
    metadata: str | None
    transfer_medications: list[TransferMedication]
    messages: list[str]


class TransferFound(RootModel[list[TransferDocument]]):
    """One transfer, in an array as printed."""
