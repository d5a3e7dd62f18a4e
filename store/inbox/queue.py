"""The queue's SQL outside the apply path: counting attempts, sweeping, burying (D9)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import psycopg

from store.db import arrays
from store.inbox.admit import LEASE_SECONDS

__all__ = [
    "BATCH_ATTEMPTS",
    "SOLO_ATTEMPTS",
    "Due",
    "bury",
    "count_attempts",
    "note_error",
    "readmit",
    "refund",
    "sweep",
    "waiting",
]

Connection = psycopg.Connection[Any]

#: Counted attempts in company, then alone; after both an event is buried.
BATCH_ATTEMPTS = 3
SOLO_ATTEMPTS = 3

_SWEEP = f"""
UPDATE queue q SET due_at = now() + interval '{LEASE_SECONDS} seconds'
FROM (
    SELECT seq FROM queue WHERE due_at <= now() AND attempts < {BATCH_ATTEMPTS + SOLO_ATTEMPTS}
    ORDER BY due_at LIMIT %s FOR UPDATE SKIP LOCKED
) d
WHERE q.seq = d.seq
RETURNING q.seq, q.attempts
"""


class Due(NamedTuple):
    """An event whose lease has passed."""

    seq: int
    attempts: int

    @property
    def alone(self) -> bool:
        return self.attempts >= BATCH_ATTEMPTS


def sweep(conn: Connection, limit: int) -> list[Due]:
    """Up to `limit` events whose lease has passed; each gets a new lease."""
    return [Due._make(row) for row in conn.execute(_SWEEP, (limit,))]


def count_attempts(conn: Connection, seqs: Sequence[int]) -> list[int]:
    """Attempt + 1, committed before the attempt: what kills the worker is counted all the same.

    Returns those that were counted; no other may be attempted. What another worker holds, or what is gone, is
    not counted, nor what has had its attempts: in company when there are several ids, all of them when there
    is one. A hint may wait while its ids are swept again, and what only stood beside poison must come to its
    attempts alone.
    """
    attempts = BATCH_ATTEMPTS if len(seqs) > 1 else BATCH_ATTEMPTS + SOLO_ATTEMPTS
    rows = conn.execute(
        "UPDATE queue q SET attempts = attempts + 1 FROM ("
        "SELECT seq FROM queue WHERE seq = ANY(%s::bigint[]) AND attempts < %s "
        "ORDER BY seq FOR UPDATE SKIP LOCKED) d WHERE q.seq = d.seq RETURNING q.seq",
        (arrays.numbers(seqs), attempts),
    )
    return [seq for (seq,) in rows]


def refund(conn: Connection, seqs: Iterable[int]) -> None:
    """Take back a counted attempt that failed through the environment's fault."""
    conn.execute(
        "UPDATE queue SET attempts = greatest(attempts - 1, 0) WHERE seq = ANY(%s::bigint[])",
        (arrays.numbers(seqs),),
    )


def note_error(conn: Connection, seq: int, error: str) -> None:
    """Keep why an event could not be applied (a class, a SQLSTATE and frames: never a value)."""
    conn.execute("UPDATE queue SET last_error = %s WHERE seq = %s", (error, seq))


_BURY = f"""
WITH dead AS (
    DELETE FROM queue WHERE seq IN (
        SELECT seq FROM queue WHERE due_at <= now() AND attempts >= {BATCH_ATTEMPTS + SOLO_ATTEMPTS}
        FOR UPDATE SKIP LOCKED
    ) RETURNING seq, last_error
)
INSERT INTO quarantine (seq, reason, detail, since)
SELECT seq, 'poison', coalesce(last_error, 'the worker died'), now() FROM dead
ON CONFLICT (seq) DO UPDATE SET reason = excluded.reason, detail = excluded.detail
RETURNING seq
"""


def bury(conn: Connection) -> list[int]:
    """Move what failed its last solo attempt into quarantine; their inbox ids."""
    return [seq for (seq,) in conn.execute(_BURY)]


_READMIT = f"""
WITH back AS (
    DELETE FROM quarantine WHERE seq IN (
        SELECT seq FROM quarantine WHERE retry_at <= now() ORDER BY retry_at LIMIT %s FOR UPDATE SKIP LOCKED
    ) RETURNING seq
)
INSERT INTO queue (seq, received_at, due_at)
SELECT e.seq, e.received_at, now() + interval '{LEASE_SECONDS} seconds' FROM back JOIN events e USING (seq)
ON CONFLICT (seq) DO NOTHING
RETURNING seq
"""


def readmit(conn: Connection, limit: int) -> list[int]:
    """Queue again what was only early: quarantined events whose time has come; their inbox ids."""
    return [seq for (seq,) in conn.execute(_READMIT, (limit,))]


def waiting(conn: Connection) -> int:
    """How many events are not applied yet, those that wait for another try included."""
    return int(conn.execute("SELECT count(*) FROM queue").fetchall()[0][0])
