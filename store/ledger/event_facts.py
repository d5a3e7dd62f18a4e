"""The table `event_facts`: which event stated which fact. Lists of events and replays read it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import psycopg

from store.db import arrays
from store.db.columns import BIGINT, UUID, WORD, Columns
from store.ledger.model import EventFactRow

__all__ = [
    "EVENT_FACTS",
    "add_event_facts",
    "delete_event_facts",
    "entities_stated_by",
    "events_stating",
    "events_stating_nothing",
    "ways_of",
]

Connection = psycopg.Connection[Any]

#: As the fields of an EventFactRow.
EVENT_FACTS = Columns(
    "event_facts",
    {"seq": BIGINT, "entity_id": BIGINT, "fact_id": UUID, "callback_type": WORD},
    prefix="event_",
)


def add_event_facts(conn: Connection, rows: Sequence[EventFactRow]) -> None:
    """What events state that they were not known to state."""
    EVENT_FACTS.copy(conn, rows)


def delete_event_facts(conn: Connection, seqs: Iterable[int]) -> list[EventFactRow]:
    """Forget what these events stated; returns what that was."""
    rows = conn.execute(
        "DELETE FROM event_facts WHERE seq = ANY(%s::bigint[]) "
        "RETURNING seq, entity_id, uuid_send(fact_id), callback_type",
        (arrays.numbers(seqs),),
        binary=True,
    )
    return [EventFactRow._make(row) for row in rows]


def entities_stated_by(conn: Connection, seqs: Iterable[int]) -> dict[tuple[str, str], int]:
    """The entities that have a fact stated by these events: `{(kind, key): entity id}`."""
    rows = conn.execute(
        "SELECT DISTINCT e.kind, e.key, e.id FROM event_facts f JOIN entities e ON e.id = f.entity_id "
        "WHERE f.seq = ANY(%s::bigint[])",
        (arrays.numbers(seqs),),
    )
    return {(kind, key): entity_id for kind, key, entity_id in rows}


def events_stating(conn: Connection, entity_ids: Iterable[int]) -> list[int]:
    """Every event that states a fact of these entities, as inbox ids."""
    rows = conn.execute(
        "SELECT DISTINCT e.seq FROM facts f CROSS JOIN unnest(f.events) AS stating (id) "
        "JOIN events e ON e.id = stating.id WHERE f.entity_id = ANY(%s::bigint[])",
        (arrays.numbers(entity_ids),),
    )
    return [seq for (seq,) in rows]


def events_stating_nothing(conn: Connection, seq: int, limit: int) -> list[int]:
    """The inbox ids of up to `limit` events behind this one that state no fact, ascending."""
    rows = conn.execute(
        "SELECT seq FROM events e WHERE seq > %(after)s "
        "AND NOT EXISTS (SELECT FROM event_facts f WHERE f.seq = e.seq) ORDER BY seq LIMIT %(limit)s",
        {"after": seq, "limit": limit},
    )
    return [found for (found,) in rows]


def ways_of(conn: Connection, ids: Iterable[bytes]) -> dict[bytes, str]:
    """How these events came, by id."""
    names = arrays.texts(sorted(found.hex() for found in ids))
    rows = conn.execute("SELECT uuid_send(id), via FROM events WHERE id = ANY(%s::uuid[])", (names,))
    return {bytes(event_id): via for event_id, via in rows}
