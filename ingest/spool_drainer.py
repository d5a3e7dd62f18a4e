"""The spool's drainer: finds out when PostgreSQL is back and drains the spool through the same door.

It runs beside the requests, on a connection of its own. A file is removed only after the COMMIT of what it
holds; a process that dies in between drains it again, and the ids say that it was seen.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from pathlib import Path

from errors import describe
from ingest.commit import Committer
from ingest.connection import TimedConnection
from ingest.limits import Limits
from ingest.metrics import Metrics
from ingest.spool import Damaged, Spool

__all__ = ["SpoolDrainer"]

log = logging.getLogger(__name__)

#: A pass over the spool ends after so many files in a row that PostgreSQL did not take.
MOST_REFUSED = 5


class SpoolDrainer:
    """Runs from `start` to `close`."""

    def __init__(
        self,
        connection: TimedConnection,
        committer: Committer,
        spool: Spool,
        metrics: Metrics,
        limits: Limits,
    ) -> None:
        self._connection = connection
        self._committer = committer
        self._spool = spool
        self._metrics = metrics
        self._limits = limits
        self._stop = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._refused: set[Path] = set()
        self._adopted_at = float("-inf")
        self._waiting_files = 0

    def start(self) -> None:
        self._task = asyncio.get_running_loop().create_task(self._run())

    async def close(self) -> None:
        self._stop.set()
        self._committer.wake.set()
        if self._task is not None:
            await self._task
        await self._connection.close()
        await asyncio.to_thread(self._spool.close)

    async def _run(self) -> None:
        while not self._stop.is_set():
            try:
                await self._visit()
            except Exception as error:
                log.error("the spool cannot be looked over: %s", describe(error))
            await self._pause()

    async def _pause(self) -> None:
        """Until something may have changed: soon while PostgreSQL is away, else when a batch fails."""
        busy = self._waiting_files or not self._committer.available
        seconds = self._limits.probe_seconds if busy else self._limits.idle_seconds
        event = self._stop if busy else self._committer.wake
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(event.wait(), seconds)

    async def _visit(self) -> None:
        self._committer.wake.clear()
        now = asyncio.get_running_loop().time()
        if now - self._adopted_at >= self._limits.adopt_seconds:
            await asyncio.to_thread(self._spool.adopt)
            self._adopted_at = now
        if now - self._committer.answered_at < self._limits.idle_seconds and self._committer.available:
            await self._drain()
        # Cheap questions first, so that a long spool is not listed twice a second during an outage.
        elif await self._answers() and not await self._stalls():
            # Without a file to try, an answer must do; but then one must not be on its way.
            idle = not self._committer.writing
            if not await self._drain() and idle:
                self._committer.recovered()

    async def _answers(self) -> bool:
        try:
            await self._connection.ping(self._limits.commit_seconds)
        except Exception:
            # Why was logged when it went away; it is asked again soon.
            return False
        self._committer.answered()
        return True

    async def _stalls(self) -> bool:
        """Whether what was given up before still waits at the server, as more would if it were tried."""
        try:
            return await self._connection.stalls(self._limits.commit_seconds)
        except Exception:
            return True  # it does not answer after all

    async def _drain(self) -> bool:
        """Admit what waits, oldest first. Whether anything waited."""
        files = await asyncio.to_thread(self._spool.files)
        self._refused &= set(files)
        self._count(len(files))
        # Files that were refused before come last: they must not hold up the others.
        refused = 0
        for path in sorted(files, key=lambda path: path in self._refused):
            if self._stop.is_set() or refused >= MOST_REFUSED:
                break
            if await self._drain_file(path):
                refused = 0
                self._count(self._waiting_files - 1)
            elif await self._stalls():
                break
            else:
                refused += 1
        return bool(files)

    async def _drain_file(self, path: Path) -> bool:
        """Whether the file is dealt with: admitted and removed, or set aside."""
        try:
            batch = await asyncio.to_thread(self._spool.read, path)
        except Damaged:
            self._metrics.spool_damaged.inc()
            return True
        except FileNotFoundError:
            return True  # another process that took the folder over was first
        try:
            new = await self._connection.admit(batch, self._limits.commit_seconds)
        except Exception as error:
            if path not in self._refused:
                log.error("spool file %s/%s is not taken: %s", path.parent.name, path.name, describe(error))
                self._refused.add(path)
            return False
        # Only an admitted batch proves that PostgreSQL takes batches: it may answer and still be locked.
        self._committer.recovered()
        await asyncio.to_thread(self._spool.remove, path)
        self._metrics.drained.inc(len(batch))
        if new:
            self._committer.publish(list(new.values()))
        return True

    def _count(self, files: int) -> None:
        self._waiting_files = files
        self._metrics.spool_files.set(files)
