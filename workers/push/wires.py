"""The partners as the ways out reach them: by the wire, the budget and the circuit that pulls use too."""

from __future__ import annotations

from typing import Any

import psycopg

from partners.healnow.client import SCHEME
from partners.registry import partners_of
from partners.wire import HttpClient, Wire
from settings import Settings, SettingsError
from workers.pull.rate_gate import SharedGate

__all__ = ["healnow_wire", "pharmacy_wire"]

#: How long a call may wait for the budget, in seconds: by then it is marked as sent.
PATIENCE = 10.0
#: The longest step of a call, in seconds: all of it has to end before nobody waits for it any more.
LONGEST_STEP = 30.0


def pharmacy_wire(settings: Settings, conn: psycopg.Connection[Any]) -> Wire:
    """Raises SettingsError where there is no key."""
    return _wire(settings, conn, "truepill", "ApiKey")


def healnow_wire(settings: Settings, conn: psycopg.Connection[Any]) -> Wire:
    """Raises SettingsError where there is no key."""
    return _wire(settings, conn, "healnow", SCHEME)


def _wire(settings: Settings, conn: psycopg.Connection[Any], name: str, scheme: str) -> Wire:
    partner = settings.partner(name)
    if partner.api_key is None:
        raise SettingsError(f"RXLEDGER_{name.upper()}_API_KEY is not set: {name} cannot be called")
    base_url = partner.base_url or partners_of(settings.partner_folders)[name].base_url or ""
    gate = SharedGate(conn, name, settings.pull.calls_per_minute, patience=PATIENCE)
    timeout = min(settings.pull.timeout, LONGEST_STEP)
    return Wire(HttpClient(base_url, partner.api_key, timeout, scheme=scheme), gate)
