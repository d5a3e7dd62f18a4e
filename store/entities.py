"""The apply path's SQL: take events, lock entities, read facts, write what follows, in set-based statements.

Each function is one statement, whatever the number of rows. The caller owns the transaction and the order:
queue rows (skipped when another worker has them, so never waited for), then entities by (kind, key).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import psycopg

from store import arrays, copying

__all__ = [
    "EntityRow",
    "FactRow",
    "Held",
    "OutcomeRow",
    "Taken",
    "add_outcomes",
    "delete_facts",
    "delete_queued",
    "drop_outcomes",
    "ensure_entities",
    "facts_of",
    "insert_facts",
    "lock_entities",
    "lock_queued",
    "quarantine",
    "still_waiting",
    "take_bodies",
    "take_queued",
    "touched_by",
    "unquarantine",
    "update_entities",
    "update_facts",
]

Connection = psycopg.Connection[Any]
Cursor = psycopg.Cursor[Any]


class Taken(NamedTuple):
    """One event to apply: `id` 16 bytes, `sealed` the body."""

    seq: int
    id: bytes
    partner: str
    via: str
    received_at: datetime
    sealed: bytes


class EntityRow(NamedTuple):
    """A locked entity with its folded state; times are Unix seconds."""

    id: int
    kind: str
    key: str
    state: str
    since: int | None
    moved_by: str | None
    outcome: str | None
    review: str | None
    last_at: int | None


class FactRow(NamedTuple):
    """One stored fact. `lines` is JSON text; `preferred` names the copy whose content this is."""

    entity_id: int
    fact_id: bytes
    occurred_at: int
    signal: str
    code: str | None
    discriminator: bytes
    lines: str | None
    detail: bytes | None
    via: tuple[str, ...]
    events: tuple[bytes, ...]
    preferred: bytes
    preferred_via: str
    received_at: datetime


class OutcomeRow(NamedTuple):
    """An event states a fact."""

    seq: int
    entity_id: int
    fact_id: bytes
    callback_type: str


class Held(NamedTuple):
    """An event that goes into quarantine, with a reason code; `retry_at` in Unix seconds."""

    seq: int
    reason: str
    detail: str | None
    callback_type: str | None
    retry_at: int | None


# The lateral look-up with OFFSET 0 is not flattened: each queue row finds its body through the index of the
# one month that can hold it, where a join could be planned as a scan of every partition.
_TAKE_QUEUED = """
SELECT q.seq, uuid_send(b.id), b.partner, b.via, b.received_at, b.sealed
FROM (SELECT seq, received_at FROM queue WHERE seq = ANY(%s::bigint[]) ORDER BY seq FOR UPDATE SKIP LOCKED) q
CROSS JOIN LATERAL (
    SELECT * FROM bodies WHERE bodies.seq = q.seq AND bodies.received_at = q.received_at LIMIT 1 OFFSET 0
) b
"""

_TAKE_BODIES = """
SELECT e.seq, uuid_send(b.id), b.partner, b.via, b.received_at, b.sealed
FROM (SELECT seq, received_at FROM events WHERE seq = ANY(%s::bigint[]) ORDER BY seq) e
CROSS JOIN LATERAL (
    SELECT * FROM bodies WHERE bodies.seq = e.seq AND bodies.received_at = e.received_at LIMIT 1 OFFSET 0
) b
"""


def take_queued(conn: Connection, seqs: Iterable[int]) -> list[Taken]:
    """The queued events among these that no other worker holds, locked until the transaction ends."""
    rows = conn.execute(_TAKE_QUEUED, (arrays.numbers(seqs),), binary=True).fetchall()
    return [Taken._make(row) for row in rows]


def take_bodies(conn: Connection, seqs: Iterable[int]) -> list[Taken]:
    """These events as far as their bodies are still kept, queued or not."""
    rows = conn.execute(_TAKE_BODIES, (arrays.numbers(seqs),), binary=True).fetchall()
    return [Taken._make(row) for row in rows]


_ENSURE = """
INSERT INTO entities (kind, key, state)
SELECT * FROM unnest(%s::text[], %s::text[], %s::text[])
ON CONFLICT (kind, key) DO NOTHING
"""

_LOCK = """
SELECT e.id, e.kind, e.key, e.state, extract(epoch FROM e.since)::bigint, e.moved_by, e.outcome, e.review,
       extract(epoch FROM e.last_at)::bigint
