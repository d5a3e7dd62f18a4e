"""Apply: a batch of inbox ids becomes facts and states, in one transaction and a fixed number of statements.

Order of locks: queue rows (what another worker holds is skipped, not waited for), then names that are new or
asked for (`store.ledger.aliases`), then entities by (kind, key), then what rechecks need
(`store.ledger.derivations`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import psycopg

from store.inbox import claim
from store.inbox.quarantine import quarantine, release
from store.ledger import drift, event_facts, rechecks
from store.pulls import wanted_records
from workers.apply.derive import derived_facts, queue, queue_rechecks
from workers.apply.join_registered import join_registered
from workers.apply.model import Applied, ReadBatch, Tools
from workers.apply.read import read_batch
from workers.apply.replay import withdrawn
from workers.apply.resolve_aliases import resolve_aliases
from workers.apply.states import update_states

__all__ = ["apply_queued", "apply_rechecks"]

Connection = psycopg.Connection[Any]

#: How many bodies are in memory at a time, so that a batch takes the memory of what it states and not of its
#: bodies, of which each may have a megabyte.
SLICE = 250
#: After so many bytes of bodies a transaction takes no more: others wait for the entities that it locks.
MUCH = 4_000_000


def apply_queued(conn: Connection, seqs: Sequence[int], tools: Tools) -> Applied:
    """Apply the queued events among `seqs` that no other worker holds, or some of them; one transaction.

    Raises psycopg.Error, after which nothing of the batch has happened.
    """
    left: tuple[int, ...] = ()
    with conn.transaction():
        if len(seqs) <= claim.FEW:
            few = claim.claim_few(conn, seqs)
            read, claimed = read_batch(few, tools), len(few)
        else:
            read, claimed, left = _read_many(conn, seqs, tools)
        if not claimed:
            return Applied(0, 0, ())
        resolved = resolve_aliases(conn, read)
        queued: list[int] = []
        if resolved.stated_facts:
            moved = update_states(conn, resolved.stated_facts, tools)
            join_registered(conn, moved)
            queued = queue_rechecks(conn, moved, tools)
        if read.rechecks:  # queued as if they were copies
            queued += rechecks.queue_again(conn, [one.copy.id for one in read.rechecks])
        quarantined = [*read.quarantined, *resolved.quarantined]
        if quarantined:
            quarantine(conn, quarantined)
        if read.wanted:
            wanted_records.want_records(conn, read.wanted)
        if read.keyless:
            claim.requeue(conn, read.keyless)
        # Last, since all workers share these rows.
        for partner, counts in sorted(read.drifted.items()):
            drift.note(conn, partner, counts, tools.clock())
    applied = claimed - len(quarantined) - len(read.keyless)
    return Applied(applied, len(quarantined), tuple(read.keyless), tuple(resolved.woken), tuple(queued), left)


def _read_many(conn: Connection, seqs: Sequence[int], tools: Tools) -> tuple[ReadBatch, int, tuple[int, ...]]:
    """Claim many and read them, slice by slice; what they say, how many, and which were left in the queue."""
    rows = claim.lock_many(conn, seqs)
    batch, size, end = ReadBatch.empty(), 0, 0
    while end < len(rows) and size <= MUCH:
        copies = claim.bodies_of(conn, rows[end : end + SLICE])
        read_batch(copies, tools, batch)
        size += sum([len(copy.sealed or b"") for copy in copies])
        end += len(copies)
    claim.delete_queued(conn, [seq for seq, _ in rows[:end]])
    return batch, end, tuple([seq for seq, _ in rows[end:]])


def apply_rechecks(conn: Connection, seqs: Sequence[int], tools: Tools) -> Applied:
    """Apply the queued rechecks among `seqs`: what each states now takes the place of what it stated before.

    One transaction. Raises psycopg.Error, after which nothing of it has happened.
    """
    with conn.transaction():
        if not rechecks.lock_rechecks(conn, seqs):
            return Applied(0, 0, ())
        queued = rechecks.read_queued(conn, seqs)
        read = read_batch([one.copy for one in queued], tools)
        copies = {one.copy.seq: one.copy for one in read.rechecks}
        anew = event_facts.entities_stated_by(conn, copies)
        past = event_facts.delete_event_facts(conn, copies)
        derived = derived_facts(conn, read.rechecks, tools)
        for name, stated_fact in derived.stated_facts:
            read.stated_facts.setdefault(name, []).append(stated_fact)
        moved = update_states(conn, read.stated_facts, tools, withdrawn(past, copies), anew)
        further = [*queue_rechecks(conn, moved, tools), *queue(conn, derived.further, tools)]
        release(conn, copies)
        if read.quarantined:
            quarantine(conn, read.quarantined)
        keyless = tuple(read.keyless)
        # Last: those that apply it wait for entities before they change its row (`store.ledger.rechecks`).
        rechecks.delete_applied(conn, [one for one in queued if one.copy.seq not in keyless])
    return Applied(len(copies), len(read.quarantined), keyless, rechecks=tuple(further))
