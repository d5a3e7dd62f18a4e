"""How ids become hints: at once when little happens, together under load, and never in the way."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from workers.celery import hints
from workers.celery.hints import HINT_IDS, HintPublisher


class Broker:
    """Takes hints when a test lets it, and keeps what it was given."""

    def __init__(self) -> None:
        self.hints: list[list[int]] = []
        self.gate = threading.Semaphore(0)
        self.arrived = threading.Semaphore(0)
        self.broken = False

    def deliver(self, ids: Sequence[int]) -> None:
        self.arrived.release()
        assert self.gate.acquire(timeout=10)
        if self.broken:
            raise ConnectionError("nobody listens")
        self.hints.append(list(ids))

    def take(self, hints: int = 1) -> None:
        """Let this many hints through, after each was tried."""
        for _ in range(hints):
            assert self.arrived.acquire(timeout=10)
            self.gate.release()


@contextmanager
def publishing(broker: Broker, now: float = 0.0) -> Iterator[HintPublisher]:
    publisher = HintPublisher(broker.deliver, clock=lambda: now)
    publisher.start()
    try:
        yield publisher
    finally:
        for _ in range(100):
            broker.gate.release()
        publisher.stop()


def test_a_lone_id_goes_out_at_once() -> None:
    broker = Broker()
    with publishing(broker) as publisher:
        publisher.publish([1])
        broker.take()
        publisher.publish([2])
        broker.take()
    assert broker.hints == [[1], [2]]


def test_what_comes_while_a_hint_is_sent_goes_out_together() -> None:
    broker = Broker()
    with publishing(broker) as publisher:
        publisher.publish([1])
        assert broker.arrived.acquire(timeout=10)
        publisher.publish([2])
        publisher.publish([3, 4])
        broker.gate.release()
        broker.take()
    assert broker.hints == [[1], [2, 3, 4]]


def test_after_a_hint_of_several_the_next_one_gathers() -> None:
    """The clock stands still, so the 20 ms never pass: only a full hint or the stop sends."""
    broker = Broker()
    with publishing(broker) as publisher:
        publisher.publish([1, 2])
        broker.take()
        publisher.publish([3])
        assert not broker.arrived.acquire(timeout=0.05)
        publisher.publish(range(4, 4 + HINT_IDS))
        broker.take()
    assert [len(ids) for ids in broker.hints] == [2, HINT_IDS, 1]


def test_after_a_hint_of_many_the_next_one_gathers_longer() -> None:
    broker, now = Broker(), [0.0]
    publisher = HintPublisher(broker.deliver, clock=lambda: now[0])
    publisher.start()
    publisher.publish(range(hints.BUSY_IDS))
    broker.take()
    publisher.publish([1001])
    assert not broker.arrived.acquire(timeout=0.05)
    now[0] = hints.GATHER_SECONDS * 1.5
    assert not broker.arrived.acquire(timeout=0.1)
    now[0] = hints.BUSY_SECONDS * 1.5
    broker.take()
    publisher.stop()
    assert [len(ids) for ids in broker.hints] == [hints.BUSY_IDS, 1]


def test_no_hint_holds_more_than_its_limit() -> None:
    broker = Broker()
    with publishing(broker) as publisher:
        publisher.publish(range(2 * HINT_IDS + 1))
        broker.take(2)
    assert [len(ids) for ids in broker.hints] == [HINT_IDS, HINT_IDS, 1]


def test_publishing_returns_while_the_broker_hangs() -> None:
    broker = Broker()
    with publishing(broker) as publisher:
        publisher.publish([1])
        assert broker.arrived.acquire(timeout=10)
        for n in range(1000):
            publisher.publish([n])
        assert broker.hints == []


def test_what_a_dead_broker_refuses_is_dropped_and_counted() -> None:
    broker = Broker()
    broker.broken = True
    publisher = HintPublisher(broker.deliver)
    publisher.start()
    publisher.publish([1, 2, 3])
    broker.take()
    publisher.stop()
    assert (publisher.sent, publisher.dropped) == (0, 3)


def test_ids_beyond_what_may_wait_are_left_to_the_sweeper() -> None:
    publisher = HintPublisher(Broker().deliver)
    publisher.publish(range(hints.WAITING + 7))
    assert publisher.dropped == 7
