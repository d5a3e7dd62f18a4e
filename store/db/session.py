"""What a session of ours goes by, and how it is said: at its start, or in each transaction behind a pooler.

A pooler gives each transaction another of its connections to the server: what is said for a session does not
hold there, and reaches other clients. So each transaction begins with it, no statement is prepared, and
every lock is a transaction's. A single statement gets a transaction of its own, for its time limits.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, nullcontext
from datetime import UTC, datetime
from typing import Any

import psycopg
from psycopg.adapt import Buffer, Loader
from psycopg.pq import TransactionStatus
from psycopg.types.datetime import TimestamptzBinaryLoader

__all__ = [
    "AsyncPooledConnection",
    "PooledConnection",
    "as_options",
    "as_statement",
    "read_times_as_utc",
    "session_settings",
]

#: What the code relies on, whatever the role or the database say: times it can read, statements that see what
#: was committed while the one before them waited, and a NULL among the elements of an array.
_RELIED_ON = {
    "timezone": "UTC",
    "datestyle": "ISO",
    "default_transaction_isolation": "read committed",
    "array_nulls": "on",
}


def session_settings(**timeouts: int) -> dict[str, str]:
    """The server's settings for a session of ours; timeouts in milliseconds."""
    return {**_RELIED_ON, **{name: str(value) for name, value in timeouts.items()}}


def as_options(said: Mapping[str, str]) -> str:
    """For libpq's `options`, where a space needs a backslash."""
    return " ".join("-c " + f"{name}={value}".replace(" ", "\\ ") for name, value in said.items())


def as_statement(said: Mapping[str, str]) -> str:
    """For the beginning of a transaction, which has its own isolation level by then."""
    here = (item for item in said.items() if item[0] != "default_transaction_isolation")
    return "; ".join(f"SET LOCAL {name} = '{value}'" for name, value in here)


class PooledConnection(psycopg.Connection[Any]):
    """In autocommit, behind a pooler. `said` is the statement that each transaction begins with."""

    said = ""

    def execute(self, query: Any, params: Any = None, **how: Any) -> psycopg.Cursor[Any]:
        with self.transaction() if _idle(self) else nullcontext():
            return super().execute(query, params, **how)

    @contextmanager
    def transaction(
        self, savepoint_name: str | None = None, force_rollback: bool = False
    ) -> Iterator[psycopg.Transaction]:
        outermost = _idle(self)
        with super().transaction(savepoint_name, force_rollback) as transaction:
            if outermost:
                super().execute(self.said.encode())
            yield transaction


class AsyncPooledConnection(psycopg.AsyncConnection[Any]):
    """As `PooledConnection`, for an event loop."""

    said = ""

    async def execute(self, query: Any, params: Any = None, **how: Any) -> psycopg.AsyncCursor[Any]:
        async with self.transaction() if _idle(self) else nullcontext():
            return await super().execute(query, params, **how)

    @asynccontextmanager
    async def transaction(
        self, savepoint_name: str | None = None, force_rollback: bool = False
    ) -> AsyncIterator[psycopg.AsyncTransaction]:
        outermost = _idle(self)
        async with super().transaction(savepoint_name, force_rollback) as transaction:
            if outermost:
                await super().execute(self.said.encode())
            yield transaction


def _idle(conn: psycopg.Connection[Any] | psycopg.AsyncConnection[Any]) -> bool:
    return conn.info.transaction_status == TransactionStatus.IDLE


class _Utc(Loader):
    """psycopg's own goes by the date style that the session has by now, and not when this was written."""

    def load(self, data: Buffer) -> datetime:
        return datetime.fromisoformat(bytes(data).decode()).astimezone(UTC)


class _UtcBinary(TimestamptzBinaryLoader):
    def load(self, data: Buffer) -> datetime:
        return super().load(data).astimezone(UTC)


def read_times_as_utc(conn: psycopg.Connection[Any] | psycopg.AsyncConnection[Any]) -> None:
    """Give times in UTC, whatever time zone this session is in when they are read."""
    for loader in (_Utc, _UtcBinary):
        conn.adapters.register_loader("timestamptz", loader)
