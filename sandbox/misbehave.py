"""What a profile makes of one event: pure functions of the profile, the seed and the event."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from sandbox.callbacks import Callbacks
from sandbox.ids import chance
from sandbox.plan import CALM as AT_ONCE
from sandbox.plan import Attempt, Emitted, How
from sandbox.profile import CALM, Profile

__all__ = ["Surprise", "is_whole", "plan", "surprises"]


class Surprise(NamedTuple):
    """An event that comes beside a true one. `what`: `type` or `code`, of which nothing is known."""

    what: str
    body: dict[str, Any]


def plan(profile: Profile, seed: int, event: Emitted, callbacks: Callbacks) -> Sequence[Attempt]:
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
        attempts.append(Attempt(later, callbacks.changed(event.body)))
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


def surprises(
    profile: Profile, seed: int, kind: str, key: str, body: Mapping[str, Any], callbacks: Callbacks
) -> list[Surprise]:
    """Events beside this one, of the same entity and second. None of them changes where it ends up."""
    if profile is CALM:
        return []
    found = []
    said = (kind, key, callbacks.type_of(body), body.get("timestamp", ""))
    if chance(seed, "unknown_type", *said) < profile.unknown_type:
        place = int(chance(seed, "which", *said) * len(callbacks.unknown_types))
        found.append(Surprise("type", callbacks.retyped(body, callbacks.unknown_types[place])))
    if chance(seed, "unknown_code", *said) < profile.unknown_code:
        found += [Surprise("code", strange) for strange in callbacks.with_unknown_code(body)]
    return found
