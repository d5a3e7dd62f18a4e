"""Counts and lags for `stats` and `doctor`: quick on large tables, and marked where they are estimates."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import (
    Connection,
    FromClause,
    Table,
    func,
    literal,
    select,
    tablesample,
    text,
)

from store.reports.events import type_stated_by
from store.reports.queries import columns
from store.schema import bodies, entities, events, quarantine, queue

__all__ = [
    "EXACT_UP_TO",
    "Count",
    "Grouped",
    "QueueFigures",
    "arrivals",
    "by_source",
    "by_state",
    "newest_body",
    "newest_keys",
    "queue_figures",
    "server_time",
    "server_version",
    "size",
]

#: Tables up to this size are counted; of larger ones the server's own estimate and a sample are used.
EXACT_UP_TO = 200_000
_SAMPLE = 50_000
#: The newest events, from which the rate of the last hour is reckoned.
_RECENT = 100_000
_QUEUE_AT_MOST = 1_000_000


class Count(NamedTuple):
    """A number of rows."""

    number: int
    estimated: bool


class Grouped(NamedTuple):
    """Counts by some columns, the largest first; estimated when they come from a sample."""

    rows: list[tuple[Any, ...]]
    estimated: bool


class QueueFigures(NamedTuple):
    """`due`: their lease has passed, so the sweeper should have taken them; ages in seconds."""

    depth: Count
    oldest: float | None
    due: int
    overdue: float | None
    retrying: int


def server_time(conn: Connection) -> datetime:
    """The server's time, at the start of the transaction."""
    moment: datetime = conn.execute(select(func.now())).scalar_one()
    return moment


def server_version(conn: Connection) -> tuple[int, str]:
    """The server's version as a number (140005) and as it is printed (14.5)."""
    row = conn.execute(
        text("SELECT current_setting('server_version_num')::int, current_setting('server_version')")
    )
    number, printed = row.one()
    return number, str(printed).split()[0]


# Rows a page as of the last analyze, times the pages of now.
_ESTIMATE = text("""
SELECT (reltuples / nullif(relpages, 0)) * (pg_relation_size(oid) / current_setting('block_size')::int)
FROM pg_class WHERE oid = cast(:name AS regclass)
""")


def size(conn: Connection, table: Table) -> Count:
    """The number of rows: counted in a small table, else as the planner estimates it."""
    exact = _count_up_to(conn, table, EXACT_UP_TO)
    if exact <= EXACT_UP_TO:
        return Count(exact, False)
    estimate = conn.execute(_ESTIMATE, {"name": table.name}).scalar_one()
    return Count(max(exact, int(estimate or 0)), True)


def _count_up_to(conn: Connection, table: Table, limit: int) -> int:
    rows = select(literal(1)).select_from(table).limit(limit + 1).subquery()
    return conn.execute(select(func.count()).select_from(rows)).scalar_one()


def _sampled(conn: Connection, table: Table) -> tuple[FromClause, float]:
    """The table or, when it is large, some of its pages; and what a row of it stands for."""
    total = size(conn, table)
    if not total.estimated:
        return table, 1.0
    share = min(1.0, _SAMPLE / total.number)
    # A page a time: quick, and even enough for a table of narrow rows.
    return tablesample(table, func.system(share * 100), name="sample", seed=literal(1)), 1 / share


def by_source(conn: Connection) -> Grouped:
    """Events by partner, via and callback type; the type is null while an event was not read."""
    source, weight = _sampled(conn, events)
    quarantined = select(quarantine.c.callback_type).where(quarantine.c.seq == source.c.seq)
    callback_type = func.coalesce(type_stated_by(source.c.seq), quarantined.scalar_subquery())
    each = select(source.c.partner, source.c.via, callback_type.label("type")).subquery()
    columns = (each.c.partner, each.c.via, each.c.type)
    return _grouped(conn, columns, weight)


def by_state(conn: Connection) -> Grouped:
    """Entities by kind and state."""
    source, weight = _sampled(conn, entities)
    return _grouped(conn, (source.c.kind, source.c.state), weight)


def _grouped(conn: Connection, columns: tuple[Any, ...], weight: float) -> Grouped:
    count = func.count().label("count")
    query = select(*columns, count).group_by(*columns).order_by(count.desc(), *columns)
    rows = [(*row[:-1], round(row[-1] * weight)) for row in conn.execute(query)]
    return Grouped(rows, weight != 1.0)


def arrivals(conn: Connection, now: datetime, within: timedelta) -> Count:
    """How many events were received since `now - within`; estimated when there are very many."""
    newest = select(events.c.received_at).order_by(events.c.seq.desc()).limit(_RECENT).subquery()
    received = newest.c.received_at
    total, recent, oldest = conn.execute(
        select(func.count(), func.count().filter(received >= now - within), func.min(received))
    ).one()
    if total < _RECENT or recent < total or now <= oldest:
        return Count(recent, False)
    return Count(round(total * (within / (now - oldest))), True)


def queue_figures(conn: Connection, now: datetime) -> QueueFigures:
    """How much waits to be applied, and for how long."""
    some = select(queue.c.received_at, queue.c.due_at, queue.c.attempts).limit(_QUEUE_AT_MOST + 1).subquery()
    depth, oldest, due, first_due, retrying = conn.execute(
        select(
            func.count(),
            func.min(some.c.received_at),
            func.count().filter(some.c.due_at <= now),
            func.min(some.c.due_at),
            func.count().filter(some.c.attempts > 0),
        )
    ).one()
    whole = Count(depth, False) if depth <= _QUEUE_AT_MOST else size(conn, queue)
    return QueueFigures(whole, _age(now, oldest), due, _age(now, first_due) if due else None, retrying)


def _age(now: datetime, moment: datetime | None) -> float | None:
    return None if moment is None else round((now - moment).total_seconds(), 3)


def newest_keys(conn: Connection, count: int) -> set[str]:
    """The ids of the seal keys that the bodies stored last are sealed under."""
    newest = select(bodies.c.seq, bodies.c.sealed).order_by(bodies.c.seq.desc()).limit(count).subquery()
    # Only the head is read: version, length of the key's id (16 at most), id.
    heads = conn.scalars(select(func.substring(newest.c.sealed, 1, 18)))
    return {head[2 : 2 + head[1]].decode("ascii", "replace") for head in map(bytes, heads) if len(head) > 2}


class Body(NamedTuple):
    """A stored body with all that its event's id is made of."""

    id: bytes
    partner: str
    via: str
    url_id: str | None
    sealed: bytes


def newest_body(conn: Connection) -> Body | None:
    """The callback's body stored last, pushed or pulled; None when there is none.

    Records and rechecks are named by more than stands beside their bodies.
    """
    query = select(*columns(Body._fields, bodies)).where(bodies.c.via.in_(("push", "pull")))
    row = conn.execute(query.order_by(bodies.c.seq.desc()).limit(1)).one_or_none()
    return None if row is None else Body(row[0].bytes, row[1], row[2], row[3], bytes(row[4]))
