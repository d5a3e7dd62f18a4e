"""The one door: every copy, however it came, enters here (D3).

One statement admits a batch: the registry row, the sealed body and the queue row of each copy that was
never seen, nothing for the others. Rows go in by ascending id: two receivers with unsorted batches that
share copies would deadlock on the registry's unique index.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from operator import itemgetter
from typing import Any, NamedTuple

import psycopg

from store import arrays

__all__ = ["LEASE_SECONDS", "Arrival", "admit", "admit_now"]

#: How long a first hint has before the sweeper sends another, in seconds.
LEASE_SECONDS = 15


class Arrival(NamedTuple):
    """One verified copy, sealed. `id` is its `Lookup.event_id`; `received_at` is aware, in UTC.

    `timeless` marks a source that prints no times: there, an equal body is a copy for ten minutes only (D12).
    `url_id` is the request's id in the URL that it was pulled from, as it went into `id`.
    """

    id: bytes
    partner: str
    via: str
    received_at: datetime
    sealed: bytes
    timeless: bool = False
    url_id: str | None = None


# A timeless body that comes again after ten minutes is news: its registry row is renewed, it is queued again.
_ADMIT = f"""
WITH arrived AS (
    SELECT * FROM unnest(%s::uuid[], %s::text[], %s::text[], %s::timestamptz[], %b::bytea[], %s::bool[],
                         %s::text[])
        AS a (id, partner, via, received_at, sealed, timeless, url_id)
), admitted AS (
    INSERT INTO events (id, partner, via, received_at)
    SELECT id, partner, via, received_at FROM arrived
    ON CONFLICT (id) DO UPDATE SET received_at = excluded.received_at
        WHERE excluded.received_at > events.received_at + interval '10 minutes'
          AND (SELECT timeless FROM arrived a WHERE a.id = excluded.id)
    RETURNING seq, id
), kept AS (
    INSERT INTO bodies (seq, received_at, id, partner, via, sealed, url_id)
    SELECT n.seq, a.received_at, a.id, a.partner, a.via, a.sealed, a.url_id
    FROM admitted n JOIN arrived a USING (id)
), queued AS (
    INSERT INTO queue (seq, received_at, due_at)
    SELECT n.seq, a.received_at, now() + interval '{LEASE_SECONDS} seconds'
    FROM admitted n JOIN arrived a USING (id)
    ON CONFLICT (seq) DO NOTHING
)
SELECT uuid_send(id), seq FROM admitted
"""


_by_id = itemgetter(0)


def _parameters(batch: Sequence[Arrival]) -> tuple[Any, ...]:
    rows = sorted(batch, key=_by_id)
    return (
        arrays.texts([row.id.hex() for row in rows]),
        arrays.texts([row.partner for row in rows]),
        arrays.texts([row.via for row in rows]),
        arrays.texts(_times(rows)),
        [row.sealed for row in rows],
        arrays.texts(["t" if row.timeless else "f" for row in rows]),
        arrays.texts([row.url_id for row in rows]),
    )


def _times(rows: Iterable[Arrival]) -> list[str]:
    """When each was received. Those of one page of pulled events share one object."""
    found, known, text = [], None, ""
    for row in rows:
        if row.received_at is not known:
            known = row.received_at
            text = known.isoformat()
        found.append(text)
    return found


async def admit(conn: psycopg.AsyncConnection[Any], batch: Sequence[Arrival]) -> dict[bytes, int]:
    """Make a batch durable in one statement and one COMMIT; `{event id: inbox id}` of what is new.

    `conn` is in autocommit; the batch may not hold one id twice. Raises psycopg.Error, after which nothing
    is known of the batch: admitting it again is safe.
    """
    cursor = await conn.execute(_ADMIT, _parameters(batch), binary=True)
    return dict(await cursor.fetchall())


def admit_now(conn: psycopg.Connection[Any], batch: Sequence[Arrival]) -> dict[bytes, int]:
    """As `admit`, blocking."""
    return dict(conn.execute(_ADMIT, _parameters(batch), binary=True).fetchall())
