"""Apply: a batch of inbox ids becomes facts and states, in one transaction and a fixed number of statements.

Order of locks: queue rows (what another worker holds is skipped, not waited for), then names that are new or
asked for (`store.ledger.aliases`), then entities by (kind, key), then what looks need
(`store.ledger.derivations`). Everything that can be done without a lock on an entity is done before one is
taken, so that two batches which share busy entities still overlap in their unsealing, decoding and sealing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import psycopg

from partners.reading import own_domain
from statemachine import MACHINES
from store.inbox import claim
from store.inbox.claim import Taken
from store.ledger import drift, entities, facts
from store.ledger import rechecks as look_store
from store.ledger.entities import EntityRow, FactRow, OutcomeRow
from store.ledger.facts import ChangeRow, PostingRow
from workers.apply import derive
from workers.apply.plan import Change, Statement, left, needs_facts, plan
from workers.apply.read import Tools, Understood, understand
from workers.apply.resolve_aliases import name_all

__all__ = ["Applied", "Moved", "Replayed", "apply_looks", "apply_queued", "replay"]

Connection = psycopg.Connection[Any]
Name = tuple[str, str]
#: A name in a body, as (keyed hash, domain).
Hashed = tuple[bytes, str]
Statements = Mapping[Name, Sequence[Statement]]
#: By entity: which events no longer count as having stated which facts.
Withdrawn = Mapping[int, Mapping[bytes, set[bytes]]]


class Applied(NamedTuple):
    """What one batch came to. `locked` are events whose seal key is not in the ring yet.

    `woken` are others, queued again because a name that they waited for is known now; `looks` are events of
    our own that it queued (`apply_looks`). `left` stand in the queue as before: it was too much at once.
    """

    applied: int
    quarantined: int
    locked: tuple[int, ...]
    woken: tuple[int, ...] = ()
    looks: tuple[int, ...] = ()
    left: tuple[int, ...] = ()


class Moved(NamedTuple):
    """One entity before and after; `known` says whether it existed before.

    `named` says whether it got a name that it did not have.
    """

    before: EntityRow
    change: Change
    known: bool
    named: bool = False


class Carried(NamedTuple):
    """The names in the bodies about one entity; its own key apart."""

    links: list[Hashed]
    own: list[Hashed]


class Replayed(NamedTuple):
    """What reading events anew came to, or would come to. `pending` could not be read now."""

    moved: list[Moved]
    quarantined: int
    pending: tuple[int, ...]


_new = tuple.__new__


class _Undo(Exception):
    """Ends a dry run's transaction without a trace."""


def apply_queued(conn: Connection, seqs: Sequence[int], tools: Tools) -> Applied:
    """Apply the queued events among `seqs` that no other worker holds, or some of them; one transaction.

    Raises psycopg.Error, after which nothing of the batch has happened.
    """
    with conn.transaction():
        batch = claim.take_queued(conn, seqs)
        if not batch:
            return Applied(0, 0, ())
        read = understand(batch, tools)
        named = name_all(conn, read)
        looks: list[int] = []
        if named.statements:
            looks = derive.follow(conn, _state(conn, named.statements, tools), tools)
        if read.looks:  # queued as if they were copies
            looks += look_store.queue_known(conn, [seen.copy.id for seen in read.looks])
        held = [*read.held, *named.held]
        if held:
            entities.quarantine(conn, held)
        if read.locked:
            claim.give_back(conn, read.locked)
        # Last, since all workers share these rows.
        for partner, counts in sorted(read.drifted.items()):
            drift.note(conn, partner, counts, tools.clock())
    applied = batch.count - len(held) - len(read.locked)
    return Applied(applied, len(held), tuple(read.locked), tuple(named.woken), tuple(looks), batch.left)


def apply_looks(conn: Connection, seqs: Sequence[int], tools: Tools) -> Applied:
    """Apply the queued looks among `seqs`: what each states now takes the place of what it stated before.

    One transaction. Raises psycopg.Error, after which nothing of it has happened.
    """
    with conn.transaction():
        if not look_store.take_turns(conn, seqs):
            return Applied(0, 0, ())
        looks = look_store.take(conn, seqs)
        read = understand([look.copy for look in looks], tools)
        copies = {seen.copy.seq: seen.copy for seen in read.looks}
        anew = entities.touched_by(conn, copies)
        past = entities.drop_outcomes(conn, copies)
        _add_derived(conn, read, tools)
        moved = _state(conn, read.statements, tools, _withdrawn(past, copies), anew)
        further = derive.follow(conn, moved, tools)
        entities.unquarantine(conn, copies)
        if read.held:
            entities.quarantine(conn, read.held)
        locked = tuple(read.locked)
        # Last: those that apply it wait for entities before they change its row (`store.ledger.rechecks`).
        look_store.settle(conn, [look for look in looks if look.copy.seq not in locked])
    return Applied(len(copies), len(read.held), locked, looks=tuple(further))


def _add_derived(conn: Connection, read: Understood, tools: Tools) -> None:
    """Add what the looks of a batch state to its statements."""
    if read.looks:
        for name, statement in derive.statements_of(conn, read.looks, tools):
            read.statements.setdefault(name, []).append(statement)


