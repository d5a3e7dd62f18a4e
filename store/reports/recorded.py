"""Losses of a partner that gives records and no events: what its records say and no push did, and what was
pushed and is in no record.

A record proves a state. Where it says one that a callback should have told, and some time after it was first
read no push has, that callback was lost. What was pushed is confirmed by a record of the same state; it is
flagged where a list that has to hold it was read whole since, and has it in no later state either. All of it
is dated by first receipts, since nothing else is printed.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any, NamedTuple
from uuid import UUID

import psycopg

from store.db import arrays
from store.reports.loss import DAY, Span

__all__ = [
    "Pushed",
    "PushedAlone",
    "Recording",
    "Untold",
    "UntoldEach",
    "flagged",
    "of_entity",
    "pushed",
    "untold",
    "untold_each",
]

Connection = psycopg.Connection[Any]


class Recording(NamedTuple):
    """A signal of callbacks about entities of a kind, and the records' signal that says the same.

    `beyond` are records' signals of states that come after it. `read_until`: of a list that has to hold it,
    when the last whole reading began; None where there is no such list, or it was not read.
    """

    partner: str
    signal: str
    kind: str
    recorded_as: str | None
    beyond: Sequence[str]
    read_until: datetime | None


class Pushed(NamedTuple):
    """So many facts of a day were pushed; of these `confirmed` by a record, and not, and flagged."""

    signal: str
    day: date
    number: int
    confirmed: int
    unconfirmed: int
    flagged: int


class PushedAlone(NamedTuple):
    """A pushed fact that is flagged. `event`: its copy's id."""

    signal: str
    kind: str
    key: str
    occurred_at: datetime
    event: UUID


class Untold(NamedTuple):
    """So many entities of which a record first said this on a day, and no push did."""

    kind: str
    recorded_as: str
    day: date
    number: int


class UntoldEach(NamedTuple):
    """One of these. `event`: the record's."""

    kind: str
    recorded_as: str
    key: str
    occurred_at: datetime
    event: UUID


_RULES = """unnest(%(signals)s::text[], %(recorded)s::text[], %(beyond)s::text[],
            %(read_until)s::timestamptz[]) AS r (signal, recorded, beyond, read_until)"""
_PUSHES = f"""
FROM facts f JOIN {_RULES} ON r.signal = f.signal
CROSS JOIN LATERAL (
    SELECT coalesce(bool_or(s.signal = r.recorded), false) AS same,
           coalesce(bool_or(s.signal = ANY(string_to_array(r.beyond, ' '))), false) AS beyond
    FROM facts s WHERE s.entity_id = f.entity_id
) seen
"""
_ALONE = "NOT seen.same AND NOT seen.beyond AND r.read_until IS NOT NULL"
_FLAGGED = f"({_ALONE} AND f.occurred_at + %(grace)s * interval '1 s' < r.read_until)"
_WITHIN = "f.occurred_at >= %(since)s AND f.occurred_at < %(until)s AND 'push' = ANY(f.via)"

_PUSHED = f"""
SELECT f.signal, {DAY}, count(*), count(*) FILTER (WHERE seen.same), count(*) FILTER (WHERE {_ALONE}),
       count(*) FILTER (WHERE {_FLAGGED})
{_PUSHES} WHERE {_WITHIN} GROUP BY 1, 2
"""


def pushed(conn: Connection, span: Span, of: Sequence[Recording], grace: float) -> list[Pushed]:
    """What was pushed, by signal and day. Nothing is read where there is no entity of the kinds."""
    if not _has_any(conn, of):
        return []
    return [Pushed._make(row) for row in conn.execute(_PUSHED, _parameters(span, of, grace))]


_FLAGGED_EACH = f"""
SELECT f.signal, e.kind, e.key, f.occurred_at, f.preferred
{_PUSHES} JOIN entities e ON e.id = f.entity_id
WHERE {_WITHIN} AND {_FLAGGED} ORDER BY f.occurred_at, e.kind, e.key, f.fact_id
"""


