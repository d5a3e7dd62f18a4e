"""What payments are for: what rechecks of payments state.

It is decided from all that shares a name with the payment, and kept (`store.ledger.payments`). Two that fit
equally are a fact of the payment, which a person is asked about.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import psycopg

from statemachine import Fact
from statemachine.payment_fit import Fit, Placed, Target, fit
from store.inbox.model import ClaimedCopy
from store.ledger import aliases, derivations, payment_names, payments
from store.ledger.model import COVER, JOIN, EntityRow, FactRow, Recheck
from store.ledger.payment_names import FILL, PAYMENT, PRESCRIPTION, Carrier
from store.ledger.payments import JoinRow, Relative
from store.ledger.relations import CAME_TO_NOTHING
from workers.apply.model import ClaimedRecheck, Name, StatedFact, Tools
from workers.apply.payment_facts import (
    LAST_MILLISECOND,
    derived,
    facts_about_money,
    facts_by_entity,
    known_payments,
)
from workers.apply.payment_values import Known, lines_owed, rx_number_of

__all__ = ["join_payments"]

Connection = psycopg.Connection[Any]

Stated = list[tuple[Name, StatedFact]]


class _Found(NamedTuple):
    """What a payment may be for: targets by id, and those whose metadata its eid holds."""

    targets: dict[int, Carrier]
    named: set[int]


def join_payments(
    conn: Connection, claimed: Sequence[ClaimedRecheck], tools: Tools
) -> tuple[Stated, list[Recheck]]:
    """Decide what these payments are for, and keep it; what they state, and the fills to be seen for it.

    Call it behind the barrier, before any entity is locked.
    """
    rows = derivations.rows_of(conn, [(one.recheck.kind, one.recheck.key) for one in claimed])
    copies = {
        rows[PAYMENT, one.recheck.key].id: one.copy for one in claimed if (PAYMENT, one.recheck.key) in rows
    }
    if not copies:
        return [], []
    by_id = {row.id: row for row in rows.values()}
    known = known_payments(conn, by_id, tools)
    found, rx_numbers, anew = _candidates(conn, by_id, known, tools)
    candidates = {i: one for each in found.values() for i, one in each.targets.items()}
    related = payments.relatives(conn, [i for i, one in candidates.items() if one.kind == FILL])
    by_target = facts_about_money(conn, candidates)
    targets = _targets(candidates, by_target, related, rx_numbers, tools)
    stated: Stated = []
    joins: list[JoinRow] = []
    for payment_id, copy in copies.items():
        each = found[payment_id]
        choice = [_named(targets[i], known[payment_id], i in each.named) for i in each.targets]
        decided = fit(known[payment_id].payment, choice)
        ids = {(one.kind, one.key): i for i, one in each.targets.items()}
        joins += [_join(payment_id, ids[one.target.kind, one.target.key], one) for one in decided.placed]
        if decided.rivals and known[payment_id].payment.state == "paid" and not known[payment_id].refunded:
            stated.append(_ambiguous(by_id[payment_id], known[payment_id], decided, copy, tools))
    before = set(payments.joins_of(conn, copies))
    now = set(joins)
    # To whom a payment means something: which of two that are related has it, or what was claimed or came to
    # nothing. Of what is neither nobody waits for a payment.
    heeding = {i for one in related for i in (one.earlier, one.later)}
    heeding |= {i for i, one in candidates.items() if one.state in CAME_TO_NOTHING}
    heeding |= {i for i, rows in by_target.items() if any(row.signal.startswith("claim:") for row in rows)}
    gone = {row.target_id for row in before} - candidates.keys()
    touched = {row.target_id for row in before | now} & (heeding | gone)
    if before != now:
        payments.replace_joins(conn, copies, sorted(joins, key=lambda row: row[:2]))
    placed = {row.payment_id for row in joins}
    unplaced = {
        i: one.paid_at
        for i, one in known.items()
        if one.paid_at is not None and not one.refunded and i not in placed
    }
    payments.keep_unplaced(conn, copies, unplaced)
    looks = [Recheck(JOIN, PAYMENT, by_id[payment_id].key) for payment_id in sorted(anew)]
    return stated, [*_to_be_covered(conn, touched), *looks]


def _candidates(
    conn: Connection, rows: Mapping[int, EntityRow], known: dict[int, Known], tools: Tools
) -> tuple[dict[int, _Found], dict[str, str], set[int]]:
    """What each payment may be for, by the names that both carry, or by a prescription between them; the rx
    numbers of prescriptions by their tokens; and the payments that are to be looked at once more.

    A payment is found by the names of those prescriptions from now on. Whoever gets one of them before this
    is committed may not have seen that, so that another look follows.
    """
    found = {payment_id: _Found({}, set()) for payment_id in rows}
    between: dict[int, list[int]] = defaultdict(list)
    anew: set[int] = set()
    prescriptions: dict[int, str] = {}
    for one in payment_names.carriers(conn, rows):
        if one.kind == PRESCRIPTION:
            if one.domain != "metadata":
                prescriptions[one.id] = one.key
                between[one.payment_id].append(one.id)
            continue
        found[one.payment_id].targets[one.id] = one
        if one.domain == "metadata":
            found[one.payment_id].named.add(one.id)
    if prescriptions:
        hashes = {i: tools.keyed_hash.link(PRESCRIPTION, token) for i, token in prescriptions.items()}
        further = {(hashes[i], payment_id) for payment_id, through in between.items() for i in through}
        anew = payment_names.add_further_names(conn, further)
        carrying: dict[int, list[Carrier]] = defaultdict(list)
        for one in payment_names.carriers_of_names(conn, list(hashes.items())):
            carrying[one.payment_id].append(one)
        for payment_id, through in between.items():
            for prescription_id in through:
                for one in carrying[prescription_id]:
                    found[payment_id].targets.setdefault(one.id, one)
    said = {i: one.payment.assigned for i, one in known.items() if one.payment.assigned is not None}
    if said:
        names = [(one.kind, one.key) for one in said.values()]
        claims = aliases.keys_by_alias(conn, names)
        owned = {name: (name[0], min(keys)) for name, keys in claims.items() if len(keys) == 1}
        chosen = derivations.rows_of(conn, [*names, *owned.values()])
        for payment_id, one_said in said.items():
            name = (one_said.kind, one_said.key)
            # What it was called when it was chosen may be another name of it by now.
            if row := chosen.get(name) or chosen.get(owned.get(name, name)):
                own = known[payment_id]
                assigned = one_said._replace(key=row.key)
                known[payment_id] = own._replace(payment=own.payment._replace(assigned=assigned))
                carrier = Carrier(payment_id, "request", row.id, row.kind, row.key, row.state)
                found[payment_id].targets.setdefault(row.id, carrier)
    tokens: dict[str, str] = {}
    if prescriptions:
        for i, its_facts in facts_by_entity(conn, prescriptions).items():
            if rx_number := rx_number_of(its_facts, tools.sealer):
                tokens[prescriptions[i]] = rx_number
    return found, tokens, anew


def _targets(
    carriers: Mapping[int, Carrier],
    by_target: Mapping[int, Sequence[FactRow]],
    related: Iterable[Relative],
    rx_numbers: Mapping[str, str],
    tools: Tools,
) -> dict[int, Target]:
    carries: dict[int, set[str]] = defaultdict(set)
    for one in related:
        carries[one.later].add(one.earlier_key)
    return {
        i: Target(
            one.kind,
            one.key,
            lines_owed(one.kind, by_target[i], rx_numbers, tools.sealer),
            carries=frozenset(carries[i]),
        )
        for i, one in carriers.items()
    }


def _named(target: Target, known: Known, by_metadata: bool) -> Target:
    sure = known.request is not None and target.key == known.request
    return target._replace(named=True, sure=sure) if sure or by_metadata else target


def _join(payment_id: int, target_id: int, placed: Placed) -> JoinRow:
    line = placed.line
    position, token = (None, None) if line is None else (line.position, line.token)
    return JoinRow(payment_id, target_id, position, token, placed.basis)


def _ambiguous(
    row: EntityRow, known: Known, decided: Fit, copy: ClaimedCopy, tools: Tools
) -> tuple[Name, StatedFact]:
    """The fact that nothing says which of several a payment is for; its detail lists them."""
    rivals = [
        {"kind": one.target.kind, "key": one.target.key, "position": one.line.position if one.line else None}
        for one in decided.rivals
    ]
    fact = Fact(known.last_at, "payment:ambiguous", None, b"", millisecond=LAST_MILLISECOND)
    return derived((row.kind, row.key), fact, {"candidates": rivals}, copy, tools)


def _to_be_covered(conn: Connection, target_ids: Iterable[int]) -> list[Recheck]:
    """Rechecks of the fills among these, and of those that are asked for in their place."""
    ids = sorted(target_ids)
    if not ids:
        return []
    keys = {one.later_key for one in payments.relatives(conn, ids)}
    keys |= payments.keys_of(conn, ids, FILL)
    return [Recheck(COVER, FILL, key) for key in sorted(keys)]
