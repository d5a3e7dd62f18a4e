"""Which records are due to be read: of what has waited too long, where the partner has a record of it.

No reading is remembered by itself: the times at which a record is due follow from when its entity began to
wait. A run that stops stores its resume point, so that everything comes to be read, however much it is.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import psycopg

from statemachine import MACHINES, Fact
from statemachine.model import is_snapshot
from store.db import arrays
from store.ledger.model import lines_of
from store.ledger.relations import is_replaced
from store.pulls.others import is_of_others, others_of

__all__ = ["DueRecord", "ResumePoint", "due_records", "is_due", "last_facts", "name_of"]

#: Kinds whose record is asked for by another name than the entity's key.
BY_ALIAS = frozenset({"transfer", "direct_transfer"})
#: A fill's record says nothing of the parcel: of a packed one its events do.
TOLD_ELSEWHERE = {"fill_request": frozenset({"completed", "in_transit", "delivered", "delivery_failed"})}


#: Between two readings of a record: a day at most, and a second at least, however short the quiet time is.
LONGEST, SHORTEST = timedelta(days=1), timedelta(seconds=1)


class ResumePoint(NamedTuple):
    """The entity behind which the next run goes on."""

    since: datetime
    entity_id: int


class DueRecord(NamedTuple):
    """A record to read, and of which entity. `name` is the id that it is asked for by.

    `since` is when the entity began to wait for it: its deadline, or the end of the quiet time, whichever was
    first. `resume_point` is for a run that stops after it.
    """

    kind: str
    key: str
    name: str
    state: str
    since: datetime
    resume_point: ResumePoint


# A name that several keys claim is nobody's (docs/decisions/0012), and of several names of one entity the
# first will do. They are joined and not asked for one by one: aliases have no index by key, which would make
# this no faster.
_DUE_RECORDS = f"""
WITH waiting AS (
    SELECT e.id, e.kind, e.key, e.state,
           least(e.deadline, CASE WHEN s.clocked THEN
               greatest(e.last_at, e.registered_at, e.since) + %(quiet)s END) AS since
    FROM unnest(%(kinds)s::text[], %(states)s::text[], %(clocked)s::bool[]) AS s (kind, state, clocked)
    JOIN entities e ON e.kind = s.kind AND e.state = s.state
), due AS (
    SELECT * FROM waiting
    WHERE since <= %(now)s AND NOT {is_replaced("waiting")} AND NOT {is_of_others("waiting")}
      AND (%(after)s::timestamptz IS NULL OR (since, id) > (%(after)s, %(after_id)s::bigint))
), named AS (
    SELECT d.id, min(a.alias) AS name FROM due d JOIN aliases a ON a.kind = d.kind AND a.key = d.key
    WHERE d.kind = ANY(%(by_alias)s::text[]) AND NOT EXISTS (
        SELECT FROM aliases o WHERE o.kind = a.kind AND o.alias = a.alias AND o.key <> a.key
    )
    GROUP BY d.id
)
SELECT kind, key, coalesce(name, key), state, since, id FROM due LEFT JOIN named USING (id)
WHERE name IS NOT NULL OR kind <> ALL(%(by_alias)s::text[])
ORDER BY since, id LIMIT %(limit)s
"""


def due_records(
    conn: psycopg.Connection[Any],
    now: datetime,
    *,
    kinds: Collection[str],
    quiet: timedelta,
    limit: int,
    after: ResumePoint | None = None,
    others: Collection[str] = (),
) -> list[DueRecord]:
    """Up to `limit` entities of `kinds` past their deadline or without news for `quiet`; the oldest first.

    Only in states that a record can lead out of, and, for the quiet ones, that a clock runs in: what has come
    to its end is not asked about, nor what was replaced, nor what cannot be named (`BY_ALIAS`), nor what one
    of the partners `others` has spoken of. Fewer than
    `limit` means that the end was reached: begin anew without `after`, once it is worth while to ask the same
    again, since an answer that says nothing new leaves the entity as it was. Raises KeyError for a kind
    without a machine, and psycopg.Error.
    """
    rows = [(kind, state, state in MACHINES[kind].clocks) for kind in sorted(kinds) for state in _open(kind)]
    found = conn.execute(
        _DUE_RECORDS,
        {
            "kinds": arrays.texts([kind for kind, _, _ in rows]),
            "states": arrays.texts([state for _, state, _ in rows]),
            "clocked": arrays.texts(["t" if clocked else "f" for _, _, clocked in rows]),
            "by_alias": arrays.texts(sorted(BY_ALIAS)),
            "quiet": quiet,
            "now": now,
            "after": after.since if after else None,
            "after_id": after.entity_id if after else None,
            "limit": limit,
            **others_of(others),
        },
    )
    return [
        DueRecord(kind, key, name, state, since, ResumePoint(since, entity_id))
        for kind, key, name, state, since, entity_id in found
    ]


def is_due(since: datetime, before: datetime | None, now: datetime, quiet: timedelta) -> bool:
    """Whether the record of what waits since `since` came to be due after `before` and up to `now`. Pure.

    It is due at `since`, and `quiet`, twice, four times as long after it and so on; from a day on, daily.
    """
    if before is None or before < since:
        return since <= now
    waited, due = before - since, max(quiet, SHORTEST)
    while due <= waited and due < LONGEST:
        due *= 2
    if due <= waited:
        due += ((waited - due) // LONGEST + 1) * LONGEST
    return since + due <= now


_NAME = """
SELECT min(a.alias) FROM aliases a WHERE a.kind = %(kind)s AND a.key = %(key)s AND NOT EXISTS (
    SELECT FROM aliases o WHERE o.kind = a.kind AND o.alias = a.alias AND o.key <> a.key
)
"""


def name_of(conn: psycopg.Connection[Any], kind: str, key: str) -> str | None:
    """The id that an entity's record is asked for by; None where it is not known. Raises psycopg.Error."""
    if kind not in BY_ALIAS:
        return key
    found = conn.execute(_NAME, {"kind": kind, "key": key}).fetchall()
    name: str | None = found[0][0]
    return name


