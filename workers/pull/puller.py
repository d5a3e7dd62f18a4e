"""The partner's streams over one client, and one run of one of them."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

import psycopg

from partners.registry import partners_of
from partners.truepill.client import Client
from partners.truepill.pages import Page
from partners.wire import HttpClient, Wire
from settings import Settings
from statemachine import MACHINES
from store.db.connections import connect
from store.inbox import queue
from store.pulls import poll_schedule, rate_limit, record_schedule
from store.pulls.poll_schedule import Left
from store.pulls.rate_limit import CLOCKS_AGREE_SECONDS
from store.pulls.streams import EVERYTHING, FILL_LIST, FILLS, REQUESTS, SNAPSHOTS
from workers.apply.model import Tools
from workers.pull.offers import BY_REQUEST, Offers
from workers.pull.operators import SharedOperators
from workers.pull.page_buffer import StoringThread
from workers.pull.partner_reads import EventReads, record_reads
from workers.pull.rate_gate import SharedGate
from workers.pull.register_listed import register_listed
from workers.pull.requests import pull_one, pull_requests, waiting_states
from workers.pull.run import Report, Run
from workers.pull.snapshots import pull_record, pull_snapshots
from workers.pull.store_page import PARTNER
from workers.pull.stream import pull_stream

__all__ = ["Puller", "UnknownStream"]


class UnknownStream(Exception):
    """There is no such stream, or the partner does not offer it."""


class Puller:
    """Reads the partner's streams over one client. Use it as a context.

    `patience`: how long a read may wait for its permits, in seconds.
    """

    #: The streams that go through what is known already, one by one.
    one_by_one = (FILLS, REQUESTS, SNAPSHOTS)
    #: A record says less than events do, and is dated by when it was read: events are asked for first.
    last = SNAPSHOTS

    def __init__(
        self,
        settings: Settings,
        conn: psycopg.Connection[Any],
        tools: Tools,
        *,
        patience: float,
        hint: Callable[[Sequence[int]], None],
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        partner = settings.partner(PARTNER)
        if partner.api_key is None:
            raise UnknownStream("RXLEDGER_TRUEPILL_API_KEY is not set: pulls are off")
        pull = settings.pull
        base_url = partner.base_url or partners_of(settings.partner_folders)[PARTNER].base_url or ""
        http_client = HttpClient(base_url, partner.api_key, pull.timeout, pull.connections)
        gate = SharedGate(conn, PARTNER, pull.calls_per_minute, patience=patience, sleep=sleep)
        self._quiet = pull.quiet
        self._conn = conn
        self._client = Client(Wire(http_client, gate, clock=tools.clock), SharedOperators(conn))
        self._offers = Offers(pull, conn, self._client)
        self._events_of = EventReads(self._client)
        self._records = record_reads(self._client)
        self._database = settings.database
        self._thread: StoringThread | None = None
        holder = f"{socket.gethostname()}:{os.getpid()}"
        self._run = Run(
            conn,
            tools,
            holder,
            pull.overlap,
            pull.quiet,
            hint,
            storing_thread=self._storing_thread,
            skew=self._skew,
        )

    def __enter__(self) -> Puller:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.__exit__()
        if self._thread is not None:
            self._thread.close()

    def _storing_thread(self) -> StoringThread:
        """Made when a partner is first so quick that it is of use, and again after its connection broke."""
        if self._thread is not None and self._thread.broken:
            self._thread.close()
            self._thread = None
        if self._thread is None:
            self._thread = StoringThread(connect(self._database, "pull"))
        return self._thread

    def _skew(self) -> float:
        skew = self._client.partner_clock.skew
        return skew if skew is not None and abs(skew) > CLOCKS_AGREE_SECONDS else 0.0

    def _note_skew(self) -> None:
        skew = self._client.partner_clock.skew
        if skew is not None:
            rate_limit.note_skew(self._conn, PARTNER, skew)

    def names(self) -> list[str]:
        """The streams that can be read. Once a day the partner is asked whether it has more."""
        return self._offers.streams()

    def pull(
        self,
        name: str,
        *,
        since: datetime | None = None,
        over: Callable[[], bool] = lambda: False,
        tell: Callable[[Report], None] = lambda _: None,
        as_of: datetime | None = None,
    ) -> Report:
        """One run of a stream. `as_of`: requests with news up to then need not be quiet to be polled.

        Raises UnknownStream, psycopg.Error.
        """
        if name not in self.names():
            raise UnknownStream(f"there is no stream {name!r}; there are {', '.join(self.names())}")
        report = self._pull(name, replace(self._run, over=over, tell=tell, as_of=as_of), since)
        self._note_skew()
        return report

    def _pull(self, name: str, run: Run, since: datetime | None) -> Report:
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

    def clock(self) -> datetime:
        """The time by which requests are chosen."""
        return poll_schedule.server_time(self._conn)

    def left(self, as_of: datetime) -> Left:
        """What is still to be polled, now and later."""
        kinds = (FILLS, *BY_REQUEST) if self._offers.everything() else (FILLS,)
        return poll_schedule.left(self._conn, kinds, waiting_states(kinds), self._quiet, as_of)

    def unapplied(self) -> int:
        """How many events wait for the workers."""
        return queue.waiting(self._conn)

    def pull_entity(
        self, kind: str, key: str, *, tell: Callable[[Report], None] = lambda _: None
    ) -> list[Report] | None:
        """Ask about one entity now: its events and its record, as far as the partner has them.

        None when there is no such entity. Raises UnknownStream, psycopg.Error.
        """
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
        run = replace(self._run, tell=tell)
        # Leases of its own: it need not wait for the rounds over all of them.
        reports = [pull_one(run, f"{kind}:one", entity, self._events_of)] if told else []
        if name is not None:
            reports.append(pull_record(run, f"{kind}:record", kind, name, self._records))
        self._note_skew()
        return reports
