"""Fills that wait for the patient's payment, and payments of fills that came to nothing. Read only."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, text

from statemachine import MACHINES
from store.ledger.relations import CAME_TO_NOTHING, is_replaced

__all__ = ["ToCarry", "ToGiveBack", "Unpaid", "Unplaced", "to_carry", "to_give_back", "unpaid", "unplaced"]

FILL = "fill_request"


class Unpaid(NamedTuple):
    """A fill whose claim is open: by `ends_at` it is paid, or the pharmacy reverses the claim."""

    id: int
    key: str
    state: str
    ends_at: datetime


class ToGiveBack(NamedTuple):
    """A payment that stands, of a fill that came to nothing at `since` or was so when it was paid."""

    key: str
    state: str
    fill: str
    fill_state: str
    since: datetime


class ToCarry(NamedTuple):
    """A fill that is paid, of which the pharmacy has not said that it knows. By `ends_at` it reverses the
    claim.
    """

    key: str
    state: str
    ends_at: datetime


class Unplaced(NamedTuple):
    """A payment that is for nothing that is known here."""

    key: str
    state: str
    since: datetime


_UNPAID = f"""
SELECT e.id, e.key, e.state, e.waiting_since + :length AS ends_at FROM entities e
WHERE e.waiting_since IS NOT NULL AND e.kind = '{FILL}' AND e.state = ANY(:states)
  AND NOT {is_replaced("e")}
ORDER BY e.waiting_since, e.key LIMIT :limit
"""


def _of_the_wait(conn: Connection, statement: str, limit: int) -> Sequence[Row[Any]]:
    """What the statement finds by the fill's wait for its payment: how long it is, and within what."""
    wait = MACHINES[FILL].wait
    if wait is None:
        return []
    values = {
        "length": timedelta(seconds=wait.clock.seconds),
        "states": sorted(wait.within),
        "limit": limit,
    }
    return conn.execute(text(statement), values).all()


def unpaid(conn: Connection, limit: int) -> list[Unpaid]:
    """The fills that wait for a payment, those with the least time left first ("Expiring Orders")."""
    return [Unpaid._make(row) for row in _of_the_wait(conn, _UNPAID, limit)]


_FAILED = ", ".join(f"'{state}'" for state in CAME_TO_NOTHING)
# Such a fill is under review: few are.
_TO_GIVE_BACK = f"""
SELECT p.key, p.state, e.key, e.state, s.occurred_at
FROM entities e
JOIN facts s ON s.entity_id = e.id AND s.signal = 'payment:stranded'
JOIN payment_joins j ON j.target_id = e.id
JOIN entities p ON p.id = j.payment_id AND p.state = 'paid'
WHERE e.review IS NOT NULL AND e.kind = '{FILL}' AND e.state IN ({_FAILED})
  AND NOT EXISTS (SELECT FROM facts r WHERE r.entity_id = p.id AND r.signal = 'payment:refunded')
ORDER BY s.occurred_at, p.key LIMIT :limit
"""


def to_give_back(conn: Connection, limit: int) -> list[ToGiveBack]:
    """Payments for fills that came to nothing, until somebody says that the money was given back."""
    return [ToGiveBack._make(row) for row in conn.execute(text(_TO_GIVE_BACK), {"limit": limit})]


# What moved it last is its payment: nothing has come of it since.
_TO_CARRY = f"""
SELECT e.key, e.state, c.claimed_at + :length AS ends_at
FROM entities e CROSS JOIN LATERAL (
    SELECT min(occurred_at) AS claimed_at FROM facts WHERE entity_id = e.id AND signal = 'claim:owed'
) c
WHERE e.moved_by = 'payment:known' AND e.kind = '{FILL}' AND e.state = ANY(:states)
  AND c.claimed_at IS NOT NULL AND NOT {is_replaced("e")}
ORDER BY c.claimed_at, e.key LIMIT :limit
"""


def to_carry(conn: Connection, limit: int) -> list[ToCarry]:
    """Fills that are paid, and that no news of the pharmacy has moved since: it may not know of it."""
    return [ToCarry._make(row) for row in _of_the_wait(conn, _TO_CARRY, limit)]


_UNPLACED = """
SELECT e.key, e.state, u.since FROM payments_unplaced u JOIN entities e ON e.id = u.payment_id
WHERE u.since <= :before AND e.state = 'paid' AND e.review IS NULL
  AND NOT EXISTS (SELECT FROM aliases a WHERE (a.kind, a.alias) = (e.kind, e.key) AND a.key <> e.key)
ORDER BY u.since, e.key LIMIT :limit
"""


def unplaced(conn: Connection, before: datetime, limit: int) -> list[Unplaced]:
    """Payments that were paid before this and are for nothing that is known. Those under review are listed
    so.
    """
    values = {"before": before, "limit": limit}
    return [Unplaced._make(row) for row in conn.execute(text(_UNPLACED), values)]
