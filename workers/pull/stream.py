"""Pulling a stream of events by time: page after page into the inbox, each with its cursor in one COMMIT.

One runner a stream, by its lease; no transaction is open while the partner is called. Pages of a partner that
is quicker than a COMMIT are stored a few together. Whatever ends a run, the next one goes on where the last
COMMIT left it: what was read since is read again, and what was stored is recognised.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Protocol

import psycopg

from partners.truepill.faults import CallFailed, NotGranted
from partners.truepill.pages import Page, Pulled
from store.crypto.sealing import BrokenSeal, UnknownSealKey
from store.pulls import cursors
from store.pulls.cursors import LeaseLost, Progress, Stream
from workers.apply.model import Tools
from workers.apply.read import AHEAD_SECONDS
from workers.pull.page_buffer import QUICK_SECONDS, PageBuffer, done_already
from workers.pull.rate_gate import NotNow
from workers.pull.run import Report, Run
from workers.pull.store_page import PARTNER, Store, Stored, store_events

__all__ = ["Pages", "pull_stream"]

#: How far back a stream is read that was never read before, in days.
FIRST_DAYS = 35
#: How often a pass may begin anew without having come further, before the run gives up.
RESTARTS = 3
#: Page tokens that are remembered, to notice pages that run in a circle, and pages in a row, over all runs of
#: a pass, without anything new or newer.
REMEMBERED = 1000
IDLE_PAGES = 1000
ENDLESS = "its pages do not come to an end"
#: Before a token that is kept beside the time by which its page is asked for. No token holds it.
BY_TIME = "\0"
_CONTEXT = b"next page of "


class Pages(Protocol):
    """The pages of a stream: since a second of Unix time (that second included), or on by a token."""

    def __call__(self, *, since: int | None, next: str | None) -> Page: ...


def pull_stream(
    run: Run,
    name: str,
    pages: Pages,
    since: datetime | None = None,
    kept: Callable[[Sequence[Pulled], Tools], Store] = store_events,
) -> Report:
    """Read a stream to its last page, or until the run is over or the partner does not give more.

    `since` reads again from there; an unfinished pass that began no later is gone on with. `kept` says what
    becomes of what has a name. Raises psycopg.Error, after which the stream is as the last COMMIT left it.
    """
    report = Report(name)
    stream = cursors.lease(run.conn, PARTNER, name, run.holder)
    if stream is None:
        report.busy = True
        return report
    try:
        _Pass(run, report, pages, stream, kept).read(since)
    except LeaseLost:
        report.busy = True
    finally:
        with suppress(psycopg.Error):  # then its time runs out
            cursors.release(run.conn, stream, report.rest)
    return report


@dataclass
class _Pass:
    run: Run
    report: Report
    pages: Pages
    stream: Stream
    kept: Callable[[Sequence[Pulled], Tools], Store]
    tokens: deque[bytes] = field(default_factory=lambda: deque(maxlen=REMEMBERED))
    restarts: int = 0
    #: The newest time of the last page that was read.
    last: int | None = None
    #: How far the pass had come when it began anew.
    came: datetime | None = None
    #: Since when the last page was asked for; None when it was had by a token.
    asked: int | None = None
    #: What the last page held: asked for by time, its newest second comes again.
    border: frozenset[bytes] = frozenset()
    held: PageBuffer = field(default_factory=PageBuffer)
    storing: tuple[Sequence[Progress], Future[tuple[Stored, Stream]]] | None = None

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
                    self._trouble("the partner is left alone for a while, after failures")
                return
            except NotGranted as failure:
                self._store()
                # A page token may have run out; without one there is nothing else to try.
                if self.stream.next_page is None or not self._restart():
                    self._trouble(str(failure))
                    return
                continue
            except CallFailed as failure:
                self._store()
                self._trouble(str(failure))
                return
            if self._keep(page, quick=time.monotonic() - began < QUICK_SECONDS):
                self.stream = cursors.finish_pass(self.run.conn, self.stream, self.run.overlap, self._first())
                self.report.finished = True
                return
            if self.stream.pass_idle >= IDLE_PAGES:
                # The next run begins by time: nothing newer than what is read was shown.
                self.stream = cursors.restart(self.run.conn, self.stream)
                self._trouble(ENDLESS)
                return
            token, by_time = self._cursor()
            if token and not by_time and self._in_a_circle(token) and not self._restart():
                self._trouble(ENDLESS)
                return
        self._store()

    def _begin(self, since: datetime | None) -> None:
        began = self.stream.pass_from
        if began is not None and (since is None or began <= since):
            if self.stream.next_page is not None and self.stream.pass_newest is not None:
                self.last = int(self.stream.pass_newest.timestamp())
            return
        start = since or self.stream.watermark or self._first()
        self.stream = cursors.begin_pass(self.run.conn, self.stream, start)

    def _first(self) -> datetime:
        """Where a stream is read from that was never read before."""
        return self.run.tools.clock() - timedelta(days=FIRST_DAYS)

    def _page(self) -> Page:
        token, by_time = self._cursor()
        if token is not None and not by_time:
            self.asked = None
            return self.pages(since=None, next=token)
        at = cursors.resume_at(self.stream)
        self.asked = int(at.timestamp()) if at else None
        return self.pages(since=self.asked, next=None)

    def _cursor(self) -> tuple[str | None, bool]:
        """The next page's token, and whether the page is asked for by time all the same.

        A token that cannot be unsealed any more is given up: times will do.
        """
        sealed = self.stream.next_page
        if sealed is None:
            return None, True
        try:
            token = self.run.tools.sealer.unseal(sealed, self._context()).decode()
        except (BrokenSeal, UnknownSealKey):
            self._store()
            self.stream = cursors.restart(self.run.conn, self.stream)
            return None, True
        return token.removeprefix(BY_TIME), token.startswith(BY_TIME)

    def _sealed(self, token: str | None, *, by_time: bool) -> bytes | None:
        if token is None:
            return None
        return self.run.tools.sealer.seal((BY_TIME * by_time + token).encode(), self._context())

    def _keep(self, page: Page, *, quick: bool) -> bool:
        """Hold a page, or store it with those that are held; whether it was the last one.

        `quick`: the partner was, so that the next page may be stored together with this one.
        """
        since = self.asked
        heeded = since is None or all(event.at is None or event.at >= since for event in page.events)
        page = self._without_border(page)
        named = [event for event in page.events if event.named]
        progress = self._progress(page, len(page.events) - len(named), heeded)
        leads = self._leads_further(progress)
        token, doubted = page.next, False
        if token is None and self.asked is not None and not leads:
            # There was to be more: that there is not is believed when the token says so.
            token, _ = self._cursor()
            doubted = token is not None
        ends = page.next is None and not doubted
        # A token stands for a place, which moves when events come or go before it: what slips over the border
        # of two pages meanwhile is on neither. By the newest time of this page the border is read twice. Only
        # within one second there is nothing but the token, and where times do not ascend or the partner does
        # not keep to them.
        by_time = not doubted and leads and progress.sorted and self.stream.pass_sorted
        if not leads:
            # How many pages in a row led no further is counted in the stored row.
            self._store()
        self.stream = cursors.advanced(self.stream, self._sealed(token, by_time=by_time), progress)
        self.last = progress.newest if progress.newest is not None else self.last
        self.held.add(named, progress)
        if ends or not quick or not leads:
            self._store()
        elif self.held.enough:
            self._store(wait=False)
        return ends

    def _store(self, *, wait: bool = True) -> None:
        """Store the pages that are held, with the cursor behind the last of them, in one transaction.

        Without `wait` aside, if there is such a place, while the next pages are fetched. With it, all that
        was read is stored when this returns.
        """
        held, self.held = self.held, PageBuffer()
        if held.pages:
            write = partial(_write, self.kept(held.events, self.run.tools), self.stream, held.pages)
            self._settle()
            aside = None if wait or self.run.aside is None else self.run.aside()
            self.storing = (
                held.pages,
                done_already(write, self.run.conn) if aside is None else aside.do(write),
            )
        if wait or self.run.aside is None:
            self.stream = self._settle() or self.stream

    def _settle(self) -> Stream | None:
        """Wait for what is being stored; the stream as it stands behind it."""
        if self.storing is None:
            return None
        (pages, future), self.storing = self.storing, None
        kept, stream = future.result()
        self.report.stored += kept.new
        if kept.seqs:
            self.run.hint(kept.seqs)
        for page in pages:
            self.report.pages += 1
            self.report.seen += page.seen
            self.report.nameless += page.nameless
            self.run.tell(self.report)
        return stream

    def _leads_further(self, progress: Progress) -> bool:
        before = cursors.resume_at(self.stream)
        return before is None or (progress.newest is not None and progress.newest > before.timestamp())

    def _progress(self, page: Page, nameless: int, heeded: bool) -> Progress:
        """How far a page leads. A time that is still to come says nothing of how far the partner has shown
        its events: to go on from there would pass over the others. `heeded`: the partner kept to the time.
        """
        latest = int(self.run.tools.clock().timestamp()) + AHEAD_SECONDS
        times = [event.at for event in page.events if event.at is not None and event.at <= latest]
        newest = max(times, default=None)
        # One that begins before the end of the last page has shifted; one that also ends before it is astray.
        astray = self.last is not None and newest is not None and newest < self.last
        ordered = heeded and not astray and times == sorted(times)
        return Progress(len(page.events), nameless, newest, ordered)

    def _without_border(self, page: Page) -> Page:
        """The page without what the last one held already."""
        fresh = tuple(event for event in page.events if event.body not in self.border)
        self.border = frozenset(event.body for event in page.events)
        return page._replace(events=fresh)

    def _in_a_circle(self, token: str) -> bool:
        name = self.run.tools.keyed_hash.hash("page", token)
        known = name in self.tokens
        self.tokens.append(name)
        return known

    def _restart(self) -> bool:
        """Go on by time, without a token; False when that was done before and led no further."""
        if self.came is not None and self.came == self.stream.pass_newest:
            self.restarts += 1
        else:
            self.restarts = 1
        self.came, self.last = self.stream.pass_newest, None
        self.tokens.clear()
        if self.restarts > RESTARTS:
            return False
        self.stream = cursors.restart(self.run.conn, self.stream)
        return True

    def _trouble(self, text: str) -> None:
        self.report.trouble = text
        self.stream = cursors.note_trouble(self.run.conn, self.stream, text)

    def _context(self) -> bytes:
        return _CONTEXT + self.stream.name.encode()


def _write(
    keep: Store, stream: Stream, pages: Sequence[Progress], conn: psycopg.Connection[Any]
) -> tuple[Stored, Stream]:
    with conn.transaction():
        kept = keep(conn)
        return kept, cursors.advance_pages(conn, stream, pages, kept.new)
