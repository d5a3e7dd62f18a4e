"""The table `queue` outside of applying: what is overdue, and attempts (docs/decisions/0007)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import psycopg

from store.db import arrays
from store.inbox.model import LEASE_SECONDS

__all__ = [
    "BATCH_ATTEMPTS",
    "SOLO_ATTEMPTS",
    "Due",
    "count_attempts",
    "next_attempts",
    "note_error",
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


def next_attempts(conn: Connection, seqs: Sequence[int]) -> dict[int, int]:
    """The number of each one's next attempt, by inbox id; none for what is gone, or has had its attempts.

    In company when there are several ids, all of them when there is one. A hint may wait while its ids are
    swept again, and what only stood beside poison must come to its attempts alone.
    """
    attempts = BATCH_ATTEMPTS if len(seqs) > 1 else BATCH_ATTEMPTS + SOLO_ATTEMPTS
    rows = conn.execute(
        "SELECT seq, attempts + 1 FROM queue WHERE seq = ANY(%(seqs)s::bigint[]) AND attempts < %(most)s",
        {"seqs": arrays.numbers(seqs), "most": attempts},
    )
    return dict(rows.fetchall())


_COUNT = """
UPDATE queue q SET attempts = d.number FROM (
    SELECT q.seq, n.number FROM unnest(%(seqs)s::bigint[], %(numbers)s::bigint[]) AS n (seq, number)
    JOIN queue q ON q.seq = n.seq AND q.attempts IN (n.number - 1, n.number)
    ORDER BY q.seq FOR UPDATE OF q SKIP LOCKED
) d
WHERE q.seq = d.seq RETURNING q.seq
"""


def count_attempts(conn: Connection, attempts: Mapping[int, int]) -> list[int]:
    """Count these attempts, by inbox id, before they are made: what kills the worker is counted all the same.

    Returns those that are counted; no other may be made. What another worker holds, or what is gone, is not
    counted. Which attempt it is says the number, so doing it again after a COMMIT whose answer was lost
    counts nothing twice.
    """
    rows = conn.execute(_COUNT, _numbered(attempts))
    return [seq for (seq,) in rows]


def refund(conn: Connection, attempts: Mapping[int, int]) -> None:
    """Take back these counted attempts, by inbox id: they failed through the environment's fault.

    Again, it changes nothing, unless others have counted attempts meanwhile: then one of theirs is taken
    back, which errs on the side of the event. One that comes late takes back no less for those.
    """
    conn.execute(
        "UPDATE queue q SET attempts = q.attempts - 1 "
        "FROM unnest(%(seqs)s::bigint[], %(numbers)s::bigint[]) AS n (seq, number) "
        "WHERE q.seq = n.seq AND q.attempts >= n.number",
        _numbered(attempts),
    )


def _numbered(attempts: Mapping[int, int]) -> dict[str, str]:
    return {"seqs": arrays.numbers(attempts.keys()), "numbers": arrays.numbers(attempts.values())}


def note_error(conn: Connection, seq: int, error: str) -> None:
    """Keep why an event could not be applied (a class, a SQLSTATE and frames: never a value)."""
    conn.execute("UPDATE queue SET last_error = %(error)s WHERE seq = %(seq)s", {"error": error, "seq": seq})


def waiting(conn: Connection) -> int:
    """How many events are not applied yet, those that wait for another try included."""
    return int(conn.execute("SELECT count(*) FROM queue").fetchall()[0][0])
