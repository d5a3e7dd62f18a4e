"""Celery's beat, which goes on after its broker refused it, its clock was set back or its file was damaged.

Celery's keeps one producer for as long as it runs and leaves its channel to retries of the publish, which
ours has none of: once it had lost the connection to a RabbitMQ it would never send anything again. It ends
when its login is refused and when its file cannot be written. And it says when next by the time when last:
after a clock was set back by a day it would send nothing for a day, restarted or not, since its file says so.
"""

from __future__ import annotations

import logging
from contextlib import suppress
from datetime import timedelta
from typing import Any

from celery.beat import PersistentScheduler, SchedulingError

from errors import describe

__all__ = ["EnduringScheduler"]

log = logging.getLogger("rxledger.beat")

#: What ran so much later than now did so by another clock.
CLOCK_TOLERANCE = timedelta(seconds=1)
#: After a failure nothing is sent for so many seconds.
PAUSE_SECONDS = 5.0


class _Unkept(dict[str, Any]):
    """Stands for the file where there can be none: what ran when is known until the process ends."""

    def sync(self) -> None:
        """There is nowhere to write to."""

    def close(self) -> None:
        """There is nothing to close."""


class EnduringScheduler(PersistentScheduler):  # type: ignore[misc]
    """What `rxledger beat` runs."""

    _unkept = False

    def tick(self, *arguments: Any, **named: Any) -> float:
        """Send what is due; how many seconds to wait until the next call."""
        try:
            self._follow_the_clock()
            return float(super().tick(*arguments, **named))
        except Exception as error:  # whatever a broker's client raises when it is not let in
            log.error("nothing could be sent: %s", describe(error))
            self._renew()
            self._heap = None  # what was under way is missing there
            return PAUSE_SECONDS

    def apply_async(self, *arguments: Any, **named: Any) -> Any:
        """Send one task. Raises SchedulingError; the next one goes through a new connection."""
        try:
            return super().apply_async(*arguments, **named)
        except SchedulingError:
            self._renew()
            raise

    def sync(self) -> None:
        """Write down what ran when. Where that fails, a restart sends some of it early, at no harm."""
        try:
            super().sync()
        except Exception as error:  # each kind of file has errors of its own
            log.warning("the schedule is not kept: %s", describe(error))

    def setup_schedule(self) -> None:
        """Read what ran when; where that is not to be had, all begins now."""
        try:
            super().setup_schedule()
        except Exception as error:
            log.warning("the schedule is not kept: %s", describe(error))
            with suppress(Exception):  # damaged or not, the next start shall not find it again
                self._remove_db()
            self._unkept = True
            super().setup_schedule()

    def _open_schedule(self) -> Any:
        return _Unkept() if self._unkept else super()._open_schedule()

    def _follow_the_clock(self) -> None:
        for entry in self.schedule.values():
            now = entry.default_now()
            if entry.last_run_at > now + CLOCK_TOLERANCE:
                log.warning("%s: the clock was set back, so it waits from now on", entry.name)
                entry.last_run_at = now
                self._heap = None

    def _renew(self) -> None:
        self.__dict__.pop("producer", None)
        connection = self.__dict__.pop("connection", None)
        if connection is not None:
            with suppress(Exception):  # it is broken already
                connection.release()
