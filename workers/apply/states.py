"""Entities brought up to date by what events state about them: locked, folded, written.

A fixed number of statements, whatever the number of events. Everything that can be done without a lock on an
entity is done before one is taken, so that two batches which share busy entities still overlap in their
unsealing, decoding, sealing and hashing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import psycopg

from partners.reading import own_domain
from statemachine import MACHINES
from store.ledger import entities, event_facts, facts, feed, postings
from store.ledger.model import ChangeRow, EventFactRow, FactRow, PostingRow
from store.ledger.small_batch import write_small_batch
from workers.apply.model import Moved, Name, StatedFact, StatedFacts, Tools, Withdrawn
from workers.apply.parcels import keep_parcels
from workers.apply.plan import left, needs_facts, plan
from workers.apply.quantities import beside_the_request

__all__ = ["FEW", "update_states"]

Connection = psycopg.Connection[Any]
#: A name in a body, as (keyed hash, domain).
Hashed = tuple[bytes, str]
#: Up to so many new facts are written by one statement and not by one for each table.
FEW = 16

_new = tuple.__new__


class Carried(NamedTuple):
    """The names in the bodies about one entity; its own key apart."""

    links: list[Hashed]
    own: list[Hashed]


def update_states(
    conn: Connection,
    stated_facts: StatedFacts,
    tools: Tools,
    withdrawn: Withdrawn | None = None,
    anew: Mapping[Name, int] | None = None,
) -> list[Moved]:
    """Bring the entities that the stated facts name up to date, and those of `anew`, which are refolded."""
    withdrawn = withdrawn or {}
    anew = anew or {}
    names = sorted({*stated_facts, *anew})
    if not names:
        return []
    carried = {name: _carried(name, stated, tools) for name, stated in stated_facts.items()}
    rows = entities.lock_entities(conn, [(*name, MACHINES[name[0]].initial) for name in names])
    if any(row.quantities is not None for row in rows):
        told = {(row.kind, row.key): row for row in rows}
        stated_facts = {n: beside_the_request(told[n], stated, tools) for n, stated in stated_facts.items()}
    refold = [
        row.id
        for row in rows
        if (row.kind, row.key) in anew
        or needs_facts(MACHINES[row.kind], row, stated_facts.get((row.kind, row.key), ()))
    ]
    known: dict[int, list[FactRow]] = {entity_id: [] for entity_id in refold}
    if refold:
        for fact in facts.facts_of(conn, refold):
            known[fact.entity_id].append(fact)
    ways = _ways(conn, known, withdrawn)
    if first_receipts := _first_receipts(known, withdrawn):
        stated_facts = {name: _redated(stated, first_receipts) for name, stated in stated_facts.items()}
    moved = []
    stating: list[EventFactRow] = []
    for row in rows:
        stated = stated_facts.get((row.kind, row.key), ())
        change = plan(MACHINES[row.kind], row, known.get(row.id), stated, withdrawn.get(row.id), ways)
        moved.append(Moved(row, change, row.last_at is not None or row.registered_at is not None))
        stating += [_new(EventFactRow, (s.seq, row.id, s.fact_id, s.callback_type)) for s in change.counted]
    named = _write(conn, moved, stating, carried)
    keep_parcels(conn, [m.change.entity for m in moved], tools)
    return [m._replace(named=True) if m.before.id in named else m for m in moved] if named else moved


def _ways(
    conn: Connection, known: Mapping[int, Sequence[FactRow]], withdrawn: Withdrawn
) -> Mapping[bytes, str]:
    """How those copies came that are left of facts which came in several ways."""
    several = [
        event
        for entity_id, names in withdrawn.items()
        for row in known.get(entity_id, ())
        if row.fact_id in names and len(row.via) > 1
        for event in left(row, names[row.fact_id])
    ]
    return event_facts.ways_of(conn, several) if several else {}


def _first_receipts(known: Mapping[int, Sequence[FactRow]], withdrawn: Withdrawn) -> Mapping[bytes, datetime]:
    """When events that are read anew were first received, by id, as far as undated facts of theirs tell it.

    Their rows have when they came last, and what they state may be another entity's now.
    """
    found: dict[bytes, datetime] = {}
    for entity_id, names in withdrawn.items():
        for row in known.get(entity_id, ()):
            if row.undated:
                for event in names.get(row.fact_id, ()):
                    found[event] = min(row.received_at, found.get(event, row.received_at))
    return found


def _redated(stated: Sequence[StatedFact], first_receipts: Mapping[bytes, datetime]) -> Sequence[StatedFact]:
    return [_dated_by(s, first_receipts.get(s.event_id)) if s.undated else s for s in stated]


def _dated_by(s: StatedFact, first: datetime | None) -> StatedFact:
    if first is None or first >= s.received_at:
        return s
    return s._replace(received_at=first, fact=s.fact._replace(occurred_at=int(first.timestamp())))


def _write(
    conn: Connection, moved: Sequence[Moved], stating: Sequence[EventFactRow], carried: Mapping[Name, Carried]
) -> set[int]:
    """Write it all; returns the ids of those that got names which they did not have."""
    changes = [m.change for m in moved]
    inserted = [row for change in changes for row in change.inserted]
    changed = [change.entity for change in changes if change.changed]
    first, links = _postings(moved, carried)
    news = [row for m in moved if (row := _news(m)) is not None]
    if updated := [row for change in changes for row in change.updated]:
        facts.update_facts(conn, updated)
    if deleted := [(change.entity.id, name) for change in changes for name in change.deleted]:
        facts.delete_facts(conn, deleted)
    if len(inserted) <= FEW and len(stating) <= FEW:
        made = [row for entity_id, names in first.items() for row in _rows(entity_id, names)]
        return write_small_batch(conn, inserted, stating, [*made, *links], news, changed)
    if inserted:
        facts.insert_facts(conn, inserted)
    if stating:
        event_facts.add_event_facts(conn, stating)
    named = set(first)
    if first:
        postings.first_postings(conn, first)
    if links:
        named |= postings.add_postings(conn, links)
    if news:
        feed.add_changes(conn, news)
    if changed:
        entities.update_entities(conn, changed)
    return named


def _carried(name: Name, stated: Sequence[StatedFact], tools: Tools) -> Carried:
    """The names in the bodies about one entity, hashed before it is locked."""
    kind, key = name
    own = (own_domain(kind), key)
    links = stated[0].links if len(stated) == 1 else frozenset().union(*[s.links for s in stated])
    if own not in links:
        return Carried(tools.keyed_hash.links(links), [])
    hashed = tools.keyed_hash.links([own, *(links - {own})])
    return Carried(hashed[1:], hashed[:1])


def _postings(
    moved: Iterable[Moved], carried: Mapping[Name, Carried]
) -> tuple[dict[int, list[Hashed]], list[PostingRow]]:
    """Every name in the bodies, of entities made here by their id, and of those that may have it already.

    An entity's own key comes with the first of its bodies, since every body carries it.
    """
    first: dict[int, list[Hashed]] = {}
    others: list[PostingRow] = []
    for before, _, known, _ in moved:
        found = carried.get((before.kind, before.key))
        if found is None:
            continue
        names = found.links if known else found.links + found.own
        if not before.made:
            others += _rows(before.id, names)
        elif names:
            first[before.id] = names
    return first, sorted(others)


def _rows(entity_id: int, names: Iterable[Hashed]) -> list[PostingRow]:
    return [_new(PostingRow, (name, entity_id, domain)) for name, domain in names]


def _news(moved: Moved) -> ChangeRow | None:
    """What the feed tells: a new entity, or another state, outcome or review."""
    before, after = moved.before, moved.change.entity
    old = (before.state, before.outcome, before.review)
    if moved.known and old == (after.state, after.outcome, after.review):
        return None
    if not moved.known and after.last_at is None:
        return None
    first = before.state if moved.known else None
    return ChangeRow(after.id, first, after.state, after.outcome, after.review, after.since)
