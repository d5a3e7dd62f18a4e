"""Rounds of pulls, until nothing is left: `workers.pull.pull_until_idle` over a source that obeys."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from store.pulls.poll_schedule import Left
from workers.pull.pull_until_idle import FRUITLESS, LONGEST_WAIT, pull_until_idle
from workers.pull.run import Report

TIMES, REQUESTS = "notify_rx", "fill_request"
SINCE, NOW = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 2, 1, tzinfo=UTC)
NOTHING = Left(0, 0, None)


def finished(name: str, pages: int = 1, stored: int = 0) -> Report:
    return Report(name, pages=pages, events=stored, stored=stored, finished=True)


class Told:
    """Answers each run by the next of its reports, the last one for ever; `dues` likewise."""

    def __init__(self, *, dues: tuple[Left, ...] = (NOTHING,), **reports: list[Report]) -> None:
        self.reports = reports
        self.dues = list(dues)
        self.queue: list[int] = [0]
        self.runs: list[tuple[str, datetime | None]] = []
        self.one_by_one = (REQUESTS,)
        self.last: str | None = None

    def pull(
        self, name: str, *, since: datetime | None, tell: Callable[[Report], None], as_of: datetime
    ) -> Report:
        assert as_of == NOW
        self.runs.append((name, since))
        left = self.reports[name]
        return left.pop(0) if len(left) > 1 else left[0]

    def clock(self) -> datetime:
        return NOW

    def left(self, as_of: datetime) -> Left:
        assert as_of == NOW
        return self.dues.pop(0) if len(self.dues) > 1 else self.dues[0]

    def unapplied(self) -> int:
        return self.queue.pop(0) if len(self.queue) > 1 else self.queue[0]


@pytest.fixture
def slept() -> list[float]:
    return []


def test_a_stream_that_is_read_to_its_end_is_read_once(slept: list[float]) -> None:
    source = Told(notify_rx=[finished(TIMES)], fill_request=[finished(REQUESTS, 0)])
    settled = pull_until_idle(source, [TIMES, REQUESTS], SINCE, sleep=slept.append)
    assert source.runs == [(TIMES, SINCE), (REQUESTS, SINCE)]
    assert settled.done
    assert slept == []


def test_a_stream_that_fails_in_the_middle_goes_on_and_its_counts_add_up(slept: list[float]) -> None:
    broken = Report(TIMES, pages=3, events=5, stored=2, trouble="500, the partner failed")
    source = Told(notify_rx=[broken, finished(TIMES, 2, 4)], fill_request=[finished(REQUESTS, 0)])
    settled = pull_until_idle(source, [TIMES, REQUESTS], SINCE, sleep=slept.append)
    # What is read again from a time is read again once: the second run goes on with the first.
    assert source.runs == [(TIMES, SINCE), (REQUESTS, SINCE), (TIMES, None)]
    assert (settled.reports[0].pages, settled.reports[0].stored) == (5, 6)
    assert (settled.reports[0].trouble, settled.done) == (None, True)
    assert slept


def test_a_partner_that_gives_nothing_at_all_is_left_alone_at_once(slept: list[float]) -> None:
    source = Told(notify_rx=[Report(TIMES, trouble="401")], fill_request=[Report(REQUESTS, trouble="401")])
    settled = pull_until_idle(source, [TIMES, REQUESTS], sleep=slept.append)
    assert len(source.runs) == 2
    assert not settled.done
    assert slept == []


def test_rounds_that_lead_no_further_come_to_an_end_after_growing_waits(slept: list[float]) -> None:
    stuck = Report(REQUESTS, trouble="500", wait=7.0)
    source = Told(notify_rx=[finished(TIMES)], fill_request=[stuck], dues=(Left(3, 0, None),))
    settled = pull_until_idle(source, [TIMES, REQUESTS], sleep=slept.append)
    assert source.runs.count((REQUESTS, None)) == FRUITLESS + 2
    assert source.runs.count((TIMES, None)) == 1
    assert not settled.done
    assert settled.left.due == 3
    assert max(slept) <= LONGEST_WAIT
    assert 7.0 in slept  # as long as the partner asked for


def test_requests_that_became_known_meanwhile_are_asked_about_too(slept: list[float]) -> None:
    asked = [finished(REQUESTS, 4), finished(REQUESTS, 2), finished(REQUESTS, 0)]
    source = Told(
        notify_rx=[finished(TIMES)],
        fill_request=asked,
        dues=(Left(4, 0, None), Left(2, 0, None), Left(2, 0, None), NOTHING),
    )
    settled = pull_until_idle(source, [TIMES, REQUESTS], sleep=slept.append)
    assert [name for name, _ in source.runs] == [TIMES, REQUESTS, REQUESTS]
    assert settled.reports[1].pages == 6
    assert settled.done


def test_records_are_looked_at_when_all_events_have_been_asked_for(slept: list[float]) -> None:
    broken = Report(REQUESTS, pages=1, trouble="500")
    source = Told(
        notify_rx=[finished(TIMES)],
        fill_request=[broken, finished(REQUESTS)],
        snapshots=[finished("snapshots")],
    )
    source.last = "snapshots"
    settled = pull_until_idle(source, [TIMES, REQUESTS, "snapshots"], sleep=slept.append)
    assert [name for name, _ in source.runs] == [TIMES, REQUESTS, REQUESTS, "snapshots"]
    assert settled.done


def test_what_was_pulled_is_applied_before_requests_are_chosen(slept: list[float]) -> None:
    source = Told(notify_rx=[finished(TIMES)], fill_request=[finished(REQUESTS, 0)])
    source.queue = [9, 5, 1, 0]
    pull_until_idle(source, [TIMES, REQUESTS], sleep=slept.append)
    assert len(slept) == 3
    assert source.queue == [0]


def test_workers_that_apply_nothing_are_not_waited_for_for_ever(slept: list[float]) -> None:
    source = Told(notify_rx=[finished(TIMES)], fill_request=[finished(REQUESTS, 0)])
    source.queue = [9]
    assert pull_until_idle(source, [TIMES, REQUESTS], sleep=slept.append).done
    assert sum(slept) < 10
