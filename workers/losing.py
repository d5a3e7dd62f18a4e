"""How far pulls reach, by the streams that were read; and the loss ledger, counted again day by day."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

import psycopg

from partners.truepill.families import FAMILIES, SECONDARY
from store import loss, losses, unconfirmed
from store.loss import Span
from store.losses import DayRow
from store.unconfirmed import Confirming, Position, Reach

__all__ = ["DAYS", "confirming", "count_day", "recount", "span", "type_of"]

Connection = psycopg.Connection[Any]
PARTNER = "truepill"

#: What is told without being asked for: so many days, today included.
DAYS = 30
#: The last days change while one looks; others when something comes late.
FRESH_DAYS = 3
STALE = timedelta(hours=6)
#: The streams of `workers.pulling`: events of all types by time, of fill requests, of all other requests.
EVERYTHING, FILLS, REQUESTS = "events", "fill_request", "requests"


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
    """What an unconfirmed fact is judged by now. `overlap`: seconds by which the partner shows events late."""
    settled = unconfirmed.settled_until(conn)
    read = {position.stream: position for position in unconfirmed.positions(conn, PARTNER)}
    return Confirming(_reaches(read, settled), float(overlap), settled)


def _reaches(read: Mapping[str, Position], settled: datetime) -> list[Reach]:
    """What the streams that were read can confirm. A pass is believed once what it brought is applied."""
    found = []
    for name, family in FAMILIES.items():
        asked = FILLS in read if family.kind == FILLS else REQUESTS in read
        asked = asked and family.kind != "prescription"
        passes = []
        if family.names_itself:
            streams = (family.callback_type.lower(), EVERYTHING)
            passes = [read[stream] for stream in streams if stream in read]
        if not (asked or passes):
            continue
        done = [one for one in passes if one.until and one.since and one.completed_at < settled]
        furthest = max(done, key=lambda one: one.until or one.completed_at, default=None)
        since, until = (furthest.since, furthest.until) if furthest else (None, None)
        found.append(Reach(name, since, until, asked))
    return found


def count_day(conn: Connection, day: date, by: Confirming) -> list[DayRow]:
    """One day's counts by type."""
    start = datetime.combine(day, datetime.min.time(), UTC)
    of_day = span(start, start + timedelta(days=1))
    found: dict[str, list[int]] = {}
    for row in loss.count(conn, of_day):
        counts = found.setdefault(type_of(row.family), [0, 0, 0, 0, 0])
        counts[0] += row.count if row.pushed else 0
        counts[1] += 0 if row.pushed else row.count
        counts[2] += row.count if row.pushed and row.pulled else 0
    for one in unconfirmed.unconfirmed(conn, of_day, by):
        counts = found.setdefault(type_of(one.family), [0, 0, 0, 0, 0])
        counts[3] += one.count
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
    """Count the last days again, and then those that were counted longest ago, for at most about `seconds`.

    Returns the days that were counted. Raises psycopg.Error, after which those before it are kept.
    """
    ends = timer() + seconds
    known = losses.counted(conn, DAYS)
    newest = sorted(known, reverse=True)
    stale = [day for day in newest[FRESH_DAYS:] if _is_stale(known[day], now())]
    stale.sort(key=lambda day: (known[day] is not None, known[day] or now()))
    done = []
    for day in [*newest[:FRESH_DAYS], *stale]:
        if done and timer() > ends:
            break
        losses.keep(conn, day, count_day(conn, day, confirming(conn, overlap)))
        done.append(day)
    return done


def _is_stale(counted_at: datetime | None, now: datetime) -> bool:
    return counted_at is None or now - counted_at > STALE
