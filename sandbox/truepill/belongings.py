"""What belongs to a patient, found by its token; and whether a request may be simulated."""

from __future__ import annotations

from sandbox.engine import Turn
from sandbox.truepill.errors import invalid, not_found
from sandbox.world import Record

__all__ = ["insurance_of", "may_simulate", "prescription_of"]


def insurance_of(turn: Turn, patient: Record, token: str) -> Record:
    """This patient's insurance. Raises Refusal: 404, as printed under "Get Insurance Details"."""
    return _belonging(turn, patient, "insurance", token, "Insurance")


def prescription_of(turn: Turn, patient: Record, token: str) -> Record:
    """This patient's prescription. Raises Refusal: 404."""
    return _belonging(turn, patient, "prescription", token, "Prescription")


def _belonging(turn: Turn, patient: Record, kind: str, token: str, what: str) -> Record:
    record = turn.own(kind, token)
    if record is None or record.owner != patient.token:
        raise not_found(what)
    return record


def may_simulate(turn: Turn, simulation: object) -> None:
    """Simulations are for the sandbox environment alone; how they are refused is not printed.

    Raises Refusal.
    """
    if simulation is not None and turn.customer.environment != "sandbox":
        raise invalid(("simulation", "is not allowed"))
