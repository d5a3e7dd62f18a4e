"""Other names of entities: who claims them, and what came under them.

A name that exactly one key claims is that entity's; one that none or several claim is nobody's. What a name
means can therefore change twice: with its first claim, for the news that waits for it, and with its second,
for the news that was taken for the first one's. Both are found in the transaction that adds the claim. What
two transactions may not see of each other is decided by a row of `alias_names`, which both write: the second
one waits there for the first and sees, in its next statement, what that one has committed.

Order of locks: these rows by (kind, alias), all before any entity.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Any, NamedTuple

import psycopg

from store.db import arrays
from store.db.columns import BIGINT, TEXT, WORD, Columns

__all__ = [
    "AliasNewsRow",
    "AliasRow",
    "add",
    "ask",
    "forget_news",
    "keys_by_alias",
    "move",
    "note_news",
    "stale_news",
]

Connection = psycopg.Connection[Any]


class AliasRow(NamedTuple):
    """An entity goes by another name."""

    kind: str
    alias: str
    key: str


class AliasNewsRow(NamedTuple):
    """An event speaks of what goes by a name; `key` is the entity that it was taken for, if any."""

    seq: int
    kind: str
    alias: str
    key: str | None


# The row of a name is written before the claim, so that no claim ever waits for another transaction's.
_ADD = """
WITH stated AS (
    SELECT * FROM unnest(%(kinds)s::text[], %(aliases)s::text[], %(keys)s::text[]) AS s (kind, alias, key)
), fresh AS (
    SELECT * FROM stated s WHERE NOT EXISTS (
        SELECT FROM aliases a WHERE (a.kind, a.alias, a.key) = (s.kind, s.alias, s.key)
    )
), met AS (
    INSERT INTO alias_names (kind, alias, asked)
    SELECT kind, alias, false FROM fresh GROUP BY kind, alias ORDER BY kind COLLATE "C", alias COLLATE "C"
    ON CONFLICT (kind, alias) DO UPDATE SET asked = alias_names.asked
    RETURNING kind, alias, asked
), added AS (
    INSERT INTO aliases (kind, alias, key) SELECT kind, alias, f.key FROM fresh f JOIN met USING (kind, alias)
    ON CONFLICT DO NOTHING
)
SELECT kind, alias FROM met WHERE asked
"""

# An event that waits can only have come to be someone's when a name has one claim; one that was taken for
# somebody's is doubtful as soon as a name of it is claimed by anybody else.
_WAKE = """
WITH claimed AS (
    SELECT kind, alias, count(*) AS claims, min(a.key) AS key
    FROM unnest(%(kinds)s::text[], %(aliases)s::text[]) AS n (kind, alias) JOIN aliases a USING (kind, alias)
    GROUP BY kind, alias
), doubtful AS (
    UPDATE alias_news w SET stale = true FROM claimed c
    WHERE (w.kind, w.alias) = (c.kind, c.alias) AND (c.claims > 1 OR w.key <> c.key)
      AND w.key IS NOT NULL AND NOT w.stale
), back AS (
    DELETE FROM quarantine WHERE seq IN (
        SELECT q.seq FROM quarantine q WHERE q.reason = 'unmatched' AND q.seq IN (
            SELECT w.seq FROM alias_news w JOIN claimed c USING (kind, alias) WHERE c.claims = 1
        ) ORDER BY q.seq FOR UPDATE
    ) RETURNING seq
)
INSERT INTO queue (seq, received_at, due_at)
SELECT e.seq, e.received_at, now() FROM back JOIN events e USING (seq)
ON CONFLICT (seq) DO NOTHING
RETURNING seq
"""


def add(conn: Connection, rows: Collection[AliasRow]) -> list[int]:
    """Claim these names; the inbox ids of what waited for one and is queued again, due at once.

    What was taken for another's is marked `stale`. Names that are claimed already cost one statement.
    """
    keys = arrays.texts([row.key for row in sorted(rows)])
    asked = conn.execute(_ADD, {**_names((row.kind, row.alias) for row in sorted(rows)), "keys": keys})
    if not (found := asked.fetchall()):
        return []
    return [seq for (seq,) in conn.execute(_WAKE, _names(found))]


def ask(conn: Connection, names: Iterable[tuple[str, str]], others: Iterable[tuple[str, str]]) -> None:
    """Say that there is news under these names, as (kind, alias), and wait for whoever is claiming one.

    `others` are names that the same transaction will claim: all are locked here, in one order.
    """
    asked = set(names)
    rows = sorted(asked.union(others))
    conn.execute(
        "INSERT INTO alias_names (kind, alias, asked) "
        "SELECT * FROM unnest(%(kinds)s::text[], %(aliases)s::text[], %(asked)s::bool[]) "
        "ON CONFLICT (kind, alias) DO UPDATE SET asked = alias_names.asked OR excluded.asked",
        {**_names(rows), "asked": arrays.texts(["t" if row in asked else "f" for row in rows])},
    )


def keys_by_alias(conn: Connection, names: Iterable[tuple[str, str]]) -> dict[tuple[str, str], set[str]]:
    """The keys that claim these names, given as (kind, alias); nothing for a name that nobody claims."""
    rows = conn.execute(
        "SELECT kind, alias, a.key FROM unnest(%(kinds)s::text[], %(aliases)s::text[]) AS n (kind, alias) "
        "JOIN aliases a USING (kind, alias)",
        _names(names),
    )
    found: dict[tuple[str, str], set[str]] = {}
    for kind, alias, key in rows:
        found.setdefault((kind, alias), set()).add(key)
    return found


_MOVE = """
WITH moved AS (DELETE FROM aliases WHERE kind = %(kind)s AND key = %(source)s RETURNING alias)
INSERT INTO aliases (kind, alias, key) SELECT %(kind)s, alias, %(target)s FROM moved
WHERE alias <> %(target)s ON CONFLICT DO NOTHING
"""


def move(conn: Connection, kind: str, source: str, target: str) -> None:
    """What one key claimed another claims now: both are of one request, and the first is given up."""
    conn.execute(_MOVE, {"kind": kind, "source": source, "target": target})


#: As the fields of an AliasNewsRow.
NEWS = Columns("alias_news", {"seq": BIGINT, "kind": WORD, "alias": TEXT, "key": TEXT})
_NOTE_NEWS = f"""
INSERT INTO alias_news ({NEWS.names}) SELECT {NEWS.values} FROM {NEWS.rows}
ON CONFLICT (kind, alias, seq) DO UPDATE SET key = excluded.key,
    stale = alias_news.key IS NOT NULL AND (alias_news.stale OR alias_news.key IS DISTINCT FROM excluded.key)
