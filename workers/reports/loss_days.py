"""How far pulls reach, by the streams that were read; and the loss ledger, counted again day by day."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

import psycopg

from partners.truepill.families import FAMILIES, SECONDARY, Family
from store.pulls.streams import EVERYTHING, FILLS, REQUESTS
from store.reports import gauges, loss, loss_days, unconfirmed
from store.reports.gauges import Gauge
from store.reports.loss import Span
from store.reports.loss_days import DAYS, DayRow
from store.reports.unconfirmed import Confirming, Position, Reach

__all__ = ["confirming", "count_day", "recount", "span", "type_of"]

Connection = psycopg.Connection[Any]
PARTNER = "truepill"

#: The last days change while one looks; others when something comes late.
FRESH_DAYS = 3
STALE = timedelta(hours=6)


def type_of(family: str) -> str:
    """The callback type of a family; one that is not known stands for itself."""
    found = FAMILIES.get(family)
    return family if found is None else found.callback_type


def span(since: datetime, until: datetime, types: Iterable[str] | None = None) -> Span:
    """The callbacks of a time, of all types or of these."""
    wanted = None if types is None else set(types)
    families = None if wanted is None else [name for name in FAMILIES if type_of(name) in wanted]
    return Span(since, until, sorted(SECONDARY), families)


def confirming(conn: Connection, overlap: int) -> Confirming:
    """What an unconfirmed fact is judged by. `overlap`: seconds by which the partner may show events late."""
    settled = unconfirmed.applied_until(conn)
    read = {position.stream: position for position in unconfirmed.positions(conn, PARTNER)}
    passes = {name: _passes(family, read) for name, family in FAMILIES.items()}
    whole = all(one.completed_at < settled for found in passes.values() for one in found)
    reaches = [
        _reach(name, [one for one in passes[name] if one.completed_at < settled], asked)
        for name, family in FAMILIES.items()
        if (asked := _is_asked(family, read)) or passes[name]
    ]
    return Confirming(reaches, float(overlap), settled, whole)


def _passes(family: Family, read: Mapping[str, Position]) -> list[Position]:
    """The streams that were read by time and hold every callback of a family."""
    streams = (family.callback_type.lower(), EVERYTHING) if family.names_itself else ()
    return [read[stream] for stream in streams if stream in read]


def _is_asked(family: Family, read: Mapping[str, Position]) -> bool:
    """Whether requests of a family's kind are asked about, and an answer has to hold the family.

    What names itself has no request_id to be asked for: an answer without it may not have looked for it.
    """
    if family.names_itself:
        return False
    return (FILLS if family.kind == FILLS else REQUESTS) in read


def _reach(family: str, passes: Iterable[Position], asked: bool) -> Reach:
    by_time = [(one.until, one.since) for one in passes if one.until is not None and one.since is not None]
    until, since = max(by_time, default=(None, None))
    return Reach(family, since, until, asked)


def count_day(conn: Connection, day: date, by: Confirming) -> list[DayRow]:
    """One day's counts by type."""
    start = datetime.combine(day, datetime.min.time(), UTC)
    of_day = span(start, start + timedelta(days=1))
    found: dict[str, list[int]] = {}
    for row in loss.count(conn, of_day):
        counts = found.setdefault(type_of(row.family), [0, 0, 0, 0, 0])
        counts[0] += row.number if row.pushed else 0
        counts[1] += 0 if row.pushed else row.number
        counts[2] += row.number if row.pushed and row.pulled else 0
    for one in unconfirmed.unconfirmed(conn, of_day, by):
        counts = found.setdefault(type_of(one.family), [0, 0, 0, 0, 0])
        counts[3] += one.number
        counts[4] += one.flagged
    return [DayRow(day, name, *counts) for name, counts in sorted(found.items())]


def recount(
    conn: Connection,
    overlap: int,
    *,
    seconds: float,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
    timer: Callable[[], float] = time.monotonic,
) -> list[date]:
    """Count the last days again, and others that are stale, for at most about `seconds`.

    What was counted longest ago comes first, so days that take long hold back no others. Returns the days
    that were counted: none while what a pass brought waits to be applied, since what is flagged would waver.
    Raises psycopg.Error, after which the days before are kept.
    """
    ends = timer() + seconds
    known = loss_days.counted(conn, DAYS)
    newest = sorted(known, reverse=True)
    due = [*newest[:FRESH_DAYS], *(day for day in newest[FRESH_DAYS:] if _is_stale(known[day], now()))]
    due.sort(key=lambda day: (known[day] is not None, known[day] or now()))
    done: list[date] = []
    for day in due:
        by = confirming(conn, overlap)
        if not by.whole or (done and timer() > ends):
            break
        loss_days.keep(conn, day, count_day(conn, day, by))
        done.append(day)
    if done:
        with conn.transaction():
            gauges.keep(conn, (gauges.LOSS_CALLBACKS, gauges.LOSS_COUNTED), list(_figures(conn)))
    return done


def _figures(conn: Connection) -> Iterator[Gauge]:
    for row in loss_days.totals(conn, DAYS):
        for came in ("pushed", "pulled_only", "both_ways", "unconfirmed", "flagged"):
            labels = {"type": row.callback_type, "came": came}
            yield Gauge(gauges.LOSS_CALLBACKS, labels, getattr(row, came))
    if (at := loss_days.last_counted(conn)) is not None:
        yield Gauge(gauges.LOSS_COUNTED, {}, at.timestamp())


def _is_stale(counted_at: datetime | None, now: datetime) -> bool:
    return counted_at is None or now - counted_at > STALE
