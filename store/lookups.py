"""Which requests the partner is to be asked about, and when it last was.

A request is due when it has been quiet for a while and something may have been missed: it was never asked
about, it has changed since, it still waits for news, or it is under review. Each fruitless look doubles the
time to the next one, up to a day; what has come to its end is looked at once, and again only if it changes.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import psycopg

from store import arrays

__all__ = ["Due", "Looked", "clock", "due", "find", "note", "put_off"]

Connection = psycopg.Connection[Any]

LONGEST_SECONDS = 86_400


class Due(NamedTuple):
    """An entity to ask about, as it stood then."""

    id: int
    kind: str
    key: str
    state: str
    last_at: datetime | None


class Looked(NamedTuple):
    """What a look came to: how many events were new, or why there was no answer."""

    stored: int
    trouble: str | None = None


# Waiting ones first, each group by its last look.
_DUE = """
SELECT e.id, e.kind, e.key, e.state, e.last_at
FROM entities e
LEFT JOIN lookups l ON l.entity_id = e.id
CROSS JOIN LATERAL (
    SELECT e.review IS NOT NULL OR e.deadline <= clock_timestamp()
           OR (e.kind, e.state) IN (SELECT * FROM unnest(%(kinds)s::text[], %(states)s::text[])) AS waits
) w
WHERE e.kind = ANY(%(of)s::text[])
  AND (greatest(e.first_seen, e.last_at) <= clock_timestamp() - %(quiet)s * interval '1 s'
       OR e.review IS NOT NULL OR e.deadline <= clock_timestamp())
  AND (l.entity_id IS NULL
       OR l.looked_at < %(before)s AND l.next_at <= clock_timestamp()
          AND (w.waits OR (l.state, l.last_at) IS DISTINCT FROM (e.state, e.last_at)))
ORDER BY NOT w.waits, coalesce(l.looked_at, '-infinity'), e.first_seen, e.id
LIMIT %(limit)s
"""


def due(
    conn: Connection,
    kinds: Collection[str],
    waiting: Sequence[tuple[str, str]],
    quiet: float,
    before: datetime,
    limit: int,
) -> list[Due]:
    """The most urgent requests of these kinds that were not looked at since `before`.

    `waiting` are the (kind, state) in which news is expected.
    """
    rows = conn.execute(
        _DUE,
        {
            "of": arrays.texts(sorted(kinds)),
            "kinds": arrays.texts([kind for kind, _ in waiting]),
            "states": arrays.texts([state for _, state in waiting]),
            "quiet": quiet,
            "before": before,
            "limit": limit,
        },
    )
    return [Due._make(row) for row in rows]


def clock(conn: Connection) -> datetime:
    """The server's time of now."""
    return conn.execute("SELECT clock_timestamp()").fetchall()[0][0]  # type: ignore[no-any-return]


def find(conn: Connection, kind: str, key: str) -> Due | None:
    """One entity, due or not."""
    row = conn.execute(
        "SELECT id, kind, key, state, last_at FROM entities WHERE kind = %s AND key = %s", (kind, key)
    ).fetchone()
    return None if row is None else Due._make(row)


def note(conn: Connection, entity: Due, looked: Looked, quiet: float) -> None:
    """Keep what a look came to, in the transaction that stores the last of what it found."""
    conn.execute(
        "INSERT INTO lookups AS l (entity_id, looked_at, next_at, state, last_at, fruitless, trouble) "
        "VALUES (%(id)s, clock_timestamp(), clock_timestamp() + %(quiet)s * interval '1 s', %(state)s, "
        "%(last_at)s, CASE WHEN %(stored)s > 0 THEN 0 ELSE 1 END, %(trouble)s) "
        "ON CONFLICT (entity_id) DO UPDATE SET looked_at = excluded.looked_at, state = excluded.state, "
        "last_at = excluded.last_at, trouble = excluded.trouble, "
        "fruitless = CASE WHEN %(stored)s > 0 THEN 0 ELSE least(l.fruitless + 1, 100) END, "
        "next_at = clock_timestamp() + least(%(longest)s, %(quiet)s * "
        "CASE WHEN %(stored)s > 0 THEN 1 ELSE 2 ^ least(l.fruitless, 20) END) * interval '1 s'",
        {
            "id": entity.id,
            "quiet": quiet,
            "longest": LONGEST_SECONDS,
            "state": entity.state,
            "last_at": entity.last_at,
            "stored": looked.stored,
            "trouble": looked.trouble,
        },
    )


def put_off(conn: Connection, entity: Due, trouble: str, quiet: float) -> None:
    """Keep that a look came to nothing by the partner's fault, so that the others have their turn first.

    It stays due, also where its state is an end: what was known of it then is noted as nothing.
    """
    conn.execute(
        "INSERT INTO lookups (entity_id, looked_at, next_at, state, last_at, fruitless, trouble) "
        "VALUES (%(id)s, clock_timestamp(), clock_timestamp() + %(quiet)s * interval '1 s', '', NULL, 0, "
        "%(trouble)s) "
        "ON CONFLICT (entity_id) DO UPDATE SET looked_at = excluded.looked_at, next_at = excluded.next_at, "
        "state = excluded.state, last_at = excluded.last_at, trouble = excluded.trouble",
        {"id": entity.id, "quiet": min(quiet, LONGEST_SECONDS), "trouble": trouble},
    )
