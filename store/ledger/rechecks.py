"""Looks: events of our own that say "see what this entity means for others" (`store.ledger.derivations`).

A look names a derivation and a cause, and nothing that the cause says: what follows is read from the cause
when the look is applied. So an old look tells no old news, and taking a fact back is a look like any other.
It is one event however often it is queued, stands in the same tables as a partner's copies, and is queued in
the COMMIT of what it follows from.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import orjson
import psycopg

from statemachine import DERIVATIONS
from store.crypto.keyed_hash import Lookup
from store.db import arrays
from store.inbox.admit import LEASE_SECONDS
from store.inbox.claim import Taken

__all__ = [
    "PARTNER",
    "VIA",
    "Look",
    "QueuedLook",
    "SealedLook",
    "Waiting",
    "body_of",
    "id_of",
    "look_of",
    "queue_known",
    "queue_looks",
    "settle",
    "take",
    "take_turns",
    "waiting",
]

Connection = psycopg.Connection[Any]

#: Looks are their own partner's: ours.
PARTNER, VIA = "rxledger", "derived"
#: "look" as a number: the class of the advisory locks of single looks.
TURNS = 0x6C6F6F6B


class Look(NamedTuple):
    """What the entity (kind, key) means for others by the derivation of this name."""

    derivation: str
    kind: str
    key: str


class QueuedLook(NamedTuple):
    """A look to apply. `version` changes whenever it is queued anew."""

    copy: Taken
    version: int


class Waiting(NamedTuple):
    """Queued looks that are not left to the sweeper yet, by inbox id; `alone` when nothing else is queued."""

    seqs: list[int]
    alone: bool


class SealedLook(NamedTuple):
    """A look ready to be stored: its event's id (16 bytes) and its sealed body."""

    id: bytes
    sealed: bytes


def body_of(look: Look) -> bytes:
    """The body of the event, the same every time."""
    return orjson.dumps({"derivation": look.derivation, "cause": [look.kind, look.key]})


def look_of(body: bytes) -> Look | None:
    """The look of a body; None for a derivation that this version does not know."""
    content = orjson.loads(body)
    found = Look(content["derivation"], *content["cause"])
    return found if any((one.name, one.cause) == found[:2] for one in DERIVATIONS) else None


def id_of(lookup: Lookup, look: Look) -> bytes:
    """The id of the event: the digest of its body, as every event's."""
    return lookup.event_id(PARTNER, VIA, "", body_of(look))


_WAITING = """
SELECT ARRAY(SELECT seq FROM queue WHERE look AND due_at > now() ORDER BY seq LIMIT %s),
       NOT EXISTS (SELECT FROM queue WHERE NOT look)
"""


def waiting(conn: Connection, limit: int) -> Waiting:
    """Up to `limit` queued looks, whoever queued them. What a batch under way holds counts as queued."""
    ((seqs, alone),) = conn.execute(_WAITING, (limit,))
    return Waiting(seqs, alone)


_TURNS = """
SELECT pg_advisory_xact_lock(%s, (seq & 2147483647)::int)
FROM (SELECT seq FROM queue WHERE seq = ANY(%s::bigint[]) AND look ORDER BY seq) looks
"""
_TURNS_OF_ALL = """
SELECT pg_advisory_xact_lock(%s, (seq & 2147483647)::int)
FROM (SELECT seq FROM events WHERE seq = ANY(%s::bigint[]) AND partner = %s ORDER BY seq) looks
"""


def take_turns(conn: Connection, seqs: Iterable[int], *, queued: bool = True) -> int:
    """Wait until nobody else applies the looks among these, and keep others from it; returns how many.

    The transaction's end lets them go. Call it before anything is read of them. Not `queued`: those that are
    not queued too, for a replay.
    """
    numbers = arrays.numbers(seqs)
    if queued:
        return conn.execute(_TURNS, (TURNS, numbers)).rowcount
    return conn.execute(_TURNS_OF_ALL, (TURNS, numbers, PARTNER)).rowcount


