"""The cursors of pulls: one runner a stream, and a page and its cursor in one COMMIT (D11).

A lease is a row with a holder, an epoch and an end by the server's clock. Each new holder raises the epoch,
and every later write names the one that it holds: who lost the lease during a call writes nothing.

A pass reads from `pass_from` to the last page. Only its end moves the watermark: to the newest time that it
has read, or to when it began if that is earlier, less an overlap for events that the partner shows late.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

import psycopg

__all__ = [
    "LEASE_SECONDS",
    "LeaseLost",
    "Progress",
    "Stream",
    "advance_page",
    "advance_pages",
    "advanced",
    "begin_pass",
    "begin_records",
    "finish_pass",
    "finish_records",
    "finish_round",
    "lease",
    "note_refusal",
    "note_trouble",
    "release",
    "restart",
    "resume_at",
]

Connection = psycopg.Connection[Any]

#: Longer than a call with its retries takes.
LEASE_SECONDS = 300


class LeaseLost(Exception):
    """Somebody else runs the stream now."""


class Stream(NamedTuple):
    """A leased stream as it stood then. Times are aware; `next_page` is sealed.

    `pass_idle`: how many pages in a row had nothing new and nothing newer.
    """

    partner: str
    name: str
    epoch: int
    watermark: datetime | None
    pass_from: datetime | None
    pass_newest: datetime | None
    pass_sorted: bool
    pass_idle: int
    next_page: bytes | None


class Progress(NamedTuple):
    """What a page adds: how many events it held, and of how many nobody can tell whose they are.

    `newest` is in Unix seconds; `sorted`: no event of it is older than those before it.
    """

    seen: int
    nameless: int
    newest: int | None
    sorted: bool


_COLUMNS = "partner, name, epoch, watermark, pass_from, pass_newest, pass_sorted, pass_idle, next_page"
_LEASE = f"""
INSERT INTO streams AS s (partner, name, holder, epoch, leased_until)
VALUES (%(partner)s, %(name)s, %(holder)s, 1, clock_timestamp() + interval '{LEASE_SECONDS} seconds')
ON CONFLICT (partner, name) DO UPDATE SET holder = excluded.holder, epoch = s.epoch + 1,
    leased_until = excluded.leased_until
