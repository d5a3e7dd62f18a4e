"""The sandbox's own time: it may run fast, from some time ago, and never passes the present.

While something is scheduled it runs at its speed. While nothing is, it stands still, so that the past it
started in is used up by what happens and not by waiting; left behind further than `lag`, it goes along with
the present. It never goes backwards.
"""

from __future__ import annotations

from collections.abc import Callable

__all__ = ["DEFAULT_LAG", "SandboxTime", "parse_speed"]

DEFAULT_LAG = 30 * 86_400.0  # seconds


def parse_speed(text: str) -> float:
    """`3600x` or `3600`: sandbox seconds a second, 1 or more. Raises ValueError."""
    try:
        speed = float(text.strip().lower().removesuffix("x"))
    except ValueError:
        speed = 0.0
    if not 1 <= speed <= 1e9:
        raise ValueError("a speed is a number of 1 or more, such as 60x")
    return speed


class SandboxTime:
    """Times are seconds since 1970. `real` gives the present; `not_before` is where an earlier run was.

    At speed 1 it is the present, unless a `lag` is given.
    """

    def __init__(
        self, real: Callable[[], float], speed: float = 1.0, lag: float | None = None, not_before: float = 0.0
    ) -> None:
        self._real = real
        self.speed = speed
        self.lag = (DEFAULT_LAG if speed > 1 else 0.0) if lag is None else lag
        self._seen_real = real()
        self._now = max(self._seen_real - self.lag, not_before)
        self._running = False

    @property
    def running(self) -> bool:
        return self._running

    def now(self) -> float:
        """The sandbox's time."""
        # A present that was set back counts as one that stands still.
        present = max(self._real(), self._seen_real)
        elapsed = present - self._seen_real
        self._seen_real = present
        reached = min(self._now + elapsed * self.speed, present) if self._running else present - self.lag
        self._now = max(self._now, reached)
        return self._now

    def run(self) -> None:
        """Something is scheduled."""
        self.now()
        self._running = True

    def rest(self) -> None:
        """Nothing is."""
        self.now()
        self._running = False

    def until(self, moment: float) -> float:
        """How many real seconds pass, running, before it is `moment`; 0 when it is already."""
        now = self.now()
        if moment <= now:
            return 0.0
        behind = self._seen_real - now
        fast = (moment - now) / self.speed
        # The present moves too: once it is reached, both go on together.
        if self.speed > 1 and fast > behind / (self.speed - 1):
            return moment - self._seen_real
        if self.speed == 1 and behind < 0:
            return moment - self._seen_real
        return fast
