"""Prior authorizations: "Prior Authorization Request" and what a copay request starts.

Readings: the create answers an id of its own, `prior_auth_…`, and the callbacks use another, bare one: that
is how both are printed. What joins them is patient, prescription and insurance. Times are milliseconds, as in
all samples. One that a copay starts is electronic and pends; one that is asked for is traditional and is
submitted: the samples have these types, and `submitted` stands in no sample. The reference has no simulation
here: `simulation` is the sandbox's own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from pydantic import Field

from sandbox.endpoint import Answer, Body, Call, Endpoint, Text
from sandbox.engine import Step, Turn
from sandbox.truepill.belongings import insurance_of, may_simulate, prescription_of
from sandbox.truepill.copay_models import PriorAuthStatus
from sandbox.truepill.patients import patient_of
from sandbox.world import Record

__all__ = ["ENDPOINTS", "STEPS", "approved", "call_off", "start"]

HOUR = 3600.0
FIRST_SECONDS = 1.0
SIMULATED_SECONDS = 30.0
USUAL_SECONDS = (HOUR, 24 * HOUR)
ELECTRONIC: tuple[PriorAuthStatus, ...] = ("new", "pending", "approved")
TRADITIONAL: tuple[PriorAuthStatus, ...] = ("new", "submitted", "approved")
MESSAGES = {
    "new": "The PA has been created, but not yet submitted to plan",
    "submitted": "The PA has been submitted to the payer for approval",
    "pending": "The PA has been submitted to the payer for approval",
    "approved": "The PA has been approved by the payer",
    "declined": "The PA has been declined by the payer",
    "cancelled": "The PA has been cancelled",
    "appealed": "The PA has been appealed: the payer decides again",
}
PRESCRIBER = {"prescriber_phone": "(555) 555-0100", "prescriber_fax": "(555) 555-0101"}


class PriorAuthSimulation(Body):
    """`flow`: the statuses, in their order. `prior_auth_type`: ePA or traditional."""

    flow: list[PriorAuthStatus] = Field(list(TRADITIONAL), min_length=1, max_length=20)
    prior_auth_type: Literal["ePA", "traditional"] = "traditional"


class PriorAuthCreate(Body):
    patient_token: Text
    insurance_token: Text
    prescription_token: Text
    metadata: str | None = None
    prescriber_phone: str | None = None
    prescriber_fax: str | None = None
    simulation: PriorAuthSimulation | None = None


class PriorAuthDetails(Answer):
    message: str
    patient_token: str
    insurance_token: str
    prescription_token: str
    metadata: str | None
    prescriber_phone: str | None
    prescriber_fax: str | None


class PriorAuthAccepted(Answer):
    request_id: str
    timestamp: int
    status: str
    details: PriorAuthDetails


def start(
    turn: Turn,
    patient_token: str,
    tokens: Mapping[str, str],
    *,
    metadata: str | None,
    flow: Sequence[str] | None,
    quick: bool,
    type_: str = "ePA",
    prescriber: Mapping[str, str] = PRESCRIBER,
    answered: str = "",
    copay: str | None = None,
) -> Record:
    """Begin a prior authorization; its first status follows in a second.

    `tokens`: prescription_token and insurance_token. `flow`: its statuses, None for the usual ones.
    `quick`: as fast as a simulation. `answered`: the id that a create has answered. `copay`: the request
    that started it.
    """
    usual = ELECTRONIC if type_ == "ePA" else TRADITIONAL
    document = {
        **tokens,
        **prescriber,
        "metadata": metadata,
        "prior_auth_type": type_,
        "prescriber_form": f"https://prior-authorization.example.com/request/view/{turn.ids.hex(8).upper()}",
        "status": None,
        "flow": list(flow or usual),
        "quick": quick,
        "copay": copay,
    }
    prior_auth = turn.create("prior_auth", turn.ids.hex(29), document, owner=patient_token, look=answered)
    turn.later(FIRST_SECONDS, "prior_auth_moves", prior_auth, place=0)
    return prior_auth


def approved(turn: Turn, patient_token: str, prescription_token: str, insurance_token: str) -> bool:
    """Whether this insurance has agreed to pay for this prescription."""
    return any(
        row.document["status"] == "approved"
        for row in _about(turn, patient_token, prescription_token)
        if row.document["insurance_token"] == insurance_token
    )


def call_off(turn: Turn, copay: Record) -> None:
    """Cancel what a copay had started and what is not decided yet."""
    for prior_auth in turn.world.owned(copay.environment, "prior_auth", copay.owner):
        open_ = prior_auth.document["status"] not in ("approved", "declined", "cancelled")
        if prior_auth.document["copay"] == copay.token and open_:
            turn.settle(prior_auth)
            _move(turn, prior_auth, "cancelled")


def _about(turn: Turn, patient_token: str, prescription_token: str) -> list[Record]:
    rows = turn.world.owned(turn.customer.environment, "prior_auth", patient_token)
    return [row for row in rows if row.document["prescription_token"] == prescription_token]


def _create(turn: Turn, call: Call) -> dict[str, Any]:
    body: PriorAuthCreate = call.body
    may_simulate(turn, body.simulation)
    patient = patient_of(turn, body.patient_token)
    insurance_of(turn, patient, body.insurance_token)
    prescription_of(turn, patient, body.prescription_token)
    tokens = {"prescription_token": body.prescription_token, "insurance_token": body.insurance_token}
    prescriber = {name: getattr(body, name) for name in PRESCRIBER}
    simulation = body.simulation
    answered = f"prior_auth_{turn.ids.hex(20)}"
    start(
        turn,
        patient.token,
        tokens,
        metadata=body.metadata,
        flow=simulation.flow if simulation else None,
        quick=simulation is not None,
        type_=simulation.prior_auth_type if simulation else "traditional",
        prescriber={name: number or PRESCRIBER[name] for name, number in prescriber.items()},
        answered=answered,
    )
    return {
        "request_id": answered,
        "timestamp": turn.timestamp,
        "status": "success",
        "details": {
            "message": "Your prior authorization request has been processed successfully.",
            "patient_token": patient.token,
            **tokens,
            "metadata": body.metadata,
            **prescriber,
        },
    }


def _moves(turn: Turn, prior_auth: Record, data: Mapping[str, Any]) -> None:
    flow, place = prior_auth.document["flow"], data["place"]
    _move(turn, prior_auth, flow[place])
    if place + 1 < len(flow):
        quick = prior_auth.document["quick"]
        seconds = SIMULATED_SECONDS if quick else turn.ids.between(*USUAL_SECONDS)
        turn.later(seconds, "prior_auth_moves", prior_auth, place=place + 1)


def _move(turn: Turn, prior_auth: Record, status: str) -> None:
    known = prior_auth.document
    known["status"] = status
    turn.save(prior_auth)
    details = {"prior_auth_type": known["prior_auth_type"], "message": MESSAGES[status]}
    if status == "new" and known["prior_auth_type"] == "ePA":
        details["prescriber_form"] = known["prescriber_form"]
    names = ("prescription_token", "insurance_token", "metadata", *PRESCRIBER)
    body = {
        "request_id": prior_auth.token,
        "status": status,
        "callback_type": "PRIOR_AUTH",
        "timestamp": int(turn.now * 1000),
        "details": {
            **details,
            "patient_token": prior_auth.owner,
            **{name: known[name] for name in names},
        },
    }
    turn.emit("prior_auth", prior_auth.token, body)
    if status in ("approved", "declined"):
        _tell_copays(turn, prior_auth, status == "approved")


def _tell_copays(turn: Turn, prior_auth: Record, granted: bool) -> None:
    """A copay that waits for this decision goes on within seconds, whoever asked for it."""
    tokens = {name: prior_auth.document[name] for name in ("prescription_token", "insurance_token")}
    for copay in turn.world.owned(prior_auth.environment, "copay", prior_auth.owner):
        if copay.document["status"] != "cancelled":
            turn.later(turn.ids.between(2, 8), "copay_decided", copay, granted=granted, **tokens)


STEPS: dict[str, Step] = {"prior_auth_moves": _moves}
ENDPOINTS = (
    Endpoint(
        "POST",
        "/v1/prior_authorization",
        "Create a prior authorization request",
        _create,
        PriorAuthAccepted,
        body=PriorAuthCreate,
    ),
)
