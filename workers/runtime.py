"""What a worker process keeps between tasks: its settings, its tools and one connection."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache
from typing import Any, TypeVar

import psycopg

from settings import Settings
from store.database import connect_unhurried, is_environmental
from store.lookup import Lookup
from store.sealing import Sealer
from workers.reading import Tools

__all__ = ["Runtime", "runtime", "tools"]

T = TypeVar("T")
#: A deadlock's victim is tried again at once; what persists is left to the sweeper.
_TRIES = 3


def tools(settings: Settings, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> Tools:
    """The tools of these settings. Raises SettingsError when a key is missing."""
    settings.require("sealing")
    return Tools(Sealer(settings.seal_keys), Lookup(settings.lookup_key or b""), clock)


class Runtime:
    """One connection, made when first needed and again after it broke."""

    def __init__(self, settings: Settings) -> None:
        settings.require("database", "sealing")
        self._url = settings.database_url or ""
        self._conn: psycopg.Connection[Any] | None = None
        self.tools = tools(settings)
        #: Events whose counted attempt failed through no fault of theirs (D9), to be taken back.
        self.refunds: list[int] = []

    def conn(self) -> psycopg.Connection[Any]:
        """The open connection. Raises psycopg.OperationalError."""
        if self._conn is None or self._conn.closed or self._conn.broken:
            self._conn = connect_unhurried(self._url, "worker")
        return self._conn

    def run(self, work: Callable[[psycopg.Connection[Any]], T]) -> T:
        """`work` on the connection, again after a deadlock. Raises what the last try raised."""
        for left in range(_TRIES - 1, -1, -1):
            try:
                return work(self.conn())
            except psycopg.Error as error:
                if not (left and is_environmental(error)):
                    self.drop()
                    raise
                if self._conn is None or self._conn.broken:
                    self.drop()
        raise AssertionError("the last try returns or raises")

    def drop(self) -> None:
        """Close the connection, whatever state it is in."""
        if self._conn is not None:
            self._conn.close()
            self._conn = None


@cache
def runtime() -> Runtime:
    """This process's runtime, made at the first task, after the pool has forked."""
    return Runtime(Settings.load())
