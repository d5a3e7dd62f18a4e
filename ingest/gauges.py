"""The figures that workers keep for /metrics, read off PostgreSQL for whoever scrapes."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from errors import describe
from ingest.connection import TimedConnection
from store.reports import gauges
from store.reports.gauges import Gauge

__all__ = ["Gauges"]

log = logging.getLogger(__name__)


class Gauges(Collector):
    """What was read last; nothing while PostgreSQL does not give it, since an old figure would look well."""

    def __init__(self, connection: TimedConnection, seconds: float) -> None:
        self._connection = connection
        self._seconds = seconds
        self._turn = asyncio.Lock()
        self._read: list[Gauge] = []
        self._failed = False

    async def refresh(self) -> None:
        """Read them, within a time: some rows by one statement."""
        async with self._turn:
            try:
                self._read = await self._connection.ask(gauges.read, self._seconds)
                self._failed = False
            except Exception as error:
                if not self._failed:
                    log.warning("the workers' figures cannot be read: %s", describe(error))
                self._read, self._failed = [], True

    async def close(self) -> None:
        await self._connection.close()

    def collect(self) -> Iterator[Metric]:
        """One family a name that this version knows: another version's may stand beside them."""
        for name, text in gauges.HELP.items():
            rows = [gauge for gauge in self._read if gauge.name == name]
            if rows:
                family = GaugeMetricFamily(name, text, labels=sorted(rows[0].labels))
                for gauge in rows:
                    family.add_metric([value for _, value in sorted(gauge.labels.items())], gauge.value)
                yield family
