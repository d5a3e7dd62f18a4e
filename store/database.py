"""Connections of the hot path, through psycopg, and whose fault their errors are."""

from __future__ import annotations

from typing import Any

import psycopg

__all__ = ["ENVIRONMENTAL", "connect", "connect_async", "connect_unhurried", "is_environmental"]

_OPTIONS = "-c timezone=UTC -c statement_timeout={statement} -c lock_timeout={lock}"


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
    return psycopg.connect(url, **_arguments(application, statement_ms, 10_000))


def connect_unhurried(url: str, application: str = "worker") -> psycopg.Connection:
    """As `connect`, with COMMITs that do not wait for the disk: for work that would be done again.

    Only for what takes from the queue and writes in one transaction. If the server dies before the COMMIT is
    on disk, the queue rows are back with it, and applying them again gives the same.
    """
    conn = connect(url, application)
    conn.execute("SET synchronous_commit = off")
    return conn


async def connect_async(
    url: str, application: str = "receiver", *, statement_ms: int = 5_000
) -> psycopg.AsyncConnection:
    """As `connect`, for an event loop."""
    return await psycopg.AsyncConnection.connect(url, **_arguments(application, statement_ms, statement_ms))


# Deadlock, serialization failure, lock not available, statement cancelled by a timeout, resources, shutdown.
ENVIRONMENTAL = ("40", "53", "55", "57", "08")


def is_environmental(error: BaseException) -> bool:
    """Whether an error is the environment's fault: worth a retry, and never an event's poison (D9)."""
    if not isinstance(error, psycopg.Error):
        return False
    if error.sqlstate is None:
        return isinstance(error, psycopg.OperationalError | psycopg.InterfaceError)
    return error.sqlstate.startswith(ENVIRONMENTAL)
