"""The partner's clock, by the dates of its answers."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from partners.partner_clock import PartnerClock, moment_of

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


class Ours:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now


def answered(clock: PartnerClock, ours: Ours, taken: float, **headers: str) -> PartnerClock:
    clock.asks()
    ours.now += timedelta(seconds=taken)
    clock.answers(headers)
    return clock


@pytest.mark.parametrize(
    "text", ["Fri, 30 Jan 2026 12:00:00 GMT", "Friday, 30-Jan-26 12:00:00 GMT", "Fri Jan 30 12:00:00 2026"]
)
def test_an_http_date_is_read_in_each_of_its_forms(text: str) -> None:
    assert moment_of(text) == NOW - timedelta(days=30)


NONE = [
    None,
    "",
    "yesterday",
    "1769774400",
    "Fri, 30 Jan 99999999999 12:00:00 GMT",
    "Thu, 01 Jan 1970 00:00:00 GMT",
    "Fri, 30 Jan 9999 12:00:00 GMT",
]


@pytest.mark.parametrize("text", NONE)
def test_what_is_no_date_that_can_be_is_none(text: str | None) -> None:
    assert moment_of(text) is None


def test_a_clock_that_is_behind_dates_the_answer_and_is_measured() -> None:
    ours = Ours()
    clock = answered(PartnerClock(ours), ours, 0.4, Date="Fri, 30 Jan 2026 12:00:00 GMT")
    assert clock.answered_at == int(NOW.timestamp()) - 30 * 86_400
    assert clock.skew == pytest.approx(-30 * 86_400 + 0.5 - 0.2)


def test_a_slow_answer_is_of_the_time_at_which_it_was_asked_for() -> None:
    ours = Ours()
    clock = answered(PartnerClock(ours), ours, 8.2, Date="Sun, 01 Mar 2026 12:00:08 GMT")
    assert clock.answered_at == int(NOW.timestamp())
    assert abs(clock.skew or 0.0) < 5


@pytest.mark.parametrize("headers", [{}, {"Date": "soon"}])
def test_an_answer_without_a_date_is_not_taken_for_the_one_before(headers: dict[str, str]) -> None:
    ours = Ours()
    clock = answered(PartnerClock(ours), ours, 0.1, Date="Fri, 30 Jan 2026 12:00:00 GMT")
    answered(clock, ours, 0.1, **headers)
    assert clock.answered_at is None
    assert clock.skew is not None


def test_what_a_cache_gives_is_as_old_as_it_says_and_no_clock_is_read_off_it() -> None:
    ours = Ours()
    clock = answered(PartnerClock(ours), ours, 0.1, Date="Sun, 01 Mar 2026 11:00:00 GMT", Age="3600")
    assert clock.answered_at == int(NOW.timestamp()) - 3600
    assert clock.skew is None
