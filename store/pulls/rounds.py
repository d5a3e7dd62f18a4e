"""Rounds of streams that go through what is known, one by one: requests to poll, and records to read."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import psycopg

from store.pulls.leases import LEASE_END, STREAM, Stream, write_leased

__all__ = ["begin_records", "finish_polls", "finish_records"]

Connection = psycopg.Connection[Any]

_FINISH_POLLS = f"""
UPDATE streams SET completed_at = clock_timestamp(), trouble = NULL, trouble_at = NULL,
    leased_until = {LEASE_END}
WHERE partner = %(partner)s AND name = %(name)s AND epoch = %(epoch)s
RETURNING {STREAM}
"""
_BEGIN_RECORDS = f"""
UPDATE streams SET pass_from = %(now)s, pass_began = clock_timestamp(), pass_newest = NULL,
    pass_sorted = true, next_page = NULL, watermark = least(watermark, %(since)s::timestamptz),
    leased_until = {LEASE_END}
WHERE partner = %(partner)s AND name = %(name)s AND epoch = %(epoch)s
RETURNING {STREAM}
"""
_FINISH_RECORDS = f"""
UPDATE streams SET watermark = greatest(watermark, pass_from), pass_from = NULL, next_page = NULL,
    read_at = clock_timestamp(), completed_at = clock_timestamp(), trouble = NULL, trouble_at = NULL,
    leased_until = {LEASE_END}
WHERE partner = %(partner)s AND name = %(name)s AND epoch = %(epoch)s
RETURNING {STREAM}
"""


def finish_polls(conn: Connection, stream: Stream) -> Stream:
    """All requests that were due are polled: no trouble is left. Raises LeaseLost."""
    return write_leased(conn, stream, _FINISH_POLLS)


def begin_records(conn: Connection, stream: Stream, now: datetime, since: datetime | None) -> Stream:
    """Read the records that are due `now`; `since` takes the watermark back. Raises LeaseLost."""
    return write_leased(conn, stream, _BEGIN_RECORDS, now=now, since=since)


def finish_records(conn: Connection, stream: Stream) -> Stream:
    """All that were due are read: the watermark is the moment when the round began. Raises LeaseLost."""
    return write_leased(conn, stream, _FINISH_RECORDS)
