"""What entities mean for others: which looks a batch queues, and what a look states when it is applied."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson
import psycopg

from statemachine import DERIVATIONS, Derivation, Fact, Implied
from store.inbox.claim import Taken
from store.ledger import derivations, rechecks
from store.ledger.entities import EntityRow
from store.ledger.rechecks import Look, SealedLook
from workers.apply.plan import Statement, fact_id, summary_of

if TYPE_CHECKING:
    from workers.apply.batch import Moved
    from workers.apply.read import Tools

__all__ = ["CALLBACK_TYPE", "Seen", "follow", "statements_of"]

Connection = psycopg.Connection[Any]
Name = tuple[str, str]

#: What lists of events print as the type of a look.
CALLBACK_TYPE = "DERIVED"


class Seen(NamedTuple):
    """A look among the events of a batch."""

    copy: Taken
    look: Look


def follow(conn: Connection, moved: Sequence[Moved], tools: Tools) -> list[int]:
    """Queue a look at each cause that means something else now, or may mean it for others than before.

    The inbox ids of the looks. No statement runs for a batch without causes and effects. Call it when every
    lock on an entity was taken and all names are written.
    """
    found = {look for m in moved if m.before.kind in derivations.CAUSES for look in _changed(m)}
    effects: dict[str, list[int]] = {}
    for m in moved:
        if m.before.kind in derivations.EFFECTS and m.named:
            effects.setdefault(m.before.kind, []).append(m.before.id)
    if effects:
        found |= derivations.causes_of(conn, effects)
    if not found:
        return []
    sealed = [_sealed(look, tools) for look in found]
    return rechecks.queue_looks(conn, sealed, tools.clock())


def _changed(m: Moved) -> Iterable[Look]:
    before, after = summary_of(m.before), summary_of(m.change.entity)
    for one in DERIVATIONS:
        if one.cause == m.before.kind:
            implied = one.implies(after)
            if implied != one.implies(before) or (implied and m.named):
                yield Look(one.name, m.before.kind, m.before.key)


def _sealed(look: Look, tools: Tools) -> SealedLook:
    event_id = rechecks.id_of(tools.lookup, look)
    return SealedLook(event_id, tools.sealer.seal(rechecks.body_of(look), event_id))


def statements_of(conn: Connection, seen: Sequence[Seen], tools: Tools) -> list[tuple[Name, Statement]]:
    """What looks state now, by the entity that it is about. Call it before any entity is locked.

    A cause that changes meanwhile queues its look again in the COMMIT of that change, so to read it unlocked
    is enough.
    """
    derivations.pass_barrier(conn)
    rows = derivations.rows_of(conn, [(look.kind, look.key) for _, look in seen])
    stated: list[tuple[Name, Statement]] = []
    for one in DERIVATIONS:
        implied: dict[int, tuple[Taken, EntityRow, tuple[Implied, ...]]] = {}
        for copy, look in seen:
            cause = rows.get((look.kind, look.key))
            if look.derivation == one.name and cause and (found := one.implies(summary_of(cause))):
                implied[cause.id] = (copy, cause, found)
        if implied:
            for cause_id, effect in derivations.sharing(conn, list(implied), one.effect, one.by):
                stated += _stated(one, *implied[cause_id], effect, tools)
    return stated


def _stated(
    one: Derivation,
    copy: Taken,
    cause: EntityRow,
    implied: Iterable[Implied],
    effect: EntityRow,
    tools: Tools,
) -> Iterable[tuple[Name, Statement]]:
    """One fact for each that is implied. The cause tells it apart: two may imply the same in one second."""
    told = tools.lookup.hash("cause", orjson.dumps([one.name, cause.kind, cause.key]).decode())
    for at, signal, due in implied:
        fact = Fact(at, signal, None, told, (), due)
        name = fact_id(fact)
        detail = tools.sealer.seal(orjson.dumps({"cause": f"{cause.kind} {cause.key}"}), name)
        yield (
            (effect.kind, effect.key),
            Statement(copy.seq, copy.id, copy.via, copy.received_at, CALLBACK_TYPE, fact, name, None, detail),
        )
