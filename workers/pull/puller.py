"""Which streams there are, how each is read, and one run of one of them.

By the reference two surfaces give events: NOTIFY_RX by time, and those of one fill request. Where the partner
offers events of all types (its live contract), those are read by time too, and every other kind of request
can be asked about by its id. Of most types a pulled copy does not say whose it is, so its request is asked.
What waits too long is also looked at in the partner's records.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any

import psycopg

from partners.truepill.client import Client
from partners.truepill.envelopes import RESOURCE_OF
from partners.truepill.faults import CallFailed, Garbled, NotGranted
from partners.truepill.pages import Page
from partners.truepill.wire import HttpClient, Wire
from settings import Settings
from statemachine import MACHINES
from store.db.connections import connect_unhurried
from store.inbox import queue
from store.pulls import poll_schedule, record_schedule, surfaces
from store.pulls.poll_schedule import Left
from workers.apply.model import Tools
from workers.pull.page_buffer import StoringThread
from workers.pull.rate_gate import NotNow, SharedGate
from workers.pull.register_listed import register_listed
from workers.pull.requests import pull_one, pull_requests, waiting_states
from workers.pull.run import Report, Run
from workers.pull.snapshots import Reads, pull_record, pull_snapshots
from workers.pull.store_page import PARTNER
from workers.pull.stream import pull_stream

__all__ = ["FILLS", "FILL_LIST", "NOTIFY", "REQUESTS", "SNAPSHOTS", "Puller", "UnknownStream"]

NOTIFY, EVERYTHING, FILLS, REQUESTS = "notify_rx", "events", "fill_request", "requests"
FILL_LIST = "fill_list"
SNAPSHOTS = "snapshots"
#: Kinds that the reference has a record of that tells a state, and those that only the live contract has.
RECORDED, RECORDED_LIVE = (
    ("fill_request", "prescription", "transfer"),
    ("consult", "copay", "direct_transfer"),
)
#: Kinds that only the live contract lets one ask about, by the id in `request_id`.
BY_REQUEST = ("consult", "copay", "coverage", "direct_transfer", "prior_auth", "transfer")
CONSULTS_A_PAGE = 100
#: An id that no request has.
NOBODYS = "rxledger_nobodys_request"


class UnknownStream(Exception):
    """There is no such stream, or the partner does not offer it."""


class Puller:
    """Reads the partner's streams over one client. Use it as a context.

    `patience`: how long a call may wait for its turn, in seconds.
    """

    #: The streams that ask about what is known already, one by one.
    asking = (FILLS, REQUESTS, SNAPSHOTS)
    #: What a record says is dated by our clock, so that events are asked for first.
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
        if settings.truepill_api_key is None:
            raise UnknownStream("RXLEDGER_TRUEPILL_API_KEY is not set: pulls are off")
        pull = settings.pull
        line = HttpClient(
            settings.truepill_base_url, settings.truepill_api_key, pull.timeout, pull.connections
        )
        gate = SharedGate(conn, PARTNER, pull.calls_per_minute, patience=patience, sleep=sleep)
        self._settings = pull
        self._conn = conn
        self._client = Client(Wire(line, gate))
        holder = f"{socket.gethostname()}:{os.getpid()}"
        self._filters = False
        self._database_url = settings.database_url or ""
        self._aside: StoringThread | None = None
        self._run = Run(conn, tools, holder, pull.overlap, pull.quiet, hint, aside=self._store_aside)

    def __enter__(self) -> Puller:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.__exit__()
        if self._aside is not None:
            self._aside.close()

    def _store_aside(self) -> StoringThread:
        """Made when a partner is first so quick that it is of use, and again after its connection broke."""
        if self._aside is not None and self._aside.broken:
            self._aside.close()
            self._aside = None
        if self._aside is None:
            self._aside = StoringThread(connect_unhurried(self._database_url, "pull"))
        return self._aside

    def names(self) -> list[str]:
        """The streams that can be read. Once a day the partner is asked whether it has more."""
        types = [name.lower() for name in self._settings.types if name.lower() != NOTIFY]
        found = [NOTIFY, *types]
        everything = self.offers_everything()
        if everything:
            found.append(EVERYTHING)
        if self.lists_fills():
            found.append(FILL_LIST)
        found.append(FILLS)
        if everything:
            found.append(REQUESTS)
        return list(dict.fromkeys([*found, SNAPSHOTS]))

    def offers_everything(self) -> bool:
        """Whether events of all types can be had."""
        return self._offers(EVERYTHING, partial(self._client.events, limit=1))

    def lists_fills(self) -> bool:
        """Whether fill requests can be had as a list."""
        return self._offers(FILL_LIST, partial(self._client.fill_requests, limit=1))

    def _offers(self, surface: str, ask: Callable[[], object]) -> bool:
        """Whether a surface of the live contract is there: by the settings, an earlier answer, or asking."""
        if self._settings.live_contract != "auto":
            return self._settings.live_contract == "yes"
        before = surfaces.known(self._conn, PARTNER, surface)
        if before is not None and before[1]:
            return before[0]
        try:
            ask()
        except NotGranted:
            found = False
        except (CallFailed, NotNow):
            # It says nothing of what is offered; the streams will meet the same and tell.
            return before is not None and before[0]
        else:
            found = True
        surfaces.note(self._conn, PARTNER, surface, found)
        return found

    def pull(
        self,
        name: str,
        *,
        since: datetime | None = None,
        over: Callable[[], bool] = lambda: False,
        tell: Callable[[Report], None] = lambda _: None,
        as_of: datetime | None = None,
    ) -> Report:
        """One run of a stream. `as_of`: requests with news up to then need not be quiet to be asked about.

        Raises UnknownStream, psycopg.Error.
        """
        if name not in self.names():
            raise UnknownStream(f"there is no stream {name!r}; there are {', '.join(self.names())}")
        run = replace(self._run, over=over, tell=tell, as_of=as_of)
        if name == FILLS:
            return pull_requests(run, name, [FILLS], self._events_of)
        if name == REQUESTS:
            return pull_requests(run, name, BY_REQUEST, self._events_of)
        if name == SNAPSHOTS:
            return pull_snapshots(run, name, self._recorded(), self._reads(), since)
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
        """What is still to be asked about, now and later."""
        kinds = (FILLS, *BY_REQUEST) if self.offers_everything() else (FILLS,)
        return poll_schedule.left(self._conn, kinds, waiting_states(kinds), self._settings.quiet, as_of)

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
        entity = poll_schedule.find(self._conn, kind, key, waiting, self._settings.quiet)
        if entity is None:
            return None
        if kind not in (FILLS, "prescription", *BY_REQUEST):
            raise UnknownStream(f"the partner knows no {kind}")
        told = kind not in BY_REQUEST or self.offers_everything()
        name = record_schedule.name_of(self._conn, kind, key) if kind in self._recorded() else None
        if not told and name is None:
            raise UnknownStream(f"the partner offers no events of a {kind}")
        run = replace(self._run, tell=tell)
        # Leases of its own: it need not wait for the rounds over all of them.
        reports = [pull_one(run, f"{kind}:one", entity, self._events_of)] if told else []
        if name is not None:
            reports.append(pull_record(run, f"{kind}:record", kind, name, self._reads()))
        return reports

    def _recorded(self) -> tuple[str, ...]:
        """The kinds whose records the partner gives."""
        return (*RECORDED, *RECORDED_LIVE) if self.offers_everything() else RECORDED

    def _reads(self) -> Reads:
        client = self._client
        singles: dict[str, Callable[[str], Any]] = {
            "fill_request": client.fill_request,
            "prescription": client.prescription,
            "transfer": client.transfer,
            "direct_transfer": client.direct_transfer,
            RESOURCE_OF["copay"]: client.copay_request,
        }
        return Reads(
            lambda resource, name: singles[resource](name),
            lambda page: client.consults(page=page, limit=CONSULTS_A_PAGE),
            client.transfers,
        )

    def _events_of(self, kind: str, key: str, *, next: str | None) -> Page:
        if kind == FILLS:
            return self._client.fill_events(key, next=next)
        if kind == "prescription":
            return self._client.events("NOTIFY_RX", id=key, next=next)
        self._check_filter()
        return self._client.events(request_id=key, next=next)

    def _check_filter(self) -> None:
        """Ask once for the events of a request that is nobody's. Garbled where there are any.

        Most copies do not say whose they are: a partner that does not know the filter, and gives everybody's
        events instead, would have each of them stored as the news of whichever request was asked about.
        """
        if self._filters:
            return
        try:
            page = self._client.events(request_id=NOBODYS, limit=1)
        except NotGranted:
            page = None
        if page is not None and page.events:
            raise Garbled("webhook_events", "it gives others' events for a request_id", 200, again=False)
        self._filters = True
