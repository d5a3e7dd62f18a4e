"""Replay: events are read anew, and what they stated before is taken back first."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import psycopg

from store.inbox import claim
from store.inbox.model import ClaimedCopy
from store.inbox.quarantine import quarantine, release
from store.ledger import event_facts, rechecks
from store.ledger.model import EventFactRow
from workers.apply.derive import derived_facts, queue, queue_rechecks
from workers.apply.model import Replayed, Tools, Withdrawn
from workers.apply.read import read_batch
from workers.apply.resolve_aliases import resolve_aliases
from workers.apply.states import update_states

__all__ = ["replay", "withdrawn"]

Connection = psycopg.Connection[Any]


class _Undo(Exception):
    """Ends a dry run's transaction without a trace."""


def replay(conn: Connection, seqs: Sequence[int], tools: Tools, *, dry_run: bool) -> Replayed:
    """Read events anew, queued, applied or quarantined.

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
    about = event_facts.entities_stated_by(conn, seqs).values()
    seqs = sorted({*seqs, *event_facts.events_stating(conn, about)})
    rechecks.lock_rechecks(conn, seqs, only_queued=False)
    touched = event_facts.entities_stated_by(conn, seqs)
    copies = claim.kept_copies(conn, seqs)
    read = read_batch(copies, tools)
    derived = derived_facts(conn, read.rechecks, tools)
    for name, stated_fact in derived.stated_facts:
        read.stated_facts.setdefault(name, []).append(stated_fact)
    readable = {copy.seq: copy for copy in copies if copy.seq not in set(read.keyless)}
    resolved = resolve_aliases(conn, read, anew=readable)
    past = event_facts.delete_event_facts(conn, readable)
    moved = update_states(conn, resolved.stated_facts, tools, withdrawn(past, readable), anew=touched)
    # All names count as new: whoever replays may do it for the sake of what is derived.
    queue_rechecks(conn, [m._replace(named=True) for m in moved], tools)
    queue(conn, derived.further, tools)
    release(conn, readable)
    quarantined = [*read.quarantined, *resolved.quarantined]
    if quarantined:
        quarantine(conn, quarantined)
    # Less rechecks: one that is queued may be about what changed since.
    claim.delete_queued(conn, readable.keys() - {one.copy.seq for one in read.rechecks})
    unread = [seq for seq in selected if seq not in readable]
    return Replayed(moved, len(quarantined), tuple(claim.still_waiting(conn, unread)))


def withdrawn(past: Iterable[EventFactRow], copies: Mapping[int, ClaimedCopy]) -> Withdrawn:
    """What these events stated before, as the facts that they no longer count for."""
    result: dict[int, dict[bytes, set[bytes]]] = {}
    for row in past:
        result.setdefault(row.entity_id, {}).setdefault(row.fact_id, set()).add(copies[row.seq].id)
    return result
