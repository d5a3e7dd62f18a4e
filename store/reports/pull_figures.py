"""How pulls stand, for `stats` and `doctor`. Read only, by SQLAlchemy Core over `store.schema`."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Connection, func, select

from store.reports.queries import columns
from store.schema import calls, lookups, streams, surfaces

__all__ = ["Circuit", "PollFigures", "StreamFigures", "circuits", "offered", "poll_figures", "stream_figures"]


class StreamFigures(NamedTuple):
    """One stream: its cursor, what it has brought, since when it is in trouble, and what was not given.

    `refused`: how often one thing was asked for that the partner does not give; `refusal`: the last of these.
    """

    name: str
    running: bool
    watermark: datetime | None
    unfinished: bool
    pages: int
    seen: int
    stored: int
    nameless: int
    read_at: datetime | None
    completed_at: datetime | None
    trouble: str | None
    trouble_at: datetime | None
    refused: int
    refused_at: datetime | None
    refusal: str | None


class Circuit(NamedTuple):
    """How calls to a partner go. `open_until` and `paused_until` may be past.

    `skew`: by how many seconds its clock is ahead of ours, and when that was last measured.
    """

    partner: str
    failures: int
    open_until: datetime | None
    paused_until: datetime | None
    trouble: str | None
    trouble_at: datetime | None
    answered_at: datetime | None
    skew: float | None
    skew_at: datetime | None


class PollFigures(NamedTuple):
    """How many requests the partner was asked about, and of how many it gave nothing."""

    requests: int
    refused: int


def stream_figures(conn: Connection, partner: str) -> list[StreamFigures]:
    """Every stream that was read, by name; less the single requests that people asked about."""
    selected = columns(
        StreamFigures._fields,
        streams,
        running=func.coalesce(streams.c.leased_until > func.clock_timestamp(), False),
        unfinished=streams.c.pass_from.is_not(None),
    )
    query = (
        select(*selected)
        .where(streams.c.partner == partner, ~streams.c.name.contains(":"))
        .order_by(streams.c.name)
    )
    return [StreamFigures._make(row) for row in conn.execute(query)]


def circuits(conn: Connection) -> list[Circuit]:
    """One row for each partner that was ever called."""
    query = select(*columns(Circuit._fields, calls))
    return [Circuit._make(row) for row in conn.execute(query.order_by(calls.c.partner))]


def offered(conn: Connection, partner: str) -> dict[str, bool]:
    """What the partner was found to have, or not, beyond its reference."""
    query = select(surfaces.c.surface, surfaces.c.offered).where(surfaces.c.partner == partner)
    return {row[0]: row[1] for row in conn.execute(query.order_by(surfaces.c.surface))}


def poll_figures(conn: Connection) -> PollFigures:
    row = conn.execute(select(func.count(), func.count(lookups.c.trouble)).select_from(lookups)).one()
    return PollFigures(row[0], row[1])
