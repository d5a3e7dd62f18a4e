"""A wire to one partner, as settings say, through the budget and the circuit that all processes share."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime
from typing import Any

import psycopg

from partners.registry import partners_of
from partners.wire import Gate, HttpClient, Wire
from settings import Settings
from workers.pull.rate_gate import SharedGate

__all__ = ["NoApiKey", "partner_wire"]


class NoApiKey(Exception):
    """The partner cannot be called: its key is not set. The text names the variable."""


def partner_wire(
    settings: Settings,
    partner: str,
    conn: psycopg.Connection[Any],
    *,
    clock: Callable[[], datetime],
    patience: float,
    sleep: Callable[[float], None] = time.sleep,
    longest_step: float | None = None,
    guard: Callable[[Gate], Gate] | None = None,
) -> Wire:
    """A wire whose calls may each wait for a permit up to `patience` seconds. Raises NoApiKey.

    `longest_step`: no step of a call takes longer, in seconds, whatever the settings say. `guard` is what
    stands around the gate.
    """
    set_for, known = settings.partner(partner), partners_of(settings.partner_folders)[partner]
    if set_for.api_key is None:
        raise NoApiKey(f"RXLEDGER_{partner.upper()}_API_KEY is not set")
    calls = set_for.calls
    http_client = HttpClient(
        set_for.base_url or known.base_url or "",
        set_for.api_key,
        calls.timeout if longest_step is None else min(calls.timeout, longest_step),
        calls.connections,
        known.scheme,
    )
    gate = SharedGate(conn, partner, calls.calls_per_minute, patience=patience, sleep=sleep)
    return Wire(http_client, gate if guard is None else guard(gate), clock=clock)
