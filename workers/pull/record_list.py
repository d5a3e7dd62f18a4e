"""Reading a list that has neither a filter nor an order: every pass reads it whole.

What comes or goes while it is read shifts the others over the borders of pages, and one that slips from a
page still to be read to one that was read is on neither. So a pass that saw anything move reads the list
again: the number of pages changed, a record came twice, or the page that a run ended behind has others on it
when the next run goes on. It does so a few times, and what moves all the time is for the pass after it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import orjson

from partners.envelopes import Envelope
from partners.faults import Garbled, NotGranted
from partners.fields import name
from partners.listing import Listing, RecordList
from store.crypto.sealing import BrokenSeal, UnknownSealKey
from store.pulls import record_reads, rounds
from store.pulls.cursors import Progress
from store.pulls.record_reads import Thing
from workers.pull.lease import LeasedRun, run_leased
from workers.pull.record_page import new_records
from workers.pull.run import Report, Run
from workers.pull.store_page import store_page

__all__ = ["Place", "pull_list", "thing_of"]

#: How often a pass reads a list that moves.
MOST_ROUNDS = 5
#: Pages in a row with nothing but what was seen: whoever gives these has no end to come to.
BARREN = 3

_CONTEXT = b"place of "


class Place(NamedTuple):
    """Where a pass goes on: at this page, in this of its rounds.

    `total` is the number of pages as last said, `moved` whether this round saw any move, `last` the hash of
    what the page before had.
    """

    page: int = 1
    round: int = 1
    total: int | None = None
    moved: bool = False
    last: str = ""


def pull_list(run: Run, records: RecordList) -> Report:
    """Read a list to its end, or until the run is over or the partner does not give more.

    Raises psycopg.Error, after which one page at most is read again.
    """
    return run_leased(run, records.name, lambda leased: _Pass(leased, records).read())


def thing_of(run: Run, stream: str, id: str) -> Thing:
    """A thing that is read by itself, by its id."""
    hashed = run.tools.keyed_hash.hash("record", f"{run.partner}\0{stream}\0{id}")
    return Thing(hashed, run.tools.sealer.seal(id.encode(), hashed))


class _Pass:
    def __init__(self, leased: LeasedRun, records: RecordList) -> None:
        self.leased = leased
        self.run = leased.run
        self.records = records
        #: Names that this run has seen in the round under way, and pages in a row that had no others.
        self.seen: set[str] = set()
        self.barren = 0

    def read(self) -> None:
        """Raises CallFailed, NotNow, LeaseLost."""
        at = self._place()
        while not self.run.over():
            listing = self._page(at.page)
            names = [self._name(record) for record in listing.records]
            total = listing.total_pages or at.total
            moved = at.moved or (at.total is not None and total != at.total)
            moved = moved or not self.seen.isdisjoint(names) or self._grew(at, names, total)
            self.barren = self.barren + 1 if self.seen.issuperset(names) else 0
            self.seen.update(names)
            after = Place(at.page + 1, at.round, total, moved, self._digest(names))
            # Past its end a list is empty.
            ends = not names or self.barren >= BARREN or at.page >= (total or at.page + 1)
            if ends and moved and at.round < MOST_ROUNDS:
                after, ends = Place(round=at.round + 1), False
                self.seen, self.barren = set(), 0
            self._store(listing.records, after)
            at = after
            if ends:
                self.leased.stream = rounds.finish_records(self.run.conn, self.leased.stream)
                self.leased.report.finished = True
                return

    def _place(self) -> Place:
        """Where to go on: at the beginning, or behind what was read last, if that is still what it was."""
        run = self.run
        if self.leased.stream.pass_from is None:
            self.leased.stream = rounds.begin_records(run.conn, self.leased.stream, run.tools.clock(), None)
        sealed = self.leased.stream.next_page
        if sealed is None:
            return Place()
        try:
            told = run.tools.sealer.unseal(sealed, _CONTEXT + self.leased.stream.name.encode())
        except (BrokenSeal, UnknownSealKey):
            return Place()
        at = Place(*orjson.loads(told))
        if at.page == 1:
            return at
        before = self._page(at.page - 1)
        names = [self._name(record) for record in before.records]
        self._store(before.records, at)
        self.seen.update(names)
        return at._replace(moved=at.moved or self._digest(names) != at.last)

    def _grew(self, at: Place, names: Sequence[str], total: int | None) -> bool:
        """Whether the page before an empty one has other records by now. Numbers of pages tell that else."""
        if names or total is not None or at.page == 1:
            return False
        before = self._page(at.page - 1)
        return self._digest([self._name(record) for record in before.records]) != at.last

    def _page(self, number: int) -> Listing:
        try:
            return self.records.page(number)
        except NotGranted as failure:
            if failure.status == 404 and number > 1:  # past its end
                return Listing((), None)
            raise

    def _store(self, records: Sequence[object], after: Place) -> None:
        """Store what is new of a page, with the place behind it. One transaction."""
        run, leased = self.run, self.leased
        found = self._envelopes(records)
        batch, things = new_records(run, found), self._things(records)
        sealed = run.tools.sealer.seal(orjson.dumps([*after]), _CONTEXT + leased.stream.name.encode())
        progress = Progress(len(records), 0, None, True)
        with run.conn.transaction():
            leased.stream, new = store_page(run.conn, leased.stream, sealed, progress, batch)
            if things and self.records.finds is not None:
                record_reads.add(run.conn, run.partner, self.records.finds, things)
        leased.report.pages += 1
        leased.report.events += len(records)
        leased.report.stored += len(new)
        if new:
            run.hint(new)
        run.tell(leased.report)

    def _envelopes(self, records: Sequence[object]) -> list[Envelope]:
        """Raises Garbled for a record that cannot be stored."""
        if self.records.envelope is None:
            return []
        try:
            return [self.records.envelope(record) for record in records]
        except orjson.JSONEncodeError:
            raise Garbled(self.records.name, "the answer is nested too deep", 200, again=False) from None

    def _things(self, records: Sequence[object]) -> list[Thing]:
        """Those of a page that are not known yet, to be read one by one."""
        stream, run = self.records.finds, self.run
        if stream is None:
            return []
        ids = {found for record in records if isinstance(record, dict) and (found := name(record.get("id")))}
        things = [thing_of(run, stream, id) for id in sorted(ids)]
        known = record_reads.known(run.conn, run.partner, stream, [one.hash for one in things])
        return [one for one in things if one.hash not in known]

    def _name(self, record: object) -> str:
        """What tells a record from the others: its id, or else all of it."""
        own = name(record.get("id")) if isinstance(record, dict) else None
        if own is not None:
            return own
        try:
            return self._digest([orjson.dumps(record, option=orjson.OPT_SORT_KEYS).decode()])
        except orjson.JSONEncodeError:
            return ""

    def _digest(self, names: Sequence[str]) -> str:
        return self.run.tools.keyed_hash.hash("page", "\0".join(names)).hex()
