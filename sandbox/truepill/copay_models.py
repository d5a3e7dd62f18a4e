"""What goes into and comes out of the endpoints of a copay request."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from sandbox.endpoint import Answer, Body, Text

__all__ = [
    "CopayAccepted",
    "CopayCancel",
    "CopayCancelled",
    "CopayCreate",
    "CopayDocument",
    "CopaySimulation",
    "PriorAuthStatus",
]

PriorAuthStatus = Literal["new", "submitted", "pending", "approved", "declined", "cancelled", "appealed"]
#: No limit is stated: this keeps one request from being a flood.
MOST_LINES = 200
Amount = Annotated[float, Field(gt=0, le=10**9)]


class CopayLine(Body):
    """The consent is required by its table and left out by a sample: it is not insisted on."""

    prescription_token: Text
    patient_consent: dict[str, Any] | None = None
    quantity: Amount | None = None
    days_supply: Amount | None = None


def _line(given: Any) -> Any:
    return {"prescription_token": given} if isinstance(given, str) else given


class SimulatedError(Body):
    """`reject_codes` reject every line. The sandbox's own: `prescriptions` are the tokens of those that they
    reject, the others get a price; `error_code` rejects the request instead."""

    reject_codes: list[Text] = []
    prescriptions: list[Text] = []
    error_code: Text | None = None
    reject_reason_other: str | None = None


class SimulatedTriage(Body):
    code: Text = "CT006"
    additional_information: str | None = None


class CopaySimulation(Body):
    """`error` as documented. The sandbox's own: `triage`, and `prior_auth`, the statuses of prior auths."""

    error: SimulatedError | None = None
    triage: SimulatedTriage | None = None
    prior_auth: list[PriorAuthStatus] | None = Field(None, min_length=1, max_length=20)


class CopayCreate(Body):
    patient_token: Text
    insurance_token: list[Text] = Field(min_length=1, max_length=20)
    # Tokens, or objects.
    prescriptions: list[
        Annotated[CopayLine, BeforeValidator(_line, json_schema_input_type=str | CopayLine)]
    ] = Field(min_length=1, max_length=MOST_LINES)
    initiate_prior_auth: bool = False
    metadata: str | None = None
    notes: str | None = None
    ship_to_state: Annotated[str, Field(pattern=r"^[A-Z]{2}$")] | None = None
    simulation: CopaySimulation | None = None


class CopayCancel(Body):
    request_id: Text | None = None
    copay_request_token: Text | None = None

    @classmethod
    def also_wrong(cls, document: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
        if document.get("request_id") is None and document.get("copay_request_token") is None:
            yield "request_id", "is required"


class PendingLine(Answer):
    prescription_token: str
    copay_request_prescription_token: str
    status: str


class CopayAcceptedDetails(Answer):
    """The list has two names in print: the sample of a simulation writes `prescriptions`."""

    copay_request_token: str
    copay_request_prescription_tokens: list[PendingLine] = []
    copay_request_prescriptions_tokens: list[PendingLine] = []


class CopayAccepted(Answer):
    request_id: str
    status: str
    timestamp: int
    details: CopayAcceptedDetails


class CopayCancelledDetails(Answer):
    code: str
    description: str
    message: str


class CopayCancelled(Answer):
    request_id: str
    timestamp: int
    status: str
    details: CopayCancelledDetails


class CopayDocument(Answer):
    """The live contract's read. Its shape is not printed: the names are those of the callbacks."""

    request_id: str
    copay_request_token: str
    patient_token: str
    metadata: str | None
    status: str
    error_code: str | None
    triage_reason: str | None
    created_at: str
    updated_at: str
    prescriptions: list[dict[str, Any]]
