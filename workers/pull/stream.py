"""Pulling a stream of events by time: page after page into the inbox, each with its cursor in one COMMIT.

One runner a stream, by its lease; no transaction is open while the partner is called. Pages of a partner that
is quicker than a COMMIT are stored a few together. Whatever ends a run, the next one goes on where the last
COMMIT left it: what was read since is read again, and what was stored is recognised.
"""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Protocol

from partners.faults import CallFailed, NotGranted
from partners.truepill.pages import Page, Pulled
from store.crypto.sealing import BrokenSeal, UnknownSealKey
from store.pulls import cursors
from store.pulls.cursors import Progress
from workers.apply.model import Tools
from workers.apply.read import AHEAD_SECONDS
from workers.pull.lease import LEFT_ALONE, LeasedRun, run_leased
from workers.pull.page_buffer import QUICK_SECONDS, BufferedStore
from workers.pull.page_progress import keeps_to_time, leads_further, progress_of
from workers.pull.page_token import PageToken, seal_token, unseal_token
from workers.pull.rate_gate import NotNow
from workers.pull.run import Report, Run
from workers.pull.store_page import Store, Stored, store_events

__all__ = ["Pages", "pull_stream"]

#: How far back a stream is read that was never read before, in days.
FIRST_DAYS = 35
DAY = 86_400
#: How often a pass may begin anew without having come further, before the run gives up.
RESTARTS = 3
#: Page tokens that are remembered, to notice pages that run in a circle, and pages in a row, over all runs of
#: a pass, without anything new or newer.
REMEMBERED = 1000
IDLE_PAGES = 1000
ENDLESS = "its pages do not come to an end"

#: Makes events ready, outside of any transaction, to be stored.
MakeReady = Callable[[Sequence[Pulled], Tools], Store]


class Pages(Protocol):
    """The pages of a stream: since a second of Unix time (that second included), or on by a token."""

    def __call__(self, *, since: int | None, next: str | None) -> Page: ...


def pull_stream(
    run: Run,
    name: str,
    pages: Pages,
    since: datetime | None = None,
    make_ready: MakeReady = store_events,
) -> Report:
    """Read a stream to its last page, or until the run is over or the partner does not give more.

    `since` reads again from there; an unfinished pass that began no later is gone on with. `make_ready` says
    what becomes of the events whose owner is known. Raises psycopg.Error, after which the stream is as the
    last COMMIT left it.
    """
    return run_leased(run, name, lambda leased: _Pass(leased, pages, make_ready).read(since))