FROM unnest(%s::text[], %s::text[]) AS n (kind, key)
JOIN entities e ON e.kind = n.kind COLLATE "C" AND e.key = n.key COLLATE "C"
ORDER BY e.kind, e.key
FOR UPDATE OF e
"""


def ensure_entities(conn: Connection, names: Sequence[tuple[str, str, str]]) -> None:
    """Make (kind, key, first state) where it is missing. `names` is sorted: it is the order of the locks."""
    kinds, keys, states = zip(*names, strict=True)
    conn.execute(_ENSURE, (arrays.texts(kinds), arrays.texts(keys), arrays.texts(states)))


def lock_entities(conn: Connection, names: Sequence[tuple[str, str]]) -> list[EntityRow]:
    """Lock these entities by (kind, key) and read them as they are then."""
    kinds, keys = zip(*names, strict=True)
    rows = conn.execute(_LOCK, (arrays.texts(kinds), arrays.texts(keys)), binary=True).fetchall()
    return [EntityRow._make(row) for row in rows]


_FACTS = """
SELECT entity_id, uuid_send(fact_id), extract(epoch FROM occurred_at)::bigint, signal, code, discriminator,
       lines::text, detail, via, ARRAY(SELECT uuid_send(e) FROM unnest(events) e), uuid_send(preferred),
       preferred_via, received_at
FROM facts WHERE entity_id = ANY(%s::bigint[])
"""


def facts_of(conn: Connection, entity_ids: Iterable[int]) -> list[FactRow]:
    """Every fact of these entities, in no order."""
    rows = conn.execute(_FACTS, (arrays.numbers(entity_ids),), binary=True).fetchall()
    return [FactRow._make((*row[:8], tuple(row[8]), tuple(row[9]), *row[10:])) for row in rows]


_FACT_COLUMNS = (
    "entity_id, fact_id, occurred_at, signal, code, discriminator, lines, detail, via, events, preferred, "
    "preferred_via, received_at"
)
_FACT_HEAD = copying.row_head(13)


def _packed(row: FactRow) -> bytes:
    return b"".join(
        (
            _FACT_HEAD,
            copying.number(row.entity_id),
            copying.uuid(row.fact_id),
            copying.second(row.occurred_at),
            copying.text(row.signal),
            copying.text(row.code),
            copying.blob(row.discriminator),
            copying.json(row.lines),
            copying.blob(row.detail),
            copying.array(copying.TEXT, [copying.text(via) for via in row.via]),
            copying.array(copying.UUID, [copying.uuid(event) for event in row.events]),
            copying.uuid(row.preferred),
            copying.text(row.preferred_via),
            copying.moment(row.received_at),
        )
    )


def insert_facts(conn: Connection, rows: Sequence[FactRow]) -> None:
    """Facts that the entity, which is locked, does not have."""
    copying.copy(conn, "facts", _FACT_COLUMNS, [_packed(row) for row in rows])


_UPDATE_FACTS = """
UPDATE facts f
SET lines = n.lines, detail = decode(n.detail, 'hex'), via = string_to_array(n.via, ','),
    events = string_to_array(n.events, ',')::uuid[], preferred = n.preferred, preferred_via = n.preferred_via,
    received_at = n.received_at
FROM unnest(%s::bigint[], %s::uuid[], %s::jsonb[], %s::text[], %s::text[], %s::text[], %s::uuid[], %s::text[],
            %s::timestamptz[])
    AS n (entity_id, fact_id, lines, detail, via, events, preferred, preferred_via, received_at)
WHERE f.entity_id = n.entity_id AND f.fact_id = n.fact_id
"""


def update_facts(conn: Connection, rows: Sequence[FactRow]) -> None:
    """Facts of which another copy has come, or one was taken away."""
    conn.execute(
        _UPDATE_FACTS,
        (
            arrays.numbers([r.entity_id for r in rows]),
            arrays.texts([r.fact_id.hex() for r in rows]),
            arrays.texts([r.lines for r in rows]),
            arrays.texts([None if r.detail is None else r.detail.hex() for r in rows]),
            arrays.texts([",".join(r.via) for r in rows]),
            arrays.texts([",".join([e.hex() for e in r.events]) for r in rows]),
            arrays.texts([r.preferred.hex() for r in rows]),
            arrays.texts([r.preferred_via for r in rows]),
            arrays.texts([r.received_at.isoformat() for r in rows]),
        ),
    )


def delete_facts(conn: Connection, rows: Sequence[tuple[int, bytes]]) -> None:
    """Facts that no event states any more, by (entity id, fact id)."""
    conn.execute(
        "DELETE FROM facts f USING unnest(%s::bigint[], %s::uuid[]) AS n (entity_id, fact_id) "
        "WHERE f.entity_id = n.entity_id AND f.fact_id = n.fact_id",
        (arrays.numbers([e for e, _ in rows]), arrays.texts([f.hex() for _, f in rows])),
    )


_UPDATE_ENTITIES = """
UPDATE entities e
SET state = n.state, since = to_timestamp(n.since), moved_by = n.moved_by, outcome = n.outcome,
    review = n.review, last_at = to_timestamp(n.last_at)
