"""All streams, again and again, until the partner has nothing left that we lack, or gives no more of it.

A run of one stream ends where the partner fails or somebody else reads; a page brings requests that are then
to be asked about; and what is pulled is applied by the workers meanwhile. So that one command does it all,
rounds go on as long as they lead further.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import NamedTuple, Protocol

from store.pulls.poll_schedule import Left
from workers.pull.run import Report

__all__ = ["IdleReport", "Source", "pull_until_idle"]

#: Rounds in a row that lead no further before it is left at that; the wait after each doubles.
FRUITLESS = 5
LONGEST_WAIT = 60.0
#: After a failure the next stream is not tried at once: it would meet the same.
PAUSE_SECONDS = 3.0
#: How long the workers may take to apply one more event, before they are not waited for.
STILL_SECONDS = 3.0
CHECK_SECONDS = 0.25


class IdleReport(NamedTuple):
    """What each stream came to over all rounds, what is still to be asked about, and whether all is done."""

    reports: list[Report]
    left: Left
    done: bool


class Source(Protocol):
    """What rounds are made of: `workers.pull.puller.Puller`.

    `one_by_one` are its streams that go through what is known; `last` is the one that runs when all others
    are done.
    """

    @property
    def one_by_one(self) -> Sequence[str]: ...

    def pull(
        self, name: str, *, since: datetime | None, tell: Callable[[Report], None], as_of: datetime
    ) -> Report: ...

    @property
    def last(self) -> str | None: ...

    def clock(self) -> datetime: ...

    def left(self, as_of: datetime) -> Left: ...

    def unapplied(self) -> int: ...


def pull_until_idle(
    source: Source,
    names: Sequence[str],
    since: datetime | None = None,
    *,
    tell: Callable[[Report], None] = lambda _: None,
    planned: Callable[[Left], None] = lambda _: None,
    sleep: Callable[[float], None] = time.sleep,
) -> IdleReport:
    """Run these streams until nothing of them is due. `tell` hears of pages, `planned` what is to be asked.

    What comes while they run is for the next time, or it would have no end where there is always news.
    Raises UnknownStream, psycopg.Error.
    """
    total, as_of = {name: Report(name) for name in names}, source.clock()
    one_by_one = [name for name in names if name in source.one_by_one]
    todo, fruitless, first = list(names), 0, True
    while todo:
        further = False
        for name in todo:
            if name == source.last and not all(total[other].finished for other in names if other != name):
                continue  # records are for what no event tells
            if name in one_by_one:
                _until_applied(source, sleep)
                if name == one_by_one[0]:
                    planned(source.left(as_of))
            report = source.pull(name, since=since if first else None, tell=tell, as_of=as_of)
            further = _add(total[name], report) or further
            if report.trouble is not None and any(one.pages for one in total.values()):
                sleep(PAUSE_SECONDS)
        first = False
        todo = [name for name in todo if not total[name].finished]
        if todo and not further:
            fruitless += 1
            if fruitless > FRUITLESS or not any(report.pages for report in total.values()):
                break
        else:
            fruitless = 0
        if todo:
            sleep(_wait(fruitless, [total[name] for name in todo]))
        elif further and one_by_one:
            # What was brought may have made requests known, or set them back.
            _until_applied(source, sleep)
            todo = one_by_one if source.left(as_of).due else []
    left = source.left(as_of)
    return IdleReport(list(total.values()), left, not todo and not left.due)


def _add(total: Report, report: Report) -> bool:
    """Add a run to what came of its stream before; whether it led further."""
    total.pages += report.pages
    total.events += report.events
    total.stored += report.stored
    total.unidentified += report.unidentified
    total.refused += report.refused
    total.finished, total.busy = report.finished, report.busy
    total.wait, total.trouble = report.wait, report.trouble
    return report.pages > 0


def _wait(fruitless: int, reports: Sequence[Report]) -> float:
    asked = max((report.wait or 0.0 for report in reports), default=0.0)
    return min(LONGEST_WAIT, max(asked, 2.0**fruitless))


def _until_applied(source: Source, sleep: Callable[[float], None]) -> None:
    """Wait for the workers: what is applied need not be asked for."""
    before, still = source.unapplied(), 0.0
    while before and still < STILL_SECONDS:
        sleep(CHECK_SECONDS)
        now = source.unapplied()
        still = 0.0 if now < before else still + CHECK_SECONDS
        before = now