_TAKE = """
SELECT q.seq, uuid_send(b.id), b.partner, b.via, q.received_at, b.sealed, q.xmin::text::bigint
FROM (SELECT *, xmin FROM queue WHERE seq = ANY(%s::bigint[]) AND look ORDER BY seq) q
LEFT JOIN LATERAL (
    SELECT * FROM bodies WHERE bodies.seq = q.seq AND bodies.received_at = q.received_at LIMIT 1 OFFSET 0
) b ON true
"""


def take(conn: Connection, seqs: Iterable[int]) -> list[QueuedLook]:
    """The queued looks among these. They stay queued, not locked, until `settle`: whoever queues one of them
    anew holds entities that applying it waits for.
    """
    rows = conn.execute(_TAKE, (arrays.numbers(seqs),), binary=True)
    return [QueuedLook(Taken(*row[:6]), row[6]) for row in rows]


def settle(conn: Connection, looks: Sequence[QueuedLook]) -> None:
    """Take applied looks out of the queue, less those that were queued anew meanwhile."""
    conn.execute(
        "DELETE FROM queue q USING unnest(%s::bigint[], %s::text[]) AS n (seq, version) "
        "WHERE q.seq = n.seq AND q.xmin = n.version::xid",
        (
            arrays.numbers([look.copy.seq for look in looks]),
            arrays.texts([str(look.version) for look in looks]),
        ),
    )


# One that is queued already is queued anew, which makes it another version. Each time the body is written
# again, since an older one may be dropped with its month.
_QUEUE_LOOKS = f"""
WITH looks AS (
    SELECT * FROM unnest(%s::uuid[], %b::bytea[]) AS l (id, sealed)
), named AS (
    INSERT INTO events (id, partner, via, received_at) SELECT id, '{PARTNER}', '{VIA}', %s FROM looks
    ON CONFLICT (id) DO UPDATE SET received_at = excluded.received_at
    RETURNING seq, id, received_at
), kept AS (
    INSERT INTO bodies (seq, received_at, id, partner, via, sealed)
    SELECT n.seq, n.received_at, n.id, '{PARTNER}', '{VIA}', l.sealed FROM named n JOIN looks l USING (id)
)
INSERT INTO queue (seq, received_at, due_at, look)
SELECT seq, received_at, now() + interval '{LEASE_SECONDS} seconds', true FROM named ORDER BY seq
ON CONFLICT (seq) DO UPDATE SET received_at = excluded.received_at, due_at = excluded.due_at, look = true
RETURNING seq
"""


def queue_looks(conn: Connection, looks: Iterable[SealedLook], now: datetime) -> list[int]:
    """Queue these looks, once each, in the caller's transaction; their inbox ids."""
    rows = sorted(looks)
    parameters = (arrays.texts([row.id.hex() for row in rows]), [row.sealed for row in rows], now)
    return [seq for (seq,) in conn.execute(_QUEUE_LOOKS, parameters)]


_QUEUE_KNOWN = """
INSERT INTO queue (seq, received_at, due_at, look)
SELECT e.seq, e.received_at, now(), true FROM events e
WHERE e.id = ANY(%s::uuid[])
  AND EXISTS (SELECT FROM bodies b WHERE b.seq = e.seq AND b.received_at = e.received_at)
ORDER BY e.seq
ON CONFLICT (seq) DO UPDATE SET due_at = excluded.due_at, look = true
RETURNING seq
"""


def queue_known(conn: Connection, ids: Iterable[bytes]) -> list[int]:
    """Queue looks that were queued before, for the next sweep; their inbox ids.

    One whose body is no longer kept waits for the next news of its cause or its effect.
    """
    rows = conn.execute(_QUEUE_KNOWN, (arrays.texts(sorted(found.hex() for found in ids)),))
    return [seq for (seq,) in rows]
