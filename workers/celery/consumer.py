"""Celery's consumer, that no message ends, and sparing with what it tells Flower.

Celery publishes a task's events in the very next turn of the worker's loop: a blocking call of the broker, of
about half a millisecond, that stands between a hint's arrival and its task, and again behind it. It was half
of what the worker's main process did under load. Gathered for a moment they cost a tenth, and nobody who
watches a page notices.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Any

from celery.worker.consumer import Consumer

from workers.celery.messages import trouble

__all__ = ["SparingConsumer"]

log = logging.getLogger("rxledger.worker")

#: Events wait so long at most, or until there are as many as Celery gathers (24).
GATHER_SECONDS = 0.5


class SparingConsumer(Consumer):  # type: ignore[misc]
    """Drops messages that are no tasks; publishes the events of tasks in groups."""

    _published_by = float("-inf")

    def create_task_handler(self, *arguments: Any, **named: Any) -> Callable[[Any], None]:
        """What is called with each message of the queue."""
        handle = super().create_task_handler(*arguments, **named)

        def take(message: Any) -> None:
            found = trouble(message, self.strategies)
            if found:
                log.error("a message was dropped: %s", found)
                message.reject_log_error(log, self.connection_errors)
                return
            try:
                handle(message)
            except Exception as error:
                # kombu counts KeyError among what a lost connection to a Redis raises.
                lost = isinstance(error, self.connection_errors) and not isinstance(error, KeyError)
                # Should it end this worker, it is not the next one's too. The sweeper hints its events.
                if not lost and not message.acknowledged:
                    message.reject_log_error(log, self.connection_errors)
                raise

        return take

    def on_send_event_buffered(self) -> None:
        """Have what is buffered published soon. Celery calls it for each event that it buffers."""
        now = time.monotonic()
        # By the time and not by a flag: a reconnect clears the loop's timers.
        if self.hub and now >= self._published_by:
            self._published_by = now + GATHER_SECONDS
            self.hub.call_later(GATHER_SECONDS, self._flush_events)
