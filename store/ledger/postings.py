"""The table `postings`: which entity's bodies carry a name, by its keyed hash (`store.ledger.links`)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import psycopg

from store.db.columns import BIGINT, UUID, WORD, Columns
from store.ledger.model import PostingRow

__all__ = ["POSTINGS", "add_postings", "first_postings", "move_postings"]

Connection = psycopg.Connection[Any]

#: As the fields of a PostingRow.
POSTINGS = Columns("postings", {"hash": UUID, "entity_id": BIGINT, "domain": WORD}, prefix="posting_")


def first_postings(conn: Connection, carried: Mapping[int, Iterable[tuple[bytes, str]]]) -> None:
    """The names that the bodies of new entities carry, as (hash, domain), each once.

    Nobody can have written them before.
    """
    # Sorted, which is the order of the hashes: neighbours of the index are written together.
    pack = POSTINGS.pack
    rows = [pack(name, entity_id, domain) for entity_id, names in carried.items() for name, domain in names]
    POSTINGS.copy_packed(conn, sorted(rows))


_ADD = f"""
INSERT INTO postings ({POSTINGS.names}) SELECT {POSTINGS.values} FROM {POSTINGS.rows}
ON CONFLICT DO NOTHING RETURNING entity_id
"""


def add_postings(conn: Connection, rows: Sequence[PostingRow]) -> set[int]:
    """The names that entities' bodies carry; one that is known already stays as it is.

    Returns the ids of the entities that got names which they did not have.
    """
    return {entity_id for (entity_id,) in conn.execute(_ADD, POSTINGS.parameters(rows))}


_MOVE = """
WITH moved AS (DELETE FROM postings WHERE entity_id = %(source)s RETURNING hash, domain)
INSERT INTO postings (hash, entity_id, domain) SELECT hash, %(target)s, domain FROM moved
ON CONFLICT DO NOTHING
"""


def move_postings(conn: Connection, source: int, target: int) -> None:
    """Give the names of one entity to another, which keeps its own; by their ids."""
    conn.execute(_MOVE, {"source": source, "target": target})
