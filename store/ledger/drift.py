"""What the partners send that their contract does not say: one row a name, with counts and no values."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

import psycopg

from store.db.columns import BIGINT, TEXT, WORD, Columns

__all__ = ["Drifted", "note", "report"]

Connection = psycopg.Connection[Any]


class Drifted(NamedTuple):
    """One name never seen before, and how often. `what` is type, field, code or form."""

    partner: str
    what: str
    callback_type: str
    name: str
    seen: int
    first_at: datetime
    last_at: datetime


COUNTS = Columns("drift", {"what": WORD, "callback_type": WORD, "name": TEXT, "count": BIGINT})

# Rows are locked in the order in which they are given: two batches that share names cannot deadlock.
_NOTE = f"""
INSERT INTO drift ({COUNTS.names}, partner, first_at, last_at)
SELECT {COUNTS.values}, %(partner)s, %(at)s, %(at)s FROM {COUNTS.rows}
ON CONFLICT (partner, what, callback_type, name) DO UPDATE
SET count = drift.count + excluded.count, first_at = least(drift.first_at, excluded.first_at),
    last_at = greatest(drift.last_at, excluded.last_at)
"""


def note(conn: Connection, partner: str, counts: Mapping[tuple[str, str, str], int], at: datetime) -> None:
    """Add counts of (what, callback type, name), seen at `at`. Nothing is done for none.

    The rows stay locked until the caller's COMMIT and are shared by all workers: to be called last.
    """
    if not counts:
        return
    rows = [(*name, count) for name, count in sorted(counts.items())]
    conn.execute(_NOTE, {**COUNTS.parameters(rows), "partner": partner, "at": at})


def report(conn: Connection) -> list[Drifted]:
    """Everything that was noted, what came last first."""
    rows = conn.execute(
        "SELECT partner, what, callback_type, name, count, first_at, last_at FROM drift "
        "ORDER BY last_at DESC, partner, what, callback_type, name"
    )
    return [Drifted._make(row) for row in rows]
