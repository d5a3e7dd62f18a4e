"""What entities mean for others: which rechecks a batch queues, and what these state when applied."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import orjson
import psycopg

from statemachine import DERIVATIONS, MACHINES, Derivation, Fact, Implied
from store.inbox.model import ClaimedCopy
from store.ledger import derivations, payment_names, rechecks
from store.ledger.model import (
    COVER,
    DERIVED,
    JOIN,
    EntityRow,
    Recheck,
    SealedRecheck,
    recheck_body,
    recheck_id,
    summary_of,
)
from store.ledger.payment_names import FILL, PAID_FOR, PAYMENT
from store.ledger.relations import CAME_TO_NOTHING
from workers.apply.cover_fills import cover_fills
from workers.apply.decisions import MANUAL
from workers.apply.join_payments import join_payments
from workers.apply.model import ClaimedRecheck, Moved, Name, StatedFact, Tools
from workers.apply.payment_facts import derived

__all__ = ["Derived", "derived_facts", "queue", "queue_rechecks"]

Connection = psycopg.Connection[Any]


#: News of a fill whose lines say nothing of what is owed.
WITHOUT_A_PRICE = frozenset(
    signal for signal in MACHINES[FILL].rank if not signal.startswith("claim:") and signal != "order:success"
)


class Derived(NamedTuple):
    """What rechecks state, by the entity that it is about, and the further rechecks that follow at once."""

    stated_facts: list[tuple[Name, StatedFact]]
    further: list[Recheck]


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
    found |= _about_payments(conn, moved)
    return queue(conn, found, tools)


def queue(conn: Connection, found: Iterable[Recheck], tools: Tools) -> list[int]:
    """Queue these rechecks; their inbox ids."""
    sealed = [_sealed(recheck, tools) for recheck in found]
    return rechecks.queue_rechecks(conn, sealed, tools.clock()) if sealed else []


def _changed(m: Moved) -> Iterable[Recheck]:
    before, after = summary_of(m.before), summary_of(m.change.entity)
    for one in DERIVATIONS:
        if one.cause == m.before.kind:
            implied = one.implies(after)
            if implied != one.implies(before) or (implied and m.named):
                yield Recheck(one.name, m.before.kind, m.before.key)


def _about_payments(conn: Connection, moved: Sequence[Moved]) -> set[Recheck]:
    """Payments that changed, and those that may be for what got names or lines; fills that changed and are
    paid for.
    """
    own = [m for m in moved if m.named or _has_own_news(m)]
    paying = [m.before for m in own if m.before.kind == PAYMENT and _may_pay(m)]
    named = [m.before.id for m in own if m.before.kind in PAID_FOR and (m.named or _got_lines(m))]
    changed = [m.before.id for m in own if m.before.kind == FILL and (_may_owe(m) or _ended(m))]
    found = {Recheck(JOIN, PAYMENT, row.key) for row in paying}
    if paying:
        payment_names.add_names(conn, [row.id for row in paying])
    if named or changed or paying:
        concerned = payment_names.concerned(conn, named, changed, [row.id for row in paying])
        found |= {Recheck(JOIN, PAYMENT, key) for key in concerned.payments}
        found |= {Recheck(COVER, FILL, key) for key in concerned.fills}
    return found


def _has_own_news(m: Moved) -> bool:
    """Whether more than what rechecks state has come of it."""
    return any(one.via != DERIVED for one in m.change.counted)


def _may_pay(m: Moved) -> bool:
    """Whether it pays, or did, or a person has decided about it. What lies in a cart is for nothing yet."""
    paid = "paid" in (m.before.state, m.change.entity.state)
    return paid or any(one.via == MANUAL for one in m.change.counted)


def _got_lines(m: Moved) -> bool:
    """Whether it got lines that say what is owed, or for what."""
    rows = (*m.change.inserted, *m.change.updated)
    return any(row.lines is not None and row.signal not in WITHOUT_A_PRICE for row in rows)


def _may_owe(m: Moved) -> bool:
    """Whether it may owe otherwise than before: a success says what a claim that is open has left unclear."""
    rows = (*m.change.inserted, *m.change.updated)
    claimed = any(row.signal.startswith("claim:") for row in rows)
    return claimed or m.named or (m.before.waiting_since is not None and _got_lines(m))


def _ended(m: Moved) -> bool:
    """Whether it came to nothing with this, or does not any more, or did so at another time."""
    before, after = (row.state in CAME_TO_NOTHING for row in (m.before, m.change.entity))
    return before != after or (after and m.before.since != m.change.entity.since)


def _sealed(recheck: Recheck, tools: Tools) -> SealedRecheck:
    event_id = recheck_id(tools.keyed_hash, recheck)
    return SealedRecheck(event_id, tools.sealer.seal(recheck_body(recheck), event_id))


def derived_facts(conn: Connection, claimed: Sequence[ClaimedRecheck], tools: Tools) -> Derived:
    """What rechecks state now. Call it before any entity is locked.

    A cause that changes meanwhile queues its recheck again in the COMMIT of that change, so to read it
    unlocked is enough.
    """
    if not claimed:
        return Derived([], [])
    derivations.pass_barrier(conn)
    by_name: dict[str, list[ClaimedRecheck]] = {}
    for one in claimed:
        by_name.setdefault(one.recheck.derivation, []).append(one)
    stated, further = join_payments(conn, by_name.pop(JOIN, ()), tools)
    stated += cover_fills(conn, by_name.pop(COVER, ()), tools)
    if by_name:
        stated += _implied(conn, [one for listed in by_name.values() for one in listed], tools)
    return Derived(stated, further)


def _implied(
    conn: Connection, claimed: Sequence[ClaimedRecheck], tools: Tools
) -> list[tuple[Name, StatedFact]]:
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
        yield derived((effect.kind, effect.key), fact, {"cause": f"{cause.kind} {cause.key}"}, copy, tools)
