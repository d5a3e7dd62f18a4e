"""Events that are read anew because a name of theirs is claimed since, and what this leaves empty."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import psycopg

from store.ledger import aliases, joins
from workers.apply.model import Moved, Name, Tools
from workers.apply.replay import replay

__all__ = ["reread"]


def reread(conn: psycopg.Connection[Any], seqs: Sequence[int], tools: Tools) -> None:
    """Read events anew, in one transaction.

    What was called by another name of an entity, since its key was not known, is left without a fact then: it
    is given up for that entity, and its name becomes an alias. Raises psycopg.Error.
    """
    with conn.transaction():
        moved = replay(conn, seqs, tools, dry_run=False).moved
        by_name = {(m.before.kind, m.before.key): m for m in moved}
        emptied = [name for name, m in by_name.items() if _is_emptied(m)]
        if emptied:
            claims = aliases.keys_by_alias(conn, emptied)
            for name in emptied:
                _give_up(conn, name, claims.get(name, set()), by_name)


def _is_emptied(m: Moved) -> bool:
    after = m.change.entity
    return m.before.last_at is not None and after.last_at is None and after.registered_at is None


def _give_up(conn: psycopg.Connection[Any], name: Name, keys: set[str], by_name: dict[Name, Moved]) -> None:
    """Both are locked: the one lost its facts to the other in this transaction."""
    if len(keys) != 1:
        return
    taken = by_name.get((name[0], keys.pop()))
    if taken is not None and taken.change.entity.last_at is not None:
        # As far as the feed knows, it stands where it stood before it lost its facts.
        emptied = by_name[name].before
        joins.absorb(conn, emptied, taken.change.entity, told=True)
