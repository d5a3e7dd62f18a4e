"""Reading what has no list, one by one: a patient's prescriptions and cart, and sessions that are open.

Which there are a list or the ledger tells; when each is due stands in `record_reads`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import orjson

from partners.envelopes import Envelope
from partners.faults import Garbled, NotGranted, PartnerFault
from partners.listing import Singles
from partners.reading import Stated, Unreadable
from partners.registry import Reader
from store.crypto.sealing import BrokenSeal, UnknownSealKey
from store.pulls import poll_schedule, record_reads, rounds
from store.pulls.cursors import Progress
from store.pulls.record_reads import DueRead
from workers.pull.lease import LeasedRun, run_leased
from workers.pull.record_list import thing_of
from workers.pull.record_page import new_records
from workers.pull.run import Report, Run
from workers.pull.store_page import store_page

__all__ = ["pull_singles", "read_record"]

#: How many are chosen at once.
CHOSEN = 2000

Read: TypeAlias = Callable[[str], list[Envelope]]


def pull_singles(run: Run, singles: Singles, reader: Reader, open_signals: frozenset[str]) -> Report:
    """Read each that is due, until the run is over or no call may be made.

    Raises psycopg.Error, after which one at most is read again.
    """
    return run_leased(
        run, singles.name, lambda leased: _Round(leased, singles, reader, open_signals).all_due()
    )


def read_record(run: Run, name: str, read: Read, key: str) -> Report:
    """Read the record of one entity now. Raises ValueError for a key that may stand in no URL."""

    def work(leased: LeasedRun) -> None:
        _store(leased, _read(name, read, key), lambda _: None)
        leased.report.finished = True

    return run_leased(run, name, work)


class _Round:
    def __init__(
        self, leased: LeasedRun, singles: Singles, reader: Reader, open_signals: frozenset[str]
    ) -> None:
        self.leased = leased
        self.run = leased.run
        self.singles = singles
        self.reader = reader
        self.open_signals = open_signals

    def all_due(self) -> None:
        """Raises CallFailed, NotNow, LeaseLost."""
        run, stream = self.run, self.singles.name
        began = poll_schedule.server_time(run.conn)
        self._add_entities()
        while not run.over():
            chosen = record_reads.due(run.conn, run.partner, stream, began, CHOSEN, run.as_of)
            for one in chosen:
                if run.over():
                    return
                self._one(one)
            if not chosen:
                self.leased.stream = rounds.finish_polls(run.conn, self.leased.stream)
                self.leased.report.finished = True
                return

    def _add_entities(self) -> None:
        """Have those read that the ledger knows to be open."""
        run, kind, state = self.run, self.singles.kind, self.singles.state
        if kind is None or state is None:
            return
        things = [
            thing_of(run, self.singles.name, key) for key in record_reads.keys_in(run.conn, kind, state)
        ]
        known = record_reads.known(run.conn, run.partner, self.singles.name, [one.hash for one in things])
        if fresh := [one for one in things if one.hash not in known]:
            record_reads.add(run.conn, run.partner, self.singles.name, fresh)

    def _one(self, one: DueRead) -> None:
        """One that is not given is read less and less; one that fails ends the run."""
        run, stream = self.run, self.singles.name
        try:
            id = run.tools.sealer.unseal(one.sealed, one.hash).decode()
        except (BrokenSeal, UnknownSealKey):
            record_reads.drop(run.conn, run.partner, stream, one)  # its list tells it again
            return
        try:
            found = _read(stream, self.singles.read, id)
        except (NotGranted, ValueError) as failure:
            with run.conn.transaction():
                if isinstance(failure, NotGranted):
                    # By its hash: a patient's id is not for everyone to see.
                    self.leased.refused(stream, f"#{one.hash.hex()[:8]}", failure)
                self._note(one, changed=False, is_open=None)
            return
        except PartnerFault as failure:
            # It may be this one that fails: the next run begins with the others.
            record_reads.put_off(run.conn, run.partner, stream, one, str(failure), run.quiet)
            raise
        facts = [self._facts(envelope) for envelope in found]
        told = [envelope for envelope, stated in zip(found, facts, strict=True) if stated != ()]
        is_open = any(
            stated is None or any(one.fact.signal in self.open_signals for one in stated) for stated in facts
        )
        _store(self.leased, told, lambda new: self._note(one, changed=new > 0, is_open=is_open))

    def _facts(self, envelope: Envelope) -> tuple[Stated, ...] | None:
        """What a record states; None where it cannot be read, which quarantine is to tell of."""
        try:
            return self.reader(envelope.body, self.run.tools.keyed_hash.hash, None).stated
        except Unreadable:
            return None

    def _note(self, one: DueRead, *, changed: bool, is_open: bool | None) -> None:
        run, stream = self.run, self.singles.name
        if self.singles.kind is not None and is_open is False:
            record_reads.drop(run.conn, run.partner, stream, one)
            return
        record_reads.note(
            run.conn, run.partner, stream, one, changed=changed, is_open=is_open, quiet=run.quiet
        )


def _read(name: str, read: Read, id: str) -> list[Envelope]:
    """Raises Garbled for an answer that cannot be stored."""
    try:
        return read(id)
    except orjson.JSONEncodeError:
        raise Garbled(name, "the answer is nested too deep", 200, again=False) from None


def _store(leased: LeasedRun, found: list[Envelope], note: Callable[[int], None]) -> None:
    """Store what is new, and what `note` says of the number of it. One transaction."""
    run = leased.run
    batch = new_records(run, found)
    progress = Progress(len(found), 0, None, True)
    with run.conn.transaction():
        leased.stream, new = store_page(run.conn, leased.stream, None, progress, batch)
        note(len(new))
    leased.report.pages += 1
    leased.report.events += len(found)
    leased.report.stored += len(new)
    if new:
        run.hint(new)
    run.tell(leased.report)
