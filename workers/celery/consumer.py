"""Celery's consumer, sparing with what it tells Flower.

Celery publishes a task's events in the very next turn of the worker's loop: a blocking call of the broker, of
about half a millisecond, that stands between a hint's arrival and its task, and again behind it. It was half
of what the worker's main process did under load. Gathered for a moment they cost a tenth, and nobody who
watches a page notices.
"""

from __future__ import annotations

import time

from celery.worker.consumer import Consumer

__all__ = ["SparingConsumer"]

#: Events wait so long at most, or until there are as many as Celery gathers (24).
GATHER_SECONDS = 0.5


class SparingConsumer(Consumer):  # type: ignore[misc]
    """Publishes the events of tasks in groups."""

    _published_by = float("-inf")

    def on_send_event_buffered(self) -> None:
        """Have what is buffered published soon. Celery calls it for each event that it buffers."""
        now = time.monotonic()
        # By the time and not by a flag: a reconnect clears the loop's timers.
        if self.hub and now >= self._published_by:
            self._published_by = now + GATHER_SECONDS
            self.hub.call_later(GATHER_SECONDS, self._flush_events)
