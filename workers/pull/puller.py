"""One partner's streams over one client, and one run of one of them."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

import psycopg

from partners.registry import others_about, partners_of
from settings import Settings
from store.db.connections import connect
from store.inbox import queue
from store.pulls import poll_schedule, rate_limit
from store.pulls.poll_schedule import Left
from store.pulls.rate_limit import CLOCKS_AGREE_SECONDS
from workers.apply.model import Tools
from workers.pull.event_streams import EventStreams
from workers.pull.page_buffer import StoringThread
from workers.pull.partner_wire import NoApiKey, partner_wire
from workers.pull.record_streams import RecordStreams
from workers.pull.run import Report, Run
from workers.pull.store_page import PARTNER
from workers.pull.streams import Streams, UnknownStream

__all__ = ["Puller", "UnknownStream", "full_name", "partner_about", "partner_of", "pulled_partners"]


def pulled_partners(settings: Settings) -> list[str]:
    """The partners that are pulled: those with a key that give anything. The pharmacy comes first."""
    known = partners_of(settings.partner_folders)
    names = [one.name for one in settings.partners if one.api_key is not None]
    pulled = [name for name in names if name == PARTNER or known[name].reads is not None]
    return sorted(pulled, key=lambda name: (name != PARTNER, name))


def partner_of(settings: Settings, stream: str) -> tuple[str, str]:
    """Whose stream this is, and its name there: `healnow.orders`, or `orders` where no other has it.

    The pharmacy's are known once it was asked, so that what is nobody else's is taken for one of them.
    """
    partner, dot, name = stream.partition(".")
    known = partners_of(settings.partner_folders)
    if dot:
        if partner not in known:
            raise UnknownStream(f"there is no partner {partner!r}; there are {', '.join(known)}")
        return partner, name
    owners = [one.name for one in known.values() if stream in one.streams]
    return (owners[0] if len(owners) == 1 else PARTNER), stream


def full_name(partner: str, stream: str) -> str:
    """What `partner_of` takes for this stream, whatever others there are."""
    return stream if partner == PARTNER else f"{partner}.{stream}"


def partner_about(settings: Settings, kind: str) -> str:
    """Who is asked about a kind: a partner that speaks of it and is called, or else the pharmacy."""
    known = partners_of(settings.partner_folders).values()
    return next((one.name for one in known if kind in one.kinds and one.base_url is not None), PARTNER)


class Puller:
    """Reads one partner's streams over one client. Use it as a context.

    `patience`: how long a read may wait for its permits, in seconds. Raises UnknownStream for a partner that
    is not pulled.
    """

    def __init__(
        self,
        settings: Settings,
        conn: psycopg.Connection[Any],
        tools: Tools,
        *,
        patience: float,
        hint: Callable[[Sequence[int]], None],
        sleep: Callable[[float], None] = time.sleep,
        partner: str = PARTNER,
    ) -> None:
        calls, pull = settings.partner(partner).calls, settings.pull
        try:
            wire = partner_wire(settings, partner, conn, clock=tools.clock, patience=patience, sleep=sleep)
        except NoApiKey as error:
            raise UnknownStream(f"{error}: pulls are off") from None
        known = partners_of(settings.partner_folders)[partner]
        others = others_about(partner, settings.partner_folders)
        self.partner = partner
        self._conn = conn
        self._streams: Streams = (
            EventStreams(calls, pull.quiet, wire, conn, others)
            if partner == PARTNER
            else RecordStreams.over(known, wire, conn)
        )
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
            partner=partner,
            others=others,
        )

    def __enter__(self) -> Puller:
        return self

    def __exit__(self, *_: object) -> None:
        self._streams.close()
        if self._thread is not None:
            self._thread.close()

    @property
    def one_by_one(self) -> Sequence[str]:
        """The streams that go through what is known already, one by one."""
        return self._streams.one_by_one

    @property
    def last(self) -> str | None:
        """The stream that runs when all others are done."""
        return self._streams.last

    def _storing_thread(self) -> StoringThread:
        """Made when a partner is first so quick that it is of use, and again after its connection broke."""
        if self._thread is not None and self._thread.broken:
            self._thread.close()
            self._thread = None
        if self._thread is None:
            self._thread = StoringThread(connect(self._database, "pull"))
        return self._thread

    def _skew(self) -> float:
        skew = self._streams.partner_clock.skew
        return skew if skew is not None and abs(skew) > CLOCKS_AGREE_SECONDS else 0.0

    def _note_skew(self) -> None:
        skew = self._streams.partner_clock.skew
        if skew is not None:
            rate_limit.note_skew(self._conn, self.partner, skew)

    def names(self) -> list[str]:
        """The streams that can be read. A partner may be asked whether it has more."""
        return self._streams.names()

    def pull(
        self,
        name: str,
        *,
        since: datetime | None = None,
        over: Callable[[], bool] = lambda: False,
        tell: Callable[[Report], None] = lambda _: None,
        as_of: datetime | None = None,
    ) -> Report:
        """One run of a stream. `as_of`: what had news up to then need not be quiet to be asked about.

        Raises UnknownStream, psycopg.Error.
        """
        if name not in self.names():
            raise UnknownStream(f"there is no stream {name!r}; there are {', '.join(self.names())}")
        report = self._streams.pull(name, replace(self._run, over=over, tell=tell, as_of=as_of), since)
        self._note_skew()
        return report

    def clock(self) -> datetime:
        """The time by which requests are chosen."""
        return poll_schedule.server_time(self._conn)

    def left(self, as_of: datetime) -> Left:
        """What is still to be asked about, now and later."""
        return self._streams.left(as_of)

    def unapplied(self) -> int:
        """How many events wait for the workers."""
        return queue.waiting(self._conn)

    def pull_entity(
        self, kind: str, key: str, *, tell: Callable[[Report], None] = lambda _: None
    ) -> list[Report] | None:
        """Ask about one entity now: its events and its record, as far as the partner has them.

        None when there is no such entity. Raises UnknownStream, psycopg.Error.
        """
        reports = self._streams.pull_entity(replace(self._run, tell=tell), kind, key)
        self._note_skew()
        return reports
