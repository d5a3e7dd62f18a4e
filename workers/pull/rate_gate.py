"""The gate that calls to a partner pass through: the budget and the circuit that all workers share."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import psycopg

from partners.faults import CallFailed, KeyRefused, PartnerFault, Throttled
from store.pulls import rate_limit
from store.pulls.rate_limit import Permit

__all__ = ["NotNow", "SharedGate"]


#: Permits are taken at once for so many seconds of the budget, and so many at most.
AHEAD_SECONDS, MOST_AHEAD = 0.25, 20


class NotNow(Exception):
    """No call may be made for `wait` seconds. `why` is budget, pause, circuit or database."""

    def __init__(self, wait: float, why: str) -> None:
        super().__init__(f"no call for {wait:.0f} s: {why}")
        self.wait = wait
        self.why = why


class SharedGate:
    """Waits for permits up to `patience` seconds in one read, its retries included; then raises NotNow.

    Each of its statements is committed at once: no transaction is open during a call. Where the budget allows
    many calls a second, a few permits are taken at once; what is not used soon, or before a failure, lapses.
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
        self._calls_at_once = max(1, min(MOST_AHEAD, int(per_minute / 60 * AHEAD_SECONDS)))
        self._permits = 0
        self._lapse_at = 0.0
        #: Seconds that the read under way has waited, in all of its attempts.
        self._waited = 0.0
        self._tell = False

    def enter(self, attempt: int = 1) -> None:
        """Take a permit, for an attempt of a read, counted from 1. Raises NotNow, or psycopg.Error."""
        if attempt == 1:
            self._waited = 0.0
        if self._permits and time.monotonic() < self._lapse_at:
            self._permits -= 1
            self._tell = False
            return
        while (permit := self._take()).wait:
            # An open circuit is no queue: to wait for it would only keep others from going on.
            if permit.why == "circuit" or self._waited + permit.wait > self._patience:
                raise NotNow(permit.wait, permit.why or "budget")
            self._sleep(permit.wait)
            self._waited += permit.wait
        self._permits, self._lapse_at = self._calls_at_once - 1, time.monotonic() + AHEAD_SECONDS
        self._tell = permit.tell

    def _take(self) -> Permit:
        return rate_limit.take_calls(self._conn, self._partner, self._per_minute, self._calls_at_once)

    def leave(self, failure: CallFailed | None) -> None:
        """A failure that says nothing about the next call closes the circuit: it was an answer.

        An answer is written down once a second at most while all goes well. Raises psycopg.Error.
        """
        if failure is not None:
            self._permits = 0
        if isinstance(failure, Throttled):
            rate_limit.pause(self._conn, self._partner, failure.wait, str(failure))
        elif isinstance(failure, KeyRefused):
            rate_limit.failed(self._conn, self._partner, str(failure), at_once=True)
        elif isinstance(failure, PartnerFault):
            rate_limit.failed(self._conn, self._partner, str(failure))
        elif self._tell:
            rate_limit.went_well(self._conn, self._partner)
