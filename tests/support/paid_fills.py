"""Bodies of both partners about one fill that is paid for: its claim, its prescription, its payment."""

from __future__ import annotations

from itertools import count
from typing import Any

import orjson

from tests.support.ledger import Ledger

__all__ = ["Case", "paid_for"]

Body = dict[str, Any]
T0 = 1_700_000_000
_numbers = count(1)


class Case:
    """The names of one patient's fill, of one prescription or several, and what partners say of them.

    `prices` are in cents, one for each prescription; `rx_numbers` are all different unless given.
    """

    def __init__(self, *prices: int, rx_numbers: tuple[str, ...] = ()) -> None:
        number = next(_numbers)
        self.prices = prices or (1000,)
        self.fill = f"fill_request_{number:08d}"
        self.metadata = f"order-{number}"
        self.tokens = [f"rx_token_{number}_{n}" for n in range(len(self.prices))]
        self.rx_numbers = rx_numbers or tuple(f"{number:05d}{n}" for n in range(len(self.prices)))
        self.ids = [f"HN{number:06d}{n}" for n in range(len(self.prices))]
        self.uuid = f"00000000-0000-4000-8000-{number:012d}"

    def claim(self, at: int = T0, fill: str | None = None) -> Body:
        medications = [
            {"prescription_token": token, "copay_amount": dollars(price)}
            for token, price in zip(self.tokens, self.prices, strict=True)
        ]
        details = {"metadata": self.metadata, "medications": medications}
        return self._truepill("ORDER_CLAIM", "success", at, details, fill)

    def order(self, at: int, fill: str | None = None, refill: str = "0") -> Body:
        medications = [
            {"prescription_token": token, "rx_number": rx, "fill_number": refill, "quantity": "30"}
            for token, rx in zip(self.tokens, self.rx_numbers, strict=True)
        ]
        details = {"metadata": self.metadata, "tracking_number": "T1", "medications": medications}
        return self._truepill("ORDER", "success", at, details, fill)

    def error(self, at: int, code: str, fill: str | None = None) -> Body:
        return self._truepill("ORDER", "error", at, {"error_code": code}, fill)

    def _truepill(self, type: str, status: str, at: int, details: Body, fill: str | None) -> Body:
        head = {"request_id": fill or self.fill, "status": status, "timestamp": at, "callback_type": type}
        return {**head, "details": details}

    def record(self, n: int = 0) -> bytes:
        """The pharmacy's record of a prescription, as it is stored."""
        content = {"prescription_token": self.tokens[n], "rx_number": self.rx_numbers[n]}
        envelope = {"snapshot": "prescription", "id": self.tokens[n], "asked_at": T0, "content": content}
        return orjson.dumps(envelope)

    def webhook(self, status: str, n: int = 0, *, by: str = "eid", eid: str | None = None) -> Body:
        """HealNow's callback about one payment; `by` eid, rx (order and rx number) or id."""
        data: Body = {"amount_in_cents": self.prices[n]}
        if by == "eid":
            data["eid"] = eid or self.eid(n)
        elif by == "id":
            data |= {"id": self.ids[n], "eid": eid or self.eid(n)}
        else:
            data["rx_number"] = self.rx_numbers[n]
        if status not in ("pending", "removed"):
            data["order_id"] = self.order_name
        return {"type": f"prescription::{status}", "data": data}

    def eid(self, n: int = 0) -> str:
        return f"{self.fill}:{self.tokens[n]}"

    @property
    def order_name(self) -> str:
        return f"H{self.fill}"

    def prescription(self, status: str, n: int = 0, **other: Any) -> bytes:
        """HealNow's record of one prescription, as it is stored."""
        return _envelope("prescription", self.ids[n], {**self.item(n), "status": status, **other})

    def paid_order(self, *ns: int, **other: Any) -> bytes:
        """HealNow's record of an order of these, as it is stored."""
        items = [{**self.item(n), **other} for n in ns or (0,)]
        content = {"id": self.order_name, "status": "paid", "items": items, "payment": None}
        return _envelope("order", self.order_name, content)

    def item(self, n: int = 0) -> Body:
        return {
            "id": self.ids[n],
            "eid": self.eid(n),
            "rx_number": self.rx_numbers[n],
            "refill_number": None,
            "price_in_cents": self.prices[n],
            "qty": 30,
        }


def dollars(cents: int) -> str:
    return f"{cents // 100}.{cents % 100:02d}"


def _envelope(resource: str, id: str, content: Body) -> bytes:
    envelope = {"snapshot": resource, "id": id, "content": content}
    return orjson.dumps(envelope, option=orjson.OPT_SORT_KEYS)


def paid_for(ledger: Ledger) -> list[tuple[str, str, str, int | None, str]]:
    """What each payment is for: its key, the kind and key of that, the line's position, the basis."""
    rows = ledger.conn.execute(
        "SELECT p.key, t.kind, t.key, j.position, j.basis FROM payment_joins j "
        "JOIN entities p ON p.id = j.payment_id JOIN entities t ON t.id = j.target_id ORDER BY 1, 2, 3"
    )
    return rows.fetchall()
