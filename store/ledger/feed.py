"""The feed of changes: each change gets its cursor once it is visible, so that no cursor is ever skipped.

Applying writes changes into `changes_unplaced` in its own transaction. Whoever reads the feed first moves
what is visible by then into `changes`, one reader at a time. docs/decisions/0011 says why.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

import psycopg

from store.db.columns import BIGINT, SECOND, TEXT, WORD, Columns
from store.db.locks import FEED
from store.ledger.model import ChangeRow

__all__ = ["CHANGES", "Change", "add_changes", "move_changes", "newest", "place", "read"]

Connection = psycopg.Connection[Any]

#: As the fields of a ChangeRow.
CHANGES = Columns(
    "changes_unplaced",
    {
        "entity_id": BIGINT,
        "from_state": WORD,
        "to_state": WORD,
        "outcome": WORD,
        "review": TEXT,
        "since": SECOND,
    },
    prefix="change_",
)

#: So many at a time, each in a transaction of its own: a feed that nobody read for months is placed too.
BATCH = 20_000


class Change(NamedTuple):
    """One change of an entity. `before` is None for a new one; `outcome`, `review`, `since`: afterwards."""

    cursor: int
    kind: str
    key: str
    before: str | None
    after: str
    outcome: str | None
    review: str | None
    since: datetime | None
    changed_at: datetime


def add_changes(conn: Connection, rows: Sequence[ChangeRow]) -> None:
    """News for the feed; each gets its place there once it is visible (`place`)."""
    CHANGES.copy(conn, rows)


# What nobody can have read yet is told as if the two had been one all along; what has its place keeps it, so
# that no cursor is skipped, and is told under the other's key from now on.
_FORGET_UNPLACED = """
WITH told AS (SELECT seq FROM changes_unplaced WHERE entity_id = %(source)s ORDER BY seq FOR UPDATE)
DELETE FROM changes_unplaced WHERE seq IN (SELECT seq FROM told)
"""
_MOVE_PLACED = "UPDATE changes SET entity_id = %(target)s WHERE entity_id = %(source)s"
_MOVE_UNPLACED = "UPDATE changes_unplaced SET entity_id = %(target)s WHERE entity_id = %(source)s"
_TELL_ON = """
WITH went AS (
    DELETE FROM changes_unplaced WHERE entity_id = %(target)s AND from_state IS NULL
    AND (to_state, outcome, review) IS NOT DISTINCT FROM (%(state)s, NULL::text, NULL::text)
)
UPDATE changes_unplaced SET from_state = %(state)s
WHERE entity_id = %(target)s AND from_state IS NULL
AND (to_state, outcome, review) IS DISTINCT FROM (%(state)s, NULL::text, NULL::text)
"""


def move_changes(conn: Connection, source: int, target: int, state: str, *, told: bool) -> None:
    """Two entities are one, by their ids: the first, which never left `state`, is given up for the second.

    `told`: the second has a change of its own in the feed, which says that it is new, or has it in this
    transaction. Both are locked.
    """
    parameters = {"source": source, "target": target, "state": state}
    if not told:
        conn.execute(_MOVE_UNPLACED, parameters)
        conn.execute(_MOVE_PLACED, parameters)
        return
    conn.execute(_FORGET_UNPLACED, parameters)
    # In a statement of its own: whoever was giving that change its place has done so by now.
    if conn.execute(_MOVE_PLACED, parameters).rowcount:
        conn.execute(_TELL_ON, parameters)


# The identity of `changes` is drawn after the sort, so cursors follow seq.
_PLACE = """
WITH visible AS (
    DELETE FROM changes_unplaced WHERE seq IN (SELECT seq FROM changes_unplaced ORDER BY seq LIMIT %s)
    RETURNING *
)
INSERT INTO changes (entity_id, from_state, to_state, outcome, review, since, changed_at)
SELECT entity_id, from_state, to_state, outcome, review, since, changed_at FROM visible ORDER BY seq
"""


def place(conn: Connection) -> int:
    """Give every change that is committed by now its place in the feed; returns how many got one.

    `conn` is in autocommit, or in a transaction at READ COMMITTED that is over soon: other readers wait for
    it. Raises psycopg.errors.LockNotAvailable when another reader holds the feed for too long.
    """
    placed = 0
    while True:
        with conn.transaction():
            # A reader keeps a cursor for good, so a crash of the server must not take one back.
            conn.execute("SET LOCAL synchronous_commit = on")
            # In a statement of its own: the next one then sees all that the last holder placed.
            conn.execute("SELECT pg_advisory_xact_lock(%s)", (FEED,))
            moved = conn.execute(_PLACE, (BATCH,)).rowcount
        placed += moved
        if moved < BATCH:
            return placed


_READ = """
SELECT c.cursor, e.kind, e.key, c.from_state, c.to_state, c.outcome, c.review, c.since, c.changed_at
FROM changes c JOIN entities e ON e.id = c.entity_id
WHERE c.cursor > %(after)s ORDER BY c.cursor LIMIT %(limit)s
"""


def read(conn: Connection, after: int, limit: int) -> list[Change]:
    """The placed changes behind a cursor, in the order of the feed; 0 is before the first."""
    return [Change._make(row) for row in conn.execute(_READ, {"after": after, "limit": limit})]


def newest(conn: Connection) -> int:
    """The cursor of the newest placed change; 0 when there is none."""
    row = conn.execute("SELECT coalesce(max(cursor), 0) FROM changes").fetchone()
    return int(row[0]) if row else 0
