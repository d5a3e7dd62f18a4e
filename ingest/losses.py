"""The loss ledger for scrapes: as the workers counted it last, read at most once a minute."""

from __future__ import annotations

import asyncio
import logging

import psycopg

from ingest.failures import describe
from ingest.lane import Lane
from ingest.limits import Limits
from ingest.metrics import Metrics
from store import losses

__all__ = ["Losses"]

log = logging.getLogger(__name__)


class Losses:
    """Keeps what was read until it is read again; while PostgreSQL is away, the last that was."""

    def __init__(self, lane: Lane, metrics: Metrics, limits: Limits) -> None:
        self._lane = lane
        self._metrics = metrics
        self._limits = limits
        self._read_at = float("-inf")
        self._reading = asyncio.Lock()

    async def refresh(self) -> None:
        """Read the counts, unless that was tried just now. Raises nothing that the database may."""
        async with self._reading:
            now = asyncio.get_running_loop().time()
            if now - self._read_at < self._limits.losses_seconds:
                return
            self._read_at = now
            try:
                self._show(await self._lane.read(self._limits.commit_seconds, _totals))
            except (psycopg.Error, OSError, TimeoutError) as error:
                log.warning("the loss ledger cannot be read: %s", describe(error))
            finally:
                # Asked once a minute, it is not worth a connection.
                await self._lane.close()

    def _show(self, found: list[losses.Totals]) -> None:
        gauge = self._metrics.losses
        gauge.clear()
        for row in found:
            for name in ("pushed", "pulled_only", "both_ways", "unconfirmed", "flagged"):
                gauge.labels(row.callback_type, name).set(getattr(row, name))


async def _totals(conn: psycopg.AsyncConnection[object]) -> list[losses.Totals]:
    return await losses.totals_async(conn, losses.DAYS)
