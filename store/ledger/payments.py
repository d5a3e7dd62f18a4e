"""The table `payment_joins`: what payments are for, and which requests stand in the place of which.

It holds what was decided last (`statemachine.payment_fit`), and is made anew when what that follows from has
changed.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import psycopg

from store.db import arrays
from store.db.columns import BIGINT, SMALL, TEXT, WORD, Columns
from store.ledger.derivations import SUMMARY
from store.ledger.model import EntityRow
from store.ledger.payment_names import PAYMENT, move_names
from store.ledger.relations import CAME_TO_NOTHING

__all__ = [
    "JoinRow",
    "Relative",
    "joins_of",
    "joins_to",
    "keep_unplaced",
    "keys_of",
    "move",
    "payments_to",
    "relatives",
    "replace_joins",
    "rows_of",
]

Connection = psycopg.Connection[Any]


class JoinRow(NamedTuple):
    """A payment is for a target, by their ids; for the line at `position`, if that is known."""

    payment_id: int
    target_id: int
    position: int | None
    token: str | None
    basis: str


class Relative(NamedTuple):
    """A fill is asked for in the place of an earlier one. `came_to_nothing`: it was rejected or cancelled."""

    earlier: int
    earlier_key: str
    later: int
    later_key: str
    came_to_nothing: bool


#: As the fields of a JoinRow.
JOINS = Columns(
    "payment_joins",
    {"payment_id": BIGINT, "target_id": BIGINT, "position": SMALL, "token": TEXT, "basis": WORD},
)
_JOINS = f"SELECT {JOINS.names} FROM payment_joins"


# What is called by a name that others claim pays nothing by itself: they do, and it may be any of them. What
# is given up while it is decided upon may leave a row behind, which is nobody's.
_JOINS_TO = f"""
SELECT {", ".join(f"j.{name}" for name in JOINS.names.split(", "))}
FROM payment_joins j JOIN entities p ON p.id = j.payment_id
WHERE j.target_id = ANY(%s::bigint[])
  AND NOT EXISTS (SELECT FROM aliases a WHERE (a.kind, a.alias) = (p.kind, p.key) AND a.key <> p.key)
"""


def joins_of(conn: Connection, payment_ids: Iterable[int]) -> list[JoinRow]:
    """What these payments are for."""
    rows = conn.execute(f"{_JOINS} WHERE payment_id = ANY(%s::bigint[])", (arrays.numbers(payment_ids),))
    return [JoinRow._make(row) for row in rows]


def payments_to(conn: Connection, fill_id: int) -> set[str]:
    """The keys of payments that are for this fill, or for one that is related to it."""
    related = {i for one in relatives(conn, [fill_id]) for i in (one.earlier, one.later)}
    return keys_of(conn, [row.payment_id for row in joins_to(conn, {fill_id, *related})], PAYMENT)


def joins_to(conn: Connection, target_ids: Iterable[int]) -> list[JoinRow]:
    """The payments that are for these, each once: one that goes by another's name is that one, which has its
    facts as soon as they are read anew.
    """
    rows = conn.execute(_JOINS_TO, (arrays.numbers(target_ids),), prepare=False)
    return [JoinRow._make(row) for row in rows]


def replace_joins(conn: Connection, payment_ids: Iterable[int], rows: Sequence[JoinRow]) -> None:
    """Say what these payments are for; what was said before is gone."""
    conn.execute(
        "DELETE FROM payment_joins WHERE payment_id = ANY(%s::bigint[])", (arrays.numbers(payment_ids),)
    )
    if rows:
        conn.execute(
            f"INSERT INTO payment_joins ({JOINS.names}) SELECT {JOINS.values} FROM {JOINS.rows}",
            JOINS.parameters(rows),
        )


_PLACED = "DELETE FROM payments_unplaced WHERE payment_id = ANY(%s::bigint[])"
_UNPLACED = """
INSERT INTO payments_unplaced (payment_id, since)
SELECT id, to_timestamp(since) FROM unnest(%(ids)s::bigint[], %(times)s::bigint[]) AS n (id, since)
ON CONFLICT (payment_id) DO UPDATE SET since = excluded.since
"""


def keep_unplaced(conn: Connection, payment_ids: Iterable[int], unplaced: Mapping[int, int]) -> None:
    """Of these payments, those that were paid and are for nothing that is known; since when (Unix)."""
    if others := set(payment_ids) - unplaced.keys():
        conn.execute(_PLACED, (arrays.numbers(others),))
    if unplaced:
        ids, times = zip(*sorted(unplaced.items()), strict=True)
        conn.execute(_UNPLACED, {"ids": arrays.numbers(ids), "times": arrays.numbers(times)})


_MOVE_JOINS = """
WITH moved AS (DELETE FROM payment_joins WHERE payment_id = %(source)s OR target_id = %(source)s RETURNING *)
INSERT INTO payment_joins (payment_id, target_id, position, token, basis)
SELECT CASE WHEN payment_id = %(source)s THEN %(target)s ELSE payment_id END,
       CASE WHEN target_id = %(source)s THEN %(target)s ELSE target_id END, position, token, basis
