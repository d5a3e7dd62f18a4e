"""What a batch changes about one entity: a pure function of its row, its facts and what is stated of it now.

A fact later than all others is stepped from the stored state; anything else refolds the entity from all
of its facts. Both give the same, since the fold is a sequence of such steps. A snapshot always refolds: the
stored state does not say whether the last fact was an equal one. So does every fact but the first where lines
are merged: the stored state does not have them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from statemachine import Fact, Machine, Summary
from statemachine.clocks import deadline
from statemachine.model import is_snapshot
from statemachine.parcels import SCAN
from store.ledger.model import SEVERAL, EntityRow, FactRow, fact_of, summary_of
from workers.apply.model import Change, StatedFact

__all__ = ["left", "needs_facts", "plan"]

#: Where copies of one fact differ, the first of these gives its content, then the smallest id.
PREFERENCE = {"push": 0, "pull": 1, "snapshot": 2, "manual": 3, "derived": 4}
_WORST, _NOBODY = "derived", b"\xff" * 16


_new = tuple.__new__


def needs_facts(machine: Machine, entity: EntityRow, stated_facts: Sequence[StatedFact]) -> bool:
    """Whether any stated fact may be known already, sorts before what was folded, or is a snapshot; or counts
    beside the lines of others.
    """
    last = entity.last_at
    if machine.merges and (len(stated_facts) > 1 or (stated_facts and last is not None)):
        return True
    return any(
        is_snapshot(s.fact.signal) or (last is not None and (s.fact.occurred_at <= last or s.undated))
        for s in stated_facts
    )


def plan(
    machine: Machine,
    entity: EntityRow,
    known: Sequence[FactRow] | None,
    stated_facts: Sequence[StatedFact],
    withdrawn: Mapping[bytes, set[bytes]] | None = None,
    ways: Mapping[bytes, str] | None = None,
) -> Change:
    """What the stated facts change.

    `known` holds every fact of the entity, or is None when all stated facts come after them, none is a
    snapshot, and the machine merges no lines or has none yet. `withdrawn` maps fact ids to events that no
    longer count as having stated them (a replay reads its events anew), and `ways` the events that `left`
    names to how they came.
    """
    if known is None and not withdrawn and len({s.fact_id for s in stated_facts}) == len(stated_facts):
        return _all_new(machine, entity, stated_facts)
    rows = {row.fact_id: row for row in known or ()}
    before = dict(rows)
    for name, events in (withdrawn or {}).items():
        if name in rows:
            rest = _without(rows.pop(name), events, ways or {})
            if rest is not None:
                rows[name] = rest
    fresh: dict[bytes, Fact] = {}
    counted = []
    for s in stated_facts:
        row = rows.get(s.fact_id)
        if row is None or s.event_id not in row.events:
            counted.append(s)
        rows[s.fact_id] = _first(entity.id, s) if row is None else _merged(row, s)
        if s.fact_id not in before:
            fresh.setdefault(s.fact_id, s.fact)
    if known is None:
        facts = [_content(rows[name], fact) for name, fact in fresh.items()]
        summary = _stepped(machine, summary_of(entity), facts)
    else:
        summary, _ = machine.fold([fact_of(row) for row in rows.values()])
    after = _after(machine, entity, summary, stated_facts)
    for name in withdrawn or ():
        if name in rows and rows[name].preferred == _NOBODY:
            # Who is left gave no other content, so what was kept of the fact stands under its name.
            rows[name] = rows[name]._replace(preferred=rows[name].events[0])
    return Change(
        after,
        [row for name, row in rows.items() if name not in before],
        [row for name, row in rows.items() if name in before and row is not before[name]],
        [name for name in before if name not in rows],
        counted,
        after != entity,
    )


def _all_new(machine: Machine, entity: EntityRow, stated_facts: Sequence[StatedFact]) -> Change:
    """What most events come to: facts that are later than all others, each stated once."""
    summary = _stepped(machine, summary_of(entity), [s.fact for s in stated_facts])
    after = _after(machine, entity, summary, stated_facts)
    rows = [_first(entity.id, s) for s in stated_facts]
    return _new(Change, (after, rows, [], [], list(stated_facts), after != entity))


def _after(
    machine: Machine, entity: EntityRow, summary: Summary, stated_facts: Sequence[StatedFact]
) -> EntityRow:
    entity_id, kind, key = entity[:3]
    registered_at, quantities, made = entity[13:]
    ends_at = deadline(machine, summary, registered_at)
    parcel = _parcel_after(entity, stated_facts)
    return _new(EntityRow, (entity_id, kind, key, *summary, ends_at, parcel, registered_at, quantities, made))


def _parcel_after(entity: EntityRow, stated_facts: Sequence[StatedFact]) -> bytes | None:
    """The number of the entity's only parcel as a keyed hash, SEVERAL, or None for none."""
    known = entity.parcel
    told = {s.parcel for s in stated_facts}
    told -= {None, known}
    if not told:
        return known
    if known is None:
        # Whoever was scanned before numbers were kept may have several.
        scanned = entity.moved_by is not None and entity.moved_by.startswith(SCAN)
        if len(told) == 1 and not scanned:
            return told.pop()
    return SEVERAL


