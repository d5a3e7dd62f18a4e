"""Pages that were read and are not stored yet: those of a partner that is quicker than a COMMIT."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, TypeVar

import psycopg

from partners.truepill.pages import Pulled
from store.pulls.cursors import Progress

__all__ = ["QUICK_SECONDS", "PageBuffer", "StoringThread", "done_already"]

T = TypeVar("T")
Connection = psycopg.Connection[Any]

#: A page that came within so many seconds waits for the next ones, since storing it alone would take longer:
#: up to so many events, bytes and seconds.
QUICK_SECONDS = 0.05
TOGETHER_EVENTS, TOGETHER_BYTES, TOGETHER_SECONDS = 800, 4_000_000, 0.5


@dataclass
class PageBuffer:
    """Pages that were read and are not stored yet; `since` is when the first of them came (monotonic)."""

    events: list[Pulled] = field(default_factory=list)
    pages: list[Progress] = field(default_factory=list)
    size: int = 0
    since: float = 0.0

    def add(self, events: Sequence[Pulled], page: Progress) -> None:
        if not self.pages:
            self.since = time.monotonic()
        self.events += events
        self.pages.append(page)
        self.size += sum([len(event.body) for event in events])

    @property
    def enough(self) -> bool:
        return (
            len(self.events) >= TOGETHER_EVENTS
            or self.size >= TOGETHER_BYTES
            or time.monotonic() - self.since >= TOGETHER_SECONDS
        )


class StoringThread:
    """A thread and a connection, where one thing at a time is stored while others go on."""

    def __init__(self, conn: Connection) -> None:
        self._conn = conn
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="pages")

    @property
    def broken(self) -> bool:
        return self._conn.closed

    def do(self, work: Callable[[Connection], T]) -> Future[T]:
        return self._thread.submit(work, self._conn)

    def close(self) -> None:
        """Wait for what is being done."""
        self._thread.shutdown()
        self._conn.close()


def done_already(work: Callable[[Connection], T], conn: Connection) -> Future[T]:
    """As `Aside.do`, here and now. Raises what the work does."""
    future: Future[T] = Future()
    future.set_result(work(conn))
    return future