class _Pass:
    def __init__(self, leased: LeasedRun, pages: Pages, make_ready: MakeReady) -> None:
        self.run = run = leased.run
        self.report = leased.report
        self.pages = pages
        #: As it will stand once all that was read is stored.
        self.stream = leased.stream
        self.buffered = BufferedStore(
            run.conn, run.storing_thread, lambda events: make_ready(events, run.tools), self._count
        )
        #: Names of the page tokens that this run has gone on by.
        self.tokens: deque[bytes] = deque(maxlen=REMEMBERED)
        #: How often the pass began anew, and how far it had come when it did so last.
        self.restarts = 0
        self.restarted_from: datetime | None = None
        #: The newest time of the last page that was read.
        self.last_newest: int | None = None
        #: Whether this run began the first pass of the stream, and has no answer yet.
        self.from_first = False
        #: Since when the last page was asked for; None when it was had by a token.
        self.asked_since: int | None = None
        #: What the last page had: asked for by time, its newest second comes again.
        self.border: frozenset[bytes] = frozenset()

    def read(self, since: datetime | None) -> None:
        self._begin(since)
        while not self.run.over():
            began = time.monotonic()
            try:
                page = self._page()
            except NotNow as refused:
                self._store()
                self.report.wait = refused.wait
                if refused.why == "circuit":
                    self._trouble(LEFT_ALONE)
                return
            except CallFailed as failure:
                self._store()
                # A page token may have run out; without one there is nothing else to try.
                expired = isinstance(failure, NotGranted) and self.stream.next_page is not None
                if not expired or not self._restart():
                    self._trouble(str(failure))
                    return
                continue
            if self._began_too_late():
                continue
            if self._take(page, quick=time.monotonic() - began < QUICK_SECONDS):
                self.stream = cursors.finish_pass(
                    self.run.conn, self.stream, self.run.overlap, self._first(), self.run.skew()
                )
                self.report.finished = True
                return
            if self._is_endless():
                self._trouble(ENDLESS)
                return
        self._store()

    def _begin(self, since: datetime | None) -> None:
        began = self.stream.pass_from
        if began is not None and (since is None or began <= since):
            if self.stream.next_page is not None and self.stream.pass_newest is not None:
                self.last_newest = int(self.stream.pass_newest.timestamp())
            return
        start = since or self.stream.watermark or self._first()
        self.from_first = since is None and self.stream.watermark is None
        self.stream = cursors.begin_pass(self.run.conn, self.stream, start)

    def _first(self) -> datetime:
        """Where a stream is read from that was never read before.

        As much further back as the partner's clock is behind ours, in whole days, which a measurement that
        differs by a little does not change.
        """
        behind = math.ceil(max(0.0, -self.run.skew()) / DAY)
        return self.run.tools.clock() - timedelta(days=FIRST_DAYS + behind)

    def _began_too_late(self) -> bool:
        """Whether the first answer of a first pass told of a clock that is behind; then it begins anew."""
        first, began = self._first(), self.stream.pass_from
        too_late = self.from_first and began is not None and began - first >= timedelta(days=1)
        self.from_first = False
        if too_late:
            self.stream = cursors.begin_pass(self.run.conn, self.stream, first)
        return too_late

    def _page(self) -> Page:
        token, by_time = self._token()
        if token is not None and not by_time:
            self.asked_since = None
            return self.pages(since=None, next=token)
        at = cursors.resume_at(self.stream)
        self.asked_since = int(at.timestamp()) if at else None
        return self.pages(since=self.asked_since, next=None)

    def _token(self) -> PageToken:
        """The next page's token. One that cannot be unsealed any more is given up: times will do."""
        try:
            return unseal_token(self.run.tools.sealer, self.stream.name, self.stream.next_page)
        except (BrokenSeal, UnknownSealKey):
            self._store()
            self.stream = cursors.restart(self.run.conn, self.stream)
            return PageToken(None, True)

    def _take(self, page: Page, *, quick: bool) -> bool:
        """Buffer a page, or store it with those that are buffered; whether it was the last one.

        `quick`: the partner was, so that the next page may be stored together with this one.
        """
        in_time = keeps_to_time(page, self.asked_since)
        page = self._without_border(page)
        identified = [event for event in page.events if event.named]
        progress = progress_of(
            page,
            len(page.events) - len(identified),
            last_newest=self.last_newest,
            latest=int(self.run.tools.clock().timestamp() + self.run.skew()) + AHEAD_SECONDS,
            keeps_to_time=in_time,
        )
        leads = leads_further(self.stream, progress)
        token, doubted = page.next, False
        if token is None and self.asked_since is not None and not leads:
            # There was to be more: that there is not is believed when the token says so.
            token = self._token().token
            doubted = token is not None
        ends = page.next is None and not doubted
        # A token stands for a position, which moves when events come or go before it: what slips over the
        # border of two pages meanwhile is on neither. By the newest time of this page the border is read
        # twice. Only within one second there is nothing but the token, and where times do not ascend or the
        # partner does not keep to them.
        by_time = not doubted and leads and progress.sorted and self.stream.pass_sorted
        if not leads:
            # How many pages in a row led no further is counted in the stored row.
            self._store()
        self._advance(token, by_time, progress)
        self.buffered.add(identified, progress)
        if ends or not quick or not leads:
            self._store()
        elif self.buffered.full:
            self._store(wait=False)
        return ends

    def _advance(self, token: str | None, by_time: bool, progress: Progress) -> None:
        sealed = seal_token(self.run.tools.sealer, self.stream.name, token, by_time=by_time)
        self.stream = cursors.advanced(self.stream, sealed, progress)
        self.last_newest = progress.newest if progress.newest is not None else self.last_newest

    def _without_border(self, page: Page) -> Page:
        """The page without what the last one had already."""
        fresh = tuple(event for event in page.events if event.body not in self.border)
        self.border = frozenset(event.body for event in page.events)
        return page._replace(events=fresh)

    def _store(self, *, wait: bool = True) -> None:
        """Store the pages that are buffered, with the cursor behind the last of them, in one transaction.

        Without `wait` the next pages may be fetched meanwhile.
        """
        self.stream = self.buffered.store(self.stream, wait=wait)

    def _count(self, stored: Stored, pages: Sequence[Progress]) -> None:
        self.report.stored += stored.new
        if stored.seqs:
            self.run.hint(stored.seqs)
        for page in pages:
            self.report.pages += 1
            self.report.events += page.events
            self.report.unidentified += page.unidentified
            self.run.tell(self.report)

    def _is_endless(self) -> bool:
        """Whether pages go on without leading anywhere."""
        if self.stream.pass_idle >= IDLE_PAGES:
            # The next run begins by time: nothing newer than what is read was shown.
            self.stream = cursors.restart(self.run.conn, self.stream)
            return True
        token, by_time = self._token()
        return bool(token) and not by_time and self._in_a_circle(token or "") and not self._restart()

    def _in_a_circle(self, token: str) -> bool:
        name = self.run.tools.keyed_hash.hash("page", token)
        known = name in self.tokens
        self.tokens.append(name)
        return known

    def _restart(self) -> bool:
        """Go on by time, without a token; False when that was done before and led no further."""
        if self.restarted_from is not None and self.restarted_from == self.stream.pass_newest:
            self.restarts += 1
        else:
            self.restarts = 1
        self.restarted_from, self.last_newest = self.stream.pass_newest, None
        self.tokens.clear()
        if self.restarts > RESTARTS:
            return False
        self.stream = cursors.restart(self.run.conn, self.stream)
        return True

    def _trouble(self, text: str) -> None:
        self.report.trouble = text
        self.stream = cursors.note_trouble(self.run.conn, self.stream, text)
