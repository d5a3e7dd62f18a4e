"""What the partners send that their contract does not say: one row a name, with counts and no values."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

import psycopg

from store.db import arrays

__all__ = ["Drifted", "note", "report"]

Connection = psycopg.Connection[Any]


class Drifted(NamedTuple):
    """One name never seen before, and how often. `what` is type, field or code."""

    partner: str
    what: str
    callback_type: str
    name: str
    seen: int
    first_at: datetime
    last_at: datetime


# Rows are locked in the order in which they are given: two batches that share names cannot deadlock.
_NOTE = """
INSERT INTO drift (partner, what, callback_type, name, count, first_at, last_at)
SELECT %s, n.what, n.callback_type, n.name, n.count, %s, %s
FROM unnest(%s::text[], %s::text[], %s::text[], %s::bigint[]) AS n (what, callback_type, name, count)
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
    rows = sorted(counts.items())
    conn.execute(
        _NOTE,
        (
            partner,
            at,
            at,
            arrays.texts([what for (what, _, _), _ in rows]),
            arrays.texts([callback_type for (_, callback_type, _), _ in rows]),
            arrays.texts([name for (_, _, name), _ in rows]),
            arrays.numbers([count for _, count in rows]),
        ),
    )


def report(conn: Connection) -> list[Drifted]:
    """Everything that was noted, what came last first."""
    rows = conn.execute(
        "SELECT partner, what, callback_type, name, count, first_at, last_at FROM drift "
        "ORDER BY last_at DESC, partner, what, callback_type, name"
    )
    return [Drifted._make(row) for row in rows]
