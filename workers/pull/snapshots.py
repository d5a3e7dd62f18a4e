"""Looking at the partner's records of what waits too long: what they say is news beside the callbacks (D14).

No look is remembered by itself. Each entity has its turns: when it begins to wait, then each time that it has
waited twice as long, then daily. A round asks about what had a turn since the round before it began, and its
place is kept with what each answer brought.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import orjson

from partners.truepill.envelopes import RESOURCE_OF, Envelope, envelopes
from partners.truepill.faults import CallFailed, Garbled, NotGranted, PartnerFault
from store.crypto.sealing import BrokenSeal, UnknownSealKey
from store.inbox.model import Arrival
from store.pulls import cursors
from store.pulls.cursors import Progress
from store.pulls.record_schedule import DueRecord, Place, due_records
from workers.pull.filter_snapshots import filter_snapshots
from workers.pull.lease import LeasedRun, run_leased
from workers.pull.run import Report, Run
from workers.pull.store_page import PARTNER, SealedPage, store_page
from workers.pull.transfer_list import BARREN, LIST_FROM, newest_first, pending

__all__ = ["Reads", "is_due", "pull_record", "pull_snapshots"]

VIA = "snapshot"
#: How many of those that wait are read at once.
CHOSEN = 5000
#: The kind whose state only the pages of a list tell.
LISTED = "consult"
TRANSFER = "transfer"
MOST_PAGES = 1000
LONGEST, SHORTEST = timedelta(days=1), timedelta(seconds=1)
_CONTEXT = b"place of "


class Reads(NamedTuple):
    """How records are had, as decoded JSON: one by (resource, id), and a page of a list.

    `page` is of consults, counted from 1, `transfers` of transfers, counted from 0.
    """

    one: Callable[[str, str], Any]
    page: Callable[[int], Any]
    transfers: Callable[[int], Any]


def pull_snapshots(
    run: Run, name: str, kinds: Collection[str], reads: Reads, since: datetime | None = None
) -> Report:
    """Look at everything of these kinds that has its turn, until the run is over or no call may be made.

    `since` looks again at what had its turn since then. Raises psycopg.Error, after which one record at most
    is read again.
    """
    return run_leased(run, name, lambda held: _Work(held, reads).round(kinds, since))


def pull_record(run: Run, name: str, kind: str, asked_for: str, reads: Reads) -> Report:
    """Look at one record now. Raises ValueError for an id that may stand in no URL, and psycopg.Error."""
    return run_leased(run, name, lambda held: _Work(held, reads).single(kind, asked_for))


def is_due(since: datetime, before: datetime | None, now: datetime, quiet: timedelta) -> bool:
    """Whether what waits since `since` has a turn after `before` and up to `now`.

    The turns are at `since`, and `quiet`, twice, four times as long after it and so on; from a day on, daily.
    """
    if before is None or before < since:
        return since <= now
    waited, turn = before - since, max(quiet, SHORTEST)
    while turn <= waited and turn < LONGEST:
        turn *= 2
    if turn <= waited:
        turn += ((waited - turn) // LONGEST + 1) * LONGEST
    return since + turn <= now


class _Work:
    def __init__(self, held: LeasedRun, reads: Reads) -> None:
        self.held = held
        self.run = held.run
        self.report = held.report
        self.reads = reads
        self.asked: set[tuple[str, str]] = set()

    def round(self, kinds: Collection[str], since: datetime | None) -> None:
        """One round, or the rest of one. Raises CallFailed, NotNow, LeaseLost."""
        if self.held.stream.pass_from is None or since is not None:
            self.held.stream = cursors.begin_records(
                self.run.conn, self.held.stream, self.run.tools.clock(), since
            )
        at = self._place()
        if at is None and TRANSFER in kinds and not self._still_pending():
            return
        if not isinstance(at, int):
            if not self._singles([kind for kind in kinds if kind != LISTED], at):
                return
            at = 1
        if LISTED in kinds:
            wanted = {one.key for one in self._waiting([LISTED], None)}
            if not self._pages(wanted, at):
                return
        self.held.stream = cursors.finish_records(self.run.conn, self.held.stream)
        self.report.finished = True

    def single(self, kind: str, asked_for: str) -> None:
        """Raises CallFailed, NotNow, LeaseLost; ValueError."""
        if kind == LISTED:
            self.report.finished = self._pages({asked_for}, 1)
            return
        self._keep(self._record(kind, asked_for), None)
        self.report.finished = True

    def _singles(self, kinds: Collection[str], after: Place | None) -> bool:
        """False when the run is over before they are all done."""
        for entity in self._waiting(kinds, after):
            # An answer may have moved it behind the others.
            if (entity.kind, entity.key) in self.asked:
                continue
            if self.run.over():
                return False
            self.asked.add((entity.kind, entity.key))
            try:
                found = self._record(entity.kind, entity.name)
            except ValueError:
                found = []  # its name may stand in no URL
            except NotGranted as failure:
                found = []  # it is asked about at its next turn
                self.held.refused(entity.kind, entity.key, failure)
            except PartnerFault:
                # It may be this record that fails: the next run goes on behind it.
                self._keep([], entity.place)
                raise
            self._keep(found, entity.place)
        return True

    def _still_pending(self) -> bool:
        """Ask the list which of many transfers have no news; False when the run is over before that.

        What it does not give, or tells to have ended, is asked for one by one.
        """
        wanted = {one.name: one.key for one in self._waiting([TRANSFER], None)}
        if len(wanted) < LIST_FROM:
            return True
        pages, barren = newest_first(self.reads.transfers), 0
        while wanted and barren < BARREN:
            if self.run.over():
                return False
            asked_at = self._now()
            try:
                answer = next(pages, None)
                found = _enveloped(RESOURCE_OF[TRANSFER], pending(answer), asked_at, None)
            except CallFailed as failure:
                self.held.refused(TRANSFER, "list", failure)
                return True
            if answer is None:
                return True
            known = [envelope for envelope in found if envelope.id in wanted]
            barren = 0 if known else barren + 1
            self._keep(known, None)
            self.asked |= {(TRANSFER, wanted.pop(one.id)) for one in known if one.id in wanted}
        return True

    def _pages(self, wanted: set[str], page: int) -> bool:
        """Read the list until all are found or it ends; False when the run is over before that."""
        seen: set[str] = set()
        while wanted and page <= MOST_PAGES:
            if self.run.over():
                return False
            asked_at = self._now()
            try:
                found = _enveloped(LISTED, self.reads.page(page), asked_at, None)
            except NotGranted as failure:
                self.held.refused(LISTED, f"page {page}", failure)
                return True
            except PartnerFault:
                self._keep([], page + 1)
                raise
            names = {envelope.id for envelope in found}
            self._keep([envelope for envelope in found if envelope.id in wanted], page + 1)
            # Past its end a list is empty; one that gives the same page for every number has no more either.
            if names <= seen:
                return True
            seen |= names
            wanted = wanted - names
            page += 1
        return True

    def _waiting(self, kinds: Collection[str], after: Place | None) -> Iterator[DueRecord]:
        """What waits and has its turn in this round, the longest first."""
        began, quiet = self.held.stream.pass_from, timedelta(seconds=self.run.quiet)
        before = self.held.stream.watermark
        while began is not None:
            found = due_records(self.run.conn, began, kinds=kinds, quiet=quiet, limit=CHOSEN, after=after)
            yield from (one for one in found if is_due(one.since, before, began, quiet))
            if len(found) < CHOSEN:
                return
            after = found[-1].place

    def _record(self, kind: str, name: str) -> list[Envelope]:
        resource, asked_at = RESOURCE_OF[kind], self._now()
        return _enveloped(resource, self.reads.one(resource, name), asked_at, name)

    def _keep(self, found: Sequence[Envelope], place: Place | int | None) -> None:
        """Store what says something new, with the place that comes after it. One transaction."""
        batch = self._sealed(filter_snapshots(self.run.conn, found, self.run.tools.keyed_hash))
        turned = None if place is None else self._written(place)
        progress = Progress(len(found), 0, None, True)
        with self.run.conn.transaction():
            held, new = store_page(self.run.conn, self.held.stream, turned, progress, batch)
        self.held.stream = held
        self.report.pages += 1
        self.report.seen += len(found)
        self.report.stored += len(new)
        if new:
            self.run.hint(new)
        self.run.tell(self.report)

    def _sealed(self, fresh: Sequence[Envelope]) -> SealedPage:
        tools, arrivals = self.run.tools, {}
        for envelope in fresh:
            name = tools.keyed_hash.event_id(PARTNER, VIA, envelope.id, envelope.body)
            sealed = tools.sealer.seal(envelope.body, name)
            arrivals[name] = Arrival(name, PARTNER, VIA, tools.clock(), sealed)
        return SealedPage(list(arrivals.values()), {})

    def _now(self) -> int:
        return int(self.run.tools.clock().timestamp())

    def _written(self, place: Place | int) -> bytes:
        told = place if isinstance(place, int) else [place.since.isoformat(), place.entity_id]
        return self.run.tools.sealer.seal(orjson.dumps(told), self._context())

    def _place(self) -> Place | int | None:
        """Where the round stopped: behind an entity, or before a page. Unreadable, it begins anew."""
        sealed = self.held.stream.next_page
        if sealed is None:
            return None
        try:
            told = orjson.loads(self.run.tools.sealer.unseal(sealed, self._context()))
        except (BrokenSeal, UnknownSealKey):
            return None
        return told if isinstance(told, int) else Place(datetime.fromisoformat(told[0]), told[1])

    def _context(self) -> bytes:
        return _CONTEXT + self.held.stream.name.encode()


def _enveloped(resource: str, answer: Any, asked_at: int, asked_for: str | None) -> list[Envelope]:
    """Raises Garbled for an answer that cannot be kept."""
    try:
        return envelopes(resource, answer, asked_at=asked_at, asked_for=asked_for)
    except orjson.JSONEncodeError:
        raise Garbled(resource, "the answer is nested too deep", 200, again=False) from None
