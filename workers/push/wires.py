"""The partners as the ways out reach them: by the wire, the budget and the circuit that pulls use too."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import psycopg

from partners.wire import Wire
from settings import Settings
from workers.pull.partner_wire import partner_wire

__all__ = ["push_wire"]

#: How long a call may wait for the budget, and the longest step of one, in seconds: it has ended before the
#: time comes at which nobody waits for its answer any more.
PATIENCE, LONGEST_STEP = 10.0, 30.0


def push_wire(
    settings: Settings, partner: str, conn: psycopg.Connection[Any], clock: Callable[[], datetime]
) -> Wire:
    """The wire to a partner. Raises NoApiKey."""
    return partner_wire(settings, partner, conn, clock=clock, patience=PATIENCE, longest_step=LONGEST_STEP)
