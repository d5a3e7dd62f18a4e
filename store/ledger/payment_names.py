"""The table `payment_names`: by which names payments are found by what they may be for.

Which payments a name may concern is looked up by whoever gets it (`concerned`), and decided again by a
recheck of the payment. Two transactions, one that brings a payment its names and one that brings them to what
it is for, cannot see each other before they commit: as with derivations, the second searches under the shared
lock and the recheck waits for those that hold it (`store.ledger.derivations`).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Any, NamedTuple

import psycopg

from store.db import arrays, locks
from store.db.planning import UNCOMPILED
from store.ledger.derivations import CROWD

__all__ = [
    "FILL",
    "PAID_FOR",
    "PAYMENT",
    "PRESCRIPTION",
    "TARGETS",
    "Carrier",
    "Concerned",
    "add_further_names",
    "add_names",
    "carriers",
    "carriers_of_names",
    "concerned",
    "move_names",
]

Connection = psycopg.Connection[Any]

FILL, PAYMENT, PRESCRIPTION = "fill_request", "payment", "prescription"
#: What a payment can be for.
TARGETS = (FILL, "copay", "transfer")
#: What is paid for, and what leads to it: whoever of these gets a name may be what a payment waits for.
PAID_FOR = frozenset({*TARGETS, PRESCRIPTION})
#: The domains of names by which a payment and what it is for meet.
DOMAINS = ("request", "metadata", "rx_number", "prescription")
_DOMAINS = ", ".join(f"'{domain}'" for domain in DOMAINS)
_TARGETS = ", ".join(f"'{kind}'" for kind in TARGETS)


class Carrier(NamedTuple):
    """An entity that shares a name of this domain with `payment_id`, or carries the name of this number."""

    payment_id: int
    domain: str
    id: int
    kind: str
    key: str
    state: str


class Concerned(NamedTuple):
    """What a batch's news may mean for payments: keys of payments, and of fills whose payments are to be
    seen.
    """

    payments: list[str]
    fills: list[str]


_ADD_NAMES = f"""
INSERT INTO payment_names (hash, payment_id)
SELECT hash, entity_id FROM postings WHERE entity_id = ANY(%s::bigint[]) AND domain IN ({_DOMAINS})
ON CONFLICT DO NOTHING
"""


def add_names(conn: Connection, payment_ids: Iterable[int]) -> None:
    """Have these payments found by the names that they carry."""
    conn.execute(_ADD_NAMES, (arrays.numbers(payment_ids),))


_ADD_FURTHER = """
INSERT INTO payment_names (hash, payment_id)
SELECT * FROM unnest(%(hashes)s::uuid[], %(ids)s::bigint[]) ON CONFLICT DO NOTHING RETURNING payment_id
"""


def add_further_names(conn: Connection, rows: Iterable[tuple[bytes, int]]) -> set[int]:
    """Have payments found by names, as (hash, id), that they do not carry but lead to; the ids of those that
    were not found by one of them before.
    """
    listed = sorted(rows)
    parameters = {
        "hashes": arrays.texts([name.hex() for name, _ in listed]),
        "ids": arrays.numbers([payment_id for _, payment_id in listed]),
    }
    return {payment_id for (payment_id,) in conn.execute(_ADD_FURTHER, parameters)}


# Where nobody pays through us, the first row is not there, and nothing else is looked at. What is behind
# OFFSET 0 or a LIMIT is looked up for each, whatever the statistics say: the tables grow, and a batch does
# not.
_CONCERNED = f"""
WITH RECURSIVE family (id) AS (
    SELECT o.id FROM unnest(%(changed)s::bigint[]) AS o (id) WHERE EXISTS (SELECT FROM relations)
    UNION
    SELECT step.id FROM family
    CROSS JOIN LATERAL (SELECT kind, key FROM entities WHERE id = family.id OFFSET 0) own
    CROSS JOIN LATERAL (
        SELECT g.id FROM (SELECT key FROM relations WHERE entity_id = family.id OFFSET 0) r
        CROSS JOIN LATERAL (SELECT id FROM entities WHERE (kind, key) = (own.kind, r.key) OFFSET 0) g
        UNION ALL
        SELECT f.id FROM (SELECT entity_id FROM relations WHERE key = own.key OFFSET 0) r
        CROSS JOIN LATERAL (
            SELECT id FROM entities WHERE id = r.entity_id AND kind = own.kind OFFSET 0
        ) f
    ) step
)
SELECT 'payment', e.key FROM (
    SELECT DISTINCT unnest(array_agg(n.payment_id)) AS id
    FROM (
        SELECT DISTINCT p.hash FROM unnest(%(named)s::bigint[]) AS o (id)
        CROSS JOIN LATERAL (
            SELECT hash FROM postings WHERE entity_id = o.id AND domain IN ({_DOMAINS}) OFFSET 0
        ) p
    ) own
    CROSS JOIN LATERAL (
        SELECT payment_id FROM payment_names WHERE hash = own.hash LIMIT {CROWD} + 1
    ) n
    GROUP BY own.hash HAVING count(*) <= {CROWD}
) found CROSS JOIN LATERAL (SELECT key FROM entities WHERE id = found.id OFFSET 0) e
WHERE EXISTS (SELECT FROM payment_names)
UNION ALL
SELECT 'fill', e.key FROM (
    SELECT o.id FROM unnest(%(changed)s::bigint[]) AS o (id)
    CROSS JOIN LATERAL (SELECT FROM payment_joins WHERE target_id = o.id LIMIT 1) j
    UNION
    SELECT j.target_id FROM unnest(%(paying)s::bigint[]) AS o (id)
    CROSS JOIN LATERAL (SELECT target_id FROM payment_joins WHERE payment_id = o.id OFFSET 0) j
    UNION
    SELECT id FROM family WHERE id <> ALL(%(changed)s::bigint[]) OR EXISTS (
        SELECT FROM relations WHERE entity_id = family.id
    )
) found CROSS JOIN LATERAL (SELECT key FROM entities WHERE id = found.id AND kind = '{FILL}' OFFSET 0) e
WHERE EXISTS (SELECT FROM payment_joins)
"""


def concerned(
    conn: Connection, named: Collection[int], changed: Collection[int] = (), paying: Collection[int] = ()
) -> Concerned:
    """The payments that may be for entities which got names or lines; the fills among those that changed
    which are paid for, or are asked for in the place of others; and those that these payments are for.

    Holds off rechecks until this transaction ends. Call it after the last lock on an entity was taken.
    """
    with conn.pipeline():
        # In a statement of its own: the next one then sees what was committed while this one waited.
        conn.execute(f"SELECT pg_advisory_xact_lock_shared(%s) WHERE {UNCOMPILED}", (locks.DERIVATIONS,))
        ids = {"named": named, "changed": changed, "paying": paying}
        # Planned each time, for tables as large as they are: a plan that was kept from small ones scans them.
        arrayed = {name: arrays.numbers(listed) for name, listed in ids.items()}
        found = conn.execute(_CONCERNED, arrayed, prepare=False)
    rows = found.fetchall()
    return Concerned(
        [key for what, key in rows if what == "payment"], [key for what, key in rows if what == "fill"]
    )


_CARRIERS = f"""
SELECT own.entity_id, own.domain, e.id, e.kind, e.key, e.state
FROM (
    SELECT entity_id, hash, domain FROM postings
    WHERE entity_id = ANY(%(ids)s::bigint[]) AND domain IN ({_DOMAINS}) OFFSET 0
) own
CROSS JOIN LATERAL (
    SELECT entity_id, count(*) OVER () AS size
    FROM (SELECT entity_id FROM postings WHERE hash = own.hash LIMIT {CROWD} + 1) all_carriers
) carrier
CROSS JOIN LATERAL (SELECT * FROM entities WHERE id = carrier.entity_id OFFSET 0) e
WHERE carrier.size <= {CROWD} AND e.kind IN ({_TARGETS}, '{PRESCRIPTION}')
"""
_CARRIERS_OF_NAMES = f"""
SELECT n.number, '{PRESCRIPTION}', e.id, e.kind, e.key, e.state
FROM unnest(%(numbers)s::bigint[], %(hashes)s::uuid[]) AS n (number, hash)
CROSS JOIN LATERAL (
    SELECT entity_id, count(*) OVER () AS size
    FROM (SELECT entity_id FROM postings WHERE hash = n.hash LIMIT {CROWD} + 1) all_carriers
) carrier
CROSS JOIN LATERAL (SELECT * FROM entities WHERE id = carrier.entity_id OFFSET 0) e
WHERE carrier.size <= {CROWD} AND e.kind IN ({_TARGETS})
"""


def carriers(conn: Connection, payment_ids: Iterable[int]) -> list[Carrier]:
    """What shares a name with these payments: what they may be for, and prescriptions.

    A name that more than CROWD entities carry says nothing about any two of them.
    """
    rows = conn.execute(_CARRIERS, {"ids": arrays.numbers(payment_ids)}, prepare=False)
    return [Carrier._make(row) for row in rows]


def carriers_of_names(conn: Connection, names: Sequence[tuple[int, bytes]]) -> list[Carrier]:
    """What may be paid for and carries these prescriptions, given as (number, keyed hash); by the number."""
    parameters = {
        "numbers": arrays.numbers([number for number, _ in names]),
        "hashes": arrays.texts([name.hex() for _, name in names]),
    }
    return [Carrier._make(row) for row in conn.execute(_CARRIERS_OF_NAMES, parameters, prepare=False)]


_MOVE_NAMES = """
WITH moved AS (DELETE FROM payment_names WHERE payment_id = %(source)s RETURNING hash)
INSERT INTO payment_names (hash, payment_id) SELECT hash, %(target)s FROM moved ON CONFLICT DO NOTHING
"""


def move_names(conn: Connection, source: int, target: int) -> None:
    """Have one payment found by the names of another, by their ids."""
    conn.execute(_MOVE_NAMES, {"source": source, "target": target})
