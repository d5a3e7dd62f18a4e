"""What `show` says of payments: of a fill its payments and what is open, of a payment what it is for."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import psycopg

from statemachine.balance import Balance
from store.ledger import payments
from store.ledger.model import EntityRow, FactRow
from store.ledger.payment_names import FILL, PAYMENT
from workers.apply.cover_fills import standings
from workers.apply.model import Tools
from workers.apply.payment_values import detail_of, payment_of

__all__ = ["balances", "of_entity", "of_fill", "of_payment"]

Connection = psycopg.Connection[Any]


def balances(conn: Connection, tools: Tools, fill_ids: Collection[int]) -> dict[int, Balance]:
    """What fills owe, what was paid of it and what is open, in cents, by the fill's id."""
    return {i: standing.balance for i, standing in standings(conn, list(fill_ids), tools).items()}


def of_fill(conn: Connection, tools: Tools, entity: EntityRow) -> dict[str, Any]:
    """The payments of a fill, and what is owed, paid and open, all in whole cents; empty where it was never
    claimed nor paid for.

    `open` is less than nothing where more was paid than is owed. `carried`: another fill was asked for in its
    place and has its payments.
    """
    standing = standings(conn, [entity.id], tools)[entity.id]
    if standing.claimed_at is None and not standing.payments:
        return {}
    found = standing.balance
    return {
        "payments": [
            {
                "key": one.key,
                "state": one.state,
                "cents": one.cents,
                "position": one.position,
                "counts": one.counts,
            }
            for one in standing.payments
        ],
        "balance": {
            "owed": found.owed,
            "paid": found.paid,
            "open": found.open,
            "carried": standing.carried,
            "lines": [line._asdict() for line in found.lines],
        },
    }


def of_payment(
    conn: Connection, tools: Tools, entity: EntityRow, rows: Collection[FactRow]
) -> dict[str, Any]:
    """What a payment is for, and what it may be for where a person has to say; its price in whole cents."""
    joins = payments.joins_of(conn, [entity.id])
    targets = {row.id: row for row in payments.rows_of(conn, [join.target_id for join in joins])}
    known = payment_of(entity.key, entity.state, entity.since, rows, tools.sealer)
    rivals = [row for row in rows if row.signal == "payment:ambiguous"]
    return {
        "cents": known.payment.price,
        "refunded": known.refunded,
        "for": [
            {
                "kind": targets[join.target_id].kind,
                "key": targets[join.target_id].key,
                "position": join.position,
                "token": join.token,
                "by": join.basis,
            }
            for join in joins
            if join.target_id in targets
        ],
        "candidates": [one for row in rivals for one in detail_of(row, tools.sealer).get("candidates", ())],
    }


def of_entity(
    conn: Connection, tools: Tools, entity: EntityRow, rows: Collection[FactRow]
) -> Mapping[str, Any]:
    """What there is to say of an entity's payments; nothing for most kinds."""
    if entity.kind == FILL:
        return of_fill(conn, tools, entity)
    if entity.kind == PAYMENT:
        return of_payment(conn, tools, entity, rows)
    return {}
