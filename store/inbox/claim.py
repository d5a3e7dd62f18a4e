"""Events out of the queue and into a batch, with their bodies.

The caller owns the transaction. Queue rows are locked first of all, and skipped when another worker has them,
so never waited for.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import psycopg

from store.db import arrays
from store.inbox.admit import LEASE_SECONDS

__all__ = [
    "FEW",
    "Batch",
    "Taken",
    "delete_queued",
    "give_back",
    "lock_queued",
    "still_waiting",
    "take_bodies",
    "take_queued",
]

Connection = psycopg.Connection[Any]

#: Up to so many events the time goes into round trips, beyond into rows.
FEW = 16
#: How many bodies are in memory at a time.
SLICE = 250
#: After so many bytes of bodies a transaction takes no more: others wait for the entities that it locks.
MUCH = 4_000_000


_new = tuple.__new__


class Taken(NamedTuple):
    """One event to apply: `id` 16 bytes, `sealed` the body, or None when there is none any more.

    `url_id` is the request's id in the URL that it was pulled from.
    """

    seq: int
    id: bytes
    partner: str
    via: str
    received_at: datetime
    sealed: bytes | None
    url_id: str | None = None


# The lateral look-up with OFFSET 0 is not flattened: each queue row finds its body through the index of the
# one month that can hold it, where a join could be planned as a scan of every partition.
_TAKE_FEW = """
WITH taken AS (
    DELETE FROM queue WHERE seq IN (
        SELECT seq FROM queue WHERE seq = ANY(%s::bigint[]) AND NOT look ORDER BY seq FOR UPDATE SKIP LOCKED
    ) RETURNING seq, received_at
)
SELECT t.seq, uuid_send(b.id), b.partner, b.via, t.received_at, b.sealed, b.url_id
FROM taken t
LEFT JOIN LATERAL (
    SELECT * FROM bodies WHERE bodies.seq = t.seq AND bodies.received_at = t.received_at LIMIT 1 OFFSET 0
) b ON true
"""
_HOLD_MANY = """
SELECT seq, received_at FROM queue WHERE seq = ANY(%s::bigint[]) AND NOT look ORDER BY seq
FOR UPDATE SKIP LOCKED
"""
# One search of the months from the first to the last of many costs half of as many look-ups.
_BODIES = """
SELECT seq, uuid_send(id), partner, via, sealed, url_id
FROM bodies WHERE seq = ANY(%s::bigint[]) AND received_at BETWEEN %s AND %s
"""

_TAKE_BODIES = """
SELECT e.seq, uuid_send(b.id), b.partner, b.via, b.received_at, b.sealed, b.url_id
FROM (SELECT seq, received_at FROM events WHERE seq = ANY(%s::bigint[]) ORDER BY seq) e
CROSS JOIN LATERAL (
    SELECT * FROM bodies WHERE bodies.seq = e.seq AND bodies.received_at = e.received_at LIMIT 1 OFFSET 0
) b
"""


class Batch:
    """Copies taken out of the queue, each once; iterate over it once, in the transaction that took them.

    The bodies of many are read in slices meanwhile, so that a batch takes the memory of what it states and
    not of its bodies, of which each may have a megabyte. `count` copies were taken and `left` ones were not,
    since that would have been too much for one transaction: both are known when the iteration has ended.
    """

    def __init__(self, conn: Connection, few: Sequence[Taken], many: Sequence[tuple[int, datetime]]) -> None:
        self.count = len(few)
        self.left: tuple[int, ...] = ()
        self._conn, self._few, self._many = conn, few, many

    def __bool__(self) -> bool:
        return bool(self._few or self._many)

    def __iter__(self) -> Iterator[Taken]:
        yield from self._few
        size = 0
        for start in range(0, len(self._many), SLICE):
            if size > MUCH:
                break
            for copy in _with_bodies(self._conn, dict(self._many[start : start + SLICE])):
                self.count += 1
                size += len(copy.sealed or b"")
                yield copy
        if self._many:
            self.left = tuple([seq for seq, _ in self._many[self.count :]])
            delete_queued(self._conn, [seq for seq, _ in self._many[: self.count]])


def take_queued(conn: Connection, seqs: Sequence[int]) -> Batch:
    """Take the copies among these that no other worker holds out of the queue; a rollback puts them back."""
    if len(seqs) <= FEW:
        rows = conn.execute(_TAKE_FEW, (arrays.numbers(seqs),), binary=True).fetchall()
        return Batch(conn, [Taken._make(row) for row in rows], ())
    return Batch(conn, (), conn.execute(_HOLD_MANY, (arrays.numbers(seqs),), binary=True).fetchall())


def _with_bodies(conn: Connection, held: dict[int, datetime]) -> Iterator[Taken]:
    parameters = (arrays.numbers(held), min(held.values()), max(held.values()))
    for seq, *kept, sealed, url_id in conn.execute(_BODIES, parameters, binary=True).fetchall():
        # A body that came again as news has its old row, which is the same, beside the new one.
        received_at = held.pop(seq, None)
        if received_at is not None:
            yield _new(Taken, (seq, *kept, received_at, sealed, url_id))
    for seq, received_at in held.items():
        yield Taken(seq, b"", "", "", received_at, None)


def take_bodies(conn: Connection, seqs: Iterable[int]) -> list[Taken]:
    """These events as far as their bodies are still kept, queued or not."""
    rows = conn.execute(_TAKE_BODIES, (arrays.numbers(seqs),), binary=True).fetchall()
    return [Taken._make(row) for row in rows]


def lock_queued(conn: Connection, seqs: Iterable[int]) -> None:
    """Wait for the workers that hold these events, and keep others from taking them."""
    conn.execute(
        "SELECT FROM queue WHERE seq = ANY(%s::bigint[]) ORDER BY seq FOR UPDATE", (arrays.numbers(seqs),)
    )


def delete_queued(conn: Connection, seqs: Iterable[int]) -> None:
    conn.execute("DELETE FROM queue WHERE seq = ANY(%s::bigint[])", (arrays.numbers(seqs),))


def give_back(conn: Connection, seqs: Iterable[int]) -> None:
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
