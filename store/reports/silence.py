"""Entities that are silent: in a state whose silence means a lost callback or a dead request, for too long.

A further parcel of a fill that is over counts as a fill would in its state. A fill that another replaced is
waited for by nobody.

An entity's deadline is the start of its wait and the length of its clock, so it is silent from its deadline
on, shifted by how much longer or shorter silence takes than the clock. A date that the partner gave is not
shifted. So nothing more is stored, and another setting counts at once.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import psycopg

from statemachine import MACHINES
from store.db import arrays
from store.ledger.relations import is_replaced

__all__ = ["Shift", "Silent", "ahead", "counts", "shifts"]

After = Mapping[tuple[str, str], float]


class Shift(NamedTuple):
    """A state whose silence is reported, and how long after (or before) its clock's end it begins."""

    kind: str
    state: str
    by: timedelta
    means: str


class Silent(NamedTuple):
    """How many entities are silent in a state, and since when the first of them is."""

    kind: str
    state: str
    entities: int
    since: datetime


def shifts(after: After) -> list[Shift]:
    """Every state whose silence is reported; `after`: seconds for those where the page's are not wanted."""
    return [
        Shift(
            kind,
            state,
            timedelta(seconds=after.get((kind, state), clock.silence.seconds) - clock.seconds),
            clock.silence.means,
        )
        for kind, machine in MACHINES.items()
        for state, clock in machine.clocks.items()
        if clock.silence is not None
    ]


def ahead(after: After) -> timedelta:
    """How far ahead of now the deadline of what is silent can be."""
    return -min([timedelta(0), *(shift.by for shift in shifts(after))])


# A further parcel of what is closed itself waits like an entity in its state.
_WAITING = """
SELECT kind, key, state, due, deadline FROM entities
UNION ALL
SELECT f.kind, f.key, p.state, p.due, p.deadline FROM parcels p JOIN entities f ON f.id = p.entity_id
WHERE f.deadline IS NULL
"""
# The first condition is what the index on deadlines can be used for. What was replaced is found among what is
# silent, which is little.
_COUNTS = f"""
SELECT kind, state, count(*), min(since) FROM (
    SELECT e.kind, e.key, e.state,
           CASE WHEN e.due = e.deadline THEN e.deadline ELSE e.deadline + s.by END AS since
    FROM unnest(%(kinds)s::text[], %(states)s::text[], %(by)s::float8[]) AS n (kind, state, seconds)
    CROSS JOIN LATERAL (SELECT n.kind, n.state, n.seconds * interval '1 s' AS by) s
    JOIN ({_WAITING}) e ON e.kind = s.kind AND e.state = s.state
    WHERE e.deadline <= %(now)s + %(ahead)s
) silent WHERE since <= %(now)s AND NOT {is_replaced("silent")} GROUP BY kind, state ORDER BY kind, state
"""


def counts(conn: psycopg.Connection[Any], now: datetime, after: After) -> list[Silent]:
    """The silent entities by kind and state. Raises psycopg.Error."""
    watched = shifts(after)
    rows = conn.execute(
        _COUNTS,
        {
            "kinds": arrays.texts([shift.kind for shift in watched]),
            "states": arrays.texts([shift.state for shift in watched]),
            "by": [shift.by.total_seconds() for shift in watched],
            "ahead": ahead(after),
            "now": now,
        },
    )
    return [Silent._make(row) for row in rows]
