"""What the streams of one partner are to whoever runs them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from partners.partner_clock import PartnerClock
from store.pulls.poll_schedule import Left
from workers.pull.run import Report, Run

__all__ = ["Streams", "UnknownStream"]


class UnknownStream(Exception):
    """There is no such stream, or the partner does not offer it."""


class Streams(Protocol):
    """The streams of one partner, over one wire.

    `one_by_one` are those that go through what is known already; `last` is the one that runs when all others
    are done.
    """

    @property
    def one_by_one(self) -> Sequence[str]: ...

    @property
    def last(self) -> str | None: ...

    @property
    def partner_clock(self) -> PartnerClock: ...

    def close(self) -> None: ...

    def names(self) -> list[str]:
        """Those that can be read now, in the order in which they are best read. Raises psycopg.Error."""

    def pull(self, name: str, run: Run, since: datetime | None) -> Report:
        """One run of one of `names`. Raises psycopg.Error."""

    def left(self, as_of: datetime) -> Left:
        """What is still to be read one by one, now and later. Raises psycopg.Error."""

    def pull_entity(self, run: Run, kind: str, key: str) -> list[Report] | None:
        """Ask about one entity; None when there is none. Raises UnknownStream, psycopg.Error; ValueError for
        a key that may stand in no URL.
        """
