"""The apply path's SQL: lock entities, read facts, hold what cannot be applied.

`store.inbox.claim` comes before it, `store.ledger.facts` after.

Each function is one statement, whatever the number of rows. The caller owns the transaction and the order:
queue rows, then entities by (kind, key).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import psycopg

from store.db import arrays

__all__ = [
    "EntityRow",
    "FactRow",
    "Held",
    "OutcomeRow",
    "claim_entities",
    "drop_outcomes",
    "events_of",
    "facts_of",
    "quarantine",
    "touched_by",
    "unquarantine",
    "ways_of",
]

Connection = psycopg.Connection[Any]
Cursor = psycopg.Cursor[Any]


class EntityRow(NamedTuple):
    """A locked entity with its folded state; times are Unix seconds. `made` in this very transaction."""

    id: int
    kind: str
    key: str
    state: str
    since: int | None
    moved_by: str | None
    outcome: str | None
    review: str | None
    last_at: int | None
    due: int | None = None
    deadline: int | None = None
    registered_at: int | None = None
    made: bool = False


class FactRow(NamedTuple):
    """One stored fact. `lines` is JSON text; `preferred` names the copy whose content this is.

    `pushed_at` and `pulled_at`: when the first copy of each way was received, as far as that is known.
    """

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
    due: int | None = None
    pushed_at: datetime | None = None
    pulled_at: datetime | None = None


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


# An update that changes nothing locks the row and returns it as it is now, in the one statement that also
# makes what is missing: a third less time than an INSERT and a SELECT FOR UPDATE. Rows are locked in the
# order in which they are given. A row that is new here has no xmax; one that was locked so has ours.
_CLAIM = """
INSERT INTO entities (kind, key, state)
SELECT * FROM unnest(%s::text[], %s::text[], %s::text[])
ON CONFLICT (kind, key) DO UPDATE SET state = entities.state
RETURNING id, kind, key, state, extract(epoch FROM since)::bigint, moved_by, outcome, review,
          extract(epoch FROM last_at)::bigint, extract(epoch FROM due)::bigint,
          extract(epoch FROM deadline)::bigint, extract(epoch FROM registered_at)::bigint, xmax = 0
"""


def claim_entities(conn: Connection, names: Sequence[tuple[str, str, str]]) -> list[EntityRow]:
    """Lock these entities, made where they are missing, and read them as they are then.

    `names` are (kind, key, first state), sorted: it is the order of the locks.
    """
    kinds, keys, states = zip(*names, strict=True)
    parameters = (arrays.texts(kinds), arrays.texts(keys), arrays.texts(states))
    return [EntityRow._make(row) for row in conn.execute(_CLAIM, parameters, binary=True).fetchall()]


_FACTS = """
SELECT entity_id, uuid_send(fact_id), extract(epoch FROM occurred_at)::bigint, signal, code, discriminator,
       lines::text, detail, via, ARRAY(SELECT uuid_send(e) FROM unnest(events) e), uuid_send(preferred),
       preferred_via, received_at, extract(epoch FROM due)::bigint, pushed_at, pulled_at
FROM facts WHERE entity_id = ANY(%s::bigint[])
"""


def facts_of(conn: Connection, entity_ids: Iterable[int]) -> list[FactRow]:
    """Every fact of these entities, in no order."""
    rows = conn.execute(_FACTS, (arrays.numbers(entity_ids),), binary=True).fetchall()
    return [FactRow._make((*row[:8], tuple(row[8]), tuple(row[9]), *row[10:])) for row in rows]


def drop_outcomes(conn: Connection, seqs: Iterable[int]) -> list[OutcomeRow]:
    """Forget what these events stated; returns what that was."""
    rows = conn.execute(
        "DELETE FROM outcomes WHERE seq = ANY(%s::bigint[]) "
        "RETURNING seq, entity_id, uuid_send(fact_id), callback_type",
        (arrays.numbers(seqs),),
        binary=True,
    )
    return [OutcomeRow._make(row) for row in rows]


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


def touched_by(conn: Connection, seqs: Iterable[int]) -> dict[tuple[str, str], int]:
    """The entities that have a fact stated by these events: `{(kind, key): entity id}`."""
    rows = conn.execute(
        "SELECT DISTINCT e.kind, e.key, e.id FROM outcomes o JOIN entities e ON e.id = o.entity_id "
        "WHERE o.seq = ANY(%s::bigint[])",
        (arrays.numbers(seqs),),
    )
    return {(kind, key): entity_id for kind, key, entity_id in rows}


def ways_of(conn: Connection, ids: Iterable[bytes]) -> dict[bytes, str]:
    """How these events came, by id."""
    names = arrays.texts(sorted(found.hex() for found in ids))
    rows = conn.execute("SELECT uuid_send(id), via FROM events WHERE id = ANY(%s::uuid[])", (names,))
    return {bytes(event_id): via for event_id, via in rows}


def events_of(conn: Connection, entity_ids: Iterable[int]) -> list[int]:
    """Every event that states a fact of these entities, as inbox ids."""
    rows = conn.execute(
        "SELECT DISTINCT e.seq FROM facts f CROSS JOIN unnest(f.events) AS stating (id) "
        "JOIN events e ON e.id = stating.id WHERE f.entity_id = ANY(%s::bigint[])",
        (arrays.numbers(entity_ids),),
    )
    return [seq for (seq,) in rows]
