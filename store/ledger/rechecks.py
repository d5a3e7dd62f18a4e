"""Rechecks: events of our own that say "see what this entity means for others" (`store.ledger.derivations`).

A recheck names a derivation and a cause, and nothing that the cause says: what follows is read from the
cause when the recheck is applied. So an old recheck tells no old news, and taking a fact back is a recheck
like any other. It is one event however often it is queued, stands in the same tables as a partner's copies,
and is queued in the COMMIT of what it follows from.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import psycopg

from store.db import arrays
from store.db.durability import RELAXED
from store.db.locks import RECHECKS
from store.db.planning import UNCOMPILED
from store.inbox.model import LEASE_SECONDS, ClaimedCopy
from store.ledger.model import DERIVED, OURS, SealedRecheck

__all__ = [
    "QueuedRecheck",
    "QueuedRechecks",
    "delete_applied",
    "lock_rechecks",
    "queue_again",
    "queue_rechecks",
    "queued",
    "read_queued",
]

Connection = psycopg.Connection[Any]


class QueuedRecheck(NamedTuple):
    """A recheck to apply. `version` changes whenever it is queued anew."""

    copy: ClaimedCopy
    version: int


class QueuedRechecks(NamedTuple):
    """Queued rechecks that are not the sweeper's yet, by inbox id; `alone` when nothing else is queued."""

    seqs: list[int]
    alone: bool


_QUEUED = """
SELECT ARRAY(SELECT seq FROM queue WHERE look AND due_at > now() ORDER BY seq LIMIT %s),
       NOT EXISTS (SELECT FROM queue WHERE NOT look)
"""


def queued(conn: Connection, limit: int) -> QueuedRechecks:
    """Up to `limit` queued rechecks, whoever queued them. What a batch under way holds counts as queued."""
    ((seqs, alone),) = conn.execute(_QUEUED, (limit,))
    return QueuedRechecks(seqs, alone)


_LOCK_QUEUED = f"""
SELECT pg_advisory_xact_lock(%(class)s, (seq & 2147483647)::int)
FROM (SELECT seq FROM queue WHERE seq = ANY(%(seqs)s::bigint[]) AND look ORDER BY seq) rechecks
WHERE {RELAXED} AND {UNCOMPILED}
"""
_LOCK_ALL = f"""
SELECT pg_advisory_xact_lock(%(class)s, (seq & 2147483647)::int)
FROM (SELECT seq FROM events WHERE seq = ANY(%(seqs)s::bigint[]) AND partner = %(ours)s ORDER BY seq) rechecks
WHERE {UNCOMPILED}
"""


def lock_rechecks(conn: Connection, seqs: Iterable[int], *, only_queued: bool = True) -> int:
    """Wait until nobody else applies the rechecks among these, and keep others from it; returns how many.

    The transaction's end lets them go. Call it before anything is read of them. Not `only_queued`: also
    those that are not queued, for a replay.
    """
    parameters = {"class": RECHECKS, "seqs": arrays.numbers(seqs)}
    if only_queued:
        return conn.execute(_LOCK_QUEUED, parameters).rowcount
    return conn.execute(_LOCK_ALL, parameters | {"ours": OURS}).rowcount


_READ_QUEUED = """
SELECT q.seq, uuid_send(b.id), b.partner, b.via, q.received_at, b.sealed, q.xmin::text::bigint
FROM (SELECT *, xmin FROM queue WHERE seq = ANY(%s::bigint[]) AND look ORDER BY seq) q
LEFT JOIN LATERAL (
    SELECT * FROM bodies WHERE bodies.seq = q.seq AND bodies.received_at = q.received_at LIMIT 1 OFFSET 0
) b ON true
"""


def read_queued(conn: Connection, seqs: Iterable[int]) -> list[QueuedRecheck]:
    """The queued rechecks among these. They stay queued, not locked, until `delete_applied`: whoever queues
    one of them anew holds entities that applying it waits for.
    """
    rows = conn.execute(_READ_QUEUED, (arrays.numbers(seqs),), binary=True)
    return [QueuedRecheck(ClaimedCopy(*row[:6]), row[6]) for row in rows]


def delete_applied(conn: Connection, rechecks: Sequence[QueuedRecheck]) -> None:
    """Take applied rechecks out of the queue, less those that were queued anew meanwhile."""
    conn.execute(
        "DELETE FROM queue q USING unnest(%(seqs)s::bigint[], %(versions)s::text[]) AS n (seq, version) "
        "WHERE q.seq = n.seq AND q.xmin = n.version::xid",
        {
            "seqs": arrays.numbers([one.copy.seq for one in rechecks]),
            "versions": arrays.texts([str(one.version) for one in rechecks]),
        },
    )


# One that is queued already is queued anew, which makes it another version. Each time the body is written
# again, since an older one may be dropped with its month.
_QUEUE = f"""
WITH rechecks AS (
    SELECT * FROM unnest(%(ids)s::uuid[], %(sealed)b::bytea[]) AS l (id, sealed)
), named AS (
    INSERT INTO events (id, partner, via, received_at) SELECT id, '{OURS}', '{DERIVED}', %(now)s FROM rechecks
    ON CONFLICT (id) DO UPDATE SET received_at = excluded.received_at
    RETURNING seq, id, received_at
), kept AS (
    INSERT INTO bodies (seq, received_at, id, partner, via, sealed)
    SELECT n.seq, n.received_at, n.id, '{OURS}', '{DERIVED}', l.sealed FROM named n JOIN rechecks l USING (id)
)
INSERT INTO queue (seq, received_at, due_at, look)
SELECT seq, received_at, now() + interval '{LEASE_SECONDS} seconds', true FROM named ORDER BY seq
ON CONFLICT (seq) DO UPDATE SET received_at = excluded.received_at, due_at = excluded.due_at, look = true
RETURNING seq
"""


def queue_rechecks(conn: Connection, rechecks: Iterable[SealedRecheck], now: datetime) -> list[int]:
    """Queue these rechecks, once each, in the caller's transaction; their inbox ids."""
    rows = sorted(rechecks)
    parameters = {
        "ids": arrays.texts([row.id.hex() for row in rows]),
        "sealed": [row.sealed for row in rows],
        "now": now,
    }
    return [seq for (seq,) in conn.execute(_QUEUE, parameters)]


_QUEUE_AGAIN = """
INSERT INTO queue (seq, received_at, due_at, look)
SELECT e.seq, e.received_at, now(), true FROM events e
WHERE e.id = ANY(%s::uuid[])
  AND EXISTS (SELECT FROM bodies b WHERE b.seq = e.seq AND b.received_at = e.received_at)
ORDER BY e.seq
ON CONFLICT (seq) DO UPDATE SET due_at = excluded.due_at, look = true
RETURNING seq
"""


def queue_again(conn: Connection, ids: Iterable[bytes]) -> list[int]:
    """Queue rechecks that were queued before, for the next sweep; their inbox ids.

    One whose body is no longer kept waits for the next news of its cause or its effect.
    """
    rows = conn.execute(_QUEUE_AGAIN, (arrays.texts(sorted(found.hex() for found in ids)),))
    return [seq for (seq,) in rows]
