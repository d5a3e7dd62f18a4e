"""What the worklist says of money: fills that wait for it, and payments that are to be given back."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from ops.payments import balances
from ops.render.payments import dollars
from ops.render.tables import age
from settings import Settings
from store.crypto.keyed_hash import KeyedHash
from store.crypto.sealing import Sealer
from store.reports import queries
from store.reports.unpaid import to_give_back, unpaid
from workers.apply.model import Tools

__all__ = ["about_money"]

#: A review that says no more than that a payment is to be given back.
STRANDED = "payment:stranded"


def about_money(
    conn: Connection, settings: Settings, now: datetime, found: Iterable[dict[str, Any]], limit: int
) -> list[dict[str, Any]]:
    """The worklist with what is to be paid and to be given back, each instead of what says less of it."""
    stranded = to_give_back(conn, limit)
    back = [
        {
            "what": "give_back",
            "kind": "payment",
            "key": one.key,
            "state": one.state,
            "at": one.since,
            "why": f"fill_request {one.fill} is {one.fill_state}, and no other carries the payment on: "
            f"give the money back, then `rxledger payment refunded {one.key} --reason R`",
        }
        for one in stranded
    ]
    told = {("fill_request", one.fill) for one in stranded}
    kept = [item for item in found if _name(item) not in told or STRANDED not in (item["why"] or "")]
    listed = {(item["kind"], item["key"]) for item in kept}
    return [
        *kept,
        *back,
        *(item for item in _unpaid(conn, settings, now, limit) if _name(item) not in listed),
    ]


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
