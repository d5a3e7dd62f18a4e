"""What people ask about inbox events and quarantine. Read only, by SQLAlchemy Core over `store.schema`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Connection,
    ScalarSelect,
    Select,
    and_,
    case,
    exists,
    func,
    or_,
    select,
)

from store.reports.queries import columns
from store.schema import bodies, entities, event_facts, events, facts, quarantine, queue

__all__ = [
    "EventFilter",
    "EventRow",
    "QuarantinedEvent",
    "applied",
    "events_of",
    "find",
    "list_events",
    "quarantine_counts",
    "quarantined",
    "sealed_body",
    "type_stated_by",
]


class EventRow(NamedTuple):
    """One inbox event. `id` is 32 hex digits; `status` is queued, applied or quarantined.

    `callback_type` is known once it was read; `attempts`, `due_at` and `last_error` only while it is queued.
    """

    seq: int
    id: str
    partner: str
    via: str
    received_at: datetime
    status: str
    callback_type: str | None
    attempts: int | None
    due_at: datetime | None
    last_error: str | None
    reason: str | None
    detail: str | None
    retry_at: datetime | None
    entities: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class EventFilter:
    """What a list of events is narrowed to; None narrows nothing."""

    callback_type: str | None = None
    status: str | None = None
    partner: str | None = None
    via: str | None = None
    entity: tuple[str, str] | None = None
    since: datetime | None = None
    until: datetime | None = None
    seq: int | None = None


_QUEUED = queue.c.seq.is_not(None)
_QUARANTINED = and_(queue.c.seq.is_(None), quarantine.c.seq.is_not(None))
_STATUS = {
    "queued": _QUEUED,
    "quarantined": _QUARANTINED,
    "applied": and_(queue.c.seq.is_(None), quarantine.c.seq.is_(None)),
}


def list_events(conn: Connection, wanted: EventFilter, limit: int) -> list[EventRow]:
    """The newest events first, by the order in which they were admitted."""
    query = _narrowed(_events(), wanted).order_by(events.c.seq.desc()).limit(limit)
    rows = conn.execute(query).all()
    names = _entities_of(conn, [row.seq for row in rows])
    return [_event(row, tuple(names.get(row.seq, ()))) for row in rows]


def type_stated_by(seq: ColumnElement[int]) -> ScalarSelect[Any]:
    """The callback type of an event by what it states; null where it states nothing."""
    stated = select(event_facts.c.callback_type).where(event_facts.c.seq == seq)
    return stated.limit(1).scalar_subquery()


def _events() -> Select[Any]:
    selected = columns(
        EventRow._fields[:-1],
        events,
        queue,
        quarantine,
        status=case((_QUEUED, "queued"), (_QUARANTINED, "quarantined"), else_="applied"),
        callback_type=func.coalesce(type_stated_by(events.c.seq), quarantine.c.callback_type),
    )
    with_queue = events.outerjoin(queue, queue.c.seq == events.c.seq)
    return select(*selected).select_from(with_queue.outerjoin(quarantine, quarantine.c.seq == events.c.seq))


def _narrowed(query: Select[Any], wanted: EventFilter) -> Select[Any]:
    if wanted.status is not None:
        query = query.where(_STATUS[wanted.status])
    if wanted.partner is not None:
        query = query.where(events.c.partner == wanted.partner)
    if wanted.via is not None:
        query = query.where(events.c.via == wanted.via)
    if wanted.since is not None:
        query = query.where(events.c.received_at >= wanted.since)
    if wanted.until is not None:
        query = query.where(events.c.received_at < wanted.until)
    if wanted.seq is not None:
        query = query.where(events.c.seq == wanted.seq)
    if wanted.callback_type is not None:
        stated = exists().where(
            event_facts.c.seq == events.c.seq, event_facts.c.callback_type == wanted.callback_type
        )
        query = query.where(or_(stated, quarantine.c.callback_type == wanted.callback_type))
    if wanted.entity is not None:
        kind, key = wanted.entity
        ids = select(entities.c.id).where(entities.c.kind == kind, entities.c.key == key)
        query = query.where(events.c.id.in_(_copies(facts.c.entity_id.in_(ids))))
    return query


def _copies(of: Any) -> Select[Any]:
    """The ids of the events that state these facts."""
    return select(func.unnest(facts.c.events)).where(of)


def _entities_of(conn: Connection, seqs: Sequence[int]) -> dict[int, list[tuple[str, str]]]:
    query = (
        select(event_facts.c.seq, entities.c.kind, entities.c.key)
        .distinct()
        .join(entities, entities.c.id == event_facts.c.entity_id)
        .where(event_facts.c.seq.in_(seqs))
        .order_by(event_facts.c.seq, entities.c.kind, entities.c.key)
    )
    found: dict[int, list[tuple[str, str]]] = {}
    for seq, kind, key in conn.execute(query):
        found.setdefault(seq, []).append((kind, key))
    return found


def _event(row: Any, names: tuple[tuple[str, str], ...]) -> EventRow:
    return EventRow._make((row.seq, row.id.hex, *row[2:], names))


def find(conn: Connection, prefix: str) -> list[int]:
    """The inbox ids of the events whose id begins with these hex digits, two at most."""
    first, last = UUID(prefix.ljust(32, "0")), UUID(prefix.ljust(32, "f"))
    return list(conn.scalars(select(events.c.seq).where(events.c.id.between(first, last)).limit(2)))


def events_of(conn: Connection, entity_id: int) -> list[int]:
    """The inbox ids of every event that states a fact of this entity, in order of admission."""
    query = select(events.c.seq).where(events.c.id.in_(_copies(facts.c.entity_id == entity_id)))
    return list(conn.scalars(query.order_by(events.c.seq)))


def applied(conn: Connection, ids: Sequence[str]) -> int:
    """How many of these events (hex ids) were admitted and are no longer queued."""
    query = (
        select(func.count())
        .select_from(events.outerjoin(queue, queue.c.seq == events.c.seq))
        .where(events.c.id.in_([UUID(hex=event_id) for event_id in ids]), queue.c.seq.is_(None))
    )
    return conn.scalar(query) or 0


def sealed_body(conn: Connection, event: EventRow) -> bytes | None:
    """The sealed body of an event; None when it is kept no longer."""
    # By both columns, so that only the month that can hold it is looked at.
    query = select(bodies.c.sealed).where(
        bodies.c.seq == event.seq, bodies.c.received_at == event.received_at
    )
    return conn.scalar(query.limit(1))


class QuarantinedEvent(NamedTuple):
    """One event in quarantine. `id` is 32 hex digits."""

    id: str
    partner: str
    via: str
    received_at: datetime
    callback_type: str | None
    reason: str
    detail: str | None
    since: datetime
    retry_at: datetime | None


def quarantined(conn: Connection, reason: str | None, limit: int) -> list[QuarantinedEvent]:
    """Events in quarantine, the newest first."""
    query = select(*columns(QuarantinedEvent._fields, events, quarantine)).select_from(
        events.join(quarantine, quarantine.c.seq == events.c.seq)
    )
    if reason is not None:
        query = query.where(quarantine.c.reason == reason)
    rows = conn.execute(query.order_by(quarantine.c.seq.desc()).limit(limit))
    return [QuarantinedEvent(row.id.hex, *row[1:]) for row in rows]


def quarantine_counts(conn: Connection) -> list[tuple[str, str | None, int]]:
    """(reason, callback type, count), the most frequent first."""
    count = func.count().label("count")
    query = (
        select(quarantine.c.reason, quarantine.c.callback_type, count)
        .group_by(quarantine.c.reason, quarantine.c.callback_type)
        .order_by(count.desc(), quarantine.c.reason, quarantine.c.callback_type)
    )
    return [(row[0], row[1], row[2]) for row in conn.execute(query)]
