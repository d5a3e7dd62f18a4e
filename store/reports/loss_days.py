"""The loss ledger by day as it was last counted: what scrapes and `doctor` read instead of the facts."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any, NamedTuple

import psycopg

from store.db.columns import BIGINT, WORD, Columns

__all__ = ["COUNTS", "DAYS", "DayRow", "Totals", "count_times", "last_counted", "replace_day", "totals"]

Connection = psycopg.Connection[Any]

#: How many days are counted, today included: what is shown without being asked for.
DAYS = 30


class DayRow(NamedTuple):
    """One day's counts of one callback type of a partner."""

    day: date
    partner: str
    callback_type: str
    pushed: int
    pulled_only: int
    both_ways: int
    unconfirmed: int
    flagged: int


#: What is counted of each day and type, in the order in which it stands in a DayRow and in Totals.
COUNTS = DayRow._fields[3:]
#: As the fields of a DayRow, less its day.
LOSSES = Columns("losses", {"partner": WORD, "callback_type": WORD} | dict.fromkeys(COUNTS, BIGINT))


class Totals(NamedTuple):
    """The counts of a partner's type over the last days. `since`: the earliest of the days with something
    flagged.
    """

    partner: str
    callback_type: str
    pushed: int
    pulled_only: int
    both_ways: int
    unconfirmed: int
    flagged: int
    since: date | None


_COUNT_TIMES = """
SELECT d::date, c.counted_at
FROM generate_series((now() AT TIME ZONE 'UTC')::date - (%(days)s - 1), (now() AT TIME ZONE 'UTC')::date,
                     interval '1 day') AS d
LEFT JOIN losses_counted c ON c.day = d::date ORDER BY 1
"""


def count_times(conn: Connection, days: int) -> dict[date, datetime | None]:
    """Each of the last days (UTC, today included), and when it was counted; None where it never was."""
    return dict(conn.execute(_COUNT_TIMES, {"days": days}).fetchall())


def last_counted(conn: Connection) -> datetime | None:
    """When any day was counted last; None where none ever was."""
    return conn.execute("SELECT max(counted_at) FROM losses_counted").fetchall()[0][0]  # type: ignore[no-any-return]


_COUNTED_NOW = """
INSERT INTO losses_counted (day, counted_at) VALUES (%(day)s, clock_timestamp())
ON CONFLICT (day) DO UPDATE SET counted_at = excluded.counted_at
"""
_INSERT = f"INSERT INTO losses (day, {LOSSES.names}) SELECT %(day)s, {LOSSES.values} FROM {LOSSES.rows}"


def replace_day(conn: Connection, day: date, rows: Sequence[DayRow]) -> None:
    """Put a day's counts in the place of those there are. In one transaction, and one counter at a time."""
    of_day = {"day": day}
    with conn.transaction():
        conn.execute(_COUNTED_NOW, of_day)
        conn.execute("DELETE FROM losses WHERE day = %(day)s", of_day)
        conn.execute(_INSERT, of_day | LOSSES.parameters([row[1:] for row in rows]))


_TOTALS = f"""
SELECT partner, callback_type, {", ".join(f"sum({count})::bigint" for count in COUNTS)},
       min(day) FILTER (WHERE flagged > 0)
FROM losses WHERE day > (now() AT TIME ZONE 'UTC')::date - %(days)s GROUP BY 1, 2 ORDER BY 1, 2
"""


def totals(conn: Connection, days: int) -> list[Totals]:
    """The last days (UTC, today included) together, by partner and type."""
    return [Totals._make(row) for row in conn.execute(_TOTALS, {"days": days})]
