"""Connections of the hot path, through psycopg."""

from __future__ import annotations

from typing import Any

import psycopg

__all__ = ["connect", "connect_async", "connect_unhurried"]

_OPTIONS = "-c timezone=UTC -c statement_timeout={statement} -c lock_timeout={lock}"

#: How long a statement waits for a lock, in milliseconds: a batch holds its locks for tens of them.
LOCK_MS = 3_000


def _arguments(application: str, statement_ms: int, lock_ms: int) -> dict[str, Any]:
    return {
        "application_name": f"rxledger-{application}",
        "autocommit": True,
        "connect_timeout": 3,
        "keepalives_idle": 30,
        "keepalives_interval": 5,
        "keepalives_count": 3,
        "tcp_user_timeout": 20_000,
        "options": _OPTIONS.format(statement=statement_ms, lock=lock_ms),
    }


def connect(url: str, application: str = "worker", *, statement_ms: int = 60_000) -> psycopg.Connection:
    """An autocommit connection, UTC, with timeouts in milliseconds. Raises psycopg.OperationalError."""
    return psycopg.connect(url, **_arguments(application, statement_ms, LOCK_MS))


def connect_unhurried(url: str, application: str = "worker") -> psycopg.Connection:
    """As `connect`, with COMMITs that do not wait for the disk: for work that would be done again.

    Only for what takes from the queue and writes in one transaction, or stores a page with its cursor. If the
    server dies before the COMMIT is on disk, the queue rows or the cursor are back with it, and doing it
    again gives the same.
    """
    conn = connect(url, application)
    conn.execute("SET synchronous_commit = off")
    return conn


async def connect_async(
    url: str, application: str = "receiver", *, statement_ms: int = 5_000
) -> psycopg.AsyncConnection:
    """As `connect`, for an event loop."""
    return await psycopg.AsyncConnection.connect(url, **_arguments(application, statement_ms, statement_ms))