WHERE coalesce(s.leased_until, '-infinity') <= clock_timestamp()
RETURNING {_COLUMNS}
"""


def lease(conn: Connection, partner: str, name: str, holder: str) -> Stream | None:
    """Take the stream, made where it is missing; None while somebody else has it."""
    row = conn.execute(_LEASE, {"partner": partner, "name": name, "holder": holder}).fetchone()
    return None if row is None else Stream._make(row)


def _write_under_lease(conn: Connection, stream: Stream, assignments: str, *values: object) -> Stream:
    """Write to the row under our epoch, which also prolongs the lease. Raises LeaseLost."""
    row = conn.execute(
        f"UPDATE streams SET {assignments}, leased_until = clock_timestamp() + "
        f"interval '{LEASE_SECONDS} seconds' WHERE partner = %s AND name = %s AND epoch = %s "
        f"RETURNING {_COLUMNS}",
        (*values, stream.partner, stream.name, stream.epoch),
    ).fetchone()
    if row is None:
        raise LeaseLost(stream.name)
    return Stream._make(row)


def begin_pass(conn: Connection, stream: Stream, since: datetime) -> Stream:
    """Read from `since` to the last page; what was left of an earlier pass is given up. Raises LeaseLost."""
    return _write_under_lease(
        conn,
        stream,
        "pass_from = %s, pass_began = clock_timestamp(), pass_newest = NULL, pass_sorted = true, "
        "pass_idle = 0, next_page = NULL",
        since,
    )


def restart(conn: Connection, stream: Stream) -> Stream:
    """Go on without the page token, by time (`resume_at`). Raises LeaseLost."""
    return _write_under_lease(conn, stream, "next_page = NULL, pass_idle = 0")


def resume_at(stream: Stream) -> datetime | None:
    """Where a pass goes on that has no page token; None when no pass is under way.

    Pages come in ascending time ("Webhook Types"): what is read so far need not be read again, but for its
    last second. Where they did not, everything is. What is shown late is for the overlap of the next pass.
    """
    if stream.pass_from is None or stream.pass_newest is None or not stream.pass_sorted:
        return stream.pass_from
    return max(stream.pass_from, stream.pass_newest)


def advanced(stream: Stream, next_page: bytes | None, progress: Progress) -> Stream:
    """Where a stream will stand once a page is noted, but for `pass_idle`. Pure."""
    newest = stream.pass_newest
    if progress.newest is not None:
        at = datetime.fromtimestamp(progress.newest, UTC)
        newest = at if newest is None else max(newest, at)
    is_sorted = stream.pass_sorted and progress.sorted
    return stream._replace(next_page=next_page, pass_newest=newest, pass_sorted=is_sorted)


def advance_page(
    conn: Connection, stream: Stream, next_page: bytes | None, progress: Progress, stored: int
) -> Stream:
    """As `turn_pages`, for one page."""
    return advance_pages(conn, advanced(stream, next_page, progress), [progress], stored)


def advance_pages(conn: Connection, stream: Stream, pages: Sequence[Progress], stored: int) -> Stream:
    """Note pages in the transaction that stores their events, of which `stored` are new. Raises LeaseLost.

    `stream` is as it was `turned` by each of them: its `next_page` is the one behind the last.
    """
    newest = max((page.newest for page in pages if page.newest is not None), default=None)
    return _write_under_lease(
        conn,
        stream,
        "next_page = %s, pages = pages + %s, seen = seen + %s, nameless = nameless + %s, "
        "stored = stored + %s, pass_newest = greatest(pass_newest, to_timestamp(%s::bigint)), "
        "pass_sorted = pass_sorted AND %s, "
        "pass_idle = CASE WHEN %s OR to_timestamp(%s::bigint) > coalesce(pass_newest, '-infinity') THEN 0 "
        "ELSE pass_idle + 1 END, read_at = clock_timestamp(), trouble = NULL, trouble_at = NULL",
        stream.next_page,
        len(pages),
        sum(page.seen for page in pages),
        sum(page.nameless for page in pages),
        stored,
        newest,
        all(page.sorted for page in pages),
        stored > 0,
        newest,
    )


def finish_pass(conn: Connection, stream: Stream, overlap: int, first: datetime) -> Stream:
    """The last page is stored: the watermark moves, and never back. `first`: where a first pass must begin.

    An event may be dated ahead of its time: what comes while the pass is read must not be passed over. A pass
    that began later than the watermark has left a gap, and moves nothing; nor does one without an event: the
    partner's clock may be behind ours. `covered_from` is how far back there is no gap before the watermark.
    Raises LeaseLost.
    """
    return _write_under_lease(
        conn,
        stream,
        "watermark = CASE WHEN pass_from <= coalesce(watermark, %s) THEN "
        "greatest(watermark, pass_from, CASE WHEN pass_newest IS NOT NULL "
        "THEN least(pass_newest, pass_began) - %s * interval '1 s' END) ELSE watermark END, "
        "covered_from = CASE WHEN pass_from <= coalesce(watermark, pass_from) "
        "THEN least(covered_from, pass_from) ELSE covered_from END, "
        "pass_from = NULL, pass_newest = NULL, next_page = NULL, completed_at = clock_timestamp(), "
        "trouble = NULL, trouble_at = NULL",
        first,
        overlap,
    )


def note_trouble(conn: Connection, stream: Stream, trouble: str) -> Stream:
    """Keep why the stream could not be read on (never anything of an answer). Raises LeaseLost."""
    return _write_under_lease(conn, stream, "trouble = %s, trouble_at = clock_timestamp()", trouble)


def note_refusal(conn: Connection, stream: Stream, refusal: str) -> Stream:
    """Count that one thing was asked for and not given (never anything of an answer). Raises LeaseLost."""
    return _write_under_lease(
        conn, stream, "refused = refused + 1, refused_at = clock_timestamp(), refusal = %s", refusal
    )


def finish_round(conn: Connection, stream: Stream) -> Stream:
    """All that was due is done: no trouble is left. Raises LeaseLost."""
    return _write_under_lease(
        conn, stream, "completed_at = clock_timestamp(), trouble = NULL, trouble_at = NULL"
    )


def begin_records(conn: Connection, stream: Stream, now: datetime, since: datetime | None) -> Stream:
    """Look at records as things stand `now`; `since` takes the watermark back. Raises LeaseLost."""
    return _write_under_lease(
        conn,
        stream,
        "pass_from = %s, pass_began = clock_timestamp(), pass_newest = NULL, pass_sorted = true, "
        "next_page = NULL, watermark = least(watermark, %s::timestamptz)",
        now,
        since,
    )


def finish_records(conn: Connection, stream: Stream) -> Stream:
    """All had their turn: the watermark is the moment when the looks began. Raises LeaseLost."""
    return _write_under_lease(
        conn,
        stream,
        "watermark = greatest(watermark, pass_from), pass_from = NULL, next_page = NULL, "
        "read_at = clock_timestamp(), completed_at = clock_timestamp(), trouble = NULL, trouble_at = NULL",
    )


def release(conn: Connection, stream: Stream, wait: float = 0.0) -> None:
    """Let others run the stream after so many seconds. Nothing happens when the lease is lost already.

    Whoever will go on after a wait keeps others from starting meanwhile, or each round would add a runner.
    """
    conn.execute(
        "UPDATE streams SET holder = NULL, leased_until = clock_timestamp() + %s * interval '1 s' "
        "WHERE partner = %s AND name = %s AND epoch = %s",
        (wait, stream.partner, stream.name, stream.epoch),
    )
