"""When silence is told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from settings.reader import Reader
from settings.values import seconds

__all__ = ["SilenceSettings", "silence_settings"]


@dataclass(frozen=True)
class SilenceSettings:
    """When silence is told. Times are in seconds.

    `after`: by (kind, state), where another time is wanted than the machine's page says. `push`: a partner's
    silence that is shorter is never told, however short its usual gap is.
    """

    after: Mapping[tuple[str, str], float] = field(default_factory=dict)
    push: float = 3600.0


def _silent_state(value: str) -> tuple[tuple[str, str], float]:
    from statemachine import MACHINES  # not for every start of a process: few set it

    state, _, days = value.partition("=")
    kind, _, state = state.strip().partition(".")
    machine = MACHINES.get(kind)
    clock = machine.clocks.get(state) if machine is not None else None
    if clock is None or clock.silence is None:
        raise ValueError("wants KIND.STATE=DAYS with a state whose silence is told: docs/diagrams list them")
    try:
        return (kind, state), seconds(str(float(days) * 86_400))
    except ValueError:
        raise ValueError("wants KIND.STATE=DAYS with days such as 5 or 0.5, less than a year") from None


def silence_settings(reader: Reader) -> SilenceSettings:
    """What is set for silence, and what is usual for the rest."""
    return SilenceSettings(
        after=dict(reader.many("RXLEDGER_SILENCE_AFTER", _silent_state)),
        push=reader.one("RXLEDGER_SILENCE_PUSH", seconds) or SilenceSettings.push,
    )
