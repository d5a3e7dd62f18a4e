"""The limit of applying: the rows that apply left, written again by one statement in the server.

Nothing is unsealed, parsed, folded or sent over a socket, and each row is written once: no worker can be
faster. The rows come from unlogged copies and go into the real tables, with their indexes and their WAL.
"""

from __future__ import annotations

import time
from typing import Any

import psycopg
from psycopg import sql

__all__ = ["OF_THE_INBOX", "keep", "tables", "write"]

Connection = psycopg.Connection[Any]

#: What is there before anything is applied; every other table holds what applying came to.
OF_THE_INBOX = ("events", "bodies")
_PREFIX = "limit_"


def tables(conn: Connection) -> list[str]:
    """The tables of our schema, less Alembic's and our own copies."""
    rows = conn.execute(
        "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') "
        "AND NOT relispartition AND relname <> 'alembic_version' AND NOT starts_with(relname, %s) ORDER BY 1",
        (_PREFIX,),
    )
    return [name for (name,) in rows]


def keep(conn: Connection) -> None:
    """Copy what apply has just left, and which events it took off the queue, into tables of our own."""
    for name in _written(conn):
        copy, table = sql.Identifier(_PREFIX + name), sql.Identifier(name)
        conn.execute(sql.SQL("CREATE UNLOGGED TABLE {} AS TABLE {}").format(copy, table))
        conn.execute(sql.SQL("ANALYZE {}").format(copy))
    conn.execute("CREATE UNLOGGED TABLE limit_queue AS SELECT DISTINCT seq FROM event_facts")
    conn.execute("ANALYZE limit_queue")


def _written(conn: Connection) -> list[str]:
    """The tables that hold what applying came to."""
    names = [name for name in tables(conn) if name not in (*OF_THE_INBOX, "queue")]
    exists = sql.SQL("SELECT EXISTS (SELECT FROM {})")
    return [n for n in names if conn.execute(exists.format(sql.Identifier(n))).fetchone() == (True,)]


def write(conn: Connection) -> float:
    """Write it all again, with the queue full and the targets empty; the seconds it took, COMMIT included."""
    copies = conn.execute(
        "SELECT relname FROM pg_class WHERE relkind = 'r' AND starts_with(relname, %s) "
        "AND relname <> 'limit_queue'",
        (_PREFIX,),
    )
    statement = sql.SQL(
        "WITH {} DELETE FROM queue USING limit_queue WHERE queue.seq = limit_queue.seq"
    ).format(
        sql.SQL(", ").join(
            sql.SQL("{} AS (INSERT INTO {} OVERRIDING SYSTEM VALUE SELECT * FROM {})").format(
                sql.Identifier(f"written_{name}"),
                sql.Identifier(name.removeprefix(_PREFIX)),
                sql.Identifier(name),
            )
            for (name,) in copies
        )
    )
    conn.execute("ANALYZE queue")
    started = time.perf_counter()
    deleted = conn.execute(statement).rowcount
    seconds = time.perf_counter() - started
    assert deleted == conn.execute("SELECT FROM limit_queue").rowcount
    return seconds
