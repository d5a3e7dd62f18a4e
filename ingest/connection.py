"""One connection to PostgreSQL with a time limit: made when it is needed, made again after any failure."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar

import psycopg

from store.db.durability import commits_stall
from store.inbox.model import Arrival

__all__ = ["Admit", "Connect", "TimedConnection"]

T = TypeVar("T")
Connection = psycopg.AsyncConnection[Any]
Connect = Callable[[], Awaitable[Connection]]
Admit = Callable[[Connection, Sequence[Arrival]], Awaitable[dict[bytes, int]]]


class TimedConnection:
    """Carries one statement at a time. A connection whose statement failed is never used again."""

    def __init__(self, connect: Connect, admit: Admit) -> None:
        self._connect = connect
        self._admit = admit
        self._connection: Connection | None = None

    async def admit(self, batch: Sequence[Arrival], seconds: float) -> dict[bytes, int]:
        """Admit a batch within `seconds`, connecting included: `{event id: inbox id}` of what is new.

        Raises psycopg.Error, OSError or TimeoutError; whether it was committed is unknown then.
        """
        return await self._within(seconds, lambda connection: self._admit(connection, batch))

    async def ask(self, use: Callable[[Connection], Awaitable[T]], seconds: float) -> T:
        """Whatever `use` reads. Raises as `admit` does."""
        return await self._within(seconds, use)

    async def ping(self, seconds: float) -> None:
        """Have PostgreSQL answer anything. Raises as `admit` does."""
        await self._within(seconds, lambda connection: connection.execute("SELECT 1"))

    async def stalls(self, seconds: float) -> bool:
        """Whether COMMITs of ours have waited for a standby for so long. Raises as `admit` does."""
        return await self._within(seconds, lambda connection: commits_stall(connection, seconds))

    async def close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.close()

    async def _within(self, seconds: float, use: Callable[[Connection], Awaitable[T]]) -> T:
        deadline = asyncio.get_running_loop().time() + seconds
        had_one = self._connection is not None
        try:
            return await self._use(deadline, use)
        except (psycopg.OperationalError, psycopg.InterfaceError):
            # An idle connection dies with its server, which may long be back.
            if not had_one or asyncio.get_running_loop().time() >= deadline:
                raise
        return await self._use(deadline, use)

    async def _use(self, deadline: float, use: Callable[[Connection], Awaitable[T]]) -> T:
        connection = self._connection
        if connection is None:
            async with asyncio.timeout_at(deadline):
                connection = self._connection = await self._connect()
        timer = asyncio.get_running_loop().call_at(deadline, _cut, connection)
        try:
            return await use(connection)
        except BaseException:
            await self.close()
            raise
        finally:
            timer.cancel()


def _cut(connection: Connection) -> None:
    """Shut the connection's socket down, so that whoever waits on it fails at once.

    Cancelling the waiting task instead would have psycopg send a cancel request and wait for its answer,
    which a stalled server does not give. A descriptor of our own, since psycopg still watches the other.
    """
    with (
        contextlib.suppress(OSError, psycopg.Error),
        socket.socket(fileno=os.dup(connection.fileno())) as own,
    ):
        own.shutdown(socket.SHUT_RDWR)
