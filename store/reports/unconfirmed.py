"""What came by push alone although it could be pulled: unconfirmed, and flagged once its time has passed.

It has passed where the partner was read by time beyond it, or was asked about its request some time after it,
and did not speak of it: then somebody else may have sent it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any, NamedTuple
from uuid import UUID

import psycopg

from store.db import arrays
from store.reports.loss import DAY, FAMILY, PARTNER, WITHIN, Span, bounds, shared
from store.reports.recorded import Recording

__all__ = [
    "Confirming",
    "Flagged",
    "Position",
    "Reach",
    "Unconfirmed",
    "applied_until",
    "flagged",
    "of_entity",
    "positions",
    "unconfirmed",
    "unread_types",
]

Connection = psycopg.Connection[Any]

#: What is pulled is received by a worker's clock, and its stream is read by the server's.
_SKEW_SECONDS = 5


class Position(NamedTuple):
    """A stream that was read to its end: what it holds of then, if it is read by time, and when that was."""

    stream: str
    since: datetime | None
    until: datetime | None
    completed_at: datetime


class Reach(NamedTuple):
    """How far pulls could have confirmed what a partner's family states.

    By time: all that occurred from `since` on and before `until` was read; both None where the family is not
    read by time. `asked`: requests are asked about themselves.
    """

    family: str
    since: datetime | None
    until: datetime | None
    asked: bool
    partner: str = ""


class Confirming(NamedTuple):
    """What to judge by. `grace`: seconds after a fact from which an answer about its request has to hold it.

    Answers are believed that came before `applied_until`: what later ones brought may not be applied yet.
    `whole`: every pass over a stream did, so nothing is left unjudged for that reason. `recordings` say what
    records confirm (`store.reports.recorded`); `shared` is as of a Span.
    """

    reaches: Sequence[Reach]
    grace: float
    applied_until: datetime
    whole: bool
    recordings: Sequence[Recording] = ()
    shared: Sequence[str] = ()


class Unconfirmed(NamedTuple):
    """So many facts of a day came by push alone and could be pulled; of `flagged` the time has passed."""

    family: str
    day: date
    number: int
    flagged: int
    partner: str | None = None


class Flagged(NamedTuple):
    """A fact that came by push alone, where the partner ought to give it too. `event`: its copy's id."""

    family: str
    kind: str
    key: str
    occurred_at: datetime
    pushed_at: datetime
    event: UUID
    partner: str | None = None


_POSITIONS = """
SELECT name, covered_from, watermark, completed_at FROM streams
WHERE partner = %(partner)s AND completed_at IS NOT NULL AND name NOT LIKE '%%:%%' ORDER BY name
"""


def unread_types(conn: psycopg.Connection[Any]) -> set[tuple[str, str]]:
    """The types, as (partner, type), of which pulled copies are quarantined because they do not say where
    their request stands.
    """
    rows = conn.execute(
        "SELECT DISTINCT e.partner, q.callback_type FROM quarantine q JOIN events e ON e.seq = q.seq "
        "WHERE q.reason IN ('missing_status', 'unknown_status') AND e.via = 'pull' "
        "AND q.callback_type IS NOT NULL"
    )
    return {(partner, name) for partner, name in rows}


def positions(conn: Connection, partner: str) -> list[Position]:
    """The streams that were read to their end once; less the single requests that people asked about."""
    return [Position._make(row) for row in conn.execute(_POSITIONS, {"partner": partner})]


_APPLIED_UNTIL = f"""
SELECT least(min(q.received_at), clock_timestamp()) - interval '{_SKEW_SECONDS} seconds'
FROM queue q JOIN events e ON e.seq = q.seq WHERE e.via = %(via)s
"""


def applied_until(conn: Connection, via: str = "pull") -> datetime:
    """What was pulled before then is applied, whatever is pulled from now on; or what was read as records."""
    return conn.execute(_APPLIED_UNTIL, {"via": via}).fetchall()[0][0]  # type: ignore[no-any-return]


# A refused answer says nothing of what there is.
_PASSED = """(r.until IS NOT NULL AND f.occurred_at >= r.since AND f.occurred_at < r.until
        OR r.asked AND l.looked_at > f.occurred_at + %(grace)s * interval '1 s' AND l.trouble IS NULL
           AND l.looked_at < %(applied_until)s)"""
_REACHED = f"""
FROM facts f
JOIN unnest(%(reach_families)s::text[], %(reach_since)s::timestamptz[], %(reach_until)s::timestamptz[],
            %(reach_asked)s::bool[], %(reach_partners)s::text[])
     AS r (family, since, until, asked, partner) ON r.family = {FAMILY}
     AND (NOT %(has_shared)s::bool OR r.partner = coalesce({PARTNER}, r.partner))
LEFT JOIN lookups l ON l.entity_id = f.entity_id
"""


def _parameters(by: Confirming) -> dict[str, Any]:
    return {
        "reach_families": arrays.texts([reach.family for reach in by.reaches]),
        "reach_since": arrays.texts([_text(reach.since) for reach in by.reaches]),
        "reach_until": arrays.texts([_text(reach.until) for reach in by.reaches]),
        "reach_asked": arrays.texts(["t" if reach.asked else "f" for reach in by.reaches]),
        "reach_partners": arrays.texts([reach.partner for reach in by.reaches]),
        **shared(by.shared),
        "grace": by.grace,
        "applied_until": by.applied_until,
    }


def _text(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()


_UNCONFIRMED = f"""
SELECT {FAMILY}, {DAY}, count(*), count(*) FILTER (WHERE {_PASSED}), {PARTNER}
{_REACHED} WHERE {WITHIN} AND f.via = '{{push}}' GROUP BY 1, 2, 5
"""


def unconfirmed(conn: Connection, span: Span, by: Confirming) -> list[Unconfirmed]:
    """How many facts are unconfirmed, and flagged, by family and day."""
    rows = conn.execute(_UNCONFIRMED, {**bounds(span), **_parameters(by)})
    return [Unconfirmed._make(row) for row in rows]


_FLAGGED = f"""
SELECT {FAMILY}, e.kind, e.key, f.occurred_at, coalesce(f.pushed_at, f.received_at), f.preferred,
       {PARTNER}
{_REACHED} JOIN entities e ON e.id = f.entity_id
WHERE {WITHIN} AND f.via = '{{push}}' AND {_PASSED}
ORDER BY f.occurred_at, e.kind, e.key, f.fact_id
"""


def flagged(conn: Connection, span: Span, by: Confirming) -> list[Flagged]:
    """Each fact that is flagged, the earliest first."""
    return [Flagged._make(row) for row in conn.execute(_FLAGGED, {**bounds(span), **_parameters(by)})]


_OF_ENTITY = f"""
SELECT uuid_send(f.fact_id), {_PASSED}
{_REACHED} WHERE f.entity_id = %(entity)s AND f.via = '{{push}}'
"""


def of_entity(conn: Connection, entity_id: int, by: Confirming) -> dict[bytes, bool]:
    """The ids of an entity's unconfirmed facts, and whether each is flagged."""
    rows = conn.execute(_OF_ENTITY, {"entity": entity_id, **_parameters(by)})
    return {bytes(fact_id): bool(passed) for fact_id, passed in rows}
