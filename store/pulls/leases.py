"""The lease of a stream: one runner at once, and no write of another (docs/decisions/0015).

A lease is a row with a holder, an epoch and an end by the server's clock. Each new holder raises the epoch,
and every later write names the one that it was given: who lost the lease during a call writes nothing.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, NamedTuple

import psycopg

__all__ = ["LEASE_END", "LEASE_SECONDS", "STREAM", "LeaseLost", "Stream", "lease", "release", "write_leased"]

Connection = psycopg.Connection[Any]

#: Longer than a call with its retries takes.
LEASE_SECONDS = 300
#: When a lease ends that is taken or prolonged now, in SQL.
LEASE_END = f"clock_timestamp() + interval '{LEASE_SECONDS} seconds'"
#: The columns of a Stream, in its order.
STREAM = "partner, name, epoch, watermark, pass_from, pass_newest, pass_sorted, pass_idle, next_page"


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


_LEASE = f"""
INSERT INTO streams AS s (partner, name, holder, epoch, leased_until)
VALUES (%(partner)s, %(name)s, %(holder)s, 1, {LEASE_END})
ON CONFLICT (partner, name) DO UPDATE SET holder = excluded.holder, epoch = s.epoch + 1,
    leased_until = excluded.leased_until
WHERE coalesce(s.leased_until, '-infinity') <= clock_timestamp()
RETURNING {STREAM}
"""
_RELEASE = """
UPDATE streams SET holder = NULL, leased_until = clock_timestamp() + %(wait)s * interval '1 s'
WHERE partner = %(partner)s AND name = %(name)s AND epoch = %(epoch)s
"""


def lease(conn: Connection, partner: str, name: str, holder: str) -> Stream | None:
    """Take the stream, made where it is missing; None while somebody else has it."""
    row = conn.execute(_LEASE, {"partner": partner, "name": name, "holder": holder}).fetchone()
    return None if row is None else Stream._make(row)


def write_leased(conn: Connection, stream: Stream, statement: str, **values: object) -> Stream:
    """Run an UPDATE of the stream's row under our epoch, which is to prolong the lease. Raises LeaseLost.

    The statement names `partner`, `name` and `epoch`, which are given here, and returns `STREAM`.
    """
    ours = {"partner": stream.partner, "name": stream.name, "epoch": stream.epoch}
    row = conn.execute(statement, {**values, **ours}).fetchone()
    if row is None:
        raise LeaseLost(stream.name)
    return Stream._make(row)


def release(conn: Connection, stream: Stream, wait: float = 0.0) -> None:
    """Let others run the stream after so many seconds. Nothing happens when the lease is lost already.

    Whoever will go on after a wait keeps others from starting meanwhile, or each round would add a runner.
    """
    conn.execute(
        _RELEASE, {"wait": wait, "partner": stream.partner, "name": stream.name, "epoch": stream.epoch}
    )
