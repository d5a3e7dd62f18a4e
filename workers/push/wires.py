"""The partners as the ways out reach them: by the wire, the budget and the circuit that pulls use too."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime
from typing import Any

import psycopg

from errors import describe
from partners.faults import CallFailed
from partners.wire import Gate, Wire
from settings import Settings
from workers.pull.partner_wire import partner_wire
from workers.pull.rate_gate import NotNow

__all__ = ["GuardedGate", "push_wire"]

log = logging.getLogger(__name__)

#: How long a call may wait for the budget, and the longest step of one, in seconds: it has ended before the
#: time comes at which nobody waits for its answer any more.
PATIENCE, LONGEST_STEP = 10.0, 30.0
#: After so many seconds a database that could not be asked may be asked again.
AGAIN_SECONDS = 1.0


class GuardedGate:
    """A gate that keeps nobody from an answer: what is sent once is not answered again.

    Without the database no call is made: `enter` raises NotNow. That a call was made, and how it went, is
    then only logged.
    """

    def __init__(self, gate: Gate) -> None:
        self._gate = gate

    def enter(self, attempt: int) -> None:
        try:
            self._gate.enter(attempt)
        except psycopg.Error as error:
            log.warning("the budget of calls could not be read: %s", describe(error))
            raise NotNow(AGAIN_SECONDS, "database") from None

    def leave(self, failure: CallFailed | None) -> None:
        try:
            self._gate.leave(failure)
        except psycopg.Error as error:
            log.warning("how a call went could not be written down: %s", describe(error))


def push_wire(
    settings: Settings, partner: str, conn: psycopg.Connection[Any], clock: Callable[[], datetime]
) -> Wire:
    """The wire to a partner. Raises NoApiKey."""
    return partner_wire(
        settings,
        partner,
        conn,
        clock=clock,
        patience=PATIENCE,
        longest_step=LONGEST_STEP,
        guard=GuardedGate,
    )