def flagged(conn: Connection, span: Span, of: Sequence[Recording], grace: float) -> list[PushedAlone]:
    """Each pushed fact that is flagged, the earliest first."""
    if not _has_any(conn, of):
        return []
    return [PushedAlone._make(row) for row in conn.execute(_FLAGGED_EACH, _parameters(span, of, grace))]


_OF_ENTITY = f"""
SELECT uuid_send(f.fact_id), {_FLAGGED} {_PUSHES}
WHERE f.entity_id = %(entity)s AND 'push' = ANY(f.via) AND {_ALONE}
"""


def of_entity(conn: Connection, entity_id: int, of: Sequence[Recording], grace: float) -> dict[bytes, bool]:
    """The ids of an entity's unconfirmed facts, and whether each is flagged."""
    rows = conn.execute(_OF_ENTITY, {"entity": entity_id, **_rules(of), "grace": grace})
    return {bytes(fact_id): bool(passed) for fact_id, passed in rows}


# A state that several records tell, in other words, was first told by one of them.
_UNTOLD_FACTS = f"""
FROM facts f JOIN entities e ON e.id = f.entity_id
WHERE f.occurred_at >= %(since)s AND f.occurred_at < %(until)s
  AND f.occurred_at < clock_timestamp() - %(grace)s * interval '1 s'
  AND (e.kind, f.signal) IN (SELECT k.kind, k.recorded FROM unnest(%(kinds)s::text[], %(recorded)s::text[])
                             AS k (kind, recorded))
  AND NOT EXISTS (
      SELECT FROM facts o WHERE o.entity_id = f.entity_id AND o.signal = f.signal
      AND (o.occurred_at, o.fact_id) < (f.occurred_at, f.fact_id)
  )
  AND NOT EXISTS (
      SELECT FROM facts p JOIN {_RULES} ON r.signal = p.signal AND r.recorded = f.signal
      WHERE p.entity_id = f.entity_id AND 'push' = ANY(p.via)
  )
"""
_UNTOLD = f"SELECT e.kind, f.signal, {DAY}, count(*) {_UNTOLD_FACTS} GROUP BY 1, 2, 3"


def untold(conn: Connection, span: Span, of: Sequence[Recording], grace: float) -> list[Untold]:
    """What records say and no push did, by their signal and the day on which they were first read."""
    if not _has_any(conn, of):
        return []
    return [Untold._make(row) for row in conn.execute(_UNTOLD, _parameters(span, of, grace))]


_UNTOLD_EACH = f"""
SELECT e.kind, f.signal, e.key, f.occurred_at, f.preferred {_UNTOLD_FACTS}
ORDER BY f.occurred_at, e.kind, e.key
"""


def untold_each(conn: Connection, span: Span, of: Sequence[Recording], grace: float) -> list[UntoldEach]:
    """Each of these, the earliest first."""
    if not _has_any(conn, of):
        return []
    return [UntoldEach._make(row) for row in conn.execute(_UNTOLD_EACH, _parameters(span, of, grace))]


def _has_any(conn: Connection, of: Sequence[Recording]) -> bool:
    if not of:
        return False
    kinds = arrays.texts(sorted({one.kind for one in of}))
    found = conn.execute("SELECT EXISTS (SELECT FROM entities WHERE kind = ANY(%s::text[]))", (kinds,))
    return bool(found.fetchall()[0][0])


def _parameters(span: Span, of: Sequence[Recording], grace: float) -> dict[str, Any]:
    return {"since": span.since, "until": span.until, "grace": grace, **_rules(of)}


def _rules(of: Sequence[Recording]) -> dict[str, Any]:
    read_until = [None if one.read_until is None else one.read_until.isoformat() for one in of]
    return {
        "signals": arrays.texts([one.signal for one in of]),
        "kinds": arrays.texts([one.kind for one in of]),
        "recorded": arrays.texts([one.recorded_as for one in of]),
        "beyond": arrays.texts([" ".join(one.beyond) for one in of]),
        "read_until": arrays.texts(read_until),
    }
