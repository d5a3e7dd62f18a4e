"""What an answer says of the partner's clock, by its `Date` header (RFC 9110, "Date")."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from partners.fields import FURTHEST, SOONEST

__all__ = ["PartnerClock", "moment_of"]


def moment_of(value: str | None) -> datetime | None:
    """An HTTP date in any of its forms; None for what is none, and for a year before 2015 or after 2199."""
    try:
        found = parsedate_to_datetime(value or "")
    except (ValueError, OverflowError):  # the second for an hour or a zone of twenty digits
        return None
    known = found if found.tzinfo else found.replace(tzinfo=UTC)
    return known if SOONEST <= known.timestamp() <= FURTHEST else None


class PartnerClock:
    """The partner's time, as its last answer told it. `clock` is ours."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        self._asked = clock()
        #: When the partner answered last, in whole seconds of Unix time by its own clock; None where that
        #: answer did not say. Of a slow answer it is when it was asked for: what happened while it was on its
        #: way may or may not be in it, and is to come after it.
        self.answered_at: int | None = None
        #: By how many seconds the partner's clock is ahead of ours, less than 0 where it is behind, as last
        #: measured; None before that.
        self.skew: float | None = None

    def asks(self) -> None:
        """A call begins."""
        self._asked = self._clock()
        self.answered_at = None

    def answers(self, headers: Mapping[str, str]) -> None:
        """The head of its answer is there."""
        date = moment_of(headers.get("Date"))
        if date is None:
            return
        taken = max(0.0, (self._clock() - self._asked).total_seconds())
        self.answered_at = int(date.timestamp()) - int(taken)
        # What a cache gives is as old as that says: a record is of that time, and no clock is to be read off.
        if "Age" not in headers:
            # Half a second is what a time without fractions lacks in the mean.
            middle = self._asked.timestamp() + taken / 2
            self.skew = date.timestamp() + 0.5 - middle