def _stepped(machine: Machine, summary: Summary, facts: list[Fact]) -> Summary:
    if machine.merges:  # the first of the entity: later ones come here with all of them
        return machine.fold(facts)[0]
    if len(facts) > 1:
        facts.sort(key=machine.order)
    for fact in facts:
        summary, _ = machine.step(summary, fact)
    return summary


def _content(row: FactRow, fact: Fact) -> Fact:
    """The fact with the lines of its preferred copy, which another copy in the batch may have given."""
    return fact if len(row.events) == 1 else fact_of(row)


def _first(entity_id: int, s: StatedFact) -> FactRow:
    event_id, via, received_at = s[1:4]
    fact, fact_name, lines, detail = s[5:9]
    at, signal, code, discriminator, _, due, millisecond = fact
    pushed_at = received_at if via == "push" else None
    pulled_at = received_at if via == "pull" else None
    identity = (entity_id, fact_name, at, signal, code, discriminator)
    copies = ((via,), (event_id,), event_id, via, received_at, due, pushed_at, pulled_at, millisecond or None)
    return _new(FactRow, (*identity, lines, detail, *copies, s.undated or None))


def _merged(row: FactRow, s: StatedFact) -> FactRow:
    """The row with one more copy; the same object when the copy was counted already."""
    if s.undated and s.fact.occurred_at < row.occurred_at:
        row = row._replace(occurred_at=s.fact.occurred_at)
    better = (PREFERENCE[s.via], s.event_id) < (PREFERENCE[row.preferred_via], row.preferred)
    if s.event_id in row.events and s.via in row.via and not better:
        return row
    events = row.events if s.event_id in row.events else tuple(sorted((*row.events, s.event_id)))
    via = row.via if s.via in row.via else tuple(sorted((*row.via, s.via), key=PREFERENCE.__getitem__))
    row = row._replace(
        events=events,
        via=via,
        received_at=min(row.received_at, s.received_at),
        pushed_at=_came(row.pushed_at, row, s, "push"),
        pulled_at=_came(row.pulled_at, row, s, "pull"),
    )
    if better:
        row = row._replace(
            lines=s.lines,
            detail=s.detail,
            due=s.fact.due,
            preferred=s.event_id,
            preferred_via=s.via,
            millisecond=s.fact.millisecond or None,
        )
    return row


def _came(known: datetime | None, row: FactRow, s: StatedFact, via: str) -> datetime | None:
    """When the first copy came this way; None where none did, or where that was not kept when it did."""
    if s.via != via:
        return known
    if known is None:
        return None if via in row.via else s.received_at
    return min(known, s.received_at)


def left(row: FactRow, events: set[bytes]) -> tuple[bytes, ...]:
    """The events that state a fact when these no longer do."""
    return tuple(event for event in row.events if event not in events)


def _without(row: FactRow, events: set[bytes], ways: Mapping[bytes, str]) -> FactRow | None:
    """The row less some of its events; None when none is left.

    When the preferred copy is among them, any that states the fact anew is better.
    """
    rest = left(row, events)
    if not rest:
        return None
    via = tuple(way for way in row.via if way in {ways.get(event) for event in rest}) or row.via
    row = row._replace(
        events=rest,
        via=via,
        pushed_at=row.pushed_at if "push" in via else None,
        pulled_at=row.pulled_at if "pull" in via else None,
    )
    return row._replace(preferred=_NOBODY, preferred_via=_WORST) if row.preferred in events else row
