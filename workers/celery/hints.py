"""Hints: how the workers hear that there is something to apply (docs/decisions/0001, 0006).

`HintPublisher.publish` never blocks: a thread of its own talks to the broker. A hint that cannot be sent
is counted and dropped, since the sweeper finds its ids. A hint goes out at once when the last one held a
single id or is 20 ms past; under load it waits that long and gathers, or 50 ms when the last one held 50 ids,
because a message and a transaction cost more than what they carry.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence

from celery.utils import uuid

from errors import describe
from workers.celery.app import app

__all__ = ["HINT_IDS", "HintPublisher", "cut", "send", "send_all"]

log = logging.getLogger("rxledger.hints")

#: How many ids one hint carries at most. In a backlog the statements of a batch are what is saved by more of
#: them: 500 cost the server 10 µs an event more than 2,000.
HINT_IDS = 2_000
GATHER_SECONDS = 0.020
#: After a hint of so many ids (2,500 events a second) the next one gathers longer.
BUSY_IDS, BUSY_SECONDS = 50, 0.050
#: Ids that wait for the broker at most; what comes beyond is left to the sweeper.
WAITING = 100_000
#: After a failure no hint is tried for so long: each try may take seconds.
PAUSE_SECONDS = 1.0


def send(ids: Sequence[int], *, swept: bool = False) -> None:
    """Send one hint now. Raises what the broker's client raises when it cannot take it.

    The message is Celery's own; put straight into the workers' queue it costs 0.3 ms less than `send_task`,
    which looks up routes, declares the queue and tells of the sending each time.
    """
    kwargs = {"swept": True} if swept else {}
    message = app.amqp.as_task_v2(
        uuid(), "rxledger.apply", args=(list(ids),), kwargs=kwargs, ignore_result=True
    )
    with app.producer_pool.acquire(block=True) as producer:
        producer.publish(
            message.body,
            exchange="",
            routing_key=app.conf.task_default_queue,
            serializer="json",
            headers=message.headers,
            **message.properties,
        )


def cut(ids: Sequence[int], size: int) -> list[Sequence[int]]:
    """The ids in parts of at most so many."""
    return [ids[start : start + size] for start in range(0, len(ids), size)]


def send_all(ids: Sequence[int], *, swept: bool) -> None:
    """As `send`, for any number of ids."""
    for part in cut(ids, HINT_IDS):
        send(part, swept=swept)


class HintPublisher:
    """A thread that turns published ids into hints. `start` it, `publish` from any thread, `stop` it; or use
    it as a context.
    """

    def __init__(
        self,
        deliver: Callable[[Sequence[int]], None] = send,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._deliver = deliver
        self._clock = clock
        self._waiting: deque[int] = deque()
        self._condition = threading.Condition()
        self._stopping = False
        self._gathering = False
        self._thread = threading.Thread(target=self._run, name="hints", daemon=True)
        self.sent = 0
        self.dropped = 0

    def __enter__(self) -> HintPublisher:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        self._thread.start()

    def publish(self, seqs: Sequence[int]) -> None:
        """Hint these ids soon; returns at once, whatever the broker does."""
        with self._condition:
            room = WAITING - len(self._waiting)
            self._waiting.extend(seqs[:room])
            self.dropped += max(0, len(seqs) - room)
            # While it gathers there is nothing to wake it for before its time, and a wake-up is not free.
            if not self._gathering or len(self._waiting) >= HINT_IDS:
                self._condition.notify()

    def stop(self, timeout: float = 3.0) -> None:
        """Send what waits, within `timeout` seconds."""
        with self._condition:
            self._stopping = True
            self._condition.notify()
        self._thread.join(timeout)

    def _run(self) -> None:
        last_at, last_size = float("-inf"), 1
        while ids := self._gather(last_at, last_size):
            try:
                self._deliver(ids)
            except Exception as error:
                # Whatever the broker's client raises, the ids stand in the queue table.
                log.warning("a hint of %d ids was dropped: %s", len(ids), describe(error))
                self._give_up(len(ids))
            else:
                self.sent += 1
            last_at, last_size = self._clock(), len(ids)

    def _gather(self, last_at: float, last_size: int) -> list[int]:
        """The next hint's ids; empty when it is time to stop."""
        with self._condition:
            while not self._waiting and not self._stopping:
                self._condition.wait()
            gathers = BUSY_SECONDS if last_size >= BUSY_IDS else GATHER_SECONDS
            while last_size > 1 and len(self._waiting) < HINT_IDS and not self._stopping:
                left = last_at + gathers - self._clock()
                if left <= 0:
                    break
                self._gathering = True
                self._condition.wait(left)
                self._gathering = False
            return [self._waiting.popleft() for _ in range(min(HINT_IDS, len(self._waiting)))]

    def _give_up(self, count: int) -> None:
        with self._condition:
            self.dropped += count + len(self._waiting)
            self._waiting.clear()
            if not self._stopping:
                self._condition.wait_for(lambda: self._stopping, PAUSE_SECONDS)
            self.dropped += len(self._waiting)
            self._waiting.clear()