def _open(kind: str) -> list[str]:
    """The states in which something is waited for that a record would tell; none where no clock ever runs."""
    machine = MACHINES[kind]
    elsewhere = TOLD_ELSEWHERE.get(kind, frozenset())
    return [
        state
        for state, row in machine.table.items()
        if machine.clocks
        and state not in elsewhere
        and any(is_snapshot(signal) and rule.to is not None for signal, rule in row.items())
    ]


_LAST_FACTS = """
SELECT e.kind, e.key, extract(epoch FROM f.occurred_at)::bigint, f.signal, f.code, f.discriminator,
       f.lines::text, extract(epoch FROM f.due)::bigint, coalesce(f.millisecond, 0)
FROM unnest(%(kinds)s::text[], %(keys)s::text[]) AS n (kind, key)
JOIN entities e ON e.kind = n.kind AND e.key = n.key
JOIN facts f ON f.entity_id = e.id AND f.occurred_at = e.last_at
"""


def last_facts(conn: psycopg.Connection[Any], names: Collection[tuple[str, str]]) -> dict[Any, Fact]:
    """The last known fact of these entities, given and returned by (kind, key)."""
    rows = conn.execute(
        _LAST_FACTS,
        {
            "kinds": arrays.texts([kind for kind, _ in names]),
            "keys": arrays.texts([key for _, key in names]),
        },
    )
    found: dict[Any, Fact] = {}
    for kind, key, at, signal, code, discriminator, lines, due, millisecond in rows:
        fact = Fact(at, signal, code, bytes(discriminator), lines_of(lines), due, millisecond)
        found[kind, key] = max(found.get((kind, key), fact), fact, key=MACHINES[kind].order)
    return found
