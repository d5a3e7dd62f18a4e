"""The pharmacy's streams: its events by time, those of single requests, and its records."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import psycopg

from partners.partner_clock import PartnerClock
from partners.truepill.client import Client
from partners.truepill.pages import Page
from partners.wire import Wire
from settings import CallSettings
from statemachine import MACHINES
from store.pulls import poll_schedule, record_schedule
from store.pulls.poll_schedule import Left
from store.pulls.streams import EVERYTHING, FILL_LIST, FILLS, REQUESTS, SNAPSHOTS
from workers.pull.offers import BY_REQUEST, Offers
from workers.pull.operators import SharedOperators
from workers.pull.partner_reads import EventReads, record_reads
from workers.pull.register_listed import register_listed
from workers.pull.requests import pull_one, pull_requests, waiting_states
from workers.pull.run import Report, Run
from workers.pull.snapshots import pull_record, pull_snapshots
from workers.pull.stream import pull_stream
from workers.pull.streams import UnknownStream

__all__ = ["EventStreams"]


class EventStreams:
    """`workers.pull.streams.Streams`. `quiet` is seconds without news before a request is polled; of what one
    of the partners `others` has spoken of, this one is not asked.
    """

    one_by_one = (FILLS, REQUESTS, SNAPSHOTS)
    #: A record says less than events do, and is dated by when it was read: events are asked for first.
    last = SNAPSHOTS

    def __init__(
        self,
        calls: CallSettings,
        quiet: float,
        wire: Wire,
        conn: psycopg.Connection[Any],
        others: Sequence[str] = (),
    ) -> None:
        self._quiet = quiet
        self._others = others
        self._conn = conn
        self._client = Client(wire, SharedOperators(conn))
        self._offers = Offers(calls, conn, self._client)
        self._events_of = EventReads(self._client)
        self._records = record_reads(self._client)

    @property
    def partner_clock(self) -> PartnerClock:
        return self._client.partner_clock

    def close(self) -> None:
        self._client.__exit__()

    def names(self) -> list[str]:
        """Once a day the partner is asked whether it has more."""
        return self._offers.streams()

    def pull(self, name: str, run: Run, since: datetime | None) -> Report:
        if name == FILLS:
            return pull_requests(run, name, [FILLS], self._events_of)
        if name == REQUESTS:
            return pull_requests(run, name, BY_REQUEST, self._events_of)
        if name == SNAPSHOTS:
            return pull_snapshots(run, name, self._offers.recorded(), self._records, since)
        if name == FILL_LIST:
            return pull_stream(run, name, self._client.fill_requests, since, register_listed)
        of_type = None if name == EVERYTHING else name.upper()

        def pages(*, since: int | None, next: str | None) -> Page:
            return self._client.events(of_type, since=since, next=next)

        return pull_stream(run, name, pages, since)

    def left(self, as_of: datetime) -> Left:
        kinds = (FILLS, *BY_REQUEST) if self._offers.everything() else (FILLS,)
        return poll_schedule.left(self._conn, kinds, waiting_states(kinds), self._quiet, as_of, self._others)

    def pull_entity(self, run: Run, kind: str, key: str) -> list[Report] | None:
        """Its events and its record, as far as the partner has them."""
        waiting = waiting_states({kind} & MACHINES.keys())
        entity = poll_schedule.find(self._conn, kind, key, waiting, self._quiet)
        if entity is None:
            return None
        if kind not in (FILLS, "prescription", *BY_REQUEST):
            raise UnknownStream(f"the partner knows no {kind}")
        told = kind not in BY_REQUEST or self._offers.everything()
        recorded = kind in self._offers.recorded()
        name = record_schedule.name_of(self._conn, kind, key) if recorded else None
        if not told and name is None:
            raise UnknownStream(f"the partner offers no events of a {kind}")
        # Leases of its own: it need not wait for the rounds over all of them.
        reports = [pull_one(run, f"{kind}:one", entity, self._events_of)] if told else []
        if name is not None:
            reports.append(pull_record(run, f"{kind}:record", kind, name, self._records))
        return reports
