"""How the partner behaves just now: the standing profile, one that is lent, and what a request asks for.

A request says it in the header `X-Sandbox`: `lossy`, `drop=1`, `hostile; duplicate=1`, `answer=503`. What it
says of callbacks holds for all that comes of the request: for the records that it makes, and theirs.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from sandbox.callbacks import Callbacks
from sandbox.ids import chance
from sandbox.misbehave import Surprise, plan, surprises
from sandbox.plan import Attempt, Emitted
from sandbox.profile import CALM, FAULTS, Profile, ProfileError, load_profile, overridden

__all__ = ["HEADER", "PLAIN", "Conduct", "Manner", "read_manner"]

HEADER = "X-Sandbox"
#: Answers that can be asked for, beside 429, 500 and 503: in FAULTS' names without their `answer_`.
PLAIN = "plain"


class Manner(NamedTuple):
    """What a request asks for: a profile's text, kept with the records, and one certain answer or None."""

    text: str = ""
    answer: str | None = None


@functools.lru_cache(1024)
def read_manner(header: str) -> Manner:
    """Read the header. Raises ProfileError."""
    kept, answer = [], None
    for part in header.replace(",", ";").split(";"):
        name, equals, value = (text.strip() for text in part.partition("="))
        if not name:
            continue
        if name == "answer":
            if value != PLAIN and f"answer_{value}" not in FAULTS:
                raise ProfileError(f"answer must be {PLAIN}, {', '.join(f[7:] for f in FAULTS)}")
            answer = value
        else:
            kept.append(f"{name}={value}" if equals else name)
    text = "; ".join(kept)
    if text:
        read_profile(text, CALM)
    return Manner(text, answer)


@functools.lru_cache(1024)
def read_profile(text: str, standing: Profile) -> Profile:
    """A manner's text over the profile that stands. Raises ProfileError."""
    profile, values = standing, {}
    for part in text.split("; "):
        name, equals, value = part.partition("=")
        if not equals:
            # A file's path is for those who start the sandbox, not for those who call it.
            if name.endswith(".toml"):
                raise ProfileError("a request names a profile that comes with the sandbox")
            profile = load_profile(name)
            continue
        try:
            values[name] = float(value)
        except ValueError:
            raise ProfileError(f"{name} must be a number") from None
    return overridden(profile, values) if values else profile


class Conduct:
    """`real` gives the machine's time. One object for the process; the engine and the API ask it."""

    def __init__(self, seed: int, standing: Profile, real: Callable[[], float]) -> None:
        self.standing = standing
        self._seed = seed
        self._real = real
        self._lent: Profile | None = None
        self._lent_until = 0.0
        self._since = real()
        self._dark_until = 0.0
        self._draws = 0

    @property
    def profile(self) -> Profile:
        """The profile in force."""
        if self._lent and self._real() >= self._lent_until:
            self.give_back()
        return self._lent or self.standing

    def lend(self, profile: Profile, seconds: float) -> None:
        """Have another profile in force for so long; again, to keep it."""
        if profile != self._lent:
            self._since = self._real()
        self._lent, self._lent_until = profile, self._real() + seconds

    def give_back(self) -> None:
        """The standing profile is in force again."""
        self._lent, self._since = None, self._real()

    def go_dark(self, seconds: float) -> None:
        """No callback leaves and no request is answered for so long; 0 ends it."""
        self._dark_until = self._real() + seconds

    @property
    def dark(self) -> bool:
        """Whether the partner is dark now, by its profile or because it was told to."""
        now, profile = self._real(), self.profile
        if now < self._dark_until:
            return True
        if not profile.dark_seconds:
            return False
        return (now - self._since) % profile.dark_every >= profile.dark_every - profile.dark_seconds

    def of(self, text: str) -> Profile:
        """The profile for what a request with this manner brought about."""
        return read_profile(text, self.profile) if text else self.profile

    def plan(self, text: str, event: Emitted, callbacks: Callbacks) -> Sequence[Attempt]:
        return plan(self.of(text), self._seed, event, callbacks)

    def surprises(
        self, text: str, kind: str, key: str, body: Mapping[str, Any], callbacks: Callbacks
    ) -> list[Surprise]:
        return surprises(self.of(text), self._seed, kind, key, body, callbacks)

    def draw(self, what: str) -> float:
        """From 0 to 1. In the same order of requests the same draws."""
        self._draws += 1
        return chance(self._seed, what, self._draws)

    def fault(self, manner: Manner) -> str | None:
        """What becomes of an answer: one of FAULTS without `answer_`, or None for a good one."""
        if manner.answer:
            return None if manner.answer == PLAIN else manner.answer
        profile = self.of(manner.text)
        if profile is CALM:
            return None
        drawn = self.draw("answer")
        for name in FAULTS:
            drawn -= getattr(profile, name)
            if drawn < 0:
                return name.removeprefix("answer_")
        return None
