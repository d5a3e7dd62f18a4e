"""What needs a person, and what is past its deadline. Read only, by SQLAlchemy Core over `store.schema`.

A request that another replaced is over for whoever watches it, and on none of these lists.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import UTC, datetime, time
from typing import Any, NamedTuple

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    and_,
    case,
    false,
    func,
    literal,
    not_,
    null,
    or_,
    select,
    text,
    true,
    union_all,
)

from statemachine import MACHINES
from store.ledger.relations import is_replaced
from store.reports.queries import columns
from store.reports.silence import ahead, shifts
from store.schema import entities, facts, parcels, quarantine

__all__ = [
    "QuarantinedReason",
    "WorkItem",
    "due_today",
    "past_deadline",
    "quarantined_for",
    "silent",
    "under_review",
]

After = Mapping[tuple[str, str], float]


class WorkItem(NamedTuple):
    """One entity, or a further parcel of one that is over: then `state` and `since` are the parcel's.

    `at` is what it is listed by: its deadline, its date, or its last news under review.

    `on_date` says that it waits for a date that the partner gave, and not for a clock: that of its state, or
    that of the signal `prompt`.
    """

    kind: str
    key: str
    state: str
    since: datetime | None
    at: datetime
    review: str | None
    on_date: bool
    prompt: str | None
    parcel: bool


class QuarantinedReason(NamedTuple):
    """One reason of the quarantine: how many events, and since when the oldest is there."""

    reason: str
    events: int
    since: datetime


_FIELDS = ("id", "kind", "key", "state", "since", "due", "deadline", "review")
#: Entities, and of those that are over the parcels that are not: a fill is delivered with the first.
_waiting = union_all(
    select(*(entities.c[name] for name in _FIELDS), false().label("parcel")),
    select(
        entities.c.id,
        entities.c.kind,
        entities.c.key,
        parcels.c.state,
        parcels.c.since,
        parcels.c.due,
        parcels.c.deadline,
        null().label("review"),
        true().label("parcel"),
    )
    .join_from(parcels, entities, entities.c.id == parcels.c.entity_id)
    .where(entities.c.deadline.is_(None), parcels.c.deadline.is_not(None)),
).subquery("waiting")

#: The signal that an entity's date was reckoned from by our own clock; null where the partner gave the date.
_PROMPT = (
    select(facts.c.signal)
    .where(
        facts.c.entity_id == _waiting.c.id,
        facts.c.due == _waiting.c.due,
        facts.c.signal.in_(sorted({signal for machine in MACHINES.values() for signal in machine.prompts})),
    )
    .limit(1)
    .scalar_subquery()
)


def past_deadline(
    conn: Connection, now: datetime, kind: str | None, limit: int, *, less: After | None = None
) -> list[WorkItem]:
    """Entities whose deadline has passed, the oldest deadline first.

    With `less` those on a clock alone, without those that `silent` lists for it.
    """
    query = _by(_waiting.c.deadline, kind, limit).where(_waiting.c.deadline <= now)
    if less is not None:
        query = query.where(or_(_waiting.c.due.is_(None), _PROMPT.is_not(None)), not_(_is_silent(now, less)))
    return _read(conn, query)


def due_today(
    conn: Connection, now: datetime, kind: str | None, limit: int, *, less: After | None = None
) -> list[WorkItem]:
    """Entities whose date is today, in UTC, or earlier; the oldest date first. `less`: as above."""
    midnight = datetime.combine(now.astimezone(UTC).date(), time.max, UTC)
    # A date is a deadline too, and that one has an index.
    dated = and_(_waiting.c.deadline <= midnight, _waiting.c.due <= midnight, _PROMPT.is_(None))
    query = _by(_waiting.c.due, kind, limit).where(dated)
    if less is not None:
        query = query.where(not_(_is_silent(now, less)))
    return _read(conn, query)


def silent(conn: Connection, now: datetime, kind: str | None, limit: int, after: After) -> list[WorkItem]:
    """Entities whose silence means that something is lost (`store.reports.silence`), by when it began."""
    soon = literal(now) + literal(ahead(after))
    query = _by(_silent_since(after), kind, limit).where(_waiting.c.deadline <= soon, _is_silent(now, after))
    return _read(conn, query)


def _silent_since(after: After) -> ColumnElement[Any]:
    """When an entity's silence begins or began; null where it means nothing."""
    shifted = [(and_(_waiting.c.kind == s.kind, _waiting.c.state == s.state), s.by) for s in shifts(after)]
    by = case(*((state, literal(shift)) for state, shift in shifted))
    # The date that was given is when something was to be heard: no shorter or longer wait counts.
    dated = and_(by.is_not(None), _waiting.c.due == _waiting.c.deadline)
    return case((dated, _waiting.c.deadline), else_=_waiting.c.deadline + by)


def _is_silent(now: datetime, after: After) -> ColumnElement[bool]:
    return func.coalesce(_silent_since(after) <= now, False)


def under_review(conn: Connection, kind: str | None, limit: int) -> list[WorkItem]:
    """Entities with a conflict that nobody has decided on, the oldest news first."""
    news = func.coalesce(entities.c.last_at, entities.c.since, entities.c.first_seen)
    nothing: dict[str, ColumnElement[Any]] = {"on_date": false(), "prompt": null(), "parcel": false()}
    query = select(*columns(WorkItem._fields, entities, at=news, **nothing))
    query = query.where(entities.c.review.is_not(None), text(f"NOT {is_replaced('entities')}"))
    return _read(conn, _limited(query, entities.c, news, kind, limit))


def _by(at: Any, kind: str | None, limit: int) -> Select[Any]:
    on_date = and_(_waiting.c.due.is_not(None), _waiting.c.due == _waiting.c.deadline, _PROMPT.is_(None))
    dated = func.coalesce(on_date, False)
    query = select(*columns(WorkItem._fields, _waiting, at=at, on_date=dated, prompt=_PROMPT))
    query = query.where(text(f"NOT {is_replaced('waiting')}"))
    return _limited(query, _waiting.c, at, kind, limit)


def _limited(query: Select[Any], of: Any, at: Any, kind: str | None, limit: int) -> Select[Any]:
    if kind is not None:
        query = query.where(of.kind == kind)
    return query.order_by(at, of.kind, of.key).limit(limit)


def _read(conn: Connection, query: Select[Any]) -> list[WorkItem]:
    return [WorkItem._make(row) for row in conn.execute(query)]


def quarantined_for(conn: Connection, reasons: Collection[str]) -> list[QuarantinedReason]:
    """The events in quarantine for these reasons, one row a reason, the oldest first."""
    since = func.min(quarantine.c.since).label("since")
    query = (
        select(quarantine.c.reason, func.count(), since)
        .where(quarantine.c.reason.in_(reasons))
        .group_by(quarantine.c.reason)
        .order_by(since, quarantine.c.reason)
    )
    return [QuarantinedReason._make(row) for row in conn.execute(query)]
