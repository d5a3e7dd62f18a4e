"""The cursors of streams: a page and its cursor in one COMMIT, under a lease (docs/decisions/0015).

A pass reads from `pass_from` to the last page. Only its end moves the watermark: to the newest time that it
has read, or to when it began if that is earlier, less an overlap for events that the partner shows late.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

import psycopg

from store.pulls.leases import LEASE_END, STREAM, Stream, write_leased

__all__ = [
    "DEFECT",
    "Progress",
    "advance_page",
    "advance_pages",
    "advanced",
    "begin_pass",
    "finish_pass",
    "note_refusal",
    "note_trouble",
    "restart",
    "resume_at",
]

#: What a stream's trouble begins with where what was read could not be worked on by us.
DEFECT = "a defect of ours"

Connection = psycopg.Connection[Any]


class Progress(NamedTuple):
    """What a page adds: how many events it has, and of how many nobody can tell whose they are.

    `newest` is in Unix seconds; `sorted`: no event of it is older than those before it.
    """

    events: int
    unidentified: int
    newest: int | None
    sorted: bool


_BEGIN_PASS = f"""
UPDATE streams SET pass_from = %(since)s, pass_began = clock_timestamp(), pass_newest = NULL,
    pass_sorted = true, pass_idle = 0, next_page = NULL, leased_until = {LEASE_END}
WHERE partner = %(partner)s AND name = %(name)s AND epoch = %(epoch)s
RETURNING {STREAM}
"""
_RESTART = f"""
UPDATE streams SET next_page = NULL, pass_idle = 0, leased_until = {LEASE_END}
WHERE partner = %(partner)s AND name = %(name)s AND epoch = %(epoch)s
RETURNING {STREAM}
"""


def begin_pass(conn: Connection, stream: Stream, since: datetime) -> Stream:
    """Read from `since` to the last page; what was left of an earlier pass is given up. Raises LeaseLost."""
    return write_leased(conn, stream, _BEGIN_PASS, since=since)


def restart(conn: Connection, stream: Stream) -> Stream:
    """Go on without the page token, by time (`resume_at`). Raises LeaseLost."""
    return write_leased(conn, stream, _RESTART)


def resume_at(stream: Stream) -> datetime | None:
    """Where a pass goes on that has no page token; None when no pass is under way. Pure.

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


_ADVANCE = f"""
UPDATE streams SET next_page = %(next_page)s, pages = pages + %(pages)s, seen = seen + %(events)s,
    nameless = nameless + %(unidentified)s, stored = stored + %(stored)s,
    pass_newest = greatest(pass_newest, to_timestamp(%(newest)s::bigint)),
    pass_sorted = pass_sorted AND %(sorted)s,
    pass_idle = CASE WHEN %(stored)s > 0
                          OR to_timestamp(%(newest)s::bigint) > coalesce(pass_newest, '-infinity') THEN 0
                ELSE pass_idle + 1 END,
    read_at = clock_timestamp(), trouble = NULL, trouble_at = NULL, leased_until = {LEASE_END}
WHERE partner = %(partner)s AND name = %(name)s AND epoch = %(epoch)s
RETURNING {STREAM}
"""


def advance_page(
    conn: Connection, stream: Stream, next_page: bytes | None, progress: Progress, stored: int
) -> Stream:
    """As `advance_pages`, for one page."""
    return advance_pages(conn, advanced(stream, next_page, progress), [progress], stored)


def advance_pages(conn: Connection, stream: Stream, pages: Sequence[Progress], stored: int) -> Stream:
    """Note pages in the transaction that stores their events, of which `stored` are new. Raises LeaseLost.

    `stream` is as it was `advanced` by each of them: its `next_page` is the one behind the last.
    """
    return write_leased(
        conn,
        stream,
        _ADVANCE,
        next_page=stream.next_page,
        pages=len(pages),
        events=sum(page.events for page in pages),
        unidentified=sum(page.unidentified for page in pages),
        stored=stored,
        newest=max((page.newest for page in pages if page.newest is not None), default=None),
        sorted=all(page.sorted for page in pages),
    )


_FINISH_PASS = f"""
UPDATE streams SET
    watermark = CASE WHEN pass_from <= coalesce(watermark, %(first)s)
                THEN greatest(watermark, pass_from,
                              CASE WHEN pass_newest IS NOT NULL
                              THEN least(pass_newest, pass_began + %(skew)s * interval '1 s')
                                   - %(overlap)s * interval '1 s' END)
                ELSE watermark END,
    covered_from = CASE WHEN pass_from <= coalesce(watermark, pass_from) THEN least(covered_from, pass_from)
                   ELSE covered_from END,
    pass_from = NULL, pass_newest = NULL, next_page = NULL, completed_at = clock_timestamp(),
    trouble = NULL, trouble_at = NULL, leased_until = {LEASE_END}
WHERE partner = %(partner)s AND name = %(name)s AND epoch = %(epoch)s
RETURNING {STREAM}
"""


def finish_pass(conn: Connection, stream: Stream, overlap: int, first: datetime, skew: float = 0.0) -> Stream:
    """The last page is stored: the watermark moves, and never back. `first`: where a first pass must begin.

    `skew`: how many seconds the partner's clock, by which events are dated, is ahead of ours.

    An event may be dated ahead of its time: what comes while the pass is read must not be passed over. A pass
    that began later than the watermark has left a gap, and moves nothing; nor does one without an event: the
    partner's clock may be behind ours. `covered_from` is how far back there is no gap before the watermark.
    Raises LeaseLost.
    """
    return write_leased(conn, stream, _FINISH_PASS, overlap=overlap, first=first, skew=skew)


_NOTE_TROUBLE = f"""
UPDATE streams SET trouble = %(trouble)s, trouble_at = clock_timestamp(), leased_until = {LEASE_END}
WHERE partner = %(partner)s AND name = %(name)s AND epoch = %(epoch)s
RETURNING {STREAM}
"""
_NOTE_REFUSAL = f"""
UPDATE streams SET refused = refused + 1, refused_at = clock_timestamp(), refusal = %(refusal)s,
    leased_until = {LEASE_END}
WHERE partner = %(partner)s AND name = %(name)s AND epoch = %(epoch)s
RETURNING {STREAM}
"""


def note_trouble(conn: Connection, stream: Stream, trouble: str) -> Stream:
    """Store why the stream could not be read on (never anything of an answer). Raises LeaseLost."""
    return write_leased(conn, stream, _NOTE_TROUBLE, trouble=trouble)


def note_refusal(conn: Connection, stream: Stream, refusal: str) -> Stream:
    """Count that one thing was asked for and not given (never anything of an answer). Raises LeaseLost."""
    return write_leased(conn, stream, _NOTE_REFUSAL, refusal=refusal)
