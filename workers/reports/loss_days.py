"""The loss ledger, counted again day by day, for as long as there is time."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

import psycopg

from store.reports import gauges, loss, loss_days, recorded, unconfirmed
from store.reports.gauges import Gauge
from store.reports.loss import Span
from store.reports.loss_days import COUNTS, DAYS, DayRow
from store.reports.unconfirmed import Confirming
from workers.reports.callback_types import CallbackTypes, Named
from workers.reports.pull_reach import confirming

__all__ = ["count_day", "counts", "recount", "span"]

Connection = psycopg.Connection[Any]

#: The last days change all the time; others when something comes late.
FRESH_DAYS = 3
STALE = timedelta(hours=6)


def span(
    since: datetime, until: datetime, types: CallbackTypes, wanted: Iterable[Named] | None = None
) -> Span:
    """The callbacks of a time, of all types or of these."""
    families = None if wanted is None else types.families(wanted)
    return Span(since, until, types.secondary, families, types.shared)


def count_day(conn: Connection, day: date, by: Confirming, types: CallbackTypes) -> list[DayRow]:
    """One day's counts by partner and type."""
    start = datetime.combine(day, datetime.min.time(), UTC)
    found = counts(conn, span(start, start + timedelta(days=1), types), by, types)
    return [
        DayRow(day, *name, *(of_type[each] for each in COUNTS))
        for (_, name), of_type in sorted(found.items())
    ]


def counts(
    conn: Connection, of: Span, by: Confirming, types: CallbackTypes
) -> dict[tuple[date, Named], Counter[str]]:
    """What COUNTS names, by day and type."""
    found: dict[tuple[date, Named], Counter[str]] = {}

    def add(day: date, family: str, partner: str | None = None, **more: int) -> None:
        name = types.named(family, partner)
        if name is not None:
            found.setdefault((day, name), Counter()).update(more)

    for row in loss.count(conn, of):
        both = row.number if row.pushed and row.pulled else 0
        pushed, lost = (row.number, 0) if row.pushed else (0, row.number)
        add(row.day, row.family, row.partner, pushed=pushed, pulled_only=lost, both_ways=both)
    for alone in unconfirmed.unconfirmed(conn, of, by):
        add(alone.day, alone.family, alone.partner, unconfirmed=alone.number, flagged=alone.flagged)
    for told in recorded.pushed(conn, of, by.recordings, by.grace):
        add(told.day, told.signal, pushed=told.number, both_ways=told.confirmed)
        add(told.day, told.signal, unconfirmed=told.unconfirmed, flagged=told.flagged)
    signals = types.signals_recorded()
    for untold in recorded.untold(conn, of, by.recordings, by.grace):
        add(untold.day, signals[untold.kind, untold.recorded_as], pulled_only=untold.number)
    return found


def recount(
    conn: Connection,
    overlap: int,
    types: CallbackTypes,
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
    done: list[date] = []
    for day in _due(loss_days.count_times(conn, DAYS), now()):
        by = confirming(conn, overlap, types)
        if not by.whole or (done and timer() > ends):
            break
        loss_days.replace_day(conn, day, count_day(conn, day, by, types))
        done.append(day)
    if done:
        with conn.transaction():
            gauges.replace(conn, (gauges.LOSS_CALLBACKS, gauges.LOSS_COUNTED), list(_gauges(conn)))
    return done


def _due(count_times: Mapping[date, datetime | None], now: datetime) -> list[date]:
    """The days to count: never counted ones first, then those that were counted longest ago."""
    newest = sorted(count_times, reverse=True)
    stale = [day for day in newest[FRESH_DAYS:] if _is_stale(count_times[day], now)]
    return sorted(
        [*newest[:FRESH_DAYS], *stale],
        key=lambda day: (count_times[day] is not None, count_times[day] or now),
    )


def _is_stale(counted_at: datetime | None, now: datetime) -> bool:
    return counted_at is None or now - counted_at > STALE


def _gauges(conn: Connection) -> Iterator[Gauge]:
    for row in loss_days.totals(conn, DAYS):
        for came in COUNTS:
            labels = {"partner": row.partner, "type": row.callback_type, "came": came}
            yield Gauge(gauges.LOSS_CALLBACKS, labels, getattr(row, came))
    if (at := loss_days.last_counted(conn)) is not None:
        yield Gauge(gauges.LOSS_COUNTED, {}, at.timestamp())
