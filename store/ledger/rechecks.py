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

import orjson
import psycopg

from statemachine import DERIVATIONS
from store.crypto.keyed_hash import KeyedHash
from store.db import arrays
from store.db.locks import RECHECKS
from store.inbox.model import LEASE_SECONDS, ClaimedCopy

__all__ = [
    "PARTNER",
    "VIA",
    "QueuedRecheck",
    "QueuedRechecks",
    "Recheck",
    "SealedRecheck",
    "body_of",
    "delete_applied",
    "id_of",
    "lock_rechecks",
    "queue_again",
    "queue_rechecks",
    "queued",
    "read_queued",
    "recheck_of",
]

Connection = psycopg.Connection[Any]

#: Rechecks are their own partner's: ours.
PARTNER, VIA = "rxledger", "derived"


class Recheck(NamedTuple):
    """What the entity (kind, key) means for others by the derivation of this name."""

    derivation: str
    kind: str
    key: str


class QueuedRecheck(NamedTuple):
    """A recheck to apply. `version` changes whenever it is queued anew."""

    copy: ClaimedCopy
    version: int


class QueuedRechecks(NamedTuple):
    """Queued rechecks that are not the sweeper's yet, by inbox id; `alone` when nothing else is queued."""

    seqs: list[int]
    alone: bool


class SealedRecheck(NamedTuple):
    """A recheck ready to be stored: its event's id (16 bytes) and its sealed body."""

    id: bytes
    sealed: bytes


def body_of(recheck: Recheck) -> bytes:
    """The body of the event, the same every time."""
    return orjson.dumps({"derivation": recheck.derivation, "cause": [recheck.kind, recheck.key]})


def recheck_of(body: bytes) -> Recheck | None:
    """The recheck of a body; None for a derivation that this version does not know."""
    content = orjson.loads(body)
    found = Recheck(content["derivation"], *content["cause"])
    return found if any((one.name, one.cause) == found[:2] for one in DERIVATIONS) else None


def id_of(keyed_hash: KeyedHash, recheck: Recheck) -> bytes:
    """The id of the event: the digest of its body, as every event's."""
    return keyed_hash.event_id(PARTNER, VIA, "", body_of(recheck))


_QUEUED = """
SELECT ARRAY(SELECT seq FROM queue WHERE look AND due_at > now() ORDER BY seq LIMIT %s),
       NOT EXISTS (SELECT FROM queue WHERE NOT look)
"""


def queued(conn: Connection, limit: int) -> QueuedRechecks:
    """Up to `limit` queued rechecks, whoever queued them. What a batch under way holds counts as queued."""
    ((seqs, alone),) = conn.execute(_QUEUED, (limit,))
    return QueuedRechecks(seqs, alone)


_LOCK_QUEUED = """
SELECT pg_advisory_xact_lock(%s, (seq & 2147483647)::int)
FROM (SELECT seq FROM queue WHERE seq = ANY(%s::bigint[]) AND look ORDER BY seq) rechecks
"""
_LOCK_ALL = """
SELECT pg_advisory_xact_lock(%s, (seq & 2147483647)::int)
FROM (SELECT seq FROM events WHERE seq = ANY(%s::bigint[]) AND partner = %s ORDER BY seq) rechecks
"""


def lock_rechecks(conn: Connection, seqs: Iterable[int], *, only_queued: bool = True) -> int:
    """Wait until nobody else applies the rechecks among these, and keep others from it; returns how many.

    The transaction's end lets them go. Call it before anything is read of them. Not `only_queued`: also
    those that are not queued, for a replay.
    """
    numbers = arrays.numbers(seqs)
    if only_queued:
        return conn.execute(_LOCK_QUEUED, (RECHECKS, numbers)).rowcount
    return conn.execute(_LOCK_ALL, (RECHECKS, numbers, PARTNER)).rowcount


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
        "DELETE FROM queue q USING unnest(%s::bigint[], %s::text[]) AS n (seq, version) "
        "WHERE q.seq = n.seq AND q.xmin = n.version::xid",
        (
            arrays.numbers([recheck.copy.seq for recheck in rechecks]),
            arrays.texts([str(recheck.version) for recheck in rechecks]),
        ),
    )


# One that is queued already is queued anew, which makes it another version. Each time the body is written
# again, since an older one may be dropped with its month.
_QUEUE = f"""
WITH rechecks AS (
    SELECT * FROM unnest(%s::uuid[], %b::bytea[]) AS l (id, sealed)
), named AS (
    INSERT INTO events (id, partner, via, received_at) SELECT id, '{PARTNER}', '{VIA}', %s FROM rechecks
    ON CONFLICT (id) DO UPDATE SET received_at = excluded.received_at
    RETURNING seq, id, received_at
), kept AS (
    INSERT INTO bodies (seq, received_at, id, partner, via, sealed)
    SELECT n.seq, n.received_at, n.id, '{PARTNER}', '{VIA}', l.sealed FROM named n JOIN rechecks l USING (id)
)
INSERT INTO queue (seq, received_at, due_at, look)
SELECT seq, received_at, now() + interval '{LEASE_SECONDS} seconds', true FROM named ORDER BY seq
ON CONFLICT (seq) DO UPDATE SET received_at = excluded.received_at, due_at = excluded.due_at, look = true
RETURNING seq
"""


def queue_rechecks(conn: Connection, rechecks: Iterable[SealedRecheck], now: datetime) -> list[int]:
    """Queue these rechecks, once each, in the caller's transaction; their inbox ids."""
    rows = sorted(rechecks)
    parameters = (arrays.texts([row.id.hex() for row in rows]), [row.sealed for row in rows], now)
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
