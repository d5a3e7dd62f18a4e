"""The loss ledger by day as it was last counted: what scrapes and `doctor` read instead of the facts."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any, NamedTuple

import psycopg

from store.db import arrays

__all__ = ["DAYS", "DayRow", "Totals", "counted", "keep", "last_counted", "totals"]

Connection = psycopg.Connection[Any]

#: How many days are kept counted, today included: what is told without being asked for.
DAYS = 30


class DayRow(NamedTuple):
    """One day's counts of one callback type."""

    day: date
    callback_type: str
    pushed: int
    pulled_only: int
    both_ways: int
    unconfirmed: int
    flagged: int


class Totals(NamedTuple):
    """The counts of a type over the last days. `since`: the earliest of the days with something flagged."""

    callback_type: str
    pushed: int
    pulled_only: int
    both_ways: int
    unconfirmed: int
    flagged: int
    since: date | None


def counted(conn: Connection, days: int) -> dict[date, datetime | None]:
    """Each of the last days (UTC, today included), and when it was counted; None where it never was."""
    rows = conn.execute(
        "SELECT d::date, c.counted_at FROM generate_series("
        "(now() AT TIME ZONE 'UTC')::date - %s, (now() AT TIME ZONE 'UTC')::date, interval '1 day') AS d "
        "LEFT JOIN losses_counted c ON c.day = d::date ORDER BY 1",
        (days - 1,),
    )
    return dict(rows.fetchall())


def last_counted(conn: Connection) -> datetime | None:
    """When any day was counted last; None where none ever was."""
    return conn.execute("SELECT max(counted_at) FROM losses_counted").fetchall()[0][0]  # type: ignore[no-any-return]


def keep(conn: Connection, day: date, rows: Sequence[DayRow]) -> None:
    """Put a day's counts in the place of those there are. In one transaction, and one counter at a time."""
    with conn.transaction():
        conn.execute(
            "INSERT INTO losses_counted (day, counted_at) VALUES (%s, clock_timestamp()) "
            "ON CONFLICT (day) DO UPDATE SET counted_at = excluded.counted_at",
            (day,),
        )
        conn.execute("DELETE FROM losses WHERE day = %s", (day,))
        conn.execute(
            "INSERT INTO losses (day, callback_type, pushed, pulled_only, both_ways, unconfirmed, flagged) "
            "SELECT %s, n.* FROM unnest(%s::text[], %s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[], "
            "%s::bigint[]) AS n",
            (
                day,
                arrays.texts([row.callback_type for row in rows]),
                arrays.numbers([row.pushed for row in rows]),
                arrays.numbers([row.pulled_only for row in rows]),
                arrays.numbers([row.both_ways for row in rows]),
                arrays.numbers([row.unconfirmed for row in rows]),
                arrays.numbers([row.flagged for row in rows]),
            ),
        )


_TOTALS = """
SELECT callback_type, sum(pushed)::bigint, sum(pulled_only)::bigint, sum(both_ways)::bigint,
       sum(unconfirmed)::bigint, sum(flagged)::bigint, min(day) FILTER (WHERE flagged > 0)
FROM losses WHERE day > (now() AT TIME ZONE 'UTC')::date - %s GROUP BY 1 ORDER BY 1
"""


def totals(conn: Connection, days: int) -> list[Totals]:
    """The last days (UTC, today included) together, by type."""
    return [Totals._make(row) for row in conn.execute(_TOTALS, (days,))]
