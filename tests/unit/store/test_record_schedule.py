"""When a record is due to be read, by how long its entity waits."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from store.pulls.record_schedule import is_due

SINCE = datetime(2026, 1, 1, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def due_in(rounds: list[timedelta]) -> list[timedelta]:
    """In which of the rounds, told by the time since the waiting began, the record is due."""
    found, before = [], SINCE - HOUR
    for after in rounds:
        if is_due(SINCE, before, SINCE + after, HOUR):
            found.append(after)
        before = SINCE + after
    return found


def test_turns_come_at_doubled_times_and_from_a_day_on_daily() -> None:
    found = due_in([HOUR * n for n in range(24 * 5)])
    assert found == [HOUR * n for n in (0, 1, 2, 4, 8, 16, 32, 56, 80, 104)]


def test_what_was_never_looked_at_has_a_turn_once_it_waits() -> None:
    assert is_due(SINCE, None, SINCE, HOUR)
    assert not is_due(SINCE, None, SINCE - timedelta(seconds=1), HOUR)


@given(
    st.lists(st.timedeltas(timedelta(0), 30 * DAY), min_size=1, max_size=40),
    st.timedeltas(timedelta(0), 2 * DAY),
)
def test_no_turn_is_lost_or_had_twice_however_rounds_come(rounds: list[timedelta], quiet: timedelta) -> None:
    ordered = [SINCE + after for after in sorted(rounds)]
    start = SINCE - HOUR
    befores = [start, *ordered[:-1]]
    pairs = list(zip(befores, ordered, strict=True))
    assert any(is_due(SINCE, before, now, quiet) for before, now in pairs) == is_due(
        SINCE, start, ordered[-1], quiet
    )
    assert not is_due(SINCE, ordered[-1], ordered[-1], quiet)
    assert is_due(SINCE, ordered[-1], ordered[-1] + 3 * DAY, quiet)
