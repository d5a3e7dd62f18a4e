"""Registered requests that nothing was heard of because nothing can tell which callbacks are theirs.

Their callbacks name them otherwise than their answers do (`store.ledger.joins`), and either there are several
that may be one, or a name is missing that would join them. Read only.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

import psycopg

from store.db import arrays
from store.ledger import entities, joins

__all__ = ["Unjoined", "unjoined"]


class Unjoined(NamedTuple):
    """A registered request that is not joined.

    `heard` are the keys of those that it may be, `rivals` of other registered ones that one of these may be
    as well, `missing` the domains of which it has no name: then nothing is looked for.
    """

    kind: str
    key: str
    state: str
    registered_at: datetime
    heard: tuple[str, ...]
    rivals: tuple[str, ...]
    missing: tuple[str, ...]


_ROWS = """
SELECT id, key, state, registered_at,
       ARRAY(SELECT DISTINCT domain FROM postings p WHERE p.entity_id = e.id)
FROM entities e WHERE id = ANY(%s::bigint[])
"""


def unjoined(conn: psycopg.Connection[Any], kind: str, by: Sequence[str]) -> list[Unjoined]:
    """Those of a kind, the oldest registration first; `by`: the domains of the names that would join them.

    One of which no callback came yet is none of them. Raises psycopg.Error.
    """
    unheard = [entity_id for entity_id, _ in entities.unheard(conn, kind)]
    if not unheard:
        return []
    near = joins.candidates(conn, unheard, by)
    both = {*near, *joins.candidates(conn, {pair.heard for pair in near}, by)} if near else set()
    ids = {*unheard, *(one for pair in both for one in pair)}
    rows = {row[0]: row[1:] for row in conn.execute(_ROWS, (arrays.numbers(ids),))}
    found = []
    for entity_id in unheard:
        key, state, registered_at, domains = rows[entity_id]
        heard = {pair.heard for pair in both if pair.unheard == entity_id}
        rivals = {pair.unheard for pair in both if pair.heard in heard} - {entity_id}
        missing = tuple(domain for domain in by if domain not in domains)
        if missing or len(heard) > 1 or rivals:
            names = [tuple(sorted(rows[one][0] for one in ones)) for ones in (heard, rivals)]
            found.append(Unjoined(kind, key, state, registered_at, names[0], names[1], missing))
    return sorted(found, key=lambda one: (one.registered_at, one.key))
