"""Connections through psycopg: the one place that opens them, behind a pooler or not."""

from __future__ import annotations

from typing import Any, NamedTuple

import psycopg
from psycopg.conninfo import conninfo_to_dict

from settings import Database
from store.db.session import (
    AsyncPooledConnection,
    PooledConnection,
    as_options,
    as_statement,
    read_times_as_utc,
    session_settings,
)

__all__ = ["PoolerNoticed", "call_for", "connect", "connect_async", "dial", "refuse_unsaid_pooler"]

#: How long a statement waits for a lock, in milliseconds: a batch holds its locks for tens of them.
LOCK_MS = 3_000
#: Behind a pooler this is the server's process, and not the one that answered when we connected.
_SERVES = "SELECT pg_backend_pid()"
#: The environment's PGDATESTYLE, which libpq sends for itself, comes after what is said at the start.
_READABLE = "SET datestyle = ISO"


class PoolerNoticed(psycopg.OperationalError):
    """A pooler answered and no setting says so: what is said for a session would be lost, or reach others."""

    def __init__(self) -> None:
        super().__init__("a pooler stands before PostgreSQL: set RXLEDGER_DATABASE_POOLER=transaction")


class Call(NamedTuple):
    """What psycopg is given, and the statement that each transaction begins with (empty without a pooler)."""

    parameters: dict[str, Any]
    said: str


def connect(
    database: Database | str,
    application: str = "worker",
    *,
    statement_ms: int = 60_000,
    lock_ms: int = LOCK_MS,
) -> psycopg.Connection[Any]:
    """An autocommit connection, UTC, with timeouts in milliseconds (0: none); an address alone is a server's.

    Raises psycopg.OperationalError, of which PoolerNoticed is one; psycopg.ProgrammingError for no address.
    """
    call = call_for(database, application, statement_timeout=statement_ms, lock_timeout=lock_ms)
    if not call.said:
        return _direct(call)
    conn = PooledConnection.connect(autocommit=True, prepare_threshold=None, **call.parameters)
    conn.said, conn.isolation_level = call.said, psycopg.IsolationLevel.READ_COMMITTED
    read_times_as_utc(conn)
    return conn


async def connect_async(
    database: Database | str, application: str = "receiver", *, statement_ms: int = 5_000
) -> psycopg.AsyncConnection[Any]:
    """As `connect`, for an event loop."""
    call = call_for(database, application, statement_timeout=statement_ms, lock_timeout=statement_ms)
    if call.said:
        pooled = await AsyncPooledConnection.connect(
            autocommit=True, prepare_threshold=None, **call.parameters
        )
        pooled.said = call.said
        await pooled.set_isolation_level(psycopg.IsolationLevel.READ_COMMITTED)
        read_times_as_utc(pooled)
        return pooled
    try:
        conn = await psycopg.AsyncConnection.connect(autocommit=True, **call.parameters)
    except psycopg.OperationalError as error:
        raise _named(error) from None
    try:
        cursor = await conn.execute(_SERVES)
        _check(conn, await cursor.fetchall())
        if not _is_readable(conn):
            await conn.execute(_READABLE)
    except BaseException:
        await conn.close()
        raise
    return conn


def refuse_unsaid_pooler(database: Database) -> None:
    """For whoever starts to serve. Raises PoolerNoticed; a server that is away just now is no obstacle."""
    try:
        connect(database, "start").close()
    except psycopg.OperationalError as error:
        if isinstance(error, PoolerNoticed):
            raise


def dial(call: Call) -> psycopg.Connection[Any]:
    """A connection of psycopg's own kind, for a library that begins transactions itself.

    Each must then begin with what `call` says. Raises as `connect` does.
    """
    if not call.said:
        conn = _direct(call)
        conn.autocommit = False
        return conn
    conn = psycopg.connect(prepare_threshold=None, **call.parameters)
    conn.isolation_level = psycopg.IsolationLevel.READ_COMMITTED
    read_times_as_utc(conn)
    return conn


def call_for(database: Database | str, application: str, **timeouts: int) -> Call:
    """The address, as libpq reads it, over what we would say without a word of it. Of options both count."""
    where = database if isinstance(database, Database) else Database(database)
    given = conninfo_to_dict(where.address)
    ours = {
        "application_name": f"rxledger-{application}",
        "client_encoding": "UTF8",
        "connect_timeout": 3,
        "keepalives_idle": 30,
        "keepalives_interval": 5,
        "keepalives_count": 3,
        "tcp_user_timeout": 20_000,
    }
    said = session_settings(**timeouts)
    if where.pooled:
        # Empty, so that libpq does not take those of its own environment variable.
        return Call({**ours, **given, "options": ""}, as_statement(said))
    options = " ".join(filter(None, (as_options(said), str(given.get("options") or ""))))
    return Call({**ours, **given, "options": options}, "")


def _direct(call: Call) -> psycopg.Connection[Any]:
    try:
        conn = psycopg.connect(autocommit=True, **call.parameters)
    except psycopg.OperationalError as error:
        raise _named(error) from None
    try:
        _check(conn, conn.execute(_SERVES).fetchall())
        if not _is_readable(conn):
            conn.execute(_READABLE)
    except BaseException:
        conn.close()
        raise
    return conn


def _is_readable(conn: psycopg.Connection[Any] | psycopg.AsyncConnection[Any]) -> bool:
    return (conn.info.parameter_status("DateStyle") or "").startswith("ISO")


def _named(error: psycopg.OperationalError) -> psycopg.OperationalError:
    """PgBouncer knows few parameters of a start, and refuses the others by name."""
    return PoolerNoticed() if "unsupported startup parameter" in str(error) else error


def _check(conn: psycopg.Connection[Any] | psycopg.AsyncConnection[Any], serves: list[tuple[int]]) -> None:
    if serves[0][0] != conn.info.backend_pid:
        raise PoolerNoticed
    if conn.info.parameter_status("TimeZone") != "UTC":  # the address's own options win
        read_times_as_utc(conn)
