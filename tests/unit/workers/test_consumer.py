"""What a worker tells Flower: everything, some of it together."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from workers.celery.consumer import GATHER_SECONDS, SparingConsumer


class Loop:
    """The worker's loop: keeps what it is asked to call later."""

    def __init__(self) -> None:
        self.later: list[tuple[float, Callable[[], None]]] = []

    def call_later(self, seconds: float, callback: Callable[[], None]) -> None:
        self.later.append((seconds, callback))


class Dispatcher:
    """Counts how often what is buffered was published."""

    flushed = 0

    def flush(self) -> None:
        self.flushed += 1


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time, in seconds."""
    time = [1_000.0]
    monkeypatch.setattr("workers.celery.consumer.time.monotonic", lambda: time[0])
    return time


def test_the_events_of_a_moment_are_published_together(now: list[float]) -> None:
    worker = SparingConsumer.__new__(SparingConsumer)  # without a broker
    worker.hub, worker.event_dispatcher = Loop(), Dispatcher()
    for _ in range(5):
        worker.on_send_event_buffered()
    ((seconds, publish),) = worker.hub.later
    assert seconds == GATHER_SECONDS
    publish()
    assert worker.event_dispatcher.flushed == 1


def test_a_time_that_was_forgotten_at_a_reconnect_holds_back_nothing(now: list[float]) -> None:
    worker = SparingConsumer.__new__(SparingConsumer)
    worker.hub = Loop()
    worker.on_send_event_buffered()
    now[0] += GATHER_SECONDS
    worker.on_send_event_buffered()
    assert len(worker.hub.later) == 2
