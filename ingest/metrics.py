"""What the receiver counts. Labels are names of our own: nothing of a request becomes one."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector
from prometheus_client import generate_latest as _text
from prometheus_client.registry import Collector

__all__ = ["CONTENT_TYPE", "Metrics"]

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_BATCH_ROWS = (1, 2, 4, 8, 16, 32, 64, 128, 256)
_SECONDS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2)


class Metrics:
    """One receiver's counters in a registry of their own, and what `others` collect."""

    def __init__(self, *others: Collector) -> None:
        self.registry = own = CollectorRegistry()
        ProcessCollector(registry=own)
        for other in others:
            own.register(other)
        self.received = Counter(
            "rxledger_received",
            "Requests by partner and what became of them.",
            ("partner", "result"),
            registry=own,
        )
        self.unverified = Counter(
            "rxledger_unverified",
            "Requests that were not verified, by reason.",
            ("partner", "reason"),
            registry=own,
        )
        self.unrouted = Counter(
            "rxledger_unrouted", "Requests that reached no webhook, by reason.", ("reason",), registry=own
        )
        self.batch_rows = Histogram(
            "rxledger_batch_rows", "Events that shared one COMMIT.", registry=own, buckets=_BATCH_ROWS
        )
        self.commit_seconds = Histogram(
            "rxledger_commit_seconds",
            "From a batch's statement to its COMMIT.",
            registry=own,
            buckets=_SECONDS,
        )
        self.database_up = Gauge(
            "rxledger_database_up",
            "1 while batches go to PostgreSQL, 0 while they go to the spool.",
            registry=own,
        )
        self.commit_failures = Counter(
            "rxledger_commit_failures", "Batches that got no COMMIT in time and were spooled.", registry=own
        )
        self.spooled = Counter("rxledger_spooled", "Events written to the spool.", registry=own)
        self.spool_failures = Counter(
            "rxledger_spool_failures", "Batches that neither PostgreSQL nor the spool took.", registry=own
        )
        self.spool_files = Gauge("rxledger_spool_files", "Spool files that wait to be drained.", registry=own)
        self.drained = Counter("rxledger_drained", "Events drained from the spool.", registry=own)
        self.spool_damaged = Counter(
            "rxledger_spool_damaged", "Spool files set aside because they were damaged.", registry=own
        )
        self.crashes = Counter("rxledger_crashes", "Requests that ended in an error of ours.", registry=own)

    def text(self) -> bytes:
        return _text(self.registry)
