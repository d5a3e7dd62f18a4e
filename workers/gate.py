"""The gate that calls to a partner pass through: the budget and the circuit that all workers share."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import psycopg

from partners.truepill.faults import CallFailed, KeyRefused, PartnerFault, Throttled
from store import calls

__all__ = ["NotNow", "SharedGate"]


class NotNow(Exception):
    """No call may be made for `wait` seconds. `why` is budget, pause or circuit."""

    def __init__(self, wait: float, why: str) -> None:
        super().__init__(f"no call for {wait:.0f} s: {why}")
        self.wait = wait
        self.why = why


class SharedGate:
    """Waits for a turn up to `patience` seconds in all of one read; raises NotNow when it takes longer.

    Each of its statements is committed at once: no transaction is open during a call.
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
        self._tell = False

    def enter(self) -> None:
        """Raises NotNow, or psycopg.Error."""
        waited = 0.0
        while (turn := calls.take_turn(self._conn, self._partner, self._per_minute)).wait:
            # An open circuit is no queue: whoever waits for it would only hold a place.
            if turn.why == "circuit" or waited + turn.wait > self._patience:
                raise NotNow(turn.wait, turn.why or "budget")
            self._sleep(turn.wait)
            waited += turn.wait
        self._tell = turn.tell

    def leave(self, failure: CallFailed | None) -> None:
        """A failure that says nothing about the next call closes the circuit: it was an answer.

        An answer is written down once a second at most while all goes well. Raises psycopg.Error.
        """
        if isinstance(failure, Throttled):
            calls.pause(self._conn, self._partner, failure.wait, str(failure))
        elif isinstance(failure, KeyRefused):
            calls.failed(self._conn, self._partner, str(failure), at_once=True)
        elif isinstance(failure, PartnerFault):
            calls.failed(self._conn, self._partner, str(failure))
        elif self._tell:
            calls.went_well(self._conn, self._partner)
