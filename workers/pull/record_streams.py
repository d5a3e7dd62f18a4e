"""The streams of a partner that has records and no events by time: its lists, and what is read one by one."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import psycopg

from partners.listing import RecordReads
from partners.partner_clock import PartnerClock
from partners.registry import Partner
from partners.wire import Wire
from store.pulls import poll_schedule, record_reads
from store.pulls.poll_schedule import Left
from workers.pull.record_list import pull_list
from workers.pull.record_singles import pull_singles, read_record
from workers.pull.run import Report, Run
from workers.pull.streams import UnknownStream

__all__ = ["RecordStreams"]


class RecordStreams:
    """`workers.pull.streams.Streams` of one partner, over one wire."""

    last = None

    def __init__(self, partner: Partner, reads: RecordReads, conn: psycopg.Connection[Any]) -> None:
        if partner.record_reader is None:
            raise UnknownStream(f"nothing reads the records of {partner.name}")
        self._partner = partner
        self._reader = partner.record_reader()
        self._reads = reads
        self._conn = conn
        self.one_by_one = tuple(one.name for one in reads.singles)

    @classmethod
    def over(cls, partner: Partner, wire: Wire, conn: psycopg.Connection[Any]) -> RecordStreams:
        """Of a partner whose folder says how it is read. Raises UnknownStream for any other."""
        if partner.reads is None:
            raise UnknownStream(f"there is nothing to pull of {partner.name}")
        return cls(partner, partner.reads()(wire), conn)

    @property
    def partner_clock(self) -> PartnerClock:
        return self._reads.partner_clock

    def close(self) -> None:
        self._reads.close()

    def names(self) -> list[str]:
        return [*(one.name for one in self._reads.lists), *self.one_by_one]

    def pull(self, name: str, run: Run, since: datetime | None) -> Report:
        """Lists are read whole, so that there is no `since` to read from."""
        for records in self._reads.lists:
            if records.name == name:
                return pull_list(run, records)
        singles = next(one for one in self._reads.singles if one.name == name)
        return pull_singles(run, singles, self._reader, self._reads.open_signals)

    def left(self, as_of: datetime) -> Left:
        return record_reads.left(self._conn, self._partner.name, self.one_by_one, as_of)

    def pull_entity(self, run: Run, kind: str, key: str) -> list[Report] | None:
        read = self._record_of(kind)
        if poll_schedule.find(self._conn, kind, key, [], run.quiet) is None:
            return None
        return [read_record(run, f"{kind}:record", read, key)]

    def _record_of(self, kind: str) -> Callable[[str], Any]:
        read = self._reads.records.get(kind)
        if read is None:
            raise UnknownStream(f"{self._partner.name} gives no record of a {kind}")
        return read
