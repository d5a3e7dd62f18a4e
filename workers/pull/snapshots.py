"""Reading the partner's records of what waits too long: what they say is news beside the callbacks.

No reading is remembered by itself. A record is due when its entity begins to wait, then each time that it has
waited twice as long, then daily. A round reads what came to be due since the round before it began, and its
resume point is stored with what each answer brought (docs/decisions/0014, 0015). First it reads the records
that are wanted at once, and with those of open fills their claims (docs/decisions/0024).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import orjson

from partners.envelopes import Envelope
from partners.faults import CallFailed, Garbled, NotGranted, PartnerFault
from partners.truepill.envelopes import RESOURCE_OF, envelopes
from store.inbox.model import Arrival
from store.pulls import record_schedule, rounds, wanted_records
from store.pulls.cursors import Progress
from store.pulls.record_schedule import DueRecord, ResumePoint, due_records, is_due
from store.pulls.wanted_records import WantedRecord
from workers.pull.fill_claims import read_claims
from workers.pull.filter_snapshots import filter_snapshots
from workers.pull.lease import LeasedRun, run_leased
from workers.pull.reads import Dated, Reads
from workers.pull.resume_point import seal_resume_point, unseal_resume_point
from workers.pull.run import Report, Run
from workers.pull.store_page import PARTNER, SealedPage, store_page
from workers.pull.transfer_list import BARREN, LIST_FROM, items_of, newest_first, pending

__all__ = ["pull_record", "pull_snapshots"]

VIA = "snapshot"
#: How many of those that wait are chosen at once.
CHOSEN = 5000
#: The kind whose state only the pages of a list tell.
LISTED = "consult"
FILL, PRESCRIPTION, TRANSFER = "fill_request", "prescription", "transfer"
MOST_PAGES = 1000


def pull_snapshots(
    run: Run, name: str, kinds: Collection[str], reads: Reads, since: datetime | None = None
) -> Report:
    """Read every record of these kinds that is due, until the run is over or no call may be made.

    `since` reads again what came to be due since then. Raises psycopg.Error, after which one record at most
    is read again.
    """
    return run_leased(run, name, lambda leased: _Reading(leased, reads).round(kinds, since))


def pull_record(run: Run, name: str, kind: str, asked_for: str, reads: Reads) -> Report:
    """Read one record now. Raises ValueError for an id that may stand in no URL, and psycopg.Error."""
    return run_leased(run, name, lambda leased: _Reading(leased, reads).single(kind, asked_for))


class _Reading:
    def __init__(self, leased: LeasedRun, reads: Reads) -> None:
        self.leased = leased
        self.run = leased.run
        self.report = leased.report
        self.reads = reads
        #: From where the round goes on.
        self.at: ResumePoint | int | None = None
        #: (kind, key) of what this round has read.
        self.read: set[tuple[str, str]] = set()

    def round(self, kinds: Collection[str], since: datetime | None) -> None:
        """One round, or the rest of one. Raises CallFailed, NotNow, LeaseLost."""
        if self.leased.stream.pass_from is None or since is not None:
            self._begin(since)
        stream = self.leased.stream
        self.at = at = unseal_resume_point(self.run.tools.sealer, stream.name, stream.next_page)
        single = [kind for kind in kinds if kind != LISTED]
        if not self._wanted([kind for kind in single if kind != PRESCRIPTION]):
            return
        if at is None and TRANSFER in kinds and not self._still_pending():
            return
        if not isinstance(at, int):
            # What has waited for long goes before what was heard of just now.
            if not self._singles(single, at) or not self._wanted({PRESCRIPTION}.intersection(kinds)):
                return
            at = 1
        if LISTED in kinds:
            wanted = wanted_records.due_wanted(self.run.conn, [LISTED], CHOSEN)
            due = {one.key for one in self._due([LISTED], None)}
            if not self._pages(due | {one.key for one in wanted}, at):
                return
            for one in wanted:  # the list was read to its end, or to the last of them
                wanted_records.had(self.run.conn, one)
        self.leased.stream = rounds.finish_records(self.run.conn, self.leased.stream)
        self.report.finished = True

    def _begin(self, since: datetime | None) -> None:
        conn, now = self.run.conn, self.run.tools.clock()
        with conn.transaction():
            self.leased.stream = rounds.begin_records(conn, self.leased.stream, now, since)
            wanted_records.forget_old(conn)
            wanted_records.want_prescriptions(conn, self.leased.stream.watermark or now)

    def _wanted(self, kinds: Collection[str]) -> bool:
        """Read the records that are wanted; False when the run is over before they are all done."""
        conn = self.run.conn
        while chosen := wanted_records.due_wanted(conn, kinds, CHOSEN):
            for one in chosen:
                if self.run.over():
                    return False
                name = record_schedule.name_of(conn, one.kind, one.key)
                if name is None:  # it may become known; meanwhile others are not kept from their turn
                    wanted_records.put_off(conn, one)
                    continue
                try:
                    found = self._record(one.kind, name)
                except (NotGranted, ValueError) as failure:
                    with conn.transaction():
                        wanted_records.not_had(conn, one)
                        if isinstance(failure, NotGranted):
                            self.leased.refused(one.kind, one.key, failure)
                    continue
                except PartnerFault:
                    # It may be this record that fails: the next run begins with the others.
                    wanted_records.put_off(conn, one)
                    raise
                self._store(found, self.at, one)
        return True

    def single(self, kind: str, asked_for: str) -> None:
        """Raises CallFailed, NotNow, LeaseLost; ValueError."""
        if kind == LISTED:
            self.report.finished = self._pages({asked_for}, 1)
            return
        found = self._record(kind, asked_for)
        if kind == FILL:
            found += self._claims(asked_for)
        self._store(found, None)
        self.report.finished = True

    def _singles(self, kinds: Collection[str], after: ResumePoint | None) -> bool:
        """False when the run is over before they are all done."""
        for entity in self._due(kinds, after):
            # An answer may have moved it behind the others.
            if (entity.kind, entity.key) in self.read:
                continue
            if self.run.over():
                return False
            self.read.add((entity.kind, entity.key))
            found: list[Envelope] = []
            try:
                found += self._due_record(entity)
                if entity.kind == FILL:
                    found += self._claims(entity.key)
            except PartnerFault:
                # It may be this record that fails: the next run goes on behind it.
                self._store(found, entity.resume_point)
                raise
            self._store(found, entity.resume_point)
            self.at = entity.resume_point
        return True

    def _due_record(self, entity: DueRecord) -> list[Envelope]:
        try:
            return self._record(entity.kind, entity.name)
        except ValueError:
            return []  # its name may stand in no URL
        except NotGranted as failure:
            self.leased.refused(entity.kind, entity.key, failure)
            return []  # it is read again when it is next due

    def _claims(self, key: str) -> list[Envelope]:
        def refused(failure: NotGranted) -> None:
            self.leased.refused("claims of fill_request", key, failure)

        found = read_claims(self.run, self.reads.claims, key, refused)
        return [] if found is None else [found]

    def _still_pending(self) -> bool:
        """Ask the list which of many transfers have no news; False when the run is over before that.

        What it does not give, or tells to have ended, is asked for one by one.
        """
        due = {one.name: one.key for one in self._due([TRANSFER], None)}
        if len(due) < LIST_FROM:
            return True
        barren = 0
        pages = newest_first(
            # Each by when it was read itself: some are, to find the end, before they are come to.
            lambda page: self._dated(partial(self.reads.transfers, page)),
            lambda read: items_of(read.answer),
        )
        while due and barren < BARREN:
            if self.run.over():
                return False
            try:
                read = next(pages, None)
                if read is None:
                    return True
                found = _enveloped(RESOURCE_OF[TRANSFER], pending(read.answer), read.at, None)
            except CallFailed as failure:
                self.leased.refused(TRANSFER, "list", failure)
                return True
            known = [envelope for envelope in found if envelope.id in due]
            barren = 0 if known else barren + 1
            self._store(known, None)
            self.read |= {(TRANSFER, due.pop(one.id)) for one in known if one.id in due}
        return True

    def _pages(self, missing: set[str], page: int) -> bool:
        """Read the list until none is missing or it ends; False when the run is over before that."""
        listed: set[str] = set()
        while missing and page <= MOST_PAGES:
            if self.run.over():
                return False
            try:
                read = self._dated(partial(self.reads.page, page))
                found = _enveloped(LISTED, read.answer, read.at, None)
            except NotGranted as failure:
                self.leased.refused(LISTED, f"page {page}", failure)
                return True
            except PartnerFault:
                self._store([], page + 1)
                raise
            names = {envelope.id for envelope in found}
            self._store([envelope for envelope in found if envelope.id in missing], page + 1)
            # Past its end a list is empty; one that gives the same page for every number has no more either.
            if names <= listed:
                return True
            listed |= names
            missing = missing - names
            page += 1
        return True

    def _due(self, kinds: Collection[str], after: ResumePoint | None) -> Iterator[DueRecord]:
        """What is due in this round, the longest waiting first."""
        began, quiet = self.leased.stream.pass_from, timedelta(seconds=self.run.quiet)
        before, others = self.leased.stream.watermark, self.run.others
        choose = partial(due_records, self.run.conn, kinds=kinds, quiet=quiet, limit=CHOSEN, others=others)
        while began is not None:
            found = choose(began, after=after)
            yield from (one for one in found if is_due(one.since, before, began, quiet))
            if len(found) < CHOSEN:
                return
            after = found[-1].resume_point

    def _record(self, kind: str, name: str) -> list[Envelope]:
        resource = RESOURCE_OF[kind]
        read = self._dated(partial(self.reads.one, resource, name))
        return _enveloped(resource, read.answer, read.at, name)

    def _dated(self, read: Callable[[], Any]) -> Dated:
        """An answer, and when it was given: as the partner says, or else when we began to ask."""
        began = int(self.run.tools.clock().timestamp())
        answer, at = read(), self.reads.answered_at()
        return Dated(answer, began if at is None else at)

    def _store(
        self,
        found: Sequence[Envelope],
        resume_point: ResumePoint | int | None,
        wanted: WantedRecord | None = None,
    ) -> None:
        """Store what says something new, with the point from which to go on. One transaction."""
        batch = self._sealed(filter_snapshots(self.run.conn, found, self.run.tools.keyed_hash))
        sealed = None
        if resume_point is not None:
            sealed = seal_resume_point(self.run.tools.sealer, self.leased.stream.name, resume_point)
        progress = Progress(len(found), 0, None, True)
        with self.run.conn.transaction():
            stream, new = store_page(self.run.conn, self.leased.stream, sealed, progress, batch)
            if wanted is not None:
                wanted_records.had(self.run.conn, wanted)
        self.leased.stream = stream
        self.report.pages += 1
        self.report.events += len(found)
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


def _enveloped(resource: str, answer: Any, asked_at: int, asked_for: str | None) -> list[Envelope]:
    """Raises Garbled for an answer that cannot be stored."""
    try:
        return envelopes(resource, answer, asked_at=asked_at, asked_for=asked_for)
    except orjson.JSONEncodeError:
        raise Garbled(resource, "the answer is nested too deep", 200, again=False) from None
