"""The parcels of a fill, as `show` prints them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ops.render.details import Details
from ops.render.tables import seconds
from statemachine import Machine
from statemachine.parcels import SCAN, parcels
from store.ledger.model import FactRow, fact_of

__all__ = ["parcels_of"]


def parcels_of(
    machine: Machine, rows: Iterable[FactRow], sealed: Details, details: bool
) -> list[dict[str, Any]]:
    """Each parcel by its own scans, in the order of their first; its tracking number only among details.

    `due` is when news of it is overdue: the carrier's date, or the end of the clock of its state.
    """
    scans = []
    carriers: dict[str, str] = {}
    for row in sorted(rows, key=lambda row: row.occurred_at):
        told = sealed.of(row) if row.signal.startswith(SCAN) else {}
        number = told.get("tracking_number")
        if isinstance(number, str):
            scans.append((number, fact_of(row)))
            if told.get("carrier"):
                carriers[number] = str(told["carrier"])
    return [
        {
            **({"tracking": number} if details else {}),
            "carrier": carriers.get(number),
            "state": parcel.state,
            "since": None if parcel.since is None else seconds(parcel.since),
            "due": None if parcel.due is None else seconds(parcel.due),
        }
        for number, parcel in parcels(machine, scans).items()
    ]
