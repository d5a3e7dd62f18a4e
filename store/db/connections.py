"""Connections of the hot path, through psycopg."""

from __future__ import annotations

from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict

__all__ = ["connect", "connect_async", "parameters"]

#: How long a statement waits for a lock, in milliseconds: a batch holds its locks for tens of them.
LOCK_MS = 3_000


def parameters(url: str, application: str, **timeouts: int) -> dict[str, Any]:
    """What libpq is given: the address, as libpq reads it, over what we would say without a word of it.

    `timeouts` are settings of the server, in milliseconds. Of `options` both count, the address's last.
    Raises psycopg.ProgrammingError for what is no address.
    """
    given = conninfo_to_dict(url)
    ours = {
        "application_name": f"rxledger-{application}",
        "connect_timeout": 3,
        "keepalives_idle": 30,
        "keepalives_interval": 5,
        "keepalives_count": 3,
        "tcp_user_timeout": 20_000,
    }
    options = ["-c timezone=UTC", *(f"-c {name}={value}" for name, value in timeouts.items())]
    if given.get("options"):
        options.append(str(given["options"]))
    return {**ours, **given, "options": " ".join(options)}


def connect(url: str, application: str = "worker", *, statement_ms: int = 60_000) -> psycopg.Connection:
    """An autocommit connection, UTC, with timeouts in milliseconds. Raises psycopg.OperationalError."""
    given = parameters(url, application, statement_timeout=statement_ms, lock_timeout=LOCK_MS)
    return psycopg.connect(autocommit=True, **given)


async def connect_async(
    url: str, application: str = "receiver", *, statement_ms: int = 5_000
) -> psycopg.AsyncConnection:
    """As `connect`, for an event loop."""
    given = parameters(url, application, statement_timeout=statement_ms, lock_timeout=statement_ms)
    return await psycopg.AsyncConnection.connect(autocommit=True, **given)
