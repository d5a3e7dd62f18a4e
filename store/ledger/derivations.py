"""Which entities mean something for which: causes and effects meet by the names that both carry.

They get their names and their states in transactions of their own. Two of these, one that changes a cause
and one that brings an effect its names, cannot see each other before they commit. So an effect's transaction
searches for causes under a shared lock (`causes_of`), and a recheck first waits for those that hold
it (`pass_barrier`): by then either the effect's names are visible to the recheck, or the search comes later
and sees the cause.

Order of locks: a recheck's own, the barrier, entities, the shared lock, then rows of `events` and `queue`.
docs/decisions/0013 says more.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import psycopg

from statemachine import DERIVATIONS
from store.db import arrays, locks
from store.ledger.model import EntityRow, Recheck, summary_of

__all__ = ["CAUSES", "CROWD", "EFFECTS", "SUMMARY", "causes_of", "pass_barrier", "rows_of", "sharing"]

Connection = psycopg.Connection[Any]

CAUSES = frozenset(one.cause for one in DERIVATIONS)
EFFECTS = frozenset(one.effect for one in DERIVATIONS)

#: A name that more entities carry says nothing about any two of them, as with links.
CROWD = 500


def causes_of(conn: Connection, effects: Mapping[str, Collection[int]]) -> set[Recheck]:
    """Rechecks at the causes that mean something now for these entities (ids by kind).

    Holds off rechecks at causes until this transaction ends. Call it after the last lock on an entity was
    taken.
    """
    found: set[Recheck] = set()
    # In a statement of its own: the next one then sees what was committed while this one waited.
    conn.execute("SELECT pg_advisory_xact_lock_shared(%s)", (locks.DERIVATIONS,))
    for one in DERIVATIONS:
        if ids := effects.get(one.effect):
            for _, cause in sharing(conn, ids, one.cause, one.by):
                if one.implies(summary_of(cause)):
                    found.add(Recheck(one.name, cause.kind, cause.key))
    return found


_PASS_BARRIER = f"""
DO $$ BEGIN
    PERFORM pg_advisory_xact_lock({locks.DERIVATIONS});
    RAISE SQLSTATE 'RX000';
EXCEPTION WHEN SQLSTATE 'RX000' THEN NULL;
END $$
"""


def pass_barrier(conn: Connection) -> None:
    """Wait for the transactions that are past their search for causes. Call it before any entity is locked.

    What is undone gives its locks back, so that nobody waits for the rest of this transaction. Raises
    psycopg.errors.LockNotAvailable.
    """
    conn.execute(_PASS_BARRIER)


#: The columns of an EntityRow as far as a Summary goes, of the entity `c`.
SUMMARY = """
c.id, c.kind, c.key, c.state, extract(epoch FROM c.since)::bigint, c.moved_by, c.outcome, c.review,
extract(epoch FROM c.last_at)::bigint, extract(epoch FROM c.due)::bigint,
extract(epoch FROM c.waiting_since)::bigint
"""

_ROWS = f"""
SELECT {SUMMARY} FROM unnest(%(kinds)s::text[], %(keys)s::text[]) AS n (kind, key)
JOIN entities c ON (c.kind, c.key) = (n.kind, n.key)
"""


def rows_of(conn: Connection, names: Sequence[tuple[str, str]]) -> dict[tuple[str, str], EntityRow]:
    """These entities as committed, not locked, by (kind, key); less those that are not there."""
    parameters = {
        "kinds": arrays.texts([kind for kind, _ in names]),
        "keys": arrays.texts([key for _, key in names]),
    }
    rows = conn.execute(_ROWS, parameters, binary=True)
    return {(row[1], row[2]): EntityRow(*row) for row in rows}


# From the names of each entity to their other carriers, to the entities that these are, then one look into
# the index by both for each further domain. What is behind OFFSET 0 or a LIMIT is not flattened, so that it
# runs so whatever the statistics say: they may be those of a ledger that held fills alone.
_SHARING = """
SELECT m.own, {summary}
FROM (
    SELECT DISTINCT o.id AS own, p.entity_id AS other
    FROM unnest(%(ids)s::bigint[]) AS o (id)
    CROSS JOIN LATERAL (SELECT hash, domain FROM postings WHERE entity_id = o.id OFFSET 0) own
    CROSS JOIN LATERAL (
        SELECT entity_id, count(*) OVER () AS size
        FROM (SELECT entity_id FROM postings WHERE hash = own.hash LIMIT {crowd} + 1) carriers
    ) p
    WHERE own.domain = %(first)s AND p.size <= {crowd}
) m
CROSS JOIN LATERAL (SELECT * FROM entities WHERE id = m.other OFFSET 0) c
{further}
WHERE c.kind = %(kind)s
"""
_FURTHER = """
CROSS JOIN LATERAL (
    SELECT FROM (SELECT hash, domain FROM postings WHERE entity_id = m.own OFFSET 0) a
    JOIN postings b ON b.hash = a.hash AND b.entity_id = c.id
    WHERE a.domain = %(further_{number})s LIMIT 1
) further_{number}
"""


def sharing(
    conn: Connection, entity_ids: Collection[int], kind: str, domains: Sequence[str]
) -> list[tuple[int, EntityRow]]:
    """The entities of a kind that share a name of every domain with one of these, each behind that one's id.

    A name of the first domain that more than CROWD entities carry says nothing about any two of them.
    """
    first, *others = domains
    further = "".join(_FURTHER.format(number=number) for number in range(len(others)))
    query = _SHARING.format(summary=SUMMARY, crowd=CROWD, further=further)
    parameters = {"ids": arrays.numbers(entity_ids), "first": first, "kind": kind}
    parameters |= {f"further_{number}": domain for number, domain in enumerate(others)}
    # Planned each time, for tables as large as they are: a plan that was kept from small ones scans them.
    rows = conn.execute(query.encode(), parameters, prepare=False, binary=True)
    return [(row[0], EntityRow(*row[1:])) for row in rows]
