"""The table `entities`: where the fold of each one's facts stands.

The caller owns the transaction and the order of locks: queue rows, then entities by (kind, key).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import psycopg

from store.db import arrays
from store.db.columns import BIGINT, OPTIONAL_UUID, SECOND, TEXT, WORD, Columns
from store.ledger.model import EntityRow

__all__ = [
    "ENTITIES",
    "delete_entity",
    "entities_after",
    "ids_of",
    "keep_quantities",
    "lock_entities",
    "lock_free",
    "register_entity",
    "standing",
    "unheard",
    "update_entities",
]

Connection = psycopg.Connection[Any]

#: What applying writes of an EntityRow (`standing`): the columns of its fold, the deadline and the parcel.
ENTITIES = Columns(
    "entities",
    {
        "id": BIGINT,
        "state": WORD,
        "since": SECOND,
        "moved_by": WORD,
        "outcome": WORD,
        "review": TEXT,
        "last_at": SECOND,
        "due": SECOND,
        "waiting_since": SECOND,
        "deadline": SECOND,
        "parcel": OPTIONAL_UUID,
    },
    prefix="entity_",
)


def standing(row: EntityRow) -> tuple[Any, ...]:
    """The fields of a row that stand in `ENTITIES`: all but kind, key and what says how it came to be."""
    return row[0], *row[3:13]


# An update that changes nothing locks the row and returns it as it is now, in the one statement that also
# makes what is missing: a third less time than an INSERT and a SELECT FOR UPDATE. Rows are locked in the
# order in which they are given. A row that is new here has no xmax; one that was locked so has ours.
_LOCK = """
INSERT INTO entities (kind, key, state)
SELECT * FROM unnest(%(kinds)s::text[], %(keys)s::text[], %(states)s::text[])
ON CONFLICT (kind, key) DO UPDATE SET state = entities.state
RETURNING id, kind, key, state, extract(epoch FROM since)::bigint, moved_by, outcome, review,
          extract(epoch FROM last_at)::bigint, extract(epoch FROM due)::bigint,
          extract(epoch FROM waiting_since)::bigint, extract(epoch FROM deadline)::bigint, uuid_send(parcel),
          extract(epoch FROM registered_at)::bigint, quantities, xmax = 0
"""


def lock_entities(conn: Connection, names: Sequence[tuple[str, str, str]]) -> list[EntityRow]:
    """Lock these entities, made where they are missing, and read them as they are then.

    `names` are (kind, key, first state), sorted: it is the order of the locks.
    """
    kinds, keys, states = zip(*names, strict=True)
    parameters = {"kinds": arrays.texts(kinds), "keys": arrays.texts(keys), "states": arrays.texts(states)}
    return [EntityRow._make(row) for row in conn.execute(_LOCK, parameters, binary=True).fetchall()]


_UPDATE = f"""
UPDATE entities e SET {ENTITIES.assignments("id")} FROM {ENTITIES.rows} WHERE e.id = n.id
"""


def update_entities(conn: Connection, rows: Sequence[EntityRow]) -> None:
    """Write where these stand now."""
    conn.execute(_UPDATE, ENTITIES.parameters([standing(row) for row in rows]))


def register_entity(conn: Connection, entity_id: int, at: int, deadline: int | None) -> None:
    """Keep when its request was registered, and what follows for its deadline; in Unix seconds."""
    conn.execute(
        "UPDATE entities SET registered_at = to_timestamp(%(at)s), deadline = to_timestamp(%(deadline)s) "
        "WHERE id = %(id)s",
        {"id": entity_id, "at": at, "deadline": deadline},
    )


def entities_after(conn: Connection, entity_id: int, limit: int) -> list[int]:
    """The ids of up to `limit` entities behind this one, ascending."""
    rows = conn.execute(
        "SELECT id FROM entities WHERE id > %(after)s ORDER BY id LIMIT %(limit)s",
        {"after": entity_id, "limit": limit},
    )
    return [found for (found,) in rows]


def ids_of(conn: Connection, kind: str, keys: Iterable[str]) -> list[int]:
    """The ids of the entities that have these keys."""
    rows = conn.execute(
        "SELECT id FROM entities WHERE kind = %(kind)s AND key = ANY(%(keys)s::text[])",
        {"kind": kind, "keys": arrays.texts(keys)},
    )
    return [entity_id for (entity_id,) in rows]


def keep_quantities(conn: Connection, kind: str, key: str, sealed: bytes) -> None:
    """Keep what a registered request asked for, sealed; the first that was told stays."""
    conn.execute(
        "UPDATE entities SET quantities = coalesce(quantities, %(sealed)s) "
        "WHERE kind = %(kind)s AND key = %(key)s",
        {"sealed": sealed, "kind": kind, "key": key},
    )


def unheard(
    conn: Connection, kind: str, names: Iterable[str] | None = None, *, newest: int | None = None
) -> list[tuple[int, str]]:
    """Registered entities of a kind of which nothing was ever heard, as (id, key), not locked; newest first.

    With `names` only those of these keys, with `newest` at most so many.
    """
    rows = conn.execute(
        "SELECT id, key FROM entities "
        "WHERE kind = %(kind)s AND registered_at IS NOT NULL AND last_at IS NULL "
        "AND (%(names)s::text[] IS NULL OR key = ANY(%(names)s::text[])) ORDER BY id DESC LIMIT %(newest)s",
        {
            "kind": kind,
            "names": None if names is None else arrays.texts(sorted(names)),
            "newest": newest,
        },
    )
    return rows.fetchall()


def lock_free(conn: Connection, entity_ids: Iterable[int]) -> set[int]:
    """Lock those of these entities that nobody else has locked; their ids. It waits for nobody."""
    rows = conn.execute(
        "SELECT id FROM entities WHERE id = ANY(%s::bigint[]) FOR UPDATE SKIP LOCKED",
        (arrays.numbers(entity_ids),),
    )
    return {entity_id for (entity_id,) in rows}


def delete_entity(conn: Connection, entity_id: int) -> None:
    """Take away a locked entity that has no facts, once another has all that it had."""
    conn.execute("DELETE FROM entities WHERE id = %s", (entity_id,))
