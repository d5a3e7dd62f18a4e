"""A partner's book of events that gives them by pages, and connections that break where a test says."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg

from settings import Database
from store.db.connections import call_for
from tests.support.factories import NotifyRx
from tests.support.partner import Answer, Asked, events_page

__all__ = ["Book", "Broken", "Faults", "FaultyConnection", "arrivals", "asked_since"]


def arrivals(count: int, start: int, *, step: int = 60) -> list[dict[str, Any]]:
    """So many NOTIFY_RX, in ascending time."""
    return [
        dict(NotifyRx(timestamp=start + n * step, details__prescription_token=f"rx{n:05}"))
        for n in range(count)
    ]


def asked_since(asked: Asked) -> int:
    """The first whole second that a question by time is about; 0 for one without a time."""
    (bound,) = asked.query.get("timestamp", ["$gte:0"])
    operator, _, value = bound.partition(":")
    return int(value) + {"$gt": 1, "$gte": 0}[operator]


class Book:
    """Answers as the partner's webhook_events does: since a time, or on by a token; `size` events a page."""

    def __init__(self, events: list[dict[str, Any]], size: int = 3) -> None:
        self.events = events
        self.size = size
        #: Operators that it refuses.
        self.refuses: set[str] = set()
        #: Tokens that are answered so many times yet, then refused; None for ever.
        self.good_for: int | None = None

    def __call__(self, asked: Asked) -> Answer:
        if any(bound.partition(":")[0] in self.refuses for bound in asked.query.get("timestamp", [])):
            return Answer(400, b'{"statusCode": 400}')
        if "next" in asked.query:
            if self.good_for is not None:
                self.good_for -= 1
                if self.good_for < 0:
                    return Answer(400, b'{"statusCode": 400}')
            since, start = map(int, asked.query["next"][0].split("-"))
        else:
            since, start = asked_since(asked), 0
        found = [event for event in self.events if event["timestamp"] >= since]
        end = start + self.size
        return events_page(*found[start:end], next=f"{since}-{end}" if end < len(found) else None)


class Broken(psycopg.OperationalError):
    """The connection went away."""


class Faults:
    """Counts the boundaries that a run passes, and breaks it at one of them."""

    def __init__(self, at: int) -> None:
        self.at = at
        self.passed: list[str] = []

    def boundary(self, name: str) -> bool:
        """Whether the run breaks here."""
        self.passed.append(name)
        return len(self.passed) == self.at


class FaultyConnection(psycopg.Connection[Any]):
    """Breaks before or after a statement or a COMMIT: after it, the outcome is done and not known."""

    faults: Faults

    @classmethod
    def to(cls, database: Database, faults: Faults) -> FaultyConnection:
        conn = cls.connect(autocommit=True, prepare_threshold=None, **call_for(database, "test").parameters)
        conn.faults = faults
        return conn

    def execute(self, query: Any, params: Any = None, **options: Any) -> Any:
        self._boundary(f"before {str(query).split()[:2]}")
        result = super().execute(query, params, **options)
        self._boundary(f"after {str(query).split()[:2]}")
        return result

    @contextmanager
    def transaction(self, *arguments: Any, **options: Any) -> Iterator[psycopg.Transaction]:
        with super().transaction(*arguments, **options) as transaction:
            yield transaction
            self._boundary("before COMMIT")
        self._boundary("after COMMIT")

    def _boundary(self, name: str) -> None:
        if self.faults.boundary(name):
            self.close()
            raise Broken(name)
