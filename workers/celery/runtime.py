"""What a worker process keeps between tasks: its settings, its tools and one connection."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from functools import cache, partial
from typing import Any, TypeVar

import psycopg

from settings import Settings
from store.crypto.keyed_hash import KeyedHash
from store.crypto.sealing import Sealer
from store.db.connections import connect
from store.inbox import queue
from workers.apply.model import Tools

__all__ = ["Runtime", "runtime", "tools"]

T = TypeVar("T")
#: A deadlock's victim is tried again at once; what persists is left to the sweeper.
_TRIES = 3
_AGAIN = (psycopg.errors.DeadlockDetected, psycopg.errors.SerializationFailure)


def tools(settings: Settings, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> Tools:
    """The tools of these settings. Raises SettingsError when a key is missing."""
    settings.require("sealing")
    keyed_hash = KeyedHash(settings.lookup_key or b"")
    return Tools(Sealer(settings.seal_keys), keyed_hash, clock, settings.partner_folders)


class Runtime:
    """One connection, made when first needed and again after it broke."""

    def __init__(self, settings: Settings) -> None:
        settings.require("database", "sealing")
        self.settings = settings
        self._database = settings.database
        self._conn: psycopg.Connection[Any] | None = None
        self.tools = tools(settings)
        #: Whether a batch of a backlog left rechecks that nobody has a hint of.
        self.rechecks_left = False
        self._refunds: dict[int, int] = {}

    def conn(self) -> psycopg.Connection[Any]:
        """The open connection. Raises psycopg.OperationalError."""
        if self._conn is None or self._conn.closed or self._conn.broken:
            self._conn = connect(self._database, "worker")
        return self._conn

    def run(self, work: Callable[[psycopg.Connection[Any]], T]) -> T:
        """`work` on the connection: again after a deadlock, and on a new one when it broke.

        Raises what the last try raised.
        """
        for left in range(_TRIES - 1, -1, -1):
            try:
                return work(self.conn())
            except psycopg.Error as error:
                broken = self._conn is None or self._conn.broken
                again = isinstance(error, _AGAIN)
                if broken or not again:
                    self.drop()
                if not (left and (broken or again)):
                    raise
        raise AssertionError("the last try returns or raises")

    def refund(self, attempts: Mapping[int, int]) -> None:
        """Take back these counted attempts, by inbox id: they failed through no fault of the events."""
        self._refunds.update(attempts)
        self.drop()
        with suppress(psycopg.Error):  # kept until a later attempt, or until the process ends
            self.retry_refunds()

    def retry_refunds(self) -> None:
        """Take back what could not be taken back before. Raises psycopg.Error."""
        if self._refunds:
            self.run(partial(queue.refund, attempts=self._refunds))
            self._refunds = {}

    def drop(self) -> None:
        """Close the connection, whatever state it is in."""
        if self._conn is not None:
            self._conn.close()
            self._conn = None


@cache
def runtime() -> Runtime:
    """This process's runtime, made at the first task, after the pool has forked."""
    return Runtime(Settings.load())
