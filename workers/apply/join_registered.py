"""Requests that are registered under the name of their answer become one with what their callbacks made.

A batch that makes an entity of such a kind looks for the registered one, in one statement. What two
transactions may not see of each other, the sweep finds (`join_left`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import psycopg

from partners.truepill.answers import JOINED_BY
from store.ledger import entities, joins
from store.ledger.joins import Pair
from store.pulls import poll_schedule
from workers.apply.model import Moved

__all__ = ["join_left", "join_registered"]

Connection = psycopg.Connection[Any]

#: Among so many the sweep looks, in some 20 ms. Two that missed each other are new; what was not heard of for
#: long is looked for when it is registered again, or when its first callback comes.
NEWEST = 1000


def join_registered(conn: Connection, moved: Sequence[Moved]) -> None:
    """Join what a batch has made with what was registered, in the batch's transaction.

    Call it when the names of the batch are written. No statement runs for a batch that makes none of these
    kinds, and it waits for nobody: what others use is left to the sweep.
    """
    made: dict[str, list[int]] = {}
    for before, change, _, _ in moved:
        if before.made and before.kind in JOINED_BY and change.entity.last_at is not None:
            made.setdefault(before.kind, []).append(before.id)
    for kind, ids in made.items():
        for pair in joins.pairs(conn, ids, JOINED_BY[kind]):
            _join(conn, pair)


def join_left(conn: Connection) -> int:
    """Join what no batch and no registration has joined, each pair in a transaction; returns how many.

    Raises psycopg.Error.
    """
    joined = 0
    for kind, by in JOINED_BY.items():
        unheard = [entity_id for entity_id, _ in entities.unheard(conn, kind, newest=NEWEST)]
        for pair in joins.pairs(conn, unheard, by) if unheard else ():
            with conn.transaction():
                joined += _join(conn, pair)
    return joined


def _join(conn: Connection, pair: Pair) -> bool:
    joined = joins.join(conn, pair) is not None
    if joined:
        poll_schedule.forget(conn, [pair.unheard])
    return joined
