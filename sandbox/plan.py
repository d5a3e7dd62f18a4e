"""How an event is delivered: a pure function of the seed and the event gives the attempts.

This is where a misbehaving partner comes in: no attempt is a lost callback, two are a duplicate, a later one
a delay, one with another body a changed copy. What a plan says is kept with the event before it is sent.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

__all__ = ["Attempt", "Emitted", "How", "Planner", "plan_calm"]

#: send: and read the answer. hang_up: close the connection before reading it. stall: send half, then nothing.
How = Literal["send", "hang_up", "stall"]


@dataclass(frozen=True, slots=True)
class Emitted:
    """An event that the partner generated. `body` is what its callback holds, JSON."""

    id: int
    environment: str
    customer: str
    kind: str
    key: str
    type: str
    timestamp: int
    body: bytes


@dataclass(frozen=True, slots=True)
class Attempt:
    """One sending. `after`: sandbox seconds behind the event. `body`: another than the event's."""

    after: float = 0.0
    body: bytes | None = None
    how: How = "send"


Planner = Callable[[int, Emitted], Sequence[Attempt]]


def plan_calm(seed: int, event: Emitted) -> Sequence[Attempt]:
    """Each event at once and once: what the reference describes, which knows no retry ("Webhook Events")."""
    return CALM


CALM = (Attempt(),)
