"""What the worklist says of money: fills that wait for it, and payments that are to be given back."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection

from ops.payments import balances
from ops.render.payments import dollars
from ops.render.tables import age
from settings import Settings
from store.crypto.keyed_hash import KeyedHash
from store.crypto.sealing import Sealer
from store.reports import queries
from store.reports.unpaid import ToCarry, Unplaced, to_carry, to_give_back, unpaid, unplaced
from workers.apply.model import Tools

__all__ = ["about_money"]

FILL, PAYMENT = "fill_request", "payment"
#: What a payment is for may be heard of later than the payment.
NEW = timedelta(days=1)
#: A review that says no more than that a payment is to be given back.
STRANDED = "payment:stranded"


def about_money(
    conn: Connection,
    settings: Settings,
    now: datetime,
    found: Iterable[dict[str, Any]],
    kind: str | None,
    limit: int,
) -> list[dict[str, Any]]:
    """The worklist with what is to be paid, carried on and given back, instead of what says less."""
    back = _to_give_back(conn, limit) if kind in (None, PAYMENT) else {}
    told = {("fill_request", fill) for fill in back}
    kept = [item for item in found if _name(item) not in told or STRANDED not in (item["why"] or "")]
    kept += [item for items in back.values() for item in items]
    if kind in (None, PAYMENT):
        kept += [_unplaced(one) for one in unplaced(conn, now - NEW, limit)]
    if kind in (None, FILL):
        listed = {_name(item) for item in kept}
        carried = [_to_carry(one, now) for one in to_carry(conn, limit)]
        waiting = [*_unpaid(conn, settings, now, limit), *carried]
        kept += [item for item in waiting if _name(item) not in listed]
    return kept


def _to_give_back(conn: Connection, limit: int) -> dict[str, list[dict[str, Any]]]:
    """By the key of the fill."""
    found: dict[str, list[dict[str, Any]]] = {}
    for one in to_give_back(conn, limit):
        item = {
            "what": "give_back",
            "kind": PAYMENT,
            "key": one.key,
            "state": one.state,
            "at": one.since,
            "why": f"fill_request {one.fill} is {one.fill_state}, and no other carries the payment on: "
            f"give the money back, then `rxledger payment refunded {one.key} --reason R`",
        }
        found.setdefault(one.fill, []).append(item)
    return found


def _unplaced(one: Unplaced) -> dict[str, Any]:
    command = f"rxledger payment assign {one.key} FILL [LINE] --reason R"
    why = f"paid, and for nothing that is known here: `{command}`"
    item = {"what": "unplaced", "kind": PAYMENT, "key": one.key, "state": one.state, "at": one.since}
    return item | {"why": why}


def _to_carry(one: ToCarry, now: datetime) -> dict[str, Any]:
    left = (one.ends_at - now).total_seconds()
    time_left = f"{age(left)} left" if left > 0 else "its time is over"
    why = f"paid, and the pharmacy has not moved it since ({time_left}): `rxledger payment-block {one.key}`"
    item = {"what": "carry", "kind": FILL, "key": one.key, "state": one.state, "at": one.ends_at}
    return item | {"why": why}


def _name(item: dict[str, Any]) -> tuple[str, str]:
    return item["kind"], item["key"]


def _unpaid(conn: Connection, settings: Settings, now: datetime, limit: int) -> list[dict[str, Any]]:
    waiting = unpaid(conn, limit)
    opens: dict[int, int | None] = {}
    if waiting and settings.seal_keys:
        tools = Tools(Sealer(settings.seal_keys), KeyedHash(settings.lookup_key or b""), lambda: now)
        ids = [one.id for one in waiting]
        opens = {i: one.open for i, one in balances(queries.driver(conn), tools, ids).items()}
    return [
        {
            "what": "unpaid",
            "kind": "fill_request",
            "key": one.key,
            "state": one.state,
            "at": one.ends_at,
            "why": _why(opens.get(one.id), (one.ends_at - now).total_seconds()),
        }
        for one in waiting
    ]


def _why(cents: int | None, left: float) -> str:
    sum_open = f"{dollars(cents)} open; " if cents is not None else ""
    if left <= 0:
        return f"{sum_open}the time to pay is over: the claim is reversed (R028)"
    return f"{sum_open}{age(left)} left to pay, then the claim is reversed (R028)"
