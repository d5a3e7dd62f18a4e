"""A fill's prescriptions with what was paid for each: what its payment block is made of."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import psycopg

from partners.fields import text
from partners.truepill.payment_block import PaidLine
from settings import Settings
from statemachine.balance import LineBalance, Paying
from store.ledger import entities
from store.reports import queries
from workers.apply.cover_fills import standings
from workers.apply.model import Tools
from workers.apply.payment_facts import facts_by_entity
from workers.apply.payment_values import PAID, detail_of
from workers.celery.runtime import tools

__all__ = ["Carried", "Lineless", "Nameless", "Payment", "lines_of", "paid_lines"]


FILL = "fill_request"


class Payment(NamedTuple):
    """A payment that counts, and which line it is for; `detail` is what its facts tell, unsealed."""

    position: int | None
    detail: Mapping[str, Any]


class Nameless(Exception):
    """A line has no token by which the pharmacy could be told what is paid."""


class Lineless(Exception):
    """A line is open, and payments are for no line, so that none can be carried as paid."""


class Carried(Exception):
    """Another fill was asked for in its place, and has its payments."""


def paid_lines(settings: Settings, key: str) -> tuple[PaidLine, ...]:
    """The lines of the fill of this key, which is known, as of one moment.

    Raises Carried, Lineless, Nameless, psycopg.Error.
    """
    using = tools(settings)
    with queries.snapshot(settings.database) as reading:
        conn = queries.driver(reading)
        (fill_id,) = entities.ids_of(conn, FILL, [key])
        standing = standings(conn, [fill_id], using)[fill_id]
        if standing.carried:
            raise Carried(f"another fill was asked for in the place of {key}, and carries its payment")
        counting = [one for one in standing.payments if one.counts]
        _check_lines(key, standing.balance.lines, counting)
        return lines_of(standing.balance.lines, [_payment(conn, one, using) for one in counting])


def _check_lines(fill: str, lines: Sequence[LineBalance], payments: Iterable[Paying]) -> None:
    """Raises Lineless, whose text says what to do."""
    positions = {line.position for line in lines}
    stray = [one.key for one in payments if one.position not in positions]
    if stray and any((line.open or 0) > 0 for line in lines):
        raise Lineless(
            "\n".join(
                f"payment {key} has no line: rxledger payment assign {key} {fill} LINE" for key in stray
            )
        )


def _payment(conn: psycopg.Connection[Any], one: Paying, using: Tools) -> Payment:
    """What the facts of a payment tell, that of its order before all else."""
    told: dict[str, Any] = {}
    for rows in facts_by_entity(conn, entities.ids_of(conn, "payment", [one.key])).values():
        for row in sorted(rows, key=lambda row: (row.signal in PAID, row.signal, row.fact_id), reverse=True):
            told = {**detail_of(row, using.sealer), **told}
    return Payment(one.position, told)


def lines_of(lines: Sequence[LineBalance], payments: Iterable[Payment]) -> tuple[PaidLine, ...]:
    """What is told of each line's payment; nothing where several tell otherwise. Raises Nameless."""
    by_position: dict[int | None, list[Mapping[str, Any]]] = {}
    for payment in payments:
        by_position.setdefault(payment.position, []).append(payment.detail)
    found = []
    for line in lines:
        if line.token is None:
            raise Nameless(f"line {line.position} has no prescription token")
        told = by_position.get(line.position, [])
        item = _one(told, "name")
        found.append(
            PaidLine(
                line.token,
                line.owed,
                line.paid,
                line.open or 0,
                _one(told, "payment_id") or _one(told, "order_id"),
                _one(told, "last4"),
                _one(told, "card_type"),
                None if item is None else (item, "payment"),
            )
        )
    return tuple(found)


def _one(details: Sequence[Mapping[str, Any]], field: str) -> str | None:
    """What all of them tell, where they tell the same."""
    values = {text(detail.get(field)) for detail in details}
    return values.pop() if len(values) == 1 else None