def replay(conn: Connection, seqs: Sequence[int], tools: Tools, *, dry_run: bool) -> Replayed:
    """Read events anew, queued, applied or quarantined: what they stated before is taken back first.

    An event whose body is gone keeps its facts, and its entities are folded anew from them. With `dry_run`
    everything is computed under the same locks and then undone. Raises psycopg.Error.
    """
    result = Replayed([], 0, tuple(seqs))
    try:
        with conn.transaction():
            result = _replay(conn, seqs, tools)
            if dry_run:
                raise _Undo
    except _Undo:
        return result
    return result


def _replay(conn: Connection, seqs: Sequence[int], tools: Tools) -> Replayed:
    claim.lock_queued(conn, seqs)
    selected = seqs
    # With every event of the entities that these touch: what a fact's other copies say must be at hand when
    # one is read differently, and how a selection is cut into batches must not matter.
    seqs = sorted({*seqs, *entities.events_of(conn, entities.touched_by(conn, seqs).values())})
    look_store.take_turns(conn, seqs, queued=False)
    touched = entities.touched_by(conn, seqs)
    taken = claim.take_bodies(conn, seqs)
    read = understand(taken, tools)
    _add_derived(conn, read, tools)
    readable = {copy.seq: copy for copy in taken if copy.seq not in set(read.locked)}
    named = name_all(conn, read, anew=readable)
    past = entities.drop_outcomes(conn, readable)
    moved = _state(conn, named.statements, tools, _withdrawn(past, readable), anew=touched)
    # All names count as new: whoever replays may do it for the sake of what is derived.
    derive.follow(conn, [m._replace(named=True) for m in moved], tools)
    entities.unquarantine(conn, readable)
    held = [*read.held, *named.held]
    if held:
        entities.quarantine(conn, held)
    # Less looks: one that is queued may be about what changed since.
    claim.delete_queued(conn, readable.keys() - {seen.copy.seq for seen in read.looks})
    unread = [seq for seq in selected if seq not in readable]
    return Replayed(moved, len(held), tuple(claim.still_waiting(conn, unread)))


def _withdrawn(past: Iterable[OutcomeRow], copies: Mapping[int, Taken]) -> Withdrawn:
    result: dict[int, dict[bytes, set[bytes]]] = {}
    for row in past:
        result.setdefault(row.entity_id, {}).setdefault(row.fact_id, set()).add(copies[row.seq].id)
    return result


def _state(
    conn: Connection,
    statements: Statements,
    tools: Tools,
    withdrawn: Withdrawn | None = None,
    anew: Mapping[Name, int] | None = None,
) -> list[Moved]:
    """Bring the entities that the statements name up to date, and those of `anew`, which are refolded."""
    withdrawn = withdrawn or {}
    anew = anew or {}
    names = sorted({*statements, *anew})
    if not names:
        return []
    carried = {name: _carried(name, stated, tools) for name, stated in statements.items()}
    rows = entities.claim_entities(conn, [(*name, MACHINES[name[0]].initial) for name in names])
    refold = [
        row.id
        for row in rows
        if (row.kind, row.key) in anew or needs_facts(row, statements.get((row.kind, row.key), ()))
    ]
    known: dict[int, list[FactRow]] = {entity_id: [] for entity_id in refold}
    if refold:
        for fact in entities.facts_of(conn, refold):
            known[fact.entity_id].append(fact)
    ways = _ways(conn, known, withdrawn)
    moved = []
    outcomes: list[OutcomeRow] = []
    for row in rows:
        stated = statements.get((row.kind, row.key), ())
        change = plan(MACHINES[row.kind], row, known.get(row.id), stated, withdrawn.get(row.id), ways)
        moved.append(Moved(row, change, row.last_at is not None or row.registered_at is not None))
        outcomes += [_new(OutcomeRow, (s.seq, row.id, s.fact_id, s.callback_type)) for s in change.counted]
    named = _write(conn, moved, outcomes, carried)
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
    return entities.ways_of(conn, several) if several else {}


def _write(
    conn: Connection, moved: Sequence[Moved], outcomes: Sequence[OutcomeRow], carried: Mapping[Name, Carried]
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
    if len(inserted) <= claim.FEW and len(outcomes) <= claim.FEW:
        made = [row for entity_id, names in first.items() for row in _rows(entity_id, names)]
        return facts.write_few(conn, inserted, outcomes, [*made, *links], news, changed)
    if inserted:
        facts.insert_facts(conn, inserted)
    if outcomes:
        facts.add_outcomes(conn, outcomes)
    named = set(first)
    if first:
        facts.first_postings(conn, first)
    if links:
        named |= facts.add_postings(conn, links)
    if news:
        facts.add_changes(conn, news)
    if changed:
        facts.update_entities(conn, changed)
    return named


def _carried(name: Name, stated: Sequence[Statement], tools: Tools) -> Carried:
    """The names in the bodies about one entity, hashed before it is locked."""
    kind, key = name
    own = (own_domain(kind), key)
    links = stated[0].links if len(stated) == 1 else frozenset().union(*[s.links for s in stated])
    if own not in links:
        return Carried(tools.lookup.links(links), [])
    hashed = tools.lookup.links([own, *(links - {own})])
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
