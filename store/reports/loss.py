"""The loss ledger, counted from the facts: what came by push, by pull or by both, and how late.

What is counted is a fact that a callback states, by the family of its signal and the UTC day on which it
occurred; however many copies of it came, it is one. Facts of snapshots, derivations and people are none.
Each function is one statement over a span of time, which a summary of the facts' times narrows.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from typing import Any, Literal, NamedTuple
from uuid import UUID

import psycopg

from store.db import arrays

__all__ = [
    "DAY",
    "FAMILY",
    "PARTNER",
    "WITHIN",
    "Delayed",
    "DeliveryCount",
    "FactCount",
    "Lost",
    "Recorded",
    "Span",
    "bounds",
    "count",
    "delays",
    "deliveries",
    "lost",
    "records",
    "shared",
    "snapshot",
]

Connection = psycopg.Connection[Any]


class Span(NamedTuple):
    """Facts that occurred since `since` and before `until`, less `secondary` signals and, if `families` is
    given, those of other families.

    Of `shared` families, which several partners have, a copy is asked whose the fact is: so `partner` in what
    is found here is None for all others, whose family says it.
    """

    since: datetime
    until: datetime
    secondary: Sequence[str]
    families: Sequence[str] | None = None
    shared: Sequence[str] = ()


class FactCount(NamedTuple):
    """So many facts of a day came by push, by pull, or by both."""

    family: str
    day: date
    pushed: bool
    pulled: bool
    number: int
    partner: str | None = None


class Delayed(NamedTuple):
    """So many facts of a day came that way after `seconds` (to two digits, rounded down); `most` is exact."""

    family: str
    day: date
    way: Literal["push", "pull"]
    seconds: int
    number: int
    most: int
    partner: str | None = None


class DeliveryCount(NamedTuple):
    """What the partner says last of its push of so many facts, all pulled; None where it says nothing."""

    family: str
    day: date
    pushed: bool
    status: str | None
    status_code: int | None
    number: int
    partner: str | None = None


class Recorded(NamedTuple):
    """So many facts of a day are states that were seen in the partner's records."""

    kind: str
    day: date
    number: int


class Lost(NamedTuple):
    """A fact that came by pull alone, and what the partner says last of its push. `event`: its copy's id."""

    family: str
    kind: str
    key: str
    occurred_at: datetime
    pulled_at: datetime
    status: str | None
    status_code: int | None
    event: UUID
    partner: str | None = None


@contextmanager
def snapshot(conn: Connection) -> Iterator[None]:
    """All within is read as of one moment; nothing can be written."""
    conn.isolation_level, conn.read_only = psycopg.IsolationLevel.REPEATABLE_READ, True
    with conn.transaction():
        # The server expects a group for each fact and would sort them all, where a day has some hundreds.
        conn.execute("SET LOCAL enable_sort = off")
        conn.execute("SET LOCAL work_mem = '32MB'")
        yield


#: Parts of statements over facts `f`; `bounds` gives the parameters of `WITHIN`.
FAMILY = "split_part(f.signal, ':', 1)"
DAY = "(f.occurred_at AT TIME ZONE 'UTC')::date"
#: Whose a fact is; most installations share no family, and there this is a constant.
PARTNER = f"""CASE WHEN %(has_shared)s::bool AND {FAMILY} = ANY(%(shared)s::text[])
    THEN (SELECT c.partner FROM events c WHERE c.id = f.preferred) END"""
WITHIN = f"""f.occurred_at >= %(since)s AND f.occurred_at < %(until)s
  AND f.signal <> ALL(%(secondary)s::text[])
  AND (%(families)s::text[] IS NULL OR {FAMILY} = ANY(%(families)s::text[]))"""


def bounds(span: Span) -> dict[str, Any]:
    """The parameters of `WITHIN`."""
    return {
        "since": span.since,
        "until": span.until,
        "secondary": arrays.texts(span.secondary),
        "families": None if span.families is None else arrays.texts(span.families),
        **shared(span.shared),
    }


def shared(families: Sequence[str]) -> dict[str, Any]:
    """The parameters of `PARTNER`."""
    return {"has_shared": bool(families), "shared": arrays.texts(families)}


_COUNT = f"""
SELECT {FAMILY}, {DAY}, 'push' = ANY(f.via), 'pull' = ANY(f.via), count(*), {PARTNER}
FROM facts f WHERE {WITHIN} AND f.via && '{{push,pull}}' GROUP BY 1, 2, 3, 4, 6
"""


