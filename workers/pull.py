"""Pulling a stream of events by time: page after page into the inbox, each with the cursor in one COMMIT.

One runner a stream, by its lease; no transaction is open while the partner is called. Whatever ends a run,
the next one goes on where the last COMMIT left it: at most a page is read twice, and recognised.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Protocol

import psycopg

from partners.truepill.faults import CallFailed, NotGranted
from partners.truepill.pages import Page
from store import streams
from store.sealing import BrokenSeal, UnknownSealKey
from store.streams import LeaseLost, Progress, Stream
from workers.gate import NotNow
from workers.pulled import PARTNER, seal, store_page
from workers.reading import AHEAD_SECONDS, Tools

__all__ = ["Report", "Run", "pull_stream"]

#: How far back a stream is read that was never read before, in days.
FIRST_DAYS = 35
#: How often a pass may begin anew without having come further, before the run gives up.
RESTARTS = 3
#: Page tokens that are remembered, to notice pages that run in a circle, and pages in a row, over all runs of
#: a pass, without anything new or newer.
REMEMBERED = 1000
IDLE_PAGES = 1000
ENDLESS = "its pages do not come to an end"
_CONTEXT = b"next page of "


@dataclass
class Report:
    """What a run came to. `wait`: it can go on after so many seconds. `trouble`: why it could not.

    `refused`: how many single things the partner did not give, which ends no run.
    """

    stream: str
    pages: int = 0
    seen: int = 0
    stored: int = 0
    nameless: int = 0
    refused: int = 0
    finished: bool = False
    busy: bool = False
    wait: float | None = None
    trouble: str | None = None

    @property
    def rest(self) -> float:
        """How long nobody need try: this run will be gone on with then."""
        return self.wait or 0.0 if self.trouble is None else 0.0


@dataclass(frozen=True)
class Run:
    """What every run needs. `hint` is told what is new after its COMMIT; `over` says when to end.

    `tell` hears of each page that is stored. `overlap` and `quiet` are seconds.
    """

    conn: psycopg.Connection[Any]
    tools: Tools
    holder: str
    overlap: int = 3600
    quiet: float = 3600.0
    hint: Callable[[Sequence[int]], None] = lambda _: None
    over: Callable[[], bool] = lambda: False
    tell: Callable[[Report], None] = lambda _: None


class Pages(Protocol):
    """The pages of a stream: since a second of Unix time, or on by a token."""

    def __call__(self, *, since: int | None, next: str | None) -> Page: ...


def pull_stream(run: Run, name: str, pages: Pages, since: datetime | None = None) -> Report:
    """Read a stream to its last page, or until the run is over or the partner does not give more.

    `since` reads again from there; an unfinished pass that began no later is gone on with. Raises
    psycopg.Error, after which the stream is as the last COMMIT left it.
    """
    report = Report(name)
    stream = streams.lease(run.conn, PARTNER, name, run.holder)
    if stream is None:
        report.busy = True
        return report
    try:
        _Pass(run, report, pages, stream).read(since)
    except LeaseLost:
        report.busy = True
    finally:
        with suppress(psycopg.Error):  # then its time runs out
            streams.release(run.conn, stream, report.rest)
    return report


@dataclass
class _Pass:
    run: Run
    report: Report
    pages: Pages
    stream: Stream
    tokens: deque[bytes] = field(default_factory=lambda: deque(maxlen=REMEMBERED))
    restarts: int = 0
    #: The newest time of the last page that was read.
    last: int | None = None
    #: How far the pass had come when it began anew.
    came: datetime | None = None

    def read(self, since: datetime | None) -> None:
        self._begin(since)
        while not self.run.over():
            try:
                page = self._page()
            except NotNow as refused:
                self.report.wait = refused.wait
                if refused.why == "circuit":
                    self._trouble("the partner is left alone for a while, after failures")
                return
            except NotGranted as failure:
                # A page token may have run out; without one there is nothing else to try.
                if self.stream.next_page is None or not self._restart():
                    self._trouble(str(failure))
                    return
                continue
            except CallFailed as failure:
                self._trouble(str(failure))
                return
            self._keep(page)
            if page.next is None:
                self.stream = streams.finish_pass(self.run.conn, self.stream, self.run.overlap, self._first())
                self.report.finished = True
                return
            if self.stream.pass_idle >= IDLE_PAGES:
                # The next run begins by time: nothing newer than what is read was shown.
                self.stream = streams.restart(self.run.conn, self.stream)
                self._trouble(ENDLESS)
                return
            if self._in_a_circle(page.next) and not self._restart():
                self._trouble(ENDLESS)
                return

    def _begin(self, since: datetime | None) -> None:
        began = self.stream.pass_from
        if began is not None and (since is None or began <= since):
            if self.stream.next_page is not None and self.stream.pass_newest is not None:
                self.last = int(self.stream.pass_newest.timestamp())
            return
        start = since or self.stream.watermark or self._first()
        self.stream = streams.begin_pass(self.run.conn, self.stream, start)

    def _first(self) -> datetime:
        """Where a stream is read from that was never read before."""
        return self.run.tools.clock() - timedelta(days=FIRST_DAYS)

    def _page(self) -> Page:
        token = self._token()
        if token is not None:
            return self.pages(since=None, next=token)
        # A part of a pass that is longer than what a token lasts for would be read again and again.
        at = streams.resume_at(self.stream, 0 if self.restarts > 1 else self.run.overlap)
        return self.pages(since=int(at.timestamp()) if at else None, next=None)

    def _token(self) -> str | None:
        """The next page's token. One that cannot be unsealed any more is given up: times will do."""
        sealed = self.stream.next_page
        if sealed is None:
            return None
        try:
            return self.run.tools.sealer.unseal(sealed, self._context()).decode()
        except (BrokenSeal, UnknownSealKey):
            self.stream = streams.restart(self.run.conn, self.stream)
            return None

    def _keep(self, page: Page) -> None:
        """Store a page and turn it, in one transaction."""
        named = [event for event in page.events if event.named]
        batch = seal(named, None, self.run.tools)
        token = page.next
        turned = None if token is None else self.run.tools.sealer.seal(token.encode(), self._context())
        progress = self._progress(page, len(page.events) - len(named))
        with self.run.conn.transaction():
            held, new = store_page(self.run.conn, self.stream, turned, progress, batch)
        self.stream = held
        self.last = progress.newest if progress.newest is not None else self.last
        self.report.pages += 1
        self.report.seen += progress.seen
        self.report.nameless += progress.nameless
        self.report.stored += len(new)
        if new:
            self.run.hint(new)
        self.run.tell(self.report)

    def _progress(self, page: Page, nameless: int) -> Progress:
        """How far a page leads. A time that is still to come says nothing of how far the partner has shown
        its events: to go on from there would pass over the others.
        """
        latest = int(self.run.tools.clock().timestamp()) + AHEAD_SECONDS
        times = [event.at for event in page.events if event.at is not None and event.at <= latest]
        ordered = times if self.last is None else [self.last, *times]
        newest = max(times, default=None)
        return Progress(len(page.events), nameless, newest, ordered == sorted(ordered))

    def _in_a_circle(self, token: str) -> bool:
        name = self.run.tools.lookup.hash("page", token)
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
        self.stream = streams.restart(self.run.conn, self.stream)
        return True

    def _trouble(self, text: str) -> None:
        self.report.trouble = text
        self.stream = streams.note_trouble(self.run.conn, self.stream, text)

    def _context(self) -> bytes:
        return _CONTEXT + self.stream.name.encode()
