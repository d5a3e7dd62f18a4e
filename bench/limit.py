"""The limit of applying: the rows that apply left, written again by one statement in the server.

Nothing is unsealed, parsed, folded or sent over a socket, and each entity is written once: no worker can be
faster. The rows come from unlogged copies and go into the real tables, with their indexes and their WAL.
"""

from __future__ import annotations

import time
from typing import Any

import psycopg

__all__ = ["keep", "write"]

TABLES = ("facts", "outcomes", "entities")

WRITE = """
WITH written_facts AS (INSERT INTO facts SELECT * FROM limit_facts),
     written_outcomes AS (INSERT INTO outcomes SELECT * FROM limit_outcomes),
     written_entities AS (INSERT INTO entities OVERRIDING SYSTEM VALUE SELECT * FROM limit_entities)
DELETE FROM queue USING limit_queue WHERE queue.seq = limit_queue.seq
"""


def keep(conn: psycopg.Connection[Any]) -> None:
    """Copy what apply has just left into tables of our own."""
    for table in TABLES:
        conn.execute(f"DROP TABLE IF EXISTS limit_{table}")
        conn.execute(f"CREATE UNLOGGED TABLE limit_{table} AS SELECT * FROM {table}")
    conn.execute("DROP TABLE IF EXISTS limit_queue")
    conn.execute("CREATE UNLOGGED TABLE limit_queue AS SELECT DISTINCT seq FROM limit_outcomes")
    for table in (*TABLES, "queue"):
        conn.execute(f"ANALYZE limit_{table}")


def write(conn: psycopg.Connection[Any]) -> float:
    """Write them again, with the queue full and the targets empty; the seconds it took, COMMIT included."""
    conn.execute("ANALYZE queue")
    started = time.perf_counter()
    deleted = conn.execute(WRITE).rowcount
    seconds = time.perf_counter() - started
    assert deleted == conn.execute("SELECT FROM limit_queue").rowcount
    return seconds
