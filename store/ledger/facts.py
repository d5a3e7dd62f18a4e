"""The table `facts`: what partners stated. A row is written once; only another copy of its fact touches it
again.

The caller owns the transaction and has locked the entities whose facts these are.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import psycopg

from store.db import arrays
from store.db.columns import (
    BIGINT,
    BYTES,
    FLAG,
    JSON,
    MOMENT,
    SECOND,
    SMALL,
    UUID,
    UUIDS,
    WORD,
    WORDS,
    Columns,
)
from store.ledger.model import FactRow

__all__ = ["FACTS", "delete_facts", "facts_of", "facts_telling", "insert_facts", "update_facts"]

Connection = psycopg.Connection[Any]

_IDENTITY = {
    "entity_id": BIGINT,
    "fact_id": UUID,
    "occurred_at": SECOND,
    "signal": WORD,
    "code": WORD,
    "discriminator": BYTES,
}
_CONTENT = {
    "lines": JSON,
    "detail": BYTES,
    "via": WORDS,
    "events": UUIDS,
    "preferred": UUID,
    "preferred_via": WORD,
    "received_at": MOMENT,
    "due": SECOND,
    "pushed_at": MOMENT,
    "pulled_at": MOMENT,
    "millisecond": SMALL,
    "undated": FLAG,
}
#: As the fields of a FactRow.
FACTS = Columns("facts", _IDENTITY | _CONTENT, prefix="fact_")
#: What can change of a fact, behind the two by which it is found (`_changed`): of an undated one its time
#: too.
CHANGED = Columns("facts", {"entity_id": BIGINT, "fact_id": UUID, "occurred_at": SECOND} | _CONTENT)


_FACTS_OF = """
SELECT entity_id, uuid_send(fact_id), extract(epoch FROM occurred_at)::bigint, signal, code, discriminator,
       lines::text, detail, via, ARRAY(SELECT uuid_send(e) FROM unnest(events) e), uuid_send(preferred),
       preferred_via, received_at, extract(epoch FROM due)::bigint, pushed_at, pulled_at, millisecond, undated
FROM facts WHERE entity_id = ANY(%s::bigint[])
"""


def facts_of(conn: Connection, entity_ids: Iterable[int]) -> list[FactRow]:
    """Every fact of these entities, in no order."""
    rows = conn.execute(_FACTS_OF, (arrays.numbers(entity_ids),), binary=True).fetchall()
    return [FactRow._make((*row[:8], tuple(row[8]), tuple(row[9]), *row[10:])) for row in rows]


_TELLING = _FACTS_OF.rstrip() + " AND (signal = ANY(%s::text[]) OR signal LIKE ANY(%s::text[]))\n"


def facts_telling(
    conn: Connection, entity_ids: Iterable[int], signals: Sequence[str], families: Sequence[str]
) -> list[FactRow]:
    """As `facts_of`, of these signals and of families of them, such as `claim`."""
    patterns = arrays.texts([f"{family}:%" for family in families])
    values = (arrays.numbers(entity_ids), arrays.texts(signals), patterns)
    rows = conn.execute(_TELLING, values, binary=True).fetchall()
    return [FactRow._make((*row[:8], tuple(row[8]), tuple(row[9]), *row[10:])) for row in rows]


def insert_facts(conn: Connection, rows: Sequence[FactRow]) -> None:
    """Facts that the entity does not have."""
    FACTS.copy(conn, rows)


_UPDATE = f"""
UPDATE facts f SET {CHANGED.assignments("entity_id", "fact_id")} FROM {CHANGED.rows}
WHERE f.entity_id = n.entity_id AND f.fact_id = n.fact_id
"""


def update_facts(conn: Connection, rows: Sequence[FactRow]) -> None:
    """Facts of which another copy has come, or one was taken away."""
    conn.execute(_UPDATE, CHANGED.parameters([_changed(row) for row in rows]))


def _changed(row: FactRow) -> tuple[Any, ...]:
    return row[:3] + row[len(_IDENTITY) :]


def delete_facts(conn: Connection, rows: Sequence[tuple[int, bytes]]) -> None:
    """Facts that no event states any more, by (entity id, fact id)."""
    conn.execute(
        "DELETE FROM facts f USING unnest(%(entities)s::bigint[], %(facts)s::uuid[]) AS n (entity, fact) "
        "WHERE f.entity_id = n.entity AND f.fact_id = n.fact",
        {
            "entities": arrays.numbers([entity for entity, _ in rows]),
            "facts": arrays.texts([fact.hex() for _, fact in rows]),
        },
    )
