"""When what died is restarted: after a pause that grows while it does not stay up, for as long as it takes.

A receiver that runs must not be ended because a worker beside it cannot: nothing is given up by itself.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

__all__ = ["RestartPolicy"]

#: Seconds: each further death doubles the pause, up to the longest.
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 30.0
#: What stayed up so long begins anew.
STEADY_SECONDS = 60.0
#: After so many deaths in a row a part that never ran is taken for one that cannot.
HOPELESS = 5


@dataclass
class _Deaths:
    in_a_row: int = 0
    #: When it is, or was, to be started again.
    start_at: float = float("-inf")
    waiting: bool = False


class RestartPolicy:
    """Counts deaths by name; `clock` gives seconds that never go back."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._deaths: dict[str, _Deaths] = {}

    def died(self, name: str) -> float:
        """Note a death, or a start that failed. The seconds until it is to be started again."""
        now = self._clock()
        deaths = self._deaths.setdefault(name, _Deaths())
        deaths.in_a_row = 1 if now - deaths.start_at >= STEADY_SECONDS else deaths.in_a_row + 1
        pause = min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** min(deaths.in_a_row - 1, 20))
        deaths.start_at, deaths.waiting = now + pause, True
        return float(pause)

    def pending(self, name: str) -> bool:
        """Whether it died and has not been given by `due` since."""
        return name in self._deaths and self._deaths[name].waiting

    def due(self) -> list[str]:
        """Those whose pause is over, each of them once."""
        now = self._clock()
        names = [name for name, deaths in self._deaths.items() if deaths.waiting and deaths.start_at <= now]
        for name in names:
            self._deaths[name].waiting = False
        return names

    def is_hopeless(self, name: str) -> bool:
        """Whether it has died so often in a row that it will not come up by itself."""
        return name in self._deaths and self._deaths[name].in_a_row > HOPELESS
