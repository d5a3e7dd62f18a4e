"""What entities mean for others: which rechecks a batch queues, and what these state when applied."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import orjson
import psycopg

from statemachine import DERIVATIONS, Derivation, Fact, Implied
from store.inbox.model import ClaimedCopy
from store.ledger import derivations, rechecks
from store.ledger.model import (
    EntityRow,
    Recheck,
    SealedRecheck,
    fact_id,
    recheck_body,
    recheck_id,
    summary_of,
)
from workers.apply.model import ClaimedRecheck, Moved, Name, StatedFact, Tools

__all__ = ["CALLBACK_TYPE", "derived_facts", "queue_rechecks"]

Connection = psycopg.Connection[Any]

#: What lists of events print as the type of a recheck.
CALLBACK_TYPE = "DERIVED"


def queue_rechecks(conn: Connection, moved: Sequence[Moved], tools: Tools) -> list[int]:
    """Queue a recheck of each cause that means something else now, or may mean it for others than before.

    The inbox ids of the rechecks. No statement runs for a batch without causes and effects. Call it when
    every lock on an entity was taken and all names are written.
    """
    found = {recheck for m in moved if m.before.kind in derivations.CAUSES for recheck in _changed(m)}
    effects: dict[str, list[int]] = {}
    for m in moved:
        if m.before.kind in derivations.EFFECTS and m.named:
            effects.setdefault(m.before.kind, []).append(m.before.id)
    if effects:
        found |= derivations.causes_of(conn, effects)
    if not found:
        return []
    sealed = [_sealed(recheck, tools) for recheck in found]
    return rechecks.queue_rechecks(conn, sealed, tools.clock())


def _changed(m: Moved) -> Iterable[Recheck]:
    before, after = summary_of(m.before), summary_of(m.change.entity)
    for one in DERIVATIONS:
        if one.cause == m.before.kind:
            implied = one.implies(after)
            if implied != one.implies(before) or (implied and m.named):
                yield Recheck(one.name, m.before.kind, m.before.key)


def _sealed(recheck: Recheck, tools: Tools) -> SealedRecheck:
    event_id = recheck_id(tools.keyed_hash, recheck)
    return SealedRecheck(event_id, tools.sealer.seal(recheck_body(recheck), event_id))


def derived_facts(
    conn: Connection, claimed: Sequence[ClaimedRecheck], tools: Tools
) -> list[tuple[Name, StatedFact]]:
    """What rechecks state now, by the entity that it is about. Call it before any entity is locked.

    A cause that changes meanwhile queues its recheck again in the COMMIT of that change, so to read it
    unlocked is enough.
    """
    if not claimed:
        return []
    derivations.pass_barrier(conn)
    rows = derivations.rows_of(conn, [(recheck.kind, recheck.key) for _, recheck in claimed])
    stated: list[tuple[Name, StatedFact]] = []
    for one in DERIVATIONS:
        implied: dict[int, tuple[ClaimedCopy, EntityRow, tuple[Implied, ...]]] = {}
        for copy, recheck in claimed:
            cause = rows.get((recheck.kind, recheck.key))
            if recheck.derivation == one.name and cause and (found := one.implies(summary_of(cause))):
                implied[cause.id] = (copy, cause, found)
        if implied:
            for cause_id, effect in derivations.sharing(conn, list(implied), one.effect, one.by):
                stated += _stated(one, *implied[cause_id], effect, tools)
    return stated


def _stated(
    one: Derivation,
    copy: ClaimedCopy,
    cause: EntityRow,
    implied: Iterable[Implied],
    effect: EntityRow,
    tools: Tools,
) -> Iterable[tuple[Name, StatedFact]]:
    """One fact for each that is implied. The cause tells it apart: two may imply the same in one second."""
    discriminator = tools.keyed_hash.hash("cause", orjson.dumps([one.name, cause.kind, cause.key]).decode())
    for at, signal, due in implied:
        fact = Fact(at, signal, None, discriminator, (), due)
        name = fact_id(fact)
        detail = tools.sealer.seal(orjson.dumps({"cause": f"{cause.kind} {cause.key}"}), name)
        yield (
            (effect.kind, effect.key),
            StatedFact(
                copy.seq, copy.id, copy.via, copy.received_at, CALLBACK_TYPE, fact, name, None, detail
            ),
        )
