"""The loss ledger, counted again day by day, for as long as there is time."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

import psycopg

from partners.truepill.families import FAMILIES, SECONDARY
from store.reports import gauges, loss, loss_days, unconfirmed
from store.reports.gauges import Gauge
from store.reports.loss import Span
from store.reports.loss_days import COUNTS, DAYS, DayRow
from store.reports.unconfirmed import Confirming
from workers.reports.pull_reach import confirming

__all__ = ["count_day", "recount", "span", "type_of"]

Connection = psycopg.Connection[Any]

#: The last days change all the time; others when something comes late.
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


def count_day(conn: Connection, day: date, by: Confirming) -> list[DayRow]:
    """One day's counts by type."""
    start = datetime.combine(day, datetime.min.time(), UTC)
    of_day = span(start, start + timedelta(days=1))
    found: dict[str, Counter[str]] = {}
    for row in loss.count(conn, of_day):
        counts = found.setdefault(type_of(row.family), Counter())
        counts["pushed"] += row.number if row.pushed else 0
        counts["pulled_only"] += 0 if row.pushed else row.number
        counts["both_ways"] += row.number if row.pushed and row.pulled else 0
    for one in unconfirmed.unconfirmed(conn, of_day, by):
        counts = found.setdefault(type_of(one.family), Counter())
        counts["unconfirmed"] += one.number
        counts["flagged"] += one.flagged
    return [DayRow(day, name, *(counts[each] for each in COUNTS)) for name, counts in sorted(found.items())]


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
    done: list[date] = []
    for day in _due(loss_days.count_times(conn, DAYS), now()):
        by = confirming(conn, overlap)
        if not by.whole or (done and timer() > ends):
            break
        loss_days.replace_day(conn, day, count_day(conn, day, by))
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
            labels = {"type": row.callback_type, "came": came}
            yield Gauge(gauges.LOSS_CALLBACKS, labels, getattr(row, came))
    if (at := loss_days.last_counted(conn)) is not None:
        yield Gauge(gauges.LOSS_COUNTED, {}, at.timestamp())
