"""Polls of single requests for their events: those that are quiet, overdue or in doubt, most urgent first."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Protocol

from partners.faults import NotGranted, PartnerFault
from partners.truepill.pages import Page
from statemachine import MACHINES
from store.pulls import poll_schedule, rounds
from store.pulls.cursors import Progress
from store.pulls.poll_schedule import Due, PollResult
from workers.pull.lease import LeasedRun, run_leased
from workers.pull.run import Report, Run
from workers.pull.store_page import seal, store_page

__all__ = ["EventsOf", "pull_one", "pull_requests", "waiting_states"]

#: How many due requests are chosen at once, out of all of them; the choice is made anew after them.
CHOSEN = 2000
#: Pages of one request: it has a dozen events.
MOST_PAGES = 50


def waiting_states(kinds: Collection[str]) -> list[tuple[str, str]]:
    """The (kind, state) in which a clock runs: news is expected."""
    return [(kind, state) for kind in sorted(kinds) for state in sorted(MACHINES[kind].clocks)]


class EventsOf(Protocol):
    """The events of one request: its first page, or on by a token."""

    def __call__(self, kind: str, key: str, *, next: str | None) -> Page: ...


def pull_requests(run: Run, name: str, kinds: Collection[str], events_of: EventsOf) -> Report:
    """Poll every request of these kinds that is due, until the run is over or no call may be made.

    Raises psycopg.Error, after which a request is polled again or was not polled.
    """
    return run_leased(run, name, lambda leased: _Polls(leased, events_of).all_due(kinds))


def pull_one(run: Run, name: str, entity: Due, events_of: EventsOf) -> Report:
    """Poll one request, due or not. Raises psycopg.Error."""
    return run_leased(run, name, lambda leased: _Polls(leased, events_of).one(entity, strict=True))


class _Polls:
    def __init__(self, leased: LeasedRun, events_of: EventsOf) -> None:
        self.leased = leased
        self.run = leased.run
        self.report = leased.report
        self.events_of = events_of

    def all_due(self, kinds: Collection[str]) -> None:
        began = poll_schedule.server_time(self.run.conn)
        while not self.run.over():
            chosen = self._chosen(kinds, began)
            for entity in chosen:
                if self.run.over():
                    return
                self.one(entity)
            if not chosen:
                self.leased.stream = rounds.finish_polls(self.run.conn, self.leased.stream)
                self.report.finished = True
                return

    def _chosen(self, kinds: Collection[str], began: datetime) -> list[Due]:
        """Some of what is due: first what waits, then what came to its end over a gap, then the rest."""
        run, waiting = self.run, waiting_states(kinds)
        found = poll_schedule.due(run.conn, kinds, waiting, run.quiet, began, CHOSEN, run.as_of, run.others)
        ended = [entity for entity in found if not entity.waits]
        jumped = poll_schedule.gaps(self.run.conn, ended) if ended else set()
        return sorted(found, key=lambda entity: (not entity.waits, entity.id not in jumped))

    def one(self, entity: Due, *, strict: bool = False) -> None:
        """Read all of a request's events. What the partner does not know is polled less and less.

        `strict`: that is then an error, since somebody asks for it. Raises CallFailed, NotNow, LeaseLost;
        ValueError where `strict` and the key may stand in no URL.
        """
        token: str | None = None
        stored = 0
        for number in range(1, MOST_PAGES + 1):
            try:
                page = self.events_of(entity.kind, entity.key, next=token)
            except (NotGranted, ValueError) as failure:
                with self.run.conn.transaction():
                    if isinstance(failure, NotGranted):
                        self.leased.refused(entity.kind, entity.key, failure)
                    if token is None:
                        poll_schedule.note(
                            self.run.conn, entity, PollResult(stored, str(failure)), self.run.quiet
                        )
                    else:  # its first page was given: a token may have run out
                        poll_schedule.put_off(self.run.conn, entity, str(failure), self.run.quiet)
                if strict:
                    raise
                return
            except PartnerFault as failure:
                # It may be this request that fails: the next run begins with the others.
                poll_schedule.put_off(self.run.conn, entity, str(failure), self.run.quiet)
                raise
            again = page.next == token
            token = None if again or number == MOST_PAGES else page.next
            stored += self._store(entity, page, stored, last=token is None)
            if token is None:
                break
        self.report.finished = strict

    def _store(self, entity: Due, page: Page, before: int, *, last: bool) -> int:
        """Store a page; with the last one, that the request was polled. One transaction."""
        # A prescription is asked for among all of them: no URL is about it.
        url_id = None if entity.kind == "prescription" else entity.key
        batch = seal(page.events, url_id, self.run.tools)
        progress = Progress(len(page.events), 0, None, True)
        with self.run.conn.transaction():
            stream, new = store_page(self.run.conn, self.leased.stream, None, progress, batch)
            if last:
                poll_schedule.note(self.run.conn, entity, PollResult(before + len(new)), self.run.quiet)
        self.leased.stream = stream
        self.report.pages += 1
        self.report.events += len(page.events)
        self.report.stored += len(new)
        if new:
            self.run.hint(new)
        self.run.tell(self.report)
        return len(new)
