"""From a page of pulled events into the inbox, as every event comes there."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import psycopg

from partners.truepill.pages import Pulled
from store.inbox import admit
from store.inbox.deliveries import DeliveryRow, note_deliveries
from store.inbox.model import Arrival
from store.pulls import cursors
from store.pulls.cursors import Progress
from store.pulls.leases import Stream
from workers.apply.model import Tools

__all__ = ["PARTNER", "VIA", "SealedPage", "Store", "Stored", "seal", "store_events", "store_page"]

PARTNER, VIA = "truepill", "pull"
_new = tuple.__new__  # of what a page has a hundred: a third of the generated __new__'s time


class SealedPage(NamedTuple):
    """Events ready to be stored, each once, and what the partner says of its pushes of them."""

    arrivals: list[Arrival]
    deliveries: dict[bytes, DeliveryRow]


class Stored(NamedTuple):
    """How much of a page was new, and the inbox ids to hint."""

    new: int
    seqs: list[int]


#: Stores a page in the caller's transaction.
Store = Callable[[psycopg.Connection[Any]], Stored]


def store_events(events: Sequence[Pulled], tools: Tools) -> Store:
    """Makes events ready, outside of any transaction, to be admitted."""
    batch = seal(events, None, tools)

    def store(conn: psycopg.Connection[Any]) -> Stored:
        new = _admit(conn, batch)
        return Stored(len(new), new)

    return store


def seal(events: Sequence[Pulled], url_id: str | None, tools: Tools) -> SealedPage:
    """Name and seal events. `url_id` is the id in the URL that they were pulled from, in their names."""
    bodies: dict[bytes, bytes] = {}
    deliveries: dict[bytes, DeliveryRow] = {}
    event_id, asked_for = tools.keyed_hash.event_id, url_id or ""
    for event in events:
        name = event_id(PARTNER, VIA, asked_for, event.body)
        bodies[name] = event.body
        if event.delivery is not None:
            deliveries[name] = _new(DeliveryRow, (name, *event.delivery))
    now = tools.clock()
    sealed = tools.sealer.seal_all([(body, name) for name, body in bodies.items()])
    arrivals = [
        _new(Arrival, (name, PARTNER, VIA, now, one, False, url_id))
        for name, one in zip(bodies, sealed, strict=True)
    ]
    return SealedPage(arrivals, deliveries)


def store_page(
    conn: psycopg.Connection[Any],
    stream: Stream,
    next_page: bytes | None,
    progress: Progress,
    batch: SealedPage,
) -> tuple[Stream, list[int]]:
    """Admit a page and advance the cursor in the caller's transaction; the inbox ids of what is new.

    A fixed number of statements, whatever the page has. Raises LeaseLost, after which nothing may be
    committed.
    """
    new = _admit(conn, batch)
    return cursors.advance_page(conn, stream, next_page, progress, len(new)), new


def _admit(conn: psycopg.Connection[Any], batch: SealedPage) -> list[int]:
    if not batch.arrivals:
        return []
    new = admit.admit_pulled(conn, batch.arrivals, batch.deliveries)
    if known := [row for name, row in batch.deliveries.items() if name not in new]:
        note_deliveries(conn, known)
    return sorted(new.values())
