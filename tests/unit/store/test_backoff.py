"""How long after a poll that brought nothing the next one comes."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from store.pulls.backoff import LONGEST_FOR_REVIEW, LONGEST_SECONDS, review_polls, seconds_to_next

HOUR = 3600
QUIET = st.floats(0.001, 10**7)


def hours(polls: int, *, only_review: bool) -> list[float]:
    return [seconds_to_next(n, HOUR, only_review=only_review) / HOUR for n in range(polls)]


def test_the_time_to_the_next_poll_doubles_up_to_a_day() -> None:
    assert hours(8, only_review=False) == [1, 1, 2, 4, 8, 16, 24, 24]


def test_what_only_waits_for_a_review_is_polled_ten_times_the_last_ones_a_week_apart() -> None:
    assert hours(11, only_review=True) == [1, 1, 2, 4, 8, 16, 32, 64, 128, 168, 168]
    assert review_polls(HOUR) == 10


@given(QUIET, st.integers(0, 100))
def test_no_poll_comes_sooner_than_the_one_before_nor_later_than_the_longest(
    quiet: float, polls: int
) -> None:
    for only_review, longest in ((False, LONGEST_SECONDS), (True, LONGEST_FOR_REVIEW)):
        now, then = (seconds_to_next(polls + n, quiet, only_review=only_review) for n in range(2))
        assert 0 < now <= then <= longest


@given(QUIET)
def test_polls_of_a_review_end_whatever_the_quiet_time(quiet: float) -> None:
    assert 2 <= review_polls(quiet) <= 30
