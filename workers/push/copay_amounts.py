"""What a copay says that each of its prescriptions costs the patient."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import psycopg

from statemachine import MACHINES, lines_told
from statemachine.balance import cents
from store.crypto.sealing import Sealer
from store.ledger import entities
from store.ledger.facts import facts_of
from store.ledger.model import fact_of
from workers.apply.payment_values import detail_of

__all__ = ["Copay", "CopayLine", "CopayRefused", "copay_amounts"]


class CopayRefused(Exception):
    """There is nothing that a patient could pay for. The text names tokens and states alone."""


class CopayLine(NamedTuple):
    """A prescription that is covered and that the patient owes something for, in cents.

    `days_supply`, `quantity` and `fill_number` (from 1) are as the copay printed them, where it did.
    """

    token: str
    owed: int
    days_supply: str | None
    quantity: str | None
    fill_number: str | None


class Copay(NamedTuple):
    """A completed copay: whose it is, and what is owed. `left_out` are the tokens of the other lines."""

    key: str
    patient_token: str
    lines: tuple[CopayLine, ...]
    left_out: tuple[str, ...]


def copay_amounts(conn: psycopg.Connection[Any], sealer: Sealer, key: str) -> Copay:
    """Read the copay of this key by its history. Raises CopayRefused, psycopg.Error."""
    machine = MACHINES["copay"]
    ids = entities.ids_of(conn, "copay", [key])
    if not ids:
        raise CopayRefused(f"there is no copay {key}")
    rows = facts_of(conn, ids)
    summary, steps = machine.fold([fact_of(row) for row in rows])
    if summary.state != "completed":
        raise CopayRefused(f"copay {key} is {summary.state}: amounts are those of a completed one")
    known = {machine.order(fact_of(row)): row for row in rows}
    details = {order: detail_of(row, sealer) for order, row in known.items()}
    owed, left_out = [], []
    for line, fact, place in lines_told(machine, steps):
        found = _of_line(details[machine.order(fact)], place)
        token = line.token or found.get("token")
        if not isinstance(token, str):
            raise CopayRefused(f"copay {key} has a prescription without a token")
        amount = cents(found.get("copay_amount")) if line.status == "completed" else 0
        if amount is None or amount < 0:
            raise CopayRefused(f"copay {key} prints no amount in whole cents for prescription {token}")
        if amount == 0:
            left_out.append(token)
            continue
        shown = [_text(found.get(name)) for name in ("days_supply", "quantity", "fill_number")]
        owed.append(CopayLine(token, amount, *shown))
    if not owed:
        raise CopayRefused(f"nothing is owed for copay {key}")
    if len({line.token for line in owed}) < len(owed):
        raise CopayRefused(f"copay {key} names one prescription twice: which amount counts is not known")
    told = (details[machine.order(step.fact)].get("patient_token") for step in reversed(steps))
    patient = next(filter(None, map(_text, told)), None)
    if patient is None:
        raise CopayRefused(f"copay {key} names no patient")
    return Copay(key, patient, tuple(owed), tuple(left_out))


def _of_line(detail: Mapping[str, Any], place: int) -> dict[str, Any]:
    lines = detail.get("lines")
    found = lines[place] if isinstance(lines, list) and place < len(lines) else None
    return found if isinstance(found, dict) else {}


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None