"""


def note_news(conn: Connection, rows: Sequence[AliasNewsRow]) -> None:
    """Keep under which names events came, and for whose they were taken now.

    An event that came again, since it may be news, is doubtful when it was taken for another's the first
    time: what it stated then is to be taken back.
    """
    conn.execute(_NOTE_NEWS, NEWS.parameters(rows))


def forget_news(conn: Connection, seqs: Iterable[int]) -> None:
    """Before these events are read anew: they may name their entity by its key then."""
    conn.execute("DELETE FROM alias_news WHERE seq = ANY(%s::bigint[])", (arrays.numbers(seqs),))


def stale_news(conn: Connection, limit: int) -> list[int]:
    """Up to `limit` events that were taken for an entity whose name has since been claimed by another.

    Of those whose body is kept: facts outlive bodies, and without one there is nothing to read anew.
    """
    rows = conn.execute(
        "SELECT DISTINCT w.seq FROM alias_news w JOIN events e USING (seq) WHERE w.stale AND EXISTS "
        "(SELECT FROM bodies b WHERE b.seq = e.seq AND b.received_at = e.received_at) "
        "ORDER BY w.seq LIMIT %s",
        (limit,),
    )
    return [seq for (seq,) in rows]


def _names(names: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Names, given as (kind, alias), as arrays."""
    listed = list(names)
    return {
        "kinds": arrays.texts([kind for kind, _ in listed]),
        "aliases": arrays.texts([alias for _, alias in listed]),
    }
