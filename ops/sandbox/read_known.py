"""What we know of all that the sandbox's truth tells, read as of one moment, for the comparison."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice
from typing import Any, TypeVar

from ops.render.tables import progress
from ops.sandbox.compare import Known
from ops.sandbox.compare_payments import Joined
from ops.sandbox.payment_names import names_of
from ops.sandbox.payments import FILL, PAYMENT, Payments
from ops.sandbox.truth import Name, Truth, name_of
from sandbox.partners import partners, truth_of
from settings import Database
from statemachine import MACHINES, current_lines
from statemachine.balance import Balance
from store.ledger.model import EntityRow, FactRow, fact_of, lines_of
from store.reports import comparison, figures, loss, queries
from store.schema import entities
from workers.apply.cover_fills import standings
from workers.apply.model import Tools
from workers.reports.callback_types import callback_types
from workers.reports.loss_days import span

__all__ = ["Ours", "read_known"]

T = TypeVar("T")
BATCH = 5_000
CHECKOUT = "checkout"


@dataclass
class Ours:
    """`standings`: what became of each copy. `others`: how many entities are none of the sandbox's.

    `lost`: how many callbacks of each type the loss ledger has as lost by the push. `joins`: what each
    payment is for, by its id. `checkouts`: the state of each session.
    `balances`: of fills that have a claim.
    """

    known: dict[tuple[str, str], Known] = field(default_factory=dict)
    standings: dict[bytes, str] = field(default_factory=dict)
    others: int = 0
    lost: Counter[str] = field(default_factory=Counter)
    joins: dict[str, list[Joined]] = field(default_factory=dict)
    checkouts: dict[str, str] = field(default_factory=dict)
    balances: dict[str, Balance] = field(default_factory=dict)


def read_known(database: Database, truth: Truth, payments: Payments, tools: Tools) -> Ours:
    """Read it. Raises SQLAlchemy's errors."""
    ours, met = Ours(), 0
    copies = {*truth.copies, *(copy for event in truth.undelivered for copy in event.copies)}
    names = names_of(payments.known.values(), tools.keyed_hash)
    total = len(truth.entities) + len(copies)
    with queries.snapshot(database) as conn, progress("comparing", total) as advance:
        for kind, keys in _batches(truth):
            if kind == PAYMENT:
                met += _read_payments(conn, keys, names, ours)
            else:
                met += _read(conn, kind, keys, ours)
            advance(len(keys))
        for ids in _batched(copies):
            ours.standings |= comparison.statuses(conn, ids)
            advance(len(ids))
        for keys in _batched(payments.checkouts):
            rows = comparison.entities_named(conn, CHECKOUT, keys)
            ours.checkouts |= {row.key: row.state for row in rows}
        for keys in _batched(payments.claims):
            ours.balances |= _balances(conn, keys, tools)
        ours.lost = _lost(conn)
        # Where the table is large its size is an estimate, which may come out below.
        ours.others = max(0, figures.size(conn, entities).number - met - len(ours.checkouts))
    return ours


def _balances(conn: Any, fills: Sequence[str], tools: Tools) -> dict[str, Balance]:
    rows = comparison.entities_named(conn, FILL, fills)
    found = standings(queries.driver(conn), [row.id for row in rows], tools)
    return {row.key: found[row.id].balance for row in rows}


def _lost(conn: Any) -> Counter[str]:
    """By type, of partners whose callbacks can be had again: where they cannot, nothing tells of a loss."""
    again = {partner.name for partner in partners() if partner.truth.dated}
    types = callback_types()
    lost: Counter[str] = Counter()
    ever = span(datetime(2000, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC), types)
    for row in loss.count(queries.driver(conn), ever):
        name = types.named(row.family)
        if name and name.partner in again:
            lost[name.callback_type] += 0 if row.pushed else row.number
    return lost


def _batches(truth: Truth) -> Iterator[tuple[str, tuple[str, ...]]]:
    by_kind: dict[str, list[str]] = {}
    for kind, key in truth.entities:
        by_kind.setdefault(kind, []).append(key)
    for kind, keys in by_kind.items():
        for batch in _batched(keys):
            yield kind, batch


def _batched(items: Iterable[T]) -> Iterator[tuple[T, ...]]:
    left = iter(items)
    while batch := tuple(islice(left, BATCH)):
        yield batch


def _read(conn: Any, kind: str, keys: Sequence[str], ours: Ours) -> int:
    """Entities that have these keys; how many there are."""
    rows = comparison.entities_named(conn, kind, keys)
    aliased = comparison.known_by_alias(conn, kind, keys)
    facts = queries.facts_of_all(conn, [row.id for row in rows])
    for row in rows:
        lines_now = _lines_now(facts[row.id]) if kind == "copay" else {}
        ours.known[kind, row.key] = Known(
            row.state, row.review, _named(kind, facts[row.id]), row.key in aliased, row.outcome, lines_now
        )
    return len(rows)


def _named(kind: str, facts: Iterable[FactRow]) -> dict[Name, frozenset[str]]:
    """The sources of each fact, by its name."""
    named: dict[Name, frozenset[str]] = {}
    for stored in facts:
        # Reading the lines of every fact would take longer than all the rest.
        lines = lines_of(stored.lines) if kind == "copay" else ()
        told = [(line.token or "", line.status) for line in lines]
        name = name_of(kind, stored.signal, stored.occurred_at, told)
        named[name] = named.get(name, frozenset()) | frozenset(stored.via)
    return named


def _lines_now(stored: Iterable[FactRow]) -> dict[str, str]:
    """What is said of each prescription of a copay, by its token."""
    _, steps = MACHINES["copay"].fold(fact_of(row) for row in stored)
    return {line.token or "": line.status for line in current_lines(MACHINES["copay"], steps)}


def _read_payments(conn: Any, ids: Sequence[str], names: Mapping[str, Sequence[str]], ours: Ours) -> int:
    """Payments by every name that they may stand under, until a record has told their id: what is known of
    one stands then under several.
    """
    owners = {name: payment for payment in ids for name in names.get(payment, (payment,))}
    rows = comparison.entities_named(conn, PAYMENT, list(owners))
    facts = queries.facts_of_all(conn, [row.id for row in rows])
    joins = comparison.joins_of(conn, [row.id for row in rows])
    parts: dict[str, list[EntityRow]] = {}
    for row in rows:
        parts.setdefault(owners[row.key], []).append(row)
    for payment, found in parts.items():
        stored = [fact for row in found for fact in facts[row.id]]
        if stored:
            review = next((row.review for row in found if row.review), None)
            ours.known[PAYMENT, payment] = Known(_greatest(found, facts), review, _named(PAYMENT, stored))
        ours.joins[payment] = [Joined(*join) for row in found for join in joins.get(row.id, ())]
    return len(rows)


def _greatest(found: Sequence[EntityRow], facts: Mapping[int, Sequence[FactRow]]) -> str:
    """The state that all parts together have: nothing here has a time, so the greatest holds."""
    states = [row.state for row in found if facts[row.id]]
    return max(states, key=truth_of(PAYMENT).ranks.index)
