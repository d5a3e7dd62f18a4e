"""The table `record_reads`: what is read of a partner one by one, and when it is due.

A thing is due at once when it is first heard of. A reading that brings news has the next one come after the
quiet time; each that brings none doubles it, up to a day while more is to come of the thing, and to a week
when not (`backoff`). By hand everything is read of which more is to come, or news came of late.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

import psycopg

from store.db import arrays
from store.db.columns import BYTES, UUID, Columns
from store.pulls.backoff import LONGEST_SECONDS, seconds_to_next
from store.pulls.poll_schedule import Left

__all__ = ["DueRead", "Thing", "add", "drop", "due", "keys_in", "known", "left", "note", "put_off"]

Connection = psycopg.Connection[Any]

#: How long after the last news of it a thing of which nothing is expected is read by hand all the same.
LATE_NEWS = "35 days"
_MOST_FRUITLESS = 100


class Thing(NamedTuple):
    """A thing by the keyed hash of its id (16 bytes), and the id, sealed."""

    hash: bytes
    sealed: bytes


class DueRead(NamedTuple):
    """A thing to read, as it stood then. `fruitless`: how many readings in a row have brought nothing."""

    hash: bytes
    sealed: bytes
    fruitless: int


_THINGS = Columns("things", {"hash": UUID, "sealed": BYTES})
_ADD = f"""
INSERT INTO record_reads (partner, stream, hash, sealed, changed_at, next_at, fruitless, is_open)
SELECT %(partner)s, %(stream)s, {_THINGS.values}, clock_timestamp(), clock_timestamp(), 0, true
FROM {_THINGS.rows} ORDER BY hash
ON CONFLICT (partner, stream, hash) DO NOTHING
"""
#: What is read by hand as of a moment. What could not be read before is tried again.
_BY_HAND = f"""
(%(as_of)s::timestamptz IS NOT NULL
 AND (read_at < %(as_of)s OR trouble IS NOT NULL)
 AND (is_open OR changed_at > %(as_of)s::timestamptz - interval '{LATE_NEWS}'))
"""
_DUE = f"""
SELECT uuid_send(hash), sealed, fruitless FROM record_reads
WHERE partner = %(partner)s AND stream = %(stream)s
  AND (next_at <= clock_timestamp() OR {_BY_HAND}) AND coalesce(read_at < %(before)s, true)
ORDER BY read_at NULLS FIRST, hash LIMIT %(limit)s
"""
_LEFT = f"""
SELECT count(*) FILTER (WHERE due), count(*) FILTER (WHERE NOT due), min(next_at) FILTER (WHERE NOT due)
FROM record_reads CROSS JOIN LATERAL (
    SELECT coalesce(next_at <= clock_timestamp() OR {_BY_HAND}, false) AS due
) d WHERE partner = %(partner)s AND stream = ANY(%(streams)s::text[])
"""
_NOTE = """
UPDATE record_reads SET read_at = clock_timestamp(), trouble = %(trouble)s, fruitless = %(fruitless)s,
    next_at = clock_timestamp() + %(next)s * interval '1 s',
    changed_at = CASE WHEN %(changed)s THEN clock_timestamp() ELSE changed_at END,
    is_open = coalesce(%(is_open)s, is_open)
WHERE partner = %(partner)s AND stream = %(stream)s AND hash = %(hash)s
"""


def known(conn: Connection, partner: str, stream: str, hashes: Sequence[bytes]) -> set[bytes]:
    """Those of these things that are known already."""
    rows = conn.execute(
        "SELECT uuid_send(hash) FROM record_reads "
        "WHERE partner = %(partner)s AND stream = %(stream)s AND hash = ANY(%(hashes)s::uuid[])",
        {"partner": partner, "stream": stream, "hashes": arrays.texts([one.hex() for one in hashes])},
        binary=True,
    )
    return {bytes(row[0]) for row in rows}


def keys_in(conn: Connection, kind: str, state: str) -> list[str]:
    """The keys of the entities of a kind that are in a state."""
    rows = conn.execute("SELECT key FROM entities WHERE kind = %s AND state = %s", (kind, state))
    return [row[0] for row in rows]


def add(conn: Connection, partner: str, stream: str, things: Sequence[Thing]) -> None:
    """Have these read, in the caller's transaction; those that are known stay as they are."""
    rows = _THINGS.parameters(things)
    conn.execute(_ADD, {"partner": partner, "stream": stream, **rows})


def due(
    conn: Connection,
    partner: str,
    stream: str,
    before: datetime,
    limit: int,
    as_of: datetime | None = None,
) -> list[DueRead]:
    """Those that are due and were not read since `before`, never read ones first.

    `as_of`: by hand, as things stood then.
    """
    named = {"partner": partner, "stream": stream, "before": before, "limit": limit, "as_of": as_of}
    return [DueRead(bytes(row[0]), bytes(row[1]), row[2]) for row in conn.execute(_DUE, named, binary=True)]


def left(conn: Connection, partner: str, streams: Sequence[str], as_of: datetime | None) -> Left:
    """What is still to be read, now and later."""
    named = {"partner": partner, "streams": arrays.texts(streams), "as_of": as_of}
    row = conn.execute(_LEFT, named).fetchone()
    return Left(*(row or (0, 0, None)))


def note(
    conn: Connection,
    partner: str,
    stream: str,
    one: DueRead,
    *,
    changed: bool,
    is_open: bool | None,
    quiet: float,
) -> None:
    """Store what a reading came to, in the transaction that stores what it found.

    `is_open`: whether more is to come of it; None where that is not known.
    """
    fruitless = 0 if changed else min(one.fruitless + 1, _MOST_FRUITLESS)
    wait = seconds_to_next(fruitless, quiet, only_review=is_open is False)
    _write(conn, partner, stream, one, changed, is_open, fruitless, wait, None)


def put_off(conn: Connection, partner: str, stream: str, one: DueRead, trouble: str, quiet: float) -> None:
    """Store that it could not be read by the partner's fault, so that the others are read first."""
    _write(conn, partner, stream, one, False, None, one.fruitless, min(quiet, LONGEST_SECONDS), trouble)


def drop(conn: Connection, partner: str, stream: str, one: DueRead) -> None:
    """It is not to be read any more."""
    conn.execute(
        "DELETE FROM record_reads WHERE partner = %s AND stream = %s AND hash = %s",
        (partner, stream, one.hash.hex()),
    )


def _write(
    conn: Connection,
    partner: str,
    stream: str,
    one: DueRead,
    changed: bool,
    is_open: bool | None,
    fruitless: int,
    wait: float,
    trouble: str | None,
) -> None:
    conn.execute(
        _NOTE,
        {
            "partner": partner,
            "stream": stream,
            "hash": one.hash.hex(),
            "changed": changed,
            "is_open": is_open,
            "fruitless": fruitless,
            "next": wait,
            "trouble": trouble,
        },
    )
