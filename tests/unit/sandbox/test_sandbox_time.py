"""The sandbox's own time, over a present that the test moves."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.time_source import DEFAULT_LAG, SandboxTime, parse_speed


class Present:
    def __init__(self, now: float = 1_000_000_000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


@pytest.mark.parametrize(("text", "speed"), [("3600x", 3600), ("3600", 3600), (" 1.5X ", 1.5), ("1", 1)])
def test_a_speed_is_read_with_and_without_its_x(text: str, speed: float) -> None:
    assert parse_speed(text) == speed


@pytest.mark.parametrize("text", ["", "x", "0", "0.5", "-1", "nan", "inf", "fast"])
def test_what_is_no_speed_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="1 or more"):
        parse_speed(text)


def test_at_speed_one_it_is_the_present_running_or_not() -> None:
    present = Present()
    time = SandboxTime(present)
    for act in (time.run, time.rest, time.run):
        present.now += 5
        act()
        assert time.now() == present.now


def test_a_fast_clock_starts_in_the_past_and_stands_while_nothing_is_scheduled() -> None:
    present = Present()
    time = SandboxTime(present, speed=60)
    start = time.now()
    assert present.now - start == DEFAULT_LAG
    time.run()
    present.now += 10
    assert time.now() - start == 600
    time.rest()
    present.now += 100
    assert time.now() - start == 600


def test_at_rest_it_falls_no_further_behind_than_where_it_started() -> None:
    present = Present()
    time = SandboxTime(present, speed=60, lag=100)
    present.now += 1000
    assert present.now - time.now() == 100


def test_at_the_present_it_goes_on_with_it() -> None:
    present = Present()
    time = SandboxTime(present, speed=100, lag=50)
    time.run()
    present.now += 1
    assert time.now() == present.now
    present.now += 1
    assert time.now() == present.now


def test_after_a_restart_it_is_not_before_what_has_happened() -> None:
    present = Present()
    time = SandboxTime(present, speed=60, lag=1000, not_before=present.now - 10)
    assert time.now() == present.now - 10
    ahead = SandboxTime(present, speed=60, not_before=present.now + 10)
    ahead.run()
    present.now += 5
    assert ahead.now() == present.now + 5


MOVES = st.lists(
    st.tuples(st.sampled_from(["run", "rest"]), st.floats(min_value=-50, max_value=10_000, width=32)),
    max_size=20,
)


@given(MOVES, st.sampled_from([1.0, 2.0, 60.0, 3600.0]), st.sampled_from([None, 0.0, 500.0]))
def test_it_never_goes_back_and_never_passes_the_latest_present(
    moves: list[tuple[str, float]], speed: float, lag: float | None
) -> None:
    present = Present()
    time = SandboxTime(present, speed, lag)
    before, latest = time.now(), present.now
    for act, seconds in moves:
        getattr(time, act)()
        present.now += seconds
        latest = max(latest, present.now)
        now = time.now()
        assert before <= now <= latest
        before = now


@given(
    st.sampled_from([1.0, 2.0, 60.0, 3600.0]),
    st.sampled_from([None, 0.0, 500.0]),
    st.floats(min_value=0.01, max_value=1e7),
)
def test_until_says_when_a_moment_comes(speed: float, lag: float | None, ahead: float) -> None:
    present = Present()
    time = SandboxTime(present, speed, lag)
    time.run()
    moment = time.now() + ahead
    pause = time.until(moment)
    assert pause > 0
    present.now += pause
    assert time.now() == pytest.approx(moment, abs=1e-3)
    assert time.until(moment - 1) == 0
