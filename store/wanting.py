"""Which entities want a snapshot: those that have waited too long, where the partner has a record to read.

Read only. Who asks keeps where it stopped, so that everything that waits has its turn, however much it is.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import psycopg

from statemachine import MACHINES
from statemachine.seen import is_seen
from store import arrays

__all__ = ["Place", "Wanting", "wanting"]

#: Kinds whose record is asked for by another name than the entity's key.
BY_ALIAS = frozenset({"transfer", "direct_transfer"})


class Place(NamedTuple):
    """Where a run stopped: the next one goes on behind it."""

    since: datetime
    entity_id: int


class Wanting(NamedTuple):
    """An entity to ask about. `name` is the id that its record is asked for by.

    `since` is when it began to want a snapshot: its deadline, or the end of the quiet time, whichever was
    first. `place` is where a run that stops after it goes on.
    """

    kind: str
    key: str
    name: str
    state: str
    since: datetime
    place: Place


# A name that several keys claim is nobody's (D13), and of several names of one entity the first will do.
_WANTING = """
WITH waiting AS (
    SELECT e.id, e.kind, e.key, e.state,
           least(e.deadline, CASE WHEN s.clocked THEN
               greatest(e.last_at, e.registered_at, e.since) + %(quiet)s END) AS since
    FROM unnest(%(kinds)s::text[], %(states)s::text[], %(clocked)s::bool[]) AS s (kind, state, clocked)
    JOIN entities e ON e.kind = s.kind AND e.state = s.state
), named AS (
    SELECT w.*, CASE WHEN w.kind = ANY(%(by_alias)s::text[]) THEN (
        SELECT min(a.alias) FROM aliases a WHERE a.kind = w.kind AND a.key = w.key AND NOT EXISTS (
            SELECT FROM aliases o WHERE o.kind = a.kind AND o.alias = a.alias AND o.key <> a.key
        )
    ) ELSE w.key END AS name
    FROM waiting w
    WHERE w.since <= %(now)s
      AND (%(after)s::timestamptz IS NULL OR (w.since, w.id) > (%(after)s, %(after_id)s::bigint))
)
SELECT kind, key, name, state, since, id FROM named WHERE name IS NOT NULL ORDER BY since, id LIMIT %(limit)s
"""


def wanting(
    conn: psycopg.Connection[Any],
    now: datetime,
    *,
    kinds: Collection[str],
    quiet: timedelta,
    limit: int,
    after: Place | None = None,
) -> list[Wanting]:
    """Up to `limit` entities of `kinds` that are past their deadline, or without news for `quiet`; the oldest first.

    Only in states that a record can lead out of, and, for the quiet ones, that a clock runs in: what has come
    to its end is not asked about. Fewer than `limit` means that the end was reached: begin anew without
    `after`. Raises KeyError for a kind without a machine, and psycopg.Error.
    """
    rows = [(kind, state, state in MACHINES[kind].clocks) for kind in sorted(kinds) for state in _open(kind)]
    found = conn.execute(
        _WANTING,
        {
            "kinds": arrays.texts([kind for kind, _, _ in rows]),
            "states": arrays.texts([state for _, state, _ in rows]),
            "clocked": arrays.texts(["t" if clocked else "f" for _, _, clocked in rows]),
            "by_alias": arrays.texts(sorted(BY_ALIAS)),
            "quiet": quiet,
            "now": now,
            "after": after.since if after else None,
            "after_id": after.entity_id if after else None,
            "limit": limit,
        },
    )
    return [
        Wanting(kind, key, name, state, since, Place(since, entity_id))
        for kind, key, name, state, since, entity_id in found
    ]


def _open(kind: str) -> list[str]:
    """The states that some snapshot moves."""
    table = MACHINES[kind].table
    return [
        state
        for state, row in table.items()
        if any(is_seen(signal) and rule.to is not None for signal, rule in row.items())
    ]
