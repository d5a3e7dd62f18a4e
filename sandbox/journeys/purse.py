"""A patient's side of the payments partner: a cart, and the ways to pay what is in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from sandbox.client import Refused
from sandbox.journeys.trip import Trip

__all__ = ["NEEDS", "Bill", "Purse"]

HEALNOW = "/healnow/v1"
PAGES = 5
#: As the description of the payments partner has them, behind its prefix.
NEEDS = (
    ("post", "/healnow/v1/patients"),
    ("post", "/healnow/v1/patients/{patient_id}/prescriptions"),
    ("post", "/healnow/v1/prescriptions/{prescription_id}/cancel"),
    ("post", "/healnow/v1/checkout_sessions"),
    ("post", "/healnow/v1/orders"),
)
#: What simulated prescriptions of the pharmacy have.
PRESCRIBED = {"name": "Brand Label 10 mg Tablet", "provider": "Dr. P. Scribe", "days_supply": 28, "qty": 42}


@dataclass(frozen=True)
class Bill:
    """What is asked for one medication. `token`: of the prescription. `refill`: 0 is the first fill."""

    token: str
    rx_number: str
    cents: int
    eid: str
    refill: int = 0


class Purse:
    """One patient of the payments partner. Payments are told by their ids."""

    def __init__(self, trip: Trip, patient: str) -> None:
        self._trip = trip
        self._patient = patient
        self._card: str | None = None

    @classmethod
    async def of(cls, trip: Trip, patient_token: str) -> Purse:
        """Make the patient of this name of the pharmacy's."""
        body = {
            "eid": patient_token,
            "first_name": "Ada",
            "last_name": f"Load {trip.name}",
            "dob": "1984-02-29",
            "phone": "+14155550100",
        }
        made = await trip.pay("POST", f"{HEALNOW}/patients", body)
        return cls(trip, str(made["id"]))

    async def ask(self, bills: Sequence[Bill]) -> list[str]:
        """Put these into the cart; the payments' ids."""
        return [await self._ask(bill) for bill in bills]

    async def _ask(self, bill: Bill) -> str:
        first = self._trip.pick(f"first refill {bill.token}", (None, "0"))
        body = {
            **PRESCRIBED,
            "eid": bill.eid,
            "rx_number": bill.rx_number,
            "refill_number": str(bill.refill) if bill.refill else first,
            "price_in_cents": bill.cents,
            "is_refill": bill.refill > 0,
        }
        made = await self._trip.pay("POST", f"{HEALNOW}/patients/{self._patient}/prescriptions", body)
        return str(made["id"])

    async def _checkout(self, payments: Sequence[str]) -> str:
        """The path of a page where the patient can pay these."""
        body = {
            "success_url": "https://shop.example/paid",
            "cancel_url": "https://shop.example/cart",
            "patient": {"id": self._patient},
            "items": [{"id": payment} for payment in payments],
        }
        made = await self._trip.pay("POST", f"{HEALNOW}/checkout_sessions", body)
        return urlsplit(str(made["checkout_url"])).path

    async def pay(self, payments: Sequence[str], *, by_phone: bool = False) -> None:
        """Pay these, by phone or with a card: at a page, or where one is known by an order."""
        if not by_phone and self._card and self._trip.draw(f"order {payments[0]}") < 0.5:
            body: dict[str, Any] = {"patient": {"id": self._patient}, "card": {"id": self._card}}
            body["items"] = [{"id": payment} for payment in payments]
            await self._trip.pay("POST", f"{HEALNOW}/orders", body)
            return
        await self._at_page(payments, "moto" if by_phone else "pay")
        if not by_phone:
            cards = await self._trip.pay("GET", f"{HEALNOW}/patients/{self._patient}/cards")
            self._card = str(cards["data"][0]["id"])

    async def pay_some(self, payments: Sequence[str], some: Sequence[str]) -> None:
        """Of all that a page asks for pay these."""
        await self._at_page(payments, "pay", {"items": list(some)})

    async def _at_page(self, payments: Sequence[str], what: str, document: Any = None) -> None:
        """Where the clock runs fast the page may have expired before it is used: then at another."""
        for left in reversed(range(PAGES)):
            page = await self._checkout(payments)
            try:
                await self._trip.pay("POST", f"{page}/{what}", document)
            except Refused as refused:
                if refused.status != 422 or not left:
                    raise
            else:
                return

    async def remove(self, payments: Sequence[str]) -> None:
        """Take these out of the cart, at the page that asks for them."""
        page = await self._checkout(payments)
        for payment in payments:
            await self._trip.pay("DELETE", f"{page}/items/{payment}")

    async def cancel(self, payments: Sequence[str]) -> None:
        """As a customer does who does not want the money any more."""
        for payment in payments:
            await self._trip.pay("POST", f"{HEALNOW}/prescriptions/{payment}/cancel")
