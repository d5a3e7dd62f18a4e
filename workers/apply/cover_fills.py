"""What payments mean for fills: what rechecks of fills state.

Whether they cover what its claims ask: `payment:known`, dated no earlier than the claim that it settles. Or
whether it came to nothing while money for it is kept: `payment:stranded`. A fill that was asked for in the
place of another has that one's payments, which is then no longer waited for.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import psycopg

from statemachine import Fact
from statemachine.balance import Balance, Paying, balance
from store.ledger import derivations, payments
from store.ledger.model import EntityRow
from store.ledger.payment_names import FILL
from store.ledger.payments import JoinRow
from store.ledger.relations import CAME_TO_NOTHING
from workers.apply.model import ClaimedRecheck, Name, StatedFact, Tools
from workers.apply.payment_facts import derived, facts_by_entity, known_payments
from workers.apply.payment_values import Known, last_claim, lines_owed

__all__ = ["Standing", "cover_fills", "standings"]

Connection = psycopg.Connection[Any]
Stated = list[tuple[Name, StatedFact]]


class Standing(NamedTuple):
    """How a fill's payments stand. `paid_at`: when the last that counts was paid, in Unix seconds.

    `carried`: another fill that came to something was asked for in its place, and has its payments.
    """

    balance: Balance
    payments: tuple[Paying, ...]
    paid_at: int | None
    claimed_at: int | None
    carried: bool


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
        own = any(one.counts for one in standing.payments)
        at = max(standing.paid_at, row.since or 0)
        return Fact(at, "payment:stranded", None, b"") if own else None
    if not standing.balance.covered:
        return None
    return Fact(max(standing.paid_at, standing.claimed_at or 0), "payment:known", None, b"")


def standings(conn: Connection, fill_ids: Sequence[int], tools: Tools) -> dict[int, Standing]:
    """How the payments of fills stand, by the fill's id. Reads unlocked. Raises psycopg.Error."""
    if not fill_ids:
        return {}
    related = payments.relatives(conn, fill_ids)
    earlier: dict[int, set[int]] = defaultdict(set)
    later: dict[int, list[tuple[int, bool]]] = defaultdict(list)
    for one in related:
        earlier[one.later].add(one.earlier)
        later[one.earlier].append((one.later, not one.came_to_nothing))
    all_fills = {*fill_ids, *(i for one in related for i in (one.earlier, one.later))}
    joins = payments.joins_to(conn, all_fills)
    ids = {row.payment_id for row in joins}
    known = known_payments(conn, {row.id: row for row in payments.rows_of(conn, ids)}, tools)
    by_fill = facts_by_entity(conn, all_fills)
    rx_numbers: dict[str, str] = {}
    found = {}
    for fill_id in fill_ids:
        sources = [fill_id, *sorted(_reached(fill_id, earlier) - {fill_id})]
        claims = {i: last_claim(by_fill[i]) for i in sources}
        # Without a claim of its own it owes what the one owed in whose place it is asked for.
        asks = next((i for i in sources if claims[i] is not None), fill_id)
        claim = claims[asks]
        paying = [
            _paying(known[row.payment_id], row, own=row.target_id == asks or row.target_id == fill_id)
            for row in joins
            if row.target_id in sources
        ]
        counting = [
            at
            for row in joins
            if row.target_id in sources
            and (at := known[row.payment_id].paid_at) is not None
            and not known[row.payment_id].refunded
        ]
        found[fill_id] = Standing(
            balance(lines_owed(FILL, by_fill[asks], rx_numbers, tools.sealer), paying),
            tuple(paying),
            max(counting, default=None),
            None if claim is None else claim.occurred_at,
            _is_carried(fill_id, later, set()),
        )
    return found


def _paying(known: Known, row: JoinRow, *, own: bool) -> Paying:
    payment = known.payment
    counts = payment.state == "paid" and not known.refunded
    return Paying(payment.key, payment.state, payment.price, row.position if own else None, counts)


def _reached(start: int, steps: Mapping[int, set[int]]) -> set[int]:
    reached: set[int] = set()
    left = [start]
    while left:
        at = left.pop()
        if at not in reached:
            reached.add(at)
            left += steps.get(at, ())
    return reached


def _is_carried(fill_id: int, later: Mapping[int, Sequence[tuple[int, bool]]], seen: set[int]) -> bool:
    """Whether another that came to something stands in its place, over however many that did not."""
    if fill_id in seen:
        return False
    seen.add(fill_id)
    return any(lives or _is_carried(other, later, seen) for other, lives in later.get(fill_id, ()))