def count(conn: Connection, span: Span) -> list[FactCount]:
    """How many facts came each way, by family and day."""
    return [FactCount._make(row) for row in conn.execute(_COUNT, bounds(span))]


# Two digits are enough to tell how late things are, and keep the number of groups small. `date_part` gives a
# float, where EXTRACT gives a numeric, which took most of the time.
_DELAYS = f"""
SELECT {FAMILY}, {DAY}, w.way, d.seconds - d.seconds %% CASE
         WHEN d.seconds < 100 THEN 1 WHEN d.seconds < 1000 THEN 10 WHEN d.seconds < 10000 THEN 100
         WHEN d.seconds < 100000 THEN 1000 WHEN d.seconds < 1000000 THEN 10000 ELSE 100000 END,
       count(*), max(d.seconds), {PARTNER}
FROM facts f
CROSS JOIN LATERAL (VALUES ('push', f.pushed_at), ('pull', f.pulled_at)) AS w (way, at)
CROSS JOIN LATERAL (
    SELECT greatest(0, floor(date_part('epoch', w.at - f.occurred_at)))::int AS seconds
) d
WHERE {WITHIN} AND w.at IS NOT NULL AND f.undated IS NULL GROUP BY 1, 2, 3, 4, 7
"""


def delays(conn: Connection, span: Span) -> list[Delayed]:
    """How late the first copies of each way were received; a copy from ahead of our clock was not late.

    What is dated by its receipt says nothing of that.
    """
    return [Delayed._make(row) for row in conn.execute(_DELAYS, bounds(span))]


# A fact may have been pulled from two surfaces: what it says last counts.
_DELIVERY = """
LEFT JOIN LATERAL (
    SELECT d.status, d.status_code
    FROM unnest(f.events) AS copy (id) JOIN events e ON e.id = copy.id JOIN deliveries d ON d.seq = e.seq
    ORDER BY d.noted_at DESC, d.seq DESC LIMIT 1
) delivery ON true
"""
# Both halves begin at what is rare: what was lost, and what the partner believes was not delivered.
_DELIVERIES = f"""
SELECT {FAMILY}, {DAY}, false, delivery.status, delivery.status_code, count(*), {PARTNER}
FROM facts f {_DELIVERY} WHERE {WITHIN} AND f.via = '{{pull}}' GROUP BY 1, 2, 4, 5, 7
UNION ALL
SELECT {FAMILY}, {DAY}, true, delivery.status, delivery.status_code, count(*), {PARTNER}
FROM (
    SELECT DISTINCT s.entity_id, s.fact_id FROM deliveries d JOIN event_facts s ON s.seq = d.seq
    WHERE d.status IS DISTINCT FROM 'success'
) doubted JOIN facts f USING (entity_id, fact_id) {_DELIVERY}
WHERE {WITHIN} AND f.via @> '{{push,pull}}' AND delivery.status IS DISTINCT FROM 'success'
GROUP BY 1, 2, 4, 5, 7
"""


def deliveries(conn: Connection, span: Span) -> list[DeliveryCount]:
    """What the partner says of its pushes: of all that were lost; of what came both ways, only what is other
    than `success`.
    """
    return [DeliveryCount._make(row) for row in conn.execute(_DELIVERIES, bounds(span))]


_LOST = f"""
SELECT {FAMILY}, e.kind, e.key, f.occurred_at, coalesce(f.pulled_at, f.received_at),
       delivery.status, delivery.status_code, f.preferred, {PARTNER}
FROM facts f JOIN entities e ON e.id = f.entity_id {_DELIVERY}
WHERE {WITHIN} AND f.via = '{{pull}}' ORDER BY f.occurred_at, e.kind, e.key, f.fact_id
"""


def lost(conn: Connection, span: Span) -> list[Lost]:
    """Each fact that came by pull alone, the earliest first."""
    return [Lost._make(row) for row in conn.execute(_LOST, bounds(span))]


_RECORDS = f"""
SELECT e.kind, {DAY}, count(*) FROM facts f JOIN entities e ON e.id = f.entity_id
WHERE {WITHIN} AND f.via = '{{snapshot}}' GROUP BY 1, 2 ORDER BY 2, 1
"""


def records(conn: Connection, span: Span) -> list[Recorded]:
    """States that were seen in records, whatever `families` says: they are of no callback."""
    return [Recorded._make(row) for row in conn.execute(_RECORDS, bounds(span._replace(families=None)))]
