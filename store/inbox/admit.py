"""The one door: every copy, however it came, enters here.

One statement admits a batch: the registry row, the sealed body and the queue row of each copy that was never
seen, nothing for the others. It also makes sure that its COMMIT waits for the disk. Rows go in by ascending
id: two receivers with unsorted batches that share copies would deadlock on the registry's unique index.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from operator import itemgetter
from typing import Any

import psycopg

from store.db import arrays
from store.db.durability import DURABLE, RELAXED
from store.inbox.deliveries import DeliveryRow
from store.inbox.model import LEASE_SECONDS, Arrival

__all__ = ["admit", "admit_now", "admit_pulled", "known_ids"]

# What is admitted for the first time stands in no other table yet; to look there would cost a quarter more.
_ADMIT_TIMED = f"""
WITH arrived AS (
    SELECT * FROM unnest(%(ids)s::uuid[], %(partners)s::text[], %(ways)s::text[], %(times)s::timestamptz[],
                         %(sealed)b::bytea[], %(url_ids)s::text[])
        AS a (id, partner, via, received_at, sealed, url_id)
    WHERE {DURABLE}
), admitted AS (
    INSERT INTO events (id, partner, via, received_at) SELECT id, partner, via, received_at FROM arrived
    ON CONFLICT (id) DO NOTHING
    RETURNING seq, id
), kept AS (
    INSERT INTO bodies (seq, received_at, id, partner, via, sealed, url_id)
    SELECT n.seq, a.received_at, a.id, a.partner, a.via, a.sealed, a.url_id
    FROM admitted n JOIN arrived a USING (id)
), queued AS (
    INSERT INTO queue (seq, received_at, due_at)
    SELECT n.seq, a.received_at, now() + interval '{LEASE_SECONDS} seconds'
    FROM admitted n JOIN arrived a USING (id)
)
SELECT uuid_send(id), seq FROM admitted
"""
# A timeless body that comes again after ten minutes is news: its registry row is renewed, it is queued again.
_ADMIT_TIMELESS = f"""
WITH arrived AS (
    SELECT * FROM unnest(%(ids)s::uuid[], %(partners)s::text[], %(ways)s::text[], %(times)s::timestamptz[],
                         %(sealed)b::bytea[], %(url_ids)s::text[], %(timeless)s::bool[])
        AS a (id, partner, via, received_at, sealed, url_id, timeless)
    WHERE {DURABLE}
), admitted AS (
    INSERT INTO events (id, partner, via, received_at) SELECT id, partner, via, received_at FROM arrived
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
_ADMIT_PULLED = f"""
WITH arrived AS (
    SELECT * FROM unnest(%(ids)s::uuid[], %(partners)s::text[], %(ways)s::text[], %(times)s::timestamptz[],
                         %(sealed)b::bytea[], %(url_ids)s::text[], %(said)s::bool[], %(statuses)s::text[],
                         %(status_codes)s::smallint[])
        AS a (id, partner, via, received_at, sealed, url_id, said, status, status_code)
    WHERE {RELAXED}
), admitted AS (
    INSERT INTO events (id, partner, via, received_at) SELECT id, partner, via, received_at FROM arrived
    ON CONFLICT (id) DO NOTHING
    RETURNING seq, id
), kept AS (
    INSERT INTO bodies (seq, received_at, id, partner, via, sealed, url_id)
    SELECT n.seq, a.received_at, a.id, a.partner, a.via, a.sealed, a.url_id
    FROM admitted n JOIN arrived a USING (id)
), queued AS (
    INSERT INTO queue (seq, received_at, due_at)
    SELECT n.seq, a.received_at, now() + interval '{LEASE_SECONDS} seconds'
    FROM admitted n JOIN arrived a USING (id)
), noted AS (
    INSERT INTO deliveries (seq, status, status_code, noted_at)
    SELECT n.seq, a.status, a.status_code, clock_timestamp() FROM admitted n JOIN arrived a USING (id)
    WHERE a.said
)
SELECT uuid_send(id), seq FROM admitted
"""


_by_id = itemgetter(0)


def _parameters(rows: Sequence[Arrival]) -> dict[str, Any]:
    return {
        "ids": arrays.texts([row.id.hex() for row in rows]),
        "partners": arrays.texts([row.partner for row in rows]),
        "ways": arrays.texts([row.via for row in rows]),
        "times": arrays.texts(_times(rows)),
        "sealed": [row.sealed for row in rows],
        "url_ids": arrays.texts([row.url_id for row in rows]),
    }


def _flags(values: Iterable[bool]) -> str:
    return arrays.texts(["t" if value else "f" for value in values])


def _admission(batch: Sequence[Arrival]) -> tuple[str, dict[str, Any]]:
    rows = sorted(batch, key=_by_id)
    timeless = [row.timeless for row in rows]
    if any(timeless):
        return _ADMIT_TIMELESS, {**_parameters(rows), "timeless": _flags(timeless)}
    return _ADMIT_TIMED, _parameters(rows)


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
    cursor = await conn.execute(*_admission(batch), binary=True)
    return dict(await cursor.fetchall())


def admit_now(conn: psycopg.Connection[Any], batch: Sequence[Arrival]) -> dict[bytes, int]:
    """As `admit`, blocking."""
    return dict(conn.execute(*_admission(batch), binary=True).fetchall())


def known_ids(conn: psycopg.Connection[Any], ids: Sequence[bytes]) -> set[bytes]:
    """Those of these event ids that came in before."""
    rows = conn.execute(
        "SELECT uuid_send(id) FROM events WHERE id = ANY(%s::uuid[])",
        (arrays.texts([one.hex() for one in ids]),),
        binary=True,
    )
    return {bytes(row[0]) for row in rows}


def admit_pulled(
    conn: psycopg.Connection[Any], batch: Sequence[Arrival], deliveries: Mapping[bytes, DeliveryRow]
) -> dict[bytes, int]:
    """As `admit_now` for events with times, of which the partner says how it pushed them, by event id.

    What it says of events that were known before is left to the caller (`note_deliveries`). In a transaction
    that stores the cursor too: its COMMIT does not wait for the disk.
    """
    rows = sorted(batch, key=_by_id)
    said = [deliveries.get(row.id) for row in rows]
    parameters = {
        **_parameters(rows),
        "said": _flags(one is not None for one in said),
        "statuses": arrays.texts([None if one is None else one.status for one in said]),
        "status_codes": arrays.numbers([None if one is None else one.status_code for one in said]),
    }
    return dict(conn.execute(_ADMIT_PULLED, parameters, binary=True).fetchall())
