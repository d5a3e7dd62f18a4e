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
from partners.truepill.pages import Page, Pulled
from store import streams
from store.sealing import BrokenSeal, UnknownSealKey
from store.streams import LeaseLost, Progress, Stream
from workers.gate import NotNow
from workers.pulled import PARTNER, Keep, Kept, events_kept
from workers.reading import Tools

__all__ = ["Pages", "Report", "Run", "pull_stream"]

#: How far back a stream is read that was never read before, in days.
FIRST_DAYS = 35
#: How often a pass may begin anew without having come further, before the run gives up.
RESTARTS = 3
#: Page tokens that are remembered, to notice pages that run in a circle, and pages in a row without anything
#: new or newer.
REMEMBERED = 1000
IDLE_PAGES = 1000
_CONTEXT = b"next page of "


@dataclass
class Report:
    """What a run came to. `wait`: it can go on after so many seconds. `trouble`: why it could not."""

    stream: str
    pages: int = 0
    seen: int = 0
    stored: int = 0
    nameless: int = 0
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

    `tell` hears of each page that is stored. `overlap` and `quiet` are seconds. `as_of` asks about
    requests that had news up to then without waiting until they are quiet.
    """

    conn: psycopg.Connection[Any]
    tools: Tools
    holder: str
    overlap: int = 3600
    quiet: float = 3600.0
    hint: Callable[[Sequence[int]], None] = lambda _: None
    over: Callable[[], bool] = lambda: False
    tell: Callable[[Report], None] = lambda _: None
    as_of: datetime | None = None


class Pages(Protocol):
    """The pages of a stream: since a second of Unix time (that second included), or on by a token."""

    def __call__(self, *, since: int | None, next: str | None) -> Page: ...


def pull_stream(
    run: Run,
    name: str,
    pages: Pages,
    since: datetime | None = None,
    kept: Callable[[Sequence[Pulled], Tools], Keep] = events_kept,
) -> Report:
    """Read a stream to its last page, or until the run is over or the partner does not give more.

    `since` reads again from there; an unfinished pass that began no later is gone on with. `kept` says what
    becomes of what has a name. Raises psycopg.Error, after which the stream is as the last COMMIT left it.
    """
    report = Report(name)
    stream = streams.lease(run.conn, PARTNER, name, run.holder)
    if stream is None:
        report.busy = True
        return report
    try:
        _Pass(run, report, pages, stream, kept).read(since)
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
    kept: Callable[[Sequence[Pulled], Tools], Keep]
    tokens: deque[bytes] = field(default_factory=lambda: deque(maxlen=REMEMBERED))
    restarts: int = 0
    idle: int = 0
    #: The newest time of the last page that was read.
    last: int | None = None
    #: How far the pass had come when it began anew.
    came: datetime | None = None
    #: Since when the last page was asked for; None when it was had by a token.
    asked: int | None = None
    #: Whether the partner keeps to the time that it is asked for.
    filters: bool = True
    #: The events of the last page's newest second: asked for by time, they come again.
    border: frozenset[bytes] = frozenset()

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
                self.stream = streams.finish_pass(self.run.conn, self.stream, self.run.overlap)
                self.report.finished = True
                return
            by_token = self.stream.next_page is not None
            if by_token and self._in_a_circle(page.next) and not self._restart():
                self._trouble("its pages do not come to an end")
                return

    def _begin(self, since: datetime | None) -> None:
        began = self.stream.pass_from
        if began is not None and (since is None or began <= since):
            return
        start = since or self.stream.watermark or self.run.tools.clock() - timedelta(days=FIRST_DAYS)
        self.stream = streams.begin_pass(self.run.conn, self.stream, start)

    def _page(self) -> Page:
        token = self._token()
        if token is not None:
            self.asked = None
            return self.pages(since=None, next=token)
        at = streams.resume_at(self.stream)
        self.asked = int(at.timestamp()) if at else None
        page = self.pages(since=self.asked, next=None)
        if any(
            self.asked is not None and event.at is not None and event.at < self.asked for event in page.events
        ):
            self.filters = False
        return page

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
        page = self._without_border(page)
        named = [event for event in page.events if event.named]
        keep = self.kept(named, self.run.tools)
        progress = self._progress(page, len(page.events) - len(named))
        token = None if self._goes_on_by_time(page, progress) else page.next
        turned = None if token is None else self.run.tools.sealer.seal(token.encode(), self._context())
        before = self.stream.pass_newest
        self.stream, kept = _commit(self.run, self.stream, turned, progress, keep)
        self.idle = 0 if kept.new or before != self.stream.pass_newest else self.idle + 1
        self.last = progress.newest if progress.newest is not None else self.last
        self.report.pages += 1
        self.report.seen += progress.seen
        self.report.nameless += progress.nameless
        self.report.stored += kept.new
        if kept.seqs:
            self.run.hint(kept.seqs)
        self.run.tell(self.report)

    def _progress(self, page: Page, nameless: int) -> Progress:
        times = [event.at for event in page.events if event.at is not None]
        newest = max(times, default=None)
        # One that begins before the end of the last page has shifted; one that also ends before it is astray.
        astray = self.last is not None and newest is not None and newest < self.last
        return Progress(len(page.events), nameless, newest, times == sorted(times) and not astray)

    def _without_border(self, page: Page) -> Page:
        """The page without what the last one held already."""
        times = [event.at for event in page.events if event.at is not None]
        newest = max(times, default=None)
        border = frozenset(event.body for event in page.events if event.at == newest)
        fresh = tuple(event for event in page.events if event.body not in self.border)
        self.border = border
        return page._replace(events=fresh)

    def _goes_on_by_time(self, page: Page, progress: Progress) -> bool:
        """Whether the next page is asked for by the newest time of this one, and not by its token.

        A token stands for a place, which moves when events come or go before it: what slips over the border
        of two pages meanwhile is on neither. By time the border is read twice. Only within one second there
        is nothing but the token, and where times do not ascend or the partner does not keep to them.
        """
        before = streams.resume_at(self.stream)
        if progress.newest is None or before is None or not (progress.sorted and self.stream.pass_sorted):
            return False
        return self.filters and progress.newest > before.timestamp()

    def _in_a_circle(self, token: str) -> bool:
        name = self.run.tools.lookup.hash("page", token)
        known = name in self.tokens
        self.tokens.append(name)
        return known or self.idle >= IDLE_PAGES

    def _restart(self) -> bool:
        """Go on by time, without a token; False when that was done before and led no further."""
        if self.came is not None and self.came == self.stream.pass_newest:
            self.restarts += 1
        else:
            self.restarts = 1
        self.came, self.last, self.idle = self.stream.pass_newest, None, 0
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


def _commit(
    run: Run, stream: Stream, next_page: bytes | None, progress: Progress, keep: Keep
) -> tuple[Stream, Kept]:
    with run.conn.transaction():
        held = streams.turn_page(run.conn, stream, next_page, progress)
        kept = keep(run.conn)
        if kept.new:
            held = streams.count_stored(run.conn, held, kept.new)
    return held, kept
