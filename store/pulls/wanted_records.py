"""The table `wanted_records`: records that are read in the next round, whatever their entity waits for.

Of an event that leaves open what it says, the record is asked for once. A prescription's is tried a few
times, a day apart: it may not be there yet, or be of another account and never come.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import psycopg

from store.db import arrays

__all__ = [
    "OVERLAP",
    "TRIES",
    "WantedRecord",
    "due_wanted",
    "forget_old",
    "had",
    "not_had",
    "put_off",
    "want_prescriptions",
    "want_records",
]

Connection = psycopg.Connection[Any]

#: How often a prescription's record is asked for, a day apart: a week.
TRIES = 7
#: How far before the last round facts are looked at that name prescriptions: what was received before it may
#: have been applied after it.
OVERLAP = timedelta(days=1)


class WantedRecord(NamedTuple):
    """A record to read. `tries_left` counts the one that is due."""

    kind: str
    key: str
    tries_left: int


_WANT = """
INSERT INTO wanted_records AS w (kind, key, since, next_at, tries_left)
SELECT DISTINCT kind, key, clock_timestamp(), clock_timestamp(), 1
FROM unnest(%(kinds)s::text[], %(keys)s::text[]) AS n (kind, key) ORDER BY kind, key
ON CONFLICT (kind, key) DO UPDATE SET next_at = excluded.next_at,
    tries_left = greatest(w.tries_left, excluded.tries_left)
"""


def want_records(conn: Connection, names: Collection[tuple[str, str]]) -> None:
    """Have the records of these entities, by (kind, key), read once, in the next round.

    Part of the caller's transaction; rows are locked in the order of their names.
    """
    kinds, keys = [kind for kind, _ in names], [key for _, key in names]
    conn.execute(_WANT, {"kinds": arrays.texts(kinds), "keys": arrays.texts(keys)})


# What names a prescription: its arrival by its own key, copays and order claims by the tokens of their lines.
# A record that was had is a fact, and one that was asked for of late has its row. What is behind OFFSET 0 is
# looked up for each of them: joined, it would read all records that there ever were.
_WANT_PRESCRIPTIONS = """
WITH news AS MATERIALIZED (
    SELECT entity_id, signal, lines FROM facts
    WHERE received_at > %(since)s
      AND (signal = 'rx:received' OR signal LIKE 'copay:%%' OR signal LIKE 'claim:%%')
), named AS (
    SELECT e.key FROM news JOIN entities e ON e.id = news.entity_id WHERE news.signal = 'rx:received'
    UNION
    SELECT line ->> 1 FROM news CROSS JOIN LATERAL jsonb_array_elements(news.lines) AS line
    WHERE news.signal <> 'rx:received' AND line ->> 1 IS NOT NULL
)
INSERT INTO wanted_records (kind, key, since, next_at, tries_left)
SELECT 'prescription', named.key, clock_timestamp(), clock_timestamp(), %(tries)s::smallint FROM named
WHERE NOT EXISTS (
    SELECT FROM entities e JOIN facts f ON f.entity_id = e.id
    WHERE e.kind = 'prescription' AND e.key = named.key AND f.signal LIKE 'seen:%%' OFFSET 0
)
ORDER BY named.key ON CONFLICT (kind, key) DO NOTHING
"""


def want_prescriptions(conn: Connection, since: datetime) -> None:
    """Have the records of prescriptions read that facts name which were received since `since`, less OVERLAP.

    Of those whose record was read before none is. Raises psycopg.Error.
    """
    conn.execute(_WANT_PRESCRIPTIONS, {"since": since - OVERLAP, "tries": TRIES})


_DUE = """
SELECT kind, key, tries_left FROM wanted_records
WHERE kind = ANY(%(kinds)s::text[]) AND tries_left > 0 AND next_at <= clock_timestamp()
ORDER BY next_at, kind, key LIMIT %(limit)s
"""


def due_wanted(conn: Connection, kinds: Collection[str], limit: int) -> list[WantedRecord]:
    """Up to `limit` wanted records of these kinds, the longest due first."""
    rows = conn.execute(_DUE, {"kinds": arrays.texts(sorted(kinds)), "limit": limit})
    return [WantedRecord._make(row) for row in rows]


_HAD = """
WITH last AS (
    DELETE FROM wanted_records WHERE kind = %(kind)s AND key = %(key)s AND tries_left <= 1 RETURNING key
)
UPDATE wanted_records SET tries_left = 0, since = clock_timestamp()
WHERE kind = %(kind)s AND key = %(key)s AND NOT EXISTS (SELECT FROM last)
"""
_NOT_HAD = """
WITH last AS (
    DELETE FROM wanted_records WHERE kind = %(kind)s AND key = %(key)s AND tries_left <= 1 RETURNING key
)
UPDATE wanted_records SET tries_left = tries_left - 1, next_at = clock_timestamp() + interval '1 day'
WHERE kind = %(kind)s AND key = %(key)s AND NOT EXISTS (SELECT FROM last)
"""
_PUT_OFF = """
UPDATE wanted_records
SET next_at = clock_timestamp() + greatest(interval '1 hour', clock_timestamp() - since)
WHERE kind = %(kind)s AND key = %(key)s
"""
# What was had is remembered for longer than facts are looked at again.
_FORGET = """
DELETE FROM wanted_records
WHERE since < clock_timestamp() - CASE WHEN tries_left = 0 THEN interval '2 days' ELSE interval '35 days' END
"""


def had(conn: Connection, one: WantedRecord) -> None:
    """It was read. Part of the caller's transaction."""
    conn.execute(_HAD, {"kind": one.kind, "key": one.key})


def not_had(conn: Connection, one: WantedRecord) -> None:
    """The partner does not give it: it is tried again tomorrow, or after the last try no more."""
    conn.execute(_NOT_HAD, {"kind": one.kind, "key": one.key})


def put_off(conn: Connection, one: WantedRecord) -> None:
    """The partner failed over it, which is no answer: it is tried again after an hour, then twice as long."""
    conn.execute(_PUT_OFF, {"kind": one.kind, "key": one.key})


def forget_old(conn: Connection) -> None:
    """Forget what was had two days ago, and what nobody could ask for in five weeks."""
    conn.execute(_FORGET)
