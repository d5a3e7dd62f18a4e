"""Which requests the partner is to be asked about, and when it last was.

A request is due when it has been quiet for a while and something may have been missed: it was never asked
about, it has changed since, it still waits for news, or it is under review. Each fruitless look doubles the
time to the next one, up to a day; what has come to its end is looked at once, and again only if it changes.
Of that is left out what the partner's other streams have confirmed: of which every fact was pulled too.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import psycopg

from statemachine import MACHINES, Fact
from store.db import arrays

__all__ = ["Due", "Left", "PollResult", "due", "find", "gaps", "left", "note", "put_off", "server_time"]

Connection = psycopg.Connection[Any]

LONGEST_SECONDS = 86_400


class Due(NamedTuple):
    """An entity to ask about, as it stood then. `waits`: it is open, overdue or under review."""

    id: int
    kind: str
    key: str
    state: str
    last_at: datetime | None
    waits: bool = True


class PollResult(NamedTuple):
    """What a look came to: how many events were new, or why there was no answer."""

    stored: int
    trouble: str | None = None


class Left(NamedTuple):
    """How many requests are due now, how many will be later, and when the first of these is."""

    due: int
    later: int
    next_at: datetime | None


# A registered request of which nothing was heard is as old as its registration says.
_OF = """
FROM entities e
LEFT JOIN lookups l ON l.entity_id = e.id
CROSS JOIN LATERAL (
    SELECT e.review IS NOT NULL OR coalesce(e.deadline <= clock_timestamp(), false)
           OR (e.kind, e.state) IN (SELECT * FROM unnest(%(kinds)s::text[], %(states)s::text[])) AS waits
) w
CROSS JOIN LATERAL (
    SELECT l.entity_id IS NULL OR (l.state, l.last_at) IS DISTINCT FROM (e.state, e.last_at) AS changed
) c
CROSS JOIN LATERAL (
    SELECT CASE WHEN e.last_at IS NULL AND e.registered_at IS NOT NULL THEN e.registered_at
           ELSE greatest(e.first_seen, e.last_at) END AS newest
) n
CROSS JOIN LATERAL (
    SELECT CASE WHEN c.changed AND least(e.first_seen, e.registered_at) <= %(as_of)s::timestamptz
                     AND (l.entity_id IS NULL OR l.looked_at < %(as_of)s OR l.trouble IS NOT NULL) THEN NULL
    ELSE greatest(
        CASE WHEN e.review IS NULL AND coalesce(e.deadline > clock_timestamp(), true)
             THEN n.newest + %(quiet)s * interval '1 s' END,
        l.next_at) END AS at
) t
WHERE e.kind = ANY(%(of)s::text[])
  AND (w.waits
       OR c.changed
          AND (e.last_at IS NULL OR EXISTS (
              SELECT FROM facts f WHERE f.entity_id = e.id
              AND f.via && '{push,snapshot}' AND NOT f.via @> '{pull}')))
"""
# Waiting ones first, each group by its last look.
_DUE = f"""
SELECT e.id, e.kind, e.key, e.state, e.last_at, w.waits {_OF}
  AND coalesce(t.at <= clock_timestamp(), true) AND coalesce(l.looked_at < %(before)s, true)
ORDER BY NOT w.waits, coalesce(l.looked_at, '-infinity'), e.first_seen, e.id
LIMIT %(limit)s
"""
_LEFT = f"""
SELECT count(*) FILTER (WHERE coalesce(t.at <= clock_timestamp(), true)),
       count(*) FILTER (WHERE t.at > clock_timestamp()),
       min(t.at) FILTER (WHERE t.at > clock_timestamp()) {_OF}
"""
_FACTS = """
SELECT entity_id, extract(epoch FROM occurred_at)::bigint, signal, code, discriminator,
       extract(epoch FROM due)::bigint
FROM facts WHERE entity_id = ANY(%s::bigint[])
"""


def due(
    conn: Connection,
    kinds: Collection[str],
    waiting: Sequence[tuple[str, str]],
    quiet: float,
    before: datetime,
    limit: int,
    as_of: datetime | None = None,
) -> list[Due]:
    """The most urgent requests of these kinds that were not looked at since `before`.

    `waiting` are the (kind, state) in which news is expected; `quiet` is seconds without news. `as_of`: what
    was known or made by then, and gave no answer since, is due without being quiet.
    """
    asked = {**_asked(kinds, waiting, quiet, as_of), "before": before, "limit": limit}
    return [Due._make(row) for row in conn.execute(_DUE, asked)]


def left(
    conn: Connection,
    kinds: Collection[str],
    waiting: Sequence[tuple[str, str]],
    quiet: float,
    as_of: datetime | None = None,
) -> Left:
    """What is still to be asked about these kinds, now and later; all as for `due`."""
    row = conn.execute(_LEFT, _asked(kinds, waiting, quiet, as_of)).fetchone()
    return Left(*(row or (0, 0, None)))


def _asked(
    kinds: Collection[str], waiting: Sequence[tuple[str, str]], quiet: float, as_of: datetime | None
) -> dict[str, object]:
    return {
        "of": arrays.texts(sorted(kinds)),
        "kinds": arrays.texts([kind for kind, _ in waiting]),
        "states": arrays.texts([state for _, state in waiting]),
        "quiet": quiet,
        "as_of": as_of,
    }


def gaps(conn: Connection, entities: Collection[Due]) -> set[int]:
    """The ids of those whose history jumps over states of which no news came."""
    told: dict[int, list[Fact]] = {}
    for entity_id, at, signal, code, discriminator, due_at in conn.execute(
        _FACTS, (arrays.numbers([entity.id for entity in entities]),)
    ):
        fact = Fact(at, signal, code, bytes(discriminator), (), due_at)
        told.setdefault(entity_id, []).append(fact)
    machines = {entity.id: MACHINES[entity.kind] for entity in entities}
    return {one for one, facts in told.items() if any(step.gap for step in machines[one].fold(facts)[1])}


def server_time(conn: Connection) -> datetime:
    """The server's time of now."""
    return conn.execute("SELECT clock_timestamp()").fetchall()[0][0]  # type: ignore[no-any-return]


def find(conn: Connection, kind: str, key: str) -> Due | None:
    """One entity, due or not."""
    row = conn.execute(
        "SELECT id, kind, key, state, last_at FROM entities WHERE kind = %s AND key = %s", (kind, key)
    ).fetchone()
    return None if row is None else Due(*row)


def note(conn: Connection, entity: Due, looked: PollResult, quiet: float) -> None:
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