FROM moved ON CONFLICT DO NOTHING
"""


def move(conn: Connection, source: int, target: int) -> None:
    """Give what one entity is for, or is paid by, to another, until that is decided anew; by their ids."""
    conn.execute(_MOVE_JOINS, {"source": source, "target": target})
    move_names(conn, source, target)
    conn.execute(_PLACED, (arrays.numbers([source]),))


_FAILED = ", ".join(f"'{state}'" for state in CAME_TO_NOTHING)
# Each step is one look into an index for each, whatever the statistics say.
_RELATIVES = f"""
WITH RECURSIVE near (id) AS (
    SELECT unnest(%(ids)s::bigint[])
    UNION
    SELECT step.id FROM near n
    CROSS JOIN LATERAL (SELECT kind, key FROM entities WHERE id = n.id OFFSET 0) own
    CROSS JOIN LATERAL (
        SELECT g.id FROM (SELECT key FROM relations WHERE entity_id = n.id OFFSET 0) r
        CROSS JOIN LATERAL (SELECT id FROM entities WHERE (kind, key) = (own.kind, r.key) OFFSET 0) g
        UNION ALL
        SELECT f.id FROM (SELECT entity_id FROM relations WHERE key = own.key OFFSET 0) r
        CROSS JOIN LATERAL (
            SELECT id FROM entities WHERE id = r.entity_id AND kind = own.kind OFFSET 0
        ) f
    ) step
)
SELECT g.id, g.key, f.id, f.key, f.state IN ({_FAILED})
FROM near n
CROSS JOIN LATERAL (SELECT key FROM relations WHERE entity_id = n.id OFFSET 0) r
CROSS JOIN LATERAL (SELECT id, kind, key, state FROM entities WHERE id = n.id OFFSET 0) f
CROSS JOIN LATERAL (SELECT id, key FROM entities WHERE (kind, key) = (f.kind, r.key) OFFSET 0) g
"""


def relatives(conn: Connection, fill_ids: Collection[int]) -> list[Relative]:
    """Which of the requests that are related to these, over however many, are asked for in whose place."""
    if not fill_ids:
        return []
    return [
        Relative._make(row)
        for row in conn.execute(_RELATIVES, {"ids": arrays.numbers(fill_ids)}, prepare=False)
    ]


def keys_of(conn: Connection, ids: Iterable[int], kind: str) -> set[str]:
    """The keys of those of these entities that are of a kind."""
    rows = conn.execute(
        "SELECT key FROM entities WHERE id = ANY(%s::bigint[]) AND kind = %s", (arrays.numbers(ids), kind)
    )
    return {key for (key,) in rows}


def rows_of(conn: Connection, ids: Iterable[int]) -> list[EntityRow]:
    """These entities as committed, not locked."""
    rows = conn.execute(
        f"SELECT {SUMMARY} FROM entities c WHERE id = ANY(%s::bigint[])", (arrays.numbers(ids),)
    )
    return [EntityRow(*row) for row in rows]
