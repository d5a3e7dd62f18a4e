"""Coverage requests: "Coverage Request", and its simulation.

What is found becomes an insurance of the patient. Readings: a simulated error is told in the words of the
request, as its sample's words are one of the two printed messages; without a simulation the patient's full
social security number finds a plan, its last four digits find none, and without either nobody can look.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import AfterValidator

from sandbox.endpoint import Answer, Body, Call, Date, Endpoint, Text
from sandbox.engine import Step, Turn
from sandbox.moments import iso
from sandbox.truepill import insurance
from sandbox.truepill.belongings import may_simulate
from sandbox.truepill.patients import patient_of
from sandbox.world import Record

__all__ = ["ENDPOINTS", "STEPS"]

SIMULATED_SECONDS = 1.0
#: The check of a real one takes minutes: no time is printed.
USUAL_SECONDS = (120.0, 1800.0)
NOT_FOUND = "Patient insurance is not found"
NOT_CHECKED = "Patient social security number is not available"


def _day(text: str) -> str:
    """Raises ValueError for a day that is not in the calendar."""
    try:
        _midnight(text)
    except ValueError:
        raise ValueError("must be a date, YYYYMMDD") from None
    return text


def _midnight(text: str) -> float:
    return datetime.strptime(text, "%Y%m%d").replace(tzinfo=UTC).timestamp()


CalendarDay = Annotated[Date, AfterValidator(_day)]


class FoundInsurance(Body):
    """The overridable fields of a simulated insurance, with their defaults."""

    cardholder_id: Text = "9151014609"
    group_number: str = "ABC123456789"
    bin: Text = "999999"
    pcn: str = "ABC1234567"
    payer_name: str = "Omni Benefits"
    plan_type: str = "commercial"
    effective_date: CalendarDay = "20200120"
    termination_date: CalendarDay = "20201231"


class CoverageSimulation(Body):
    insurance: list[FoundInsurance] = [FoundInsurance()]
    error: Text | None = None


class CoverageCreate(Body):
    patient_token: Text
    metadata: Text
    simulation: CoverageSimulation | None = None


class CoverageDetails(Answer):
    coverage_request_token: str
    message: str


class CoverageAccepted(Answer):
    request_id: str
    timestamp: int
    status: str
    details: CoverageDetails


def _create(turn: Turn, call: Call) -> dict[str, Any]:
    body: CoverageCreate = call.body
    may_simulate(turn, body.simulation)
    patient = patient_of(turn, body.patient_token)
    document = {"metadata": body.metadata, "status": "pending", "simulated": body.simulation is not None}
    coverage = turn.create("coverage", turn.ids.hex(16), document, owner=patient.token)
    if body.simulation is None:
        turn.later(turn.ids.between(*USUAL_SECONDS), "coverage_checked", coverage)
    elif body.simulation.error:
        turn.later(SIMULATED_SECONDS, "coverage_fails", coverage, message=body.simulation.error)
    else:
        fields = set(FoundInsurance.model_fields)
        plans = [plan.model_dump(include=fields) for plan in body.simulation.insurance]
        turn.later(SIMULATED_SECONDS, "coverage_found", coverage, plans=plans)
    return {
        "request_id": coverage.token,
        "timestamp": turn.timestamp,
        "status": "success",
        "details": {
            "coverage_request_token": coverage.token,
            "message": "Your coverage request has been processed successfully.",
        },
    }


def _checked(turn: Turn, coverage: Record, _: Mapping[str, Any]) -> None:
    patient = turn.own("patient", coverage.owner)
    known = patient.document if patient else {}
    if known.get("ssn"):
        _answer(turn, coverage, [FoundInsurance().model_dump()])
    else:
        _fail(turn, coverage, NOT_FOUND if known.get("ssn_serial") else NOT_CHECKED)


def _found(turn: Turn, coverage: Record, data: Mapping[str, Any]) -> None:
    _answer(turn, coverage, data["plans"])


def _fails(turn: Turn, coverage: Record, data: Mapping[str, Any]) -> None:
    _fail(turn, coverage, data["message"])


def _answer(turn: Turn, coverage: Record, plans: list[dict[str, Any]]) -> None:
    insurances = [_told(turn, coverage, plan) for plan in plans]
    _emit(turn, coverage, "found" if plans else "not_found", {"status": "success"}, insurances)


def _fail(turn: Turn, coverage: Record, message: str) -> None:
    state = "not_found" if message == NOT_FOUND else "not_checked"
    _emit(turn, coverage, state, {"status": "error", "message": message}, None)


def _emit(
    turn: Turn,
    coverage: Record,
    state: str,
    outcome: Mapping[str, str],
    insurances: list[dict[str, Any]] | None,
) -> None:
    coverage.document["status"] = state
    turn.save(coverage)
    body = {
        "request_id": coverage.token,
        "timestamp": turn.timestamp,
        "callback_type": "COVERAGE",
        **outcome,
        "details": {
            "metadata": coverage.document["metadata"],
            "patient_token": coverage.owner,
            "coverage_request_token": coverage.token,
            "insurances": insurances,
        },
    }
    turn.emit("coverage", coverage.token, body)


def _told(turn: Turn, coverage: Record, plan: Mapping[str, Any]) -> dict[str, Any]:
    """An insurance as the callback has it. A simulated one says less, as printed."""
    kept = {**plan, "rx_bin": plan["bin"], "rx_group": plan["group_number"]}
    told = {
        "insurance_token": insurance.create(turn, coverage.owner, kept),
        **plan,
        "effective_date": iso(_midnight(plan["effective_date"])),
        "termination_date": iso(_midnight(plan["termination_date"])),
    }
    if coverage.document["simulated"]:
        return told
    return {
        **told,
        "person_code": "01",
        "patient_relationship": "Cardholder",
        "help_desk_phone_number": "555-555-0102",
    }


STEPS: dict[str, Step] = {
    "coverage_checked": _checked,
    "coverage_found": _found,
    "coverage_fails": _fails,
}
ENDPOINTS = (
    Endpoint(
        "POST",
        "/v1/coverage_request",
        "Create a coverage request",
        _create,
        CoverageAccepted,
        body=CoverageCreate,
    ),
)
