"""The parcels of one entity, each by its own scans: a fill may be sent in several.

A parcel goes through the states of its entity's machine from the scan that tells of it on: it is folded as if
it were the only one. The state of the entity is what it is by all facts together.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple, TypeVar

from statemachine.clocks import deadline
from statemachine.kernel import Machine
from statemachine.model import Fact

__all__ = ["SCAN", "Parcel", "parcels"]

#: Signals that tell of one parcel begin so.
SCAN = "shipment:"

Number = TypeVar("Number")


class Parcel(NamedTuple):
    """Where one parcel is. Times are Unix seconds; `due`: when news of it is overdue, None where none is.

    `on_date` says that this is the carrier's own date, and not the clock of the state.
    """

    state: str
    since: int | None
    due: int | None
    on_date: bool


def parcels(machine: Machine, scans: Iterable[tuple[Number, Fact]]) -> dict[Number, Parcel]:
    """By their numbers, in the order of their first scans."""
    found: dict[Number, list[Fact]] = {}
    for number, fact in sorted(scans, key=lambda scan: machine.order(scan[1])):
        found.setdefault(number, []).append(fact)
    return {number: _folded(machine, facts) for number, facts in found.items()}


def _folded(machine: Machine, facts: list[Fact]) -> Parcel:
    summary, _ = machine.fold(facts)
    due = deadline(machine, summary, None)
    return Parcel(summary.state, summary.since, due, due is not None and due == summary.due)
