"""Events out of the queue and into a batch, with their bodies.

The caller owns the transaction. Queue rows are locked first of all, and skipped when another worker has them,
so never waited for.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

import psycopg

from store.db import arrays
from store.db.durability import RELAXED
from store.inbox.model import LEASE_SECONDS, ClaimedCopy

__all__ = [
    "FEW",
    "bodies_of",
    "claim_few",
    "delete_queued",
    "kept_copies",
    "lock_many",
    "lock_queued",
    "requeue",
    "still_waiting",
]

Connection = psycopg.Connection[Any]

#: Up to so many events the time goes into round trips, beyond into rows.
FEW = 16

_new = tuple.__new__


# The lateral look-up with OFFSET 0 is not flattened: each queue row finds its body through the index of the
# one month that can hold it, where a join could be planned as a scan of every partition.
_CLAIM_FEW = f"""
WITH claimed AS (
    DELETE FROM queue WHERE seq IN (
        SELECT seq FROM queue WHERE seq = ANY(%s::bigint[]) AND NOT look ORDER BY seq FOR UPDATE SKIP LOCKED
    ) RETURNING seq, received_at
)
SELECT t.seq, uuid_send(b.id), b.partner, b.via, t.received_at, b.sealed, b.url_id
FROM claimed t
LEFT JOIN LATERAL (
    SELECT * FROM bodies WHERE bodies.seq = t.seq AND bodies.received_at = t.received_at LIMIT 1 OFFSET 0
) b ON true
WHERE {RELAXED}
"""
_LOCK_MANY = f"""
SELECT seq, received_at FROM queue WHERE seq = ANY(%s::bigint[]) AND NOT look AND {RELAXED} ORDER BY seq
FOR UPDATE SKIP LOCKED
"""
# One search of the months from the first to the last of many costs half of as many look-ups.
_BODIES = """
SELECT seq, uuid_send(id), partner, via, sealed, url_id
FROM bodies WHERE seq = ANY(%(seqs)s::bigint[]) AND received_at BETWEEN %(first)s AND %(last)s
"""

_KEPT = """
SELECT e.seq, uuid_send(b.id), b.partner, b.via, b.received_at, b.sealed, b.url_id
FROM (SELECT seq, received_at FROM events WHERE seq = ANY(%s::bigint[]) ORDER BY seq) e
CROSS JOIN LATERAL (
    SELECT * FROM bodies WHERE bodies.seq = e.seq AND bodies.received_at = e.received_at LIMIT 1 OFFSET 0
) b
"""


def claim_few(conn: Connection, seqs: Sequence[int]) -> list[ClaimedCopy]:
    """Take the copies among these that no other worker holds out of the queue, with their bodies."""
    rows = conn.execute(_CLAIM_FEW, (arrays.numbers(seqs),), binary=True).fetchall()
    return [ClaimedCopy._make(row) for row in rows]


def lock_many(conn: Connection, seqs: Sequence[int]) -> list[tuple[int, datetime]]:
    """Lock the queue rows of the copies among these that no other worker holds: (seq, received_at).

    Their bodies are had by `bodies_of`; what was read is then taken out of the queue by `delete_queued`.
    """
    return conn.execute(_LOCK_MANY, (arrays.numbers(seqs),), binary=True).fetchall()


def bodies_of(conn: Connection, rows: Sequence[tuple[int, datetime]]) -> list[ClaimedCopy]:
    """These copies, which are locked, with their bodies; each once, in no order."""
    locked = dict(rows)
    parameters = {
        "seqs": arrays.numbers(locked),
        "first": min(locked.values()),
        "last": max(locked.values()),
    }
    copies = []
    for seq, *kept, sealed, url_id in conn.execute(_BODIES, parameters, binary=True).fetchall():
        # A body that came again as news has its old row, which is the same, beside the new one.
        received_at = locked.pop(seq, None)
        if received_at is not None:
            copies.append(_new(ClaimedCopy, (seq, *kept, received_at, sealed, url_id)))
    return copies + [ClaimedCopy(seq, b"", "", "", at, None) for seq, at in locked.items()]


def kept_copies(conn: Connection, seqs: Iterable[int]) -> list[ClaimedCopy]:
    """These events as far as their bodies are still kept, queued or not."""
    rows = conn.execute(_KEPT, (arrays.numbers(seqs),), binary=True).fetchall()
    return [ClaimedCopy._make(row) for row in rows]


def lock_queued(conn: Connection, seqs: Iterable[int]) -> None:
    """Wait for the workers that hold these copies, and keep others from taking them.

    Rechecks are left out: whoever applies one holds its own lock (`store.ledger.rechecks`) and takes its row
    at the end, so to wait for that lock with the row in hand would be a deadlock.
    """
    conn.execute(
        "SELECT FROM queue WHERE seq = ANY(%s::bigint[]) AND NOT look ORDER BY seq FOR UPDATE",
        (arrays.numbers(seqs),),
    )


def delete_queued(conn: Connection, seqs: Iterable[int]) -> None:
    conn.execute("DELETE FROM queue WHERE seq = ANY(%s::bigint[])", (arrays.numbers(seqs),))


def requeue(conn: Connection, seqs: Iterable[int]) -> None:
    """Queue these again, for when their lease has passed, as if they had not been tried."""
    conn.execute(
        "INSERT INTO queue (seq, received_at, due_at, last_error) SELECT seq, received_at, "
        f"now() + interval '{LEASE_SECONDS} seconds', 'its seal key is not in the ring' FROM events "
        "WHERE seq = ANY(%s::bigint[])",
        (arrays.numbers(seqs),),
    )


def still_waiting(conn: Connection, seqs: Iterable[int]) -> list[int]:
    """Those of these events that are queued or in quarantine."""
    rows = conn.execute(
        "SELECT seq FROM queue WHERE seq = ANY(%(seqs)s::bigint[]) "
        "UNION SELECT seq FROM quarantine WHERE seq = ANY(%(seqs)s::bigint[]) ORDER BY 1",
        {"seqs": arrays.numbers(seqs)},
    )
    return [seq for (seq,) in rows]