FROM unnest(%s::bigint[], %s::text[], %s::bigint[], %s::text[], %s::text[], %s::text[], %s::bigint[])
    AS n (id, state, since, moved_by, outcome, review, last_at)
WHERE e.id = n.id
"""


def update_entities(conn: Connection, rows: Sequence[EntityRow]) -> None:
    conn.execute(
        _UPDATE_ENTITIES,
        (
            arrays.numbers([r.id for r in rows]),
            arrays.texts([r.state for r in rows]),
            arrays.numbers([r.since for r in rows]),
            arrays.texts([r.moved_by for r in rows]),
            arrays.texts([r.outcome for r in rows]),
            arrays.texts([r.review for r in rows]),
            arrays.numbers([r.last_at for r in rows]),
        ),
    )


_OUTCOME_HEAD = copying.row_head(4)


def add_outcomes(conn: Connection, rows: Sequence[OutcomeRow]) -> None:
    """What events state that they were not known to state."""
    packed = [
        _OUTCOME_HEAD
        + copying.number(row.seq)
        + copying.number(row.entity_id)
        + copying.uuid(row.fact_id)
        + copying.text(row.callback_type)
        for row in rows
    ]
    copying.copy(conn, "outcomes", "seq, entity_id, fact_id, callback_type", packed)


def drop_outcomes(conn: Connection, seqs: Iterable[int]) -> list[OutcomeRow]:
    """Forget what these events stated; returns what that was."""
    rows = conn.execute(
        "DELETE FROM outcomes WHERE seq = ANY(%s::bigint[]) "
        "RETURNING seq, entity_id, uuid_send(fact_id), callback_type",
        (arrays.numbers(seqs),),
        binary=True,
    )
    return [OutcomeRow._make(row) for row in rows]


def delete_queued(conn: Connection, seqs: Iterable[int]) -> None:
    conn.execute("DELETE FROM queue WHERE seq = ANY(%s::bigint[])", (arrays.numbers(seqs),))


def quarantine(conn: Connection, rows: Sequence[Held]) -> None:
    """Put events into quarantine, or give those that are there their newest reason."""
    conn.execute(
        "INSERT INTO quarantine (seq, reason, detail, callback_type, since, retry_at) "
        "SELECT seq, reason, detail, callback_type, now(), to_timestamp(retry_at) "
        "FROM unnest(%s::bigint[], %s::text[], %s::text[], %s::text[], %s::bigint[]) "
        "     AS n (seq, reason, detail, callback_type, retry_at) "
        "ON CONFLICT (seq) DO UPDATE SET reason = excluded.reason, detail = excluded.detail, "
        "    callback_type = excluded.callback_type, retry_at = excluded.retry_at",
        (
            arrays.numbers([r.seq for r in rows]),
            arrays.texts([r.reason for r in rows]),
            arrays.texts([r.detail for r in rows]),
            arrays.texts([r.callback_type for r in rows]),
            arrays.numbers([r.retry_at for r in rows]),
        ),
    )


def unquarantine(conn: Connection, seqs: Iterable[int]) -> None:
    conn.execute("DELETE FROM quarantine WHERE seq = ANY(%s::bigint[])", (arrays.numbers(seqs),))


def lock_queued(conn: Connection, seqs: Iterable[int]) -> None:
    """Wait for the workers that hold these events, and keep others from taking them."""
    conn.execute(
        "SELECT FROM queue WHERE seq = ANY(%s::bigint[]) ORDER BY seq FOR UPDATE", (arrays.numbers(seqs),)
    )


def touched_by(conn: Connection, seqs: Iterable[int]) -> dict[tuple[str, str], int]:
    """The entities that have a fact stated by these events: `{(kind, key): entity id}`."""
    rows = conn.execute(
        "SELECT DISTINCT e.kind, e.key, e.id FROM outcomes o JOIN entities e ON e.id = o.entity_id "
        "WHERE o.seq = ANY(%s::bigint[])",
        (arrays.numbers(seqs),),
    )
    return {(kind, key): entity_id for kind, key, entity_id in rows}


def still_waiting(conn: Connection, seqs: Iterable[int]) -> list[int]:
    """Those of these events that are queued or in quarantine."""
    rows = conn.execute(
        "SELECT seq FROM queue WHERE seq = ANY(%(seqs)s::bigint[]) "
        "UNION SELECT seq FROM quarantine WHERE seq = ANY(%(seqs)s::bigint[]) ORDER BY 1",
        {"seqs": arrays.numbers(seqs)},
    )
    return [seq for (seq,) in rows]
