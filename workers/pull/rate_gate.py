"""The gate that calls to a partner pass through: the budget and the circuit that all workers share."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import psycopg

from partners.truepill.faults import CallFailed, KeyRefused, PartnerFault, Throttled
from store.pulls import rate_limit

__all__ = ["NotNow", "SharedGate"]


#: Turns are taken at once for so many seconds of the budget, and so many at most.
AHEAD_SECONDS, MOST_AHEAD = 0.25, 20


class NotNow(Exception):
    """No call may be made for `wait` seconds. `why` is budget, pause or circuit."""

    def __init__(self, wait: float, why: str) -> None:
        super().__init__(f"no call for {wait:.0f} s: {why}")
        self.wait = wait
        self.why = why


class SharedGate:
    """Waits for a turn up to `patience` seconds in all of one read; raises NotNow when it takes longer.

    Each of its statements is committed at once: no transaction is open during a call. Where the budget allows
    many calls a second, a few turns are taken at once; what is not used soon, or before a failure, lapses.
    """

    def __init__(
        self,
        conn: psycopg.Connection[Any],
        partner: str,
        per_minute: int,
        *,
        patience: float,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._conn = conn
        self._partner = partner
        self._per_minute = per_minute
        self._patience = patience
        self._sleep = sleep
        self._turns = max(1, min(MOST_AHEAD, int(per_minute / 60 * AHEAD_SECONDS)))
        self._ahead = 0
        self._lapse_at = 0.0
        self._tell = False

    def enter(self) -> None:
        """Raises NotNow, or psycopg.Error."""
        if self._ahead and time.monotonic() < self._lapse_at:
            self._ahead -= 1
            self._tell = False
            return
        waited = 0.0
        while (turn := rate_limit.take_calls(self._conn, self._partner, self._per_minute, self._turns)).wait:
            # An open circuit is no queue: whoever waits for it would only hold a place.
            if turn.why == "circuit" or waited + turn.wait > self._patience:
                raise NotNow(turn.wait, turn.why or "budget")
            self._sleep(turn.wait)
            waited += turn.wait
        self._ahead, self._lapse_at = self._turns - 1, time.monotonic() + AHEAD_SECONDS
        self._tell = turn.tell

    def leave(self, failure: CallFailed | None) -> None:
        """A failure that says nothing about the next call closes the circuit: it was an answer.

        An answer is written down once a second at most while all goes well. Raises psycopg.Error.
        """
        if failure is not None:
            self._ahead = 0
        if isinstance(failure, Throttled):
            rate_limit.pause(self._conn, self._partner, failure.wait, str(failure))
        elif isinstance(failure, KeyRefused):
            rate_limit.failed(self._conn, self._partner, str(failure), at_once=True)
        elif isinstance(failure, PartnerFault):
            rate_limit.failed(self._conn, self._partner, str(failure))
        elif self._tell:
            rate_limit.went_well(self._conn, self._partner)
