"""Fills that wait for the patient's payment, and payments of fills that came to nothing. Read only."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import Connection, text

from statemachine import MACHINES
from store.ledger.relations import CAME_TO_NOTHING, is_replaced

__all__ = ["ToGiveBack", "Unpaid", "to_give_back", "unpaid"]

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


_UNPAID = f"""
SELECT e.id, e.key, e.state, e.waiting_since + :length AS ends_at FROM entities e
WHERE e.waiting_since IS NOT NULL AND e.kind = '{FILL}' AND e.state = ANY(:states)
  AND NOT {is_replaced("e")}
ORDER BY e.waiting_since, e.key LIMIT :limit
"""


def unpaid(conn: Connection, limit: int) -> list[Unpaid]:
    """The fills that wait for a payment, those with the least time left first ("Expiring Orders")."""
    wait = MACHINES[FILL].wait
    if wait is None:
        return []
    values = {
        "length": timedelta(seconds=wait.clock.seconds),
        "states": sorted(wait.within),
        "limit": limit,
    }
    return [Unpaid._make(row) for row in conn.execute(text(_UNPAID), values)]


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
