"""The monthly partitions of `bodies`, made ahead of time by the database's clock."""

from __future__ import annotations

from datetime import date
from typing import Any

import psycopg
from psycopg import sql

from store.db.locks import PARTITIONS

__all__ = ["DEFAULT", "ahead", "ensure", "existing", "stray_rows"]

MONTHS_AHEAD = 3
#: Catches what no month takes, so that nothing is refused; `doctor` alarms when it holds a row.
DEFAULT = "bodies_default"


def _month(day: date, offset: int) -> date:
    index = day.year * 12 + day.month - 1 + offset
    return date(index // 12, index % 12 + 1, 1)


def ensure(conn: psycopg.Connection[Any], months_ahead: int = MONTHS_AHEAD) -> list[str]:
    """Make last month's, this month's and the next months' partitions; the names of those that were missing.

    Last month's is for what waited in a spool over midnight of the first. Raises psycopg.Error, as when the
    default partition already holds rows of that month: the other months are made all the same.
    """
    made: list[str] = []
    stray: psycopg.errors.CheckViolation | None = None
    for month in range(-1, months_ahead + 1):
        try:
            made += _make(conn, month)
        except psycopg.errors.CheckViolation as error:
            stray = error
    if stray is not None:
        raise stray
    return made


def _make(conn: psycopg.Connection[Any], offset: int) -> list[str]:
    """One month's partition, in a transaction of its own; its name when it was missing."""
    with conn.transaction():
        # Two makers at once would both find a month missing.
        conn.execute("SELECT pg_advisory_xact_lock(hashtext(%s))", (PARTITIONS,))
        first = _month(_today(conn), offset)
        name = f"bodies_{first:%Y_%m}"
        if name in existing(conn):
            return []
        conn.execute(
            sql.SQL("CREATE TABLE {} PARTITION OF bodies FOR VALUES FROM ({}) TO ({})").format(
                sql.Identifier(name),
                sql.Literal(f"{first} 00:00:00+00"),
                sql.Literal(f"{_month(first, 1)} 00:00:00+00"),
            )
        )
    return [name]


def existing(conn: psycopg.Connection[Any]) -> list[str]:
    """The names of the partitions there are, the default one included."""
    rows = conn.execute(
        "SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid "
        "WHERE i.inhparent = 'bodies'::regclass ORDER BY 1"
    )
    return [name for (name,) in rows]


def ahead(conn: psycopg.Connection[Any]) -> int:
    """How many months after this one have a partition already, without a hole."""
    today, have = _today(conn), set(existing(conn))
    count = 0
    while f"bodies_{_month(today, count + 1):%Y_%m}" in have:
        count += 1
    return count


def stray_rows(conn: psycopg.Connection[Any]) -> bool:
    """Whether the default partition holds anything."""
    row = conn.execute(f"SELECT EXISTS (SELECT FROM {DEFAULT})").fetchone()
    return bool(row and row[0])


def _today(conn: psycopg.Connection[Any]) -> date:
    row = conn.execute("SELECT (now() AT TIME ZONE 'UTC')::date").fetchone()
    assert row is not None  # noqa: S101 - a SELECT without FROM has one row
    day: date = row[0]
    return day
