"""What payments mean for fills: what rechecks of fills state.

Whether they cover what its claims ask: `payment:known`, dated no earlier than the claim that it settles. Or
whether it came to nothing while money for it is kept: `payment:stranded`. A fill that was asked for in the
place of another has that one's payments, which is then no longer waited for.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import psycopg

from statemachine import MACHINES, Fact
from statemachine.balance import Balance, Paying, balance
from store.ledger import derivations, payments
from store.ledger.model import EntityRow, FactRow, fact_of
from store.ledger.payment_names import FILL
from store.ledger.payments import JoinRow, Relative
from store.ledger.relations import CAME_TO_NOTHING
from workers.apply.model import ClaimedRecheck, Name, StatedFact, Tools
from workers.apply.payment_facts import LAST_MILLISECOND, derived, facts_about_money, known_payments
from workers.apply.payment_values import Known, last_claim, lines_owed

__all__ = ["Standing", "cover_fills", "standings"]

Connection = psycopg.Connection[Any]
Stated = list[tuple[Name, StatedFact]]


class Standing(NamedTuple):
    """How a fill's payments stand. `paid_at`: when the last that counts was paid, in Unix seconds.

    `carried`: another fill that came to something was asked for in its place, and has its payments. `own`: a
    payment that counts is for this very fill.
    """

    balance: Balance
    payments: tuple[Paying, ...]
    paid_at: int | None
    claimed_at: int | None
    carried: bool
    own: bool


def cover_fills(conn: Connection, claimed: Sequence[ClaimedRecheck], tools: Tools) -> Stated:
    """What the payments of these fills state of them. Call it behind the barrier."""
    rows = derivations.rows_of(conn, [(one.recheck.kind, one.recheck.key) for one in claimed])
    copies = {row.id: one.copy for one in claimed if (row := rows.get((FILL, one.recheck.key)))}
    by_id = {row.id: row for row in rows.values()}
    stated: Stated = []
    for fill_id, standing in standings(conn, list(copies), tools).items():
        row = by_id[fill_id]
        fact = _covered(row, standing)
        if fact is not None:
            keys = [one.key for one in standing.payments if one.counts]
            stated.append(derived((FILL, row.key), fact, {"payments": keys}, copies[fill_id], tools))
    return stated


def _covered(row: EntityRow, standing: Standing) -> Fact | None:
    if standing.carried or standing.paid_at is None:
        return None
    if row.state in CAME_TO_NOTHING:
        return _last_of(max(standing.paid_at, row.since or 0), "payment:stranded") if standing.own else None
    if standing.claimed_at is None or not standing.balance.covered:
        return None  # what was never claimed is waited for by nobody
    return _last_of(max(standing.paid_at, standing.claimed_at), "payment:known")


def _last_of(at: int, signal: str) -> Fact:
    """A fact of this second that comes behind all that is printed with a millisecond of it."""
    return Fact(at, signal, None, b"", millisecond=LAST_MILLISECOND)


def standings(conn: Connection, fill_ids: Sequence[int], tools: Tools) -> dict[int, Standing]:
    """How the payments of fills stand, by the fill's id. Reads unlocked. Raises psycopg.Error."""
    if not fill_ids:
        return {}
    family = _Family(payments.relatives(conn, fill_ids))
    all_fills = {*fill_ids, *family.members}
    joins = payments.joins_to(conn, all_fills)
    rows = payments.rows_of(conn, {row.payment_id for row in joins})
    known = known_payments(conn, {row.id: row for row in rows}, tools)
    by_target: dict[int, list[JoinRow]] = defaultdict(list)
    for row in joins:
        if row.payment_id in known:  # one that was given up since is another by now
            by_target[row.target_id].append(row)
    by_fill = facts_about_money(conn, all_fills)
    return {i: _standing(i, family, by_target, by_fill, known, tools) for i in fill_ids}


def _standing(
    fill_id: int,
    family: _Family,
    by_target: Mapping[int, Sequence[JoinRow]],
    by_fill: Mapping[int, Sequence[FactRow]],
    known: Mapping[int, Known],
    tools: Tools,
) -> Standing:
    sources = [fill_id, *sorted(family.before(fill_id))]
    asks = _asking(fill_id, sources, by_fill)
    claim = last_claim(by_fill[asks])
    paying = [
        _paying(known[row.payment_id], row, own=i in (asks, fill_id)) for i in sources for row in by_target[i]
    ]
    counting = [
        at
        for i in sources
        for row in by_target[i]
        if (at := known[row.payment_id].paid_at) is not None and not known[row.payment_id].refunded
    ]
    return Standing(
        balance(lines_owed(FILL, by_fill[asks], {}, tools.sealer), paying),
        tuple(paying),
        max(counting, default=None),
        None if claim is None else claim.occurred_at,
        family.is_carried(fill_id),
        any(_counts(known[row.payment_id]) for row in by_target[fill_id]),
    )


def _asking(fill_id: int, sources: Sequence[int], by_fill: Mapping[int, Sequence[FactRow]]) -> int:
    """Whose claim says what is owed: its own, or else the last of those in whose place it is asked for."""
    claims = {i: claim for i in sources if (claim := last_claim(by_fill[i])) is not None}
    if fill_id in claims or not claims:
        return fill_id
    machine = MACHINES[FILL]
    return max(claims, key=lambda i: (machine.order(fact_of(claims[i])), claims[i].fact_id))


def _paying(known: Known, row: JoinRow, *, own: bool) -> Paying:
    payment = known.payment
    position = row.position if own else None
    return Paying(payment.key, payment.state, payment.price, position, _counts(known))


def _counts(known: Known) -> bool:
    return known.payment.state == "paid" and not known.refunded


class _Family:
    """Which fills are asked for in the place of which."""

    def __init__(self, related: Iterable[Relative]) -> None:
        self._earlier: dict[int, set[int]] = defaultdict(set)
        self._later: dict[int, set[int]] = defaultdict(set)
        self._failed: set[int] = set()
        for one in related:
            self._earlier[one.later].add(one.earlier)
            self._later[one.earlier].add(one.later)
            if one.came_to_nothing:
                self._failed.add(one.later)

    @property
    def members(self) -> set[int]:
        return {*self._earlier, *self._later}

    def before(self, fill_id: int) -> set[int]:
        """Those in whose place this one is asked for, over however many."""
        return _reached(fill_id, self._earlier) - {fill_id}

    def is_carried(self, fill_id: int) -> bool:
        """Whether another that came to something stands in its place, over however many that did not.

        Requests that refer to each other in a circle stand in nobody's place.
        """
        later = _reached(fill_id, self._later)
        return fill_id not in later and bool(later - self._failed)


def _reached(start: int, steps: Mapping[int, set[int]]) -> set[int]:
    """All that one comes to from there; `start` itself only by a circle."""
    reached: set[int] = set()
    left = list(steps.get(start, ()))
    while left:
        at = left.pop()
        if at not in reached:
            reached.add(at)
            left += steps.get(at, ())
    return reached
