"""When what died is restarted: after a pause that grows, and not any number of times."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable

__all__ = ["RestartPolicy"]

FIRST_PAUSE = 0.5  # seconds; each further death within the window doubles it
MOST = 5
WITHIN_SECONDS = 60.0


class RestartPolicy:
    """Counts deaths by name; `clock` gives seconds that never go back."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._deaths: dict[str, deque[float]] = {}
        self._due: dict[str, float] = {}

    def died(self, name: str) -> float | None:
        """Note a death. The seconds until it is started again; None when it dies too often for that."""
        now = self._clock()
        deaths = self._deaths.setdefault(name, deque())
        deaths.append(now)
        while deaths[0] <= now - WITHIN_SECONDS:
            deaths.popleft()
        if len(deaths) > MOST:
            return None
        pause = float(FIRST_PAUSE * 2 ** (len(deaths) - 1))
        self._due[name] = now + pause
        return pause

    def pending(self, name: str) -> bool:
        """Whether it died and has not been given by `due` since."""
        return name in self._due

    def due(self) -> list[str]:
        """Those whose pause is over, each of them once."""
        now = self._clock()
        names = [name for name, moment in self._due.items() if moment <= now]
        for name in names:
            del self._due[name]
        return names

    @staticmethod
    def too_often(name: str) -> str:
        """What to say of one that `died` has given up; a start that failed is a death too."""
        return f"{name} failed more than {MOST} times within {WITHIN_SECONDS:.0f} s"
