"""HealNow as its reference prints it, small: what a test puts in is listed, in whatever order it says."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import orjson

from tests.support.partner import Answer, Asked

__all__ = ["Healnow"]

Record = dict[str, Any]


class Healnow:
    """Answers reads of orders, patients with prescriptions and carts, and sessions. `size`: of a page."""

    def __init__(self, size: int = 3) -> None:
        self.size = size
        self.orders: list[Record] = []
        self.patients: list[Record] = []
        self.prescriptions: dict[str, list[Record]] = {}
        self.sessions: dict[str, Record] = {}
        #: Runs before each answer: what happens there meanwhile.
        self.meanwhile: Callable[[Asked], None] = lambda _: None
        #: An answer in place of its own, by path.
        self.instead: dict[str, Answer] = {}
        #: Whether pages say how many there are.
        self.says_total = True
        self.asked: list[str] = []

    def patient(self, patient_id: str, *prescriptions: Record) -> None:
        self.patients.append({"id": patient_id, "eid": f"e_{patient_id}", "first_name": "Jane"})
        self.prescriptions[patient_id] = list(prescriptions)

    def prescription(self, id: str, status: str = "pending", **given: Any) -> Record:
        printed = {
            "id": id,
            "eid": f"eid_{id}",
            "name": "Carisoprodol 350 Mg Tablet",
            "rx_number": f"1{id}",
            "refill_number": None,
            "price_in_cents": 1299,
            "status": status,
            "provider": "Dr Jones",
            "days_supply": 30,
            "qty": 30,
            "is_refill": False,
        }
        return printed | given

    def order(self, id: str, *items: Record, patient_id: str = "pat1") -> Record:
        return {
            "id": id,
            "ref": "000005",
            "archived": False,
            "status": "paid",
            "total_in_cents": 1299,
            "totals": {},
            "signature": "Jane Doe",
            "answers": [],
            "patient": {"id": patient_id, "first_name": "Jane"},
            "payment": {"id": f"pay_{id}", "amount_in_cents": 1299, "card_type": "visa", "last4": "4242"},
            "shipment": {},
            "address": {"street": "Mulholland Drive 1"},
            "items": list(items),
        }

    def session(self, id: str, status: str, *items: Record) -> None:
        self.sessions[id] = {
            "id": id,
            "status": status,
            "checkout_url": f"https://pay.example/{id}",
            "success_url": "https://example.com/success",
            "cancel_url": "https://example.com/cancel",
            "total_in_cents": 1299,
            "totals": {},
            "patient": {"id": "pat1"},
            "items": list(items),
            "payment": None,
        }

    def __call__(self, asked: Asked) -> Answer:
        self.asked.append(asked.path + (f"?{asked.query['page'][0]}" if "page" in asked.query else ""))
        self.meanwhile(asked)
        if asked.path in self.instead:
            return self.instead[asked.path]
        found = self._found(asked)
        return Answer(404, b'{"error": "not_found"}') if found is None else Answer(body=orjson.dumps(found))

    def _found(self, asked: Asked) -> Any:
        path = asked.path.removeprefix("/v1")
        if path == "/orders":
            return self._page(self.orders, asked)
        if path == "/patients":
            return self._page(self.patients, asked)
        if match := re.fullmatch(r"/patients/([^/]+)/(prescriptions|cart)", path):
            listed = self.prescriptions.get(match[1])
            if listed is None:
                return None
            if match[2] == "prescriptions":
                return self._page(listed, asked)
            pending = [one for one in listed if one["status"] == "pending"]
            return {"total_in_cents": 0, "totals": {}, "prescriptions": pending, "patient": {"id": match[1]}}
        if match := re.fullmatch(r"/prescriptions/([^/]+)", path):
            every = [one for listed in self.prescriptions.values() for one in listed]
            return next((one for one in every if one["id"] == match[1]), None)
        if match := re.fullmatch(r"/checkout_sessions/([^/]+)", path):
            return self.sessions.get(match[1])
        if match := re.fullmatch(r"/orders/([^/]+)", path):
            return next((one for one in self.orders if one["id"] == match[1]), None)
        return None

    def _page(self, listed: list[Record], asked: Asked) -> Record:
        number = int(asked.query["page"][0])
        start = (number - 1) * self.size
        total = -(-len(listed) // self.size)
        return {
            "page": 0,
            "per_pate": self.size,
            "total_pages": total if self.says_total else 0,
            "data": listed[start : start + self.size],
        }
