"""The parcels of an order: what the carrier says of each, and when.

Simulated ones keep the times of the printed samples, 30, 60 and 60 s, where nothing else is described.
Others take hours and days. A scan of a parcel that could not be delivered has the error status that
"Shipment Webhook Event Statuses" speaks of; all others are a success, the return of a parcel too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sandbox.engine import Step, Turn
from sandbox.truepill import fill_bodies
from sandbox.truepill.fill_simulation import scan_contradicts
from sandbox.world import Record

__all__ = ["STEPS", "has_left", "last_scan_after", "ship"]

HOUR = 3600.0
DAY = 24 * HOUR
#: Seconds after the one before, status and message.
Told = tuple[float, str, str]
SIMULATED: Sequence[Told] = (
    (30.0, "TRANSIT", "Your shipment has arrived at the USPS regional origin facility."),
    (60.0, "TRANSIT", "In Transit, Arriving On Time"),
    (60.0, "DELIVERED", "Your shipment has been delivered at the destination mailbox."),
)
USUAL: Sequence[Told] = (
    (6 * HOUR, "PRE_TRANSIT", "The carrier is waiting for the shipment."),
    (12 * HOUR, "TRANSIT", "The shipment has arrived at the regional origin facility."),
    (DAY, "TRANSIT", "In transit, arriving on time."),
    (DAY, "DELIVERED", "The shipment has been delivered."),
)
MESSAGES = {
    "UNKNOWN": "The status of the shipment is not available.",
    "PRE_TRANSIT": "The carrier is waiting for the shipment.",
    "TRANSIT": "In Transit, Arriving On Time",
    "DELIVERED": "Your shipment has been delivered at the destination mailbox.",
    "RETURNED": "Your shipment has been returned to the sender.",
    "FAILURE": "Your shipment could not be delivered.",
}
FIRST_SECONDS, NEXT_SECONDS = 30.0, 60.0
#: Parcels of one order are scanned one after the other.
BETWEEN_PARCELS = 15.0
#: What a carrier says of a parcel only once it has it.
UNDER_WAY = frozenset({"TRANSIT", "DELIVERED", "RETURNED", "FAILURE"})


def ship(turn: Turn, fill: Record) -> None:
    """Have the parcels of an order that is done go out."""
    known = fill.document
    count = len(_described(known)) or (1 if known["simulated"] or not _is_split(fill) else 2)
    known["scans"] = [[] for _ in range(count)]
    if count > 1:
        known["second_tracking_number"] = turn.ids.digits(26)
    turn.save(fill)
    for parcel in range(count):
        _next(turn, fill, 0, parcel)


def has_left(fill: Record) -> bool:
    """Whether the carrier has a parcel of it, by what it has said."""
    return any(scan in UNDER_WAY for scans in fill.document.get("scans", ()) for scan in scans)


def last_scan_after(fill: Record) -> float:
    """How many seconds after a simulated order its last scan comes."""
    courses = [_course(fill, parcel) for parcel in range(len(fill.document["scans"]))]
    ends = [
        sum(seconds for seconds, _, _ in course) + BETWEEN_PARCELS * place
        for place, course in enumerate(courses)
    ]
    return max(ends, default=0.0)


def _is_split(fill: Record) -> bool:
    """Whether it goes in two parcels: one fill in eight, by its token alone."""
    return int(fill.token[-2:], 16) < 32


def _described(known: Mapping[str, Any]) -> list[list[str]]:
    """The parcels of the request's simulation, as lists of statuses."""
    found: list[list[str]] = known.get("course", {}).get("parcels", [])
    return found


def _course(fill: Record, parcel: int) -> Sequence[Told]:
    if described := _described(fill.document):
        return [
            (NEXT_SECONDS if place else FIRST_SECONDS, scan, MESSAGES[scan])
            for place, scan in enumerate(described[parcel])
        ]
    return SIMULATED if fill.document["simulated"] else USUAL


def _next(turn: Turn, fill: Record, place: int, parcel: int) -> None:
    course = _course(fill, parcel)
    if place >= len(course):
        return
    seconds = course[place][0] + (0.0 if place else BETWEEN_PARCELS * parcel)
    spread = 1.0 if fill.document["simulated"] else turn.ids.between(0.5, 1.5)
    turn.later(seconds * spread, "fill_ships", fill, place=place, parcel=parcel)


def _ships(turn: Turn, fill: Record, data: Mapping[str, Any]) -> None:
    place, parcel = data["place"], data.get("parcel", 0)
    _, scan, message = _course(fill, parcel)[place]
    before = fill.document.setdefault("scans", [[], []])[parcel]
    body = fill_bodies.shipment(fill, turn.timestamp, scan, message, parcel)
    contradicts = scan_contradicts(before, scan)
    before.append(scan)
    fill.document["shipped"] = True
    turn.save(fill)
    turn.emit("fill_request", fill.token, body, contradicts=contradicts)
    _next(turn, fill, place + 1, parcel)


STEPS: dict[str, Step] = {"fill_ships": _ships}
