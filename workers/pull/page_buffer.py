"""Pages that were read and are not stored yet: those of a partner that is quicker than a COMMIT.

They are stored a few together, each time with the cursor behind the last of them in one COMMIT, by a thread
and a connection of its own while the next ones are fetched.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar

import psycopg

from partners.truepill.pages import Pulled
from store.pulls import cursors
from store.pulls.cursors import Progress
from store.pulls.leases import Stream
from workers.pull.store_page import Store, Stored

__all__ = ["QUICK_SECONDS", "BufferedStore", "PageBuffer", "StoringThread", "done_already"]

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
    def full(self) -> bool:
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
    """As `StoringThread.do`, here and now. Raises what the work does."""
    future: Future[T] = Future()
    future.set_result(work(conn))
    return future


class BufferedStore:
    """Buffers pages and stores them. `make_ready` says what becomes of events, outside of any transaction.

    `thread` gives where pages are stored while others are fetched; None where they are not. `stored` hears of
    what is committed, and of the pages that it was on.
    """

    def __init__(
        self,
        conn: Connection,
        thread: Callable[[], StoringThread] | None,
        make_ready: Callable[[Sequence[Pulled]], Store],
        stored: Callable[[Stored, Sequence[Progress]], None],
    ) -> None:
        self._conn = conn
        self._thread = thread
        self._make_ready = make_ready
        self._stored = stored
        self._buffer = PageBuffer()
        self._under_way: tuple[Sequence[Progress], Future[tuple[Stored, Stream]]] | None = None

    def add(self, events: Sequence[Pulled], page: Progress) -> None:
        self._buffer.add(events, page)

    @property
    def full(self) -> bool:
        return self._buffer.full

    def store(self, stream: Stream, *, wait: bool = True) -> Stream:
        """Store what is buffered, with the cursor of `stream`, which stands behind the last page of it.

        The stream as it is then; with `wait` or without a thread, all that was read is stored when this
        returns. Raises LeaseLost, psycopg.Error, also of what was stored by the thread before.
        """
        buffer, self._buffer = self._buffer, PageBuffer()
        if buffer.pages:
            write = partial(_write, self._make_ready(buffer.events), stream, buffer.pages)
            self._await_store()
            thread = None if wait or self._thread is None else self._thread()
            under_way = done_already(write, self._conn) if thread is None else thread.do(write)
            self._under_way = (buffer.pages, under_way)
        if wait or self._thread is None:
            return self._await_store() or stream
        return stream

    def _await_store(self) -> Stream | None:
        """Wait for what is being stored; the stream as it stands behind it."""
        if self._under_way is None:
            return None
        (pages, future), self._under_way = self._under_way, None
        stored, stream = future.result()
        self._stored(stored, pages)
        return stream


def _write(
    store: Store, stream: Stream, pages: Sequence[Progress], conn: Connection
) -> tuple[Stored, Stream]:
    with conn.transaction():
        stored = store(conn)
        return stored, cursors.advance_pages(conn, stream, pages, stored.new)
