"""What a profile makes of one event: pure functions of the profile, the seed and the event."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import orjson

from sandbox.ids import chance
from sandbox.plan import CALM as AT_ONCE
from sandbox.plan import Attempt, Emitted, How
from sandbox.profile import CALM, Profile

__all__ = ["Surprise", "is_whole", "plan", "surprises"]

#: Types that the reference does not have.
UNKNOWN_TYPES = ("PHARMACY_NOTE", "RX_REVIEW", "CARRIER_CLAIM")
UNKNOWN_CODE = "T999"
UNKNOWN_SCAN = "HELD_AT_CUSTOMS"


class Surprise(NamedTuple):
    """An event that comes beside a true one. `what`: `type` or `code`, of which nothing is known."""

    what: str
    body: dict[str, Any]


def plan(profile: Profile, seed: int, event: Emitted) -> Sequence[Attempt]:
    """The attempts to deliver an event; none when the callback is lost."""
    if profile is CALM:
        return AT_ONCE

    def draw(what: str) -> float:
        return chance(seed, what, event.id)

    if draw("drop") < profile.drop:
        return ()
    after = _held(profile, event)
    if draw("delay") < profile.delay:
        after += draw("delay_seconds") * profile.delay_seconds
    if draw("reorder") < profile.reorder:
        after += draw("reorder_seconds") * profile.reorder_seconds
    attempts = [Attempt(after, None, _how(profile, draw("how")))]
    if draw("duplicate") < profile.duplicate:
        attempts.append(Attempt(after + draw("duplicate_seconds") * profile.duplicate_seconds))
    if draw("change") < profile.change:
        later = after + draw("change_seconds") * profile.duplicate_seconds
        attempts.append(Attempt(later, _changed(event.body)))
    return attempts


def is_whole(profile: Profile, seed: int, event: int) -> bool:
    """Whether the pulled copy of an event has its id and status all the same."""
    return chance(seed, "whole_copies", event) < profile.whole_copies


def _held(profile: Profile, event: Emitted) -> float:
    """Until its burst leaves: at the end of the stretch of time that its event lies in."""
    length = profile.burst_seconds
    return length - event.timestamp % length if length else 0.0


def _how(profile: Profile, drawn: float) -> How:
    if drawn < profile.hang_up:
        return "hang_up"
    return "stall" if drawn < profile.hang_up + profile.stall else "send"


def _changed(body: bytes) -> bytes:
    """The same event in other words: a field more, which says nothing about any state."""
    found = orjson.loads(body)
    details = found.get("details")
    (details if isinstance(details, dict) else found)["revision"] = 2
    return orjson.dumps(found)


def surprises(profile: Profile, seed: int, kind: str, key: str, body: Mapping[str, Any]) -> list[Surprise]:
    """Events beside this one, of the same entity and second. None of them changes where it ends up."""
    if profile is CALM:
        return []
    found = []
    said = (kind, key, body["callback_type"], body["timestamp"])
    if chance(seed, "unknown_type", *said) < profile.unknown_type:
        place = int(chance(seed, "which", *said) * len(UNKNOWN_TYPES))
        found.append(Surprise("type", {**body, "callback_type": UNKNOWN_TYPES[place]}))
    if chance(seed, "unknown_code", *said) < profile.unknown_code:
        found += [Surprise("code", strange) for strange in _with_unknown_code(body)]
    return found


def _with_unknown_code(body: Mapping[str, Any]) -> list[dict[str, Any]]:
    """A triage in the second of the success that resolves it, or a scan that tells nothing."""
    if body["callback_type"] == "ORDER" and body.get("status") == "success":
        known = body["details"]
        details = {
            **{name: known[name] for name in ("metadata", "order_token", "patient_token") if name in known},
            "code": UNKNOWN_CODE,
            "description": "Triage: Reason of a later version",
            "message": "Your fill request is in triage.",
            "medications": [
                {"medication_token": line["medication_token"]} for line in known.get("medications", ())
            ],
        }
        return [{**body, "status": "triage", "details": details}]
    if body["callback_type"] == "SHIPMENT":
        details = {**body["details"], "status": UNKNOWN_SCAN, "message": "Held at customs."}
        return [{**body, "details": details}]
    return []
