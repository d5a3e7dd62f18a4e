"""The group committer: requests that wait together share one statement and one COMMIT.

There is no timer. When a connection is idle the first request starts a flush in the same turn of the event
loop; while the connections are busy, requests gather. A batch that gets no COMMIT in time goes to the spool,
and while PostgreSQL is away batches go there at once (docs/decisions/0002); the spool's drainer says when it
is back.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence

from errors import describe
from ingest.connection import TimedConnection
from ingest.limits import Limits
from ingest.metrics import Metrics
from ingest.spool import Spool
from store.inbox.model import Arrival

__all__ = ["Committer", "NoDurablePlace", "Publish"]

log = logging.getLogger(__name__)

#: Hints the inbox ids of new events to the workers; never blocks.
Publish = Callable[[Sequence[int]], None]
Waiting = tuple[Arrival, "asyncio.Future[bool]"]

#: How many ids of one outage are remembered to answer `duplicate`; about 10 MiB.
MOST_REMEMBERED = 100_000


class NoDurablePlace(Exception):
    """Neither PostgreSQL nor the spool took the event: answer 503."""


class Committer:
    """Makes arrivals durable. Everything but the spool's writing runs on one event loop."""

    def __init__(
        self,
        connections: Sequence[TimedConnection],
        spool: Spool,
        publish: Publish,
        metrics: Metrics,
        limits: Limits,
    ) -> None:
        self._idle = list(connections)
        self._connections = tuple(connections)
        self._spool = spool
        self._publish = publish
        self._metrics = metrics
        self._limits = limits
        self._rows = limits.batch_rows
        self._waiting: list[Waiting] = []
        self._flushes: set[asyncio.Task[None]] = set()
        self._starting = False
        self._spooled: set[bytes] = set()
        self.available = True
        #: Set when there is something for the spool's drainer to do.
        self.wake = asyncio.Event()
        #: How many batches are on their way into the spool.
        self.writing = 0
        #: The loop's time when PostgreSQL last answered.
        self.answered_at = float("-inf")
        metrics.database_up.set(1)

    def commit(self, arrival: Arrival) -> asyncio.Future[bool]:
        """A future of whether the event was seen before, done once it is durable.

        It raises NoDurablePlace when nothing takes the event.
        """
        loop = asyncio.get_running_loop()
        future: asyncio.Future[bool] = loop.create_future()
        self._waiting.append((arrival, future))
        # A flush that is about to start takes this one along. Another connection joins only when a whole
        # batch waits behind the first: on two cores and 64 connections fuller batches cost about a tenth
        # less CPU a request than two connections of half ones; at 256 connections no difference showed.
        first = len(self._idle) == len(self._connections)
        if self._idle and not self._starting and (first or len(self._waiting) >= self._rows):
            self._starting = True
            task = loop.create_task(self._flush(self._idle.pop()))
            self._flushes.add(task)
            task.add_done_callback(self._flushes.discard)
        return future

    def answered(self) -> None:
        """PostgreSQL answered something."""
        self.answered_at = asyncio.get_running_loop().time()

    def recovered(self) -> None:
        """PostgreSQL takes batches: they go to it again."""
        self.answered()
        if not self.available:
            self.available = True
            self._spooled.clear()
            self._metrics.database_up.set(1)
            log.warning("PostgreSQL is back")

    async def close(self) -> None:
        """Bring everything taken to a durable place, then close the connections."""
        while self._flushes:
            await asyncio.wait(self._flushes)
        for connection in self._connections:
            await connection.close()

    async def _flush(self, connection: TimedConnection) -> None:
        try:
            while self._waiting:
                self._starting = False
                await self._make_durable(connection, self._take())
        finally:
            self._starting = False
            self._idle.append(connection)

    def _take(self) -> list[Waiting]:
        """The next batch: as many as wait, within the limits of rows and bytes, and at least one."""
        rows, room = 0, self._limits.batch_bytes
        for arrival, _ in self._waiting[: self._rows]:
            room -= len(arrival.sealed)
            if room < 0 and rows:
                break
            rows += 1
        taken, self._waiting = self._waiting[:rows], self._waiting[rows:]
        return taken

    async def _make_durable(self, connection: TimedConnection, taken: list[Waiting]) -> None:
        try:
            batch: dict[bytes, Arrival] = {}
            for arrival, _ in taken:
                batch.setdefault(arrival.id, arrival)
            if not (self.available and await self._admit(connection, taken, batch)):
                await self._write(taken, batch)
        except Exception as error:
            # An error of ours: the requests behind this batch must not wait for a flush that has ended.
            log.error("a batch could not be taken: %s", describe(error))
        finally:
            # Whatever went wrong, nobody waits for ever.
            for _, future in taken:
                if not future.done():
                    future.set_exception(NoDurablePlace())

    async def _admit(
        self, connection: TimedConnection, taken: list[Waiting], batch: dict[bytes, Arrival]
    ) -> bool:
        clock = asyncio.get_running_loop().time
        started = clock()
        try:
            new = await connection.admit(list(batch.values()), self._limits.commit_seconds)
        except Exception as error:
            self._went_away(error)
            return False
        self.answered_at = clock()
        self._metrics.batch_rows.observe(len(batch))
        self._metrics.commit_seconds.observe(self.answered_at - started)
        _answer(taken, set(new))
        if new:
            self.publish(list(new.values()))
        return True

    def publish(self, seqs: Sequence[int]) -> None:
        """Hint; a hint that fails costs nothing but time: the sweeper finds its events."""
        try:
            self._publish(seqs)
        except Exception as error:
            log.error("a hint failed: %s", describe(error))

    def _went_away(self, error: Exception) -> None:
        self._metrics.commit_failures.inc()
        if self.available:
            self.available = False
            self._metrics.database_up.set(0)
            log.error("no COMMIT from PostgreSQL, spooling: %s", describe(error))

    async def _write(self, taken: list[Waiting], batch: dict[bytes, Arrival]) -> None:
        # A timeless body that comes again may be news: only PostgreSQL can tell.
        fresh = [a for a in batch.values() if a.timeless or a.id not in self._spooled]
        if fresh:
            self.writing += 1
            try:
                await asyncio.to_thread(self._spool.write, fresh)
            except OSError as error:
                self._metrics.spool_failures.inc()
                log.error("the spool took nothing: %s", describe(error))
                return
            finally:
                self.writing -= 1
                self.wake.set()
            self._metrics.spooled.inc(len(fresh))
        new = {arrival.id for arrival in fresh} - self._spooled
        if not self.available and len(self._spooled) < MOST_REMEMBERED:
            self._spooled |= new
        _answer(taken, new)


def _answer(taken: list[Waiting], new: set[bytes]) -> None:
    """Tell each request; where one batch holds equal bodies, the first is the new one."""
    for arrival, future in taken:
        seen = arrival.id not in new
        new.discard(arrival.id)
        if not future.done():
            future.set_result(seen)
