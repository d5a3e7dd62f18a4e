"""Insurance fills that a patient pays for: in full, late, in part, by phone or not at all; and their refills.

Each tells the sandbox which fill and prescription its payments are for. In an ambiguous journey that cannot
be told by what the partners say: it is meant for a person.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from sandbox.client import Refused
from sandbox.journeys.copay import INSURANCE
from sandbox.journeys.fill import ADDRESS, CLAIMED_SECONDS, request_fill
from sandbox.journeys.fill import NEEDS as FILL_NEEDS
from sandbox.journeys.purse import NEEDS as PURSE_NEEDS
from sandbox.journeys.purse import Bill, Purse
from sandbox.journeys.trip import Journey, Trip

__all__ = ["AMBIGUOUS", "PAYMENT"]

DEAREST = 9000
LATE_SECONDS = 600.0
PAID_FIRST = 0.1
REFILLED = 0.4
# An order that was paid is done a minute later; a machine that is late makes the wait longer.
LOOKS, BETWEEN_LOOKS = 50, 70.0


@dataclass(frozen=True)
class Medication:
    """A prescription of the journey's patient, and what its claim will say is owed."""

    token: str
    rx_number: str
    cents: int

    @property
    def amount(self) -> str:
        return f"{self.cents // 100}.{self.cents % 100:02}"


class Household:
    """A patient of both partners, with an insurance."""

    def __init__(self, trip: Trip, patient: str, insurance: str, purse: Purse) -> None:
        self.trip = trip
        self.purse = purse
        self._patient = patient
        self._insurance = insurance

    @classmethod
    async def made(cls, trip: Trip, rx_numbers: Sequence[str]) -> tuple[Household, list[str]]:
        """With a prescription for each of these numbers; the tokens of them."""
        patient = await trip.patient(*({"rx_number": number} for number in rx_numbers))
        body = {"patient_token": patient, "insurance": INSURANCE}
        insurance = await trip.call("POST", "/v1/insurance", body)
        purse = await Purse.of(trip, patient)
        token = str(insurance["details"]["insurance_token"])
        return cls(trip, patient, token, purse), await trip.prescriptions(patient)

    async def fill(self, name: str, medications: Sequence[Medication], *, paid: bool = False) -> str:
        """Ask for a fill of these under this metadata, paid for already or not; its request_id."""
        lines: list[dict[str, Any]] = [{"prescription_token": row.token} for row in medications]
        if paid:
            lines = [
                {**line, "copay_payment": {"amount": row.amount}}
                for line, row in zip(lines, medications, strict=True)
            ]
        return await request_fill(
            self.trip,
            self._patient,
            metadata=name,
            medications=lines,
            patient_payment_type="insurance",
            insurances=[{"insurance_token": self._insurance}],
            simulation={"order": {"claims": [{"copay_amount": row.amount} for row in medications]}},
        )

    async def carry(self, fill: str, medications: Sequence[Medication]) -> None:
        """Tell the pharmacy that these are paid. Where the clock runs fast its wait may be over by then."""
        update = {
            **ADDRESS,
            "request_id": fill,
            "address_to_street2": "",
            "address_to_country": "US",
            "address_to_email": "ada@example.com",
            "medications": [
                {"prescription_token": row.token, "copay_payment": {"amount": row.amount}}
                for row in medications
            ],
        }
        try:
            await self.trip.call("POST", "/v1/update_request", update)
        except Refused as refused:
            if refused.status != 400:
                raise

    async def filled(self, fill: str) -> bool:
        """Wait until a fill was done: a refill counts as one from then on. False if it never is."""
        for _ in range(LOOKS):
            await self.trip.pass_time(BETWEEN_LOOKS)
            status = (await self.trip.call("GET", f"/v1/fill_request/{fill}"))["status"]
            if status != "pending":
                return bool(status == "completed")
        return False

    async def tell(self, payment: str, fill: str, token: str | None, *, ambiguous: bool = False) -> None:
        """Have the sandbox keep which fill a payment is for."""
        join = {"payment": payment, "fill": fill, "token": token, "ambiguous": ambiguous}
        await self.trip.pay("POST", "/_sandbox/joins", join)


async def _run(trip: Trip) -> None:
    number = trip.pick("medications", (1, 1, 2, 2, 3))
    rx_numbers = [_rx_number(trip, place) for place in range(number)]
    if number > 1 and trip.draw("shared") < 0.25:
        # Of one fill, at different prices.
        rx_numbers[1] = rx_numbers[0]
    home, tokens = await Household.made(trip, rx_numbers)
    medications = [
        Medication(token, rx_number, cents)
        for token, rx_number, cents in zip(tokens, rx_numbers, _prices(trip, number), strict=True)
    ]
    if number == 1 and trip.draw("paid first") < PAID_FIRST:
        await _paid_first(home, medications[0])
        return
    fill = await _paid(home, medications, 0)
    if fill is None or trip.draw("refilled") >= REFILLED:
        return
    # At another price each: what a medication cost before must not fit what it costs now.
    again = [replace(row, cents=row.cents + 1) for row in medications]
    if await home.filled(fill):
        await _paid(home, again, 1)


async def _paid(home: Household, medications: Sequence[Medication], refill: int) -> str | None:
    """A fill and what the patient does about its claim; its id where it was paid and the pharmacy knows."""
    trip, purse = home.trip, home.purse
    name = f"{trip.name}-{refill}"
    fill = await home.fill(name, medications)
    await trip.pass_time(CLAIMED_SECONDS)
    owing = [row for row in medications if row.cents]
    payments = await _asked(home, fill, name, owing, refill)
    drawn = trip.draw(f"course {refill}")
    if drawn < 0.04:
        return None  # never pays
    if drawn < 0.08:
        await purse.remove(payments)
        return None
    if drawn < 0.12:
        await purse.cancel(payments)
        return None
    if drawn < 0.24 and len(payments) > 1:
        some = payments[1:]
        await purse.pay_some(payments, some)
        await home.carry(fill, owing[1:])
        return None
    if 0.24 <= drawn < 0.34:
        await trip.pass_time(LATE_SECONDS)
    await purse.pay(payments, by_phone=drawn > 0.95)
    if 0.34 <= drawn < 0.42:
        return None  # nobody tells the pharmacy
    await home.carry(fill, owing)
    if 0.42 <= drawn < 0.46:
        await purse.cancel(payments[:1])
    return fill


async def _asked(
    home: Household, fill: str, name: str, owing: Sequence[Medication], refill: int
) -> list[str]:
    """Payments of a cart, named so that each can be joined."""
    trip = home.trip
    way = trip.draw(f"eid {refill}")
    bills = []
    for row in owing:
        eid = f"{fill}:{row.token}"
        if way < 0.3:
            eid = _uuid(trip, f"{row.token} {refill}")
        elif way < 0.5 and len(owing) == 1:
            eid = name
        bills.append(Bill(row.token, row.rx_number, row.cents, eid, refill))
    payments = await home.purse.ask(bills)
    for payment, row in zip(payments, owing, strict=True):
        await home.tell(payment, fill, row.token)
    return payments


async def _paid_first(home: Household, medication: Medication) -> None:
    """Paid before there is a fill, whose create then carries the payment."""
    name = f"{home.trip.name}-0"
    bill = Bill(medication.token, medication.rx_number, medication.cents, name)
    (payment,) = await home.purse.ask([bill])
    await home.purse.pay([payment])
    fill = await home.fill(name, [medication], paid=True)
    await home.tell(payment, fill, medication.token)


async def _ambiguous(trip: Trip) -> None:
    """One rx number, one price, one quantity, and an eid that says nothing: two medications of one fill, or
    each in a fill of its own."""
    rx_number = _rx_number(trip, 0)
    home, tokens = await Household.made(trip, [rx_number, rx_number])
    (cents,) = _prices(trip, 1)
    medications = [Medication(token, rx_number, cents) for token in tokens]
    together = trip.draw("together") < 0.5
    groups = [medications] if together else [[row] for row in medications]
    fills = [await home.fill(f"{trip.name}-{place}", group) for place, group in enumerate(groups)]
    await trip.pass_time(CLAIMED_SECONDS)
    bills = [Bill(row.token, rx_number, cents, _uuid(trip, row.token)) for row in medications]
    payments = await home.purse.ask(bills)
    for place, payment in enumerate(payments):
        await home.tell(payment, fills[0 if together else place], None, ambiguous=True)
    await home.purse.pay(payments)
    for fill, group in zip(fills, groups, strict=True):
        await home.carry(fill, group)


def _prices(trip: Trip, number: int) -> list[int]:
    """Different even amounts in cents; of several the last one sometimes owes nothing."""
    step = DEAREST // number // 2
    prices = [
        2 + 2 * (place * step + int(trip.draw(f"price {place}") * (step - 1))) for place in range(number)
    ]
    if number > 1 and trip.draw("nothing") < 0.15:
        prices[-1] = 0
    return prices


def _rx_number(trip: Trip, place: int) -> str:
    """Of so many digits that no two journeys share one."""
    return f"{1 + int(trip.draw(f'rx number {place}') * 9 * 10**13):014}"


def _uuid(trip: Trip, what: str) -> str:
    digits = hashlib.blake2b(f"{trip.name} {what}".encode(), digest_size=16).hexdigest()
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))


NEEDS = (
    *FILL_NEEDS,
    *PURSE_NEEDS,
    ("post", "/v1/insurance"),
    ("post", "/v1/update_request"),
)
# With the other journeys' weights, 112, one in three is paid and one in twenty cannot be told.
PAYMENT = Journey("payment", weight=59, callbacks=15.0, needs=NEEDS, run=_run)
AMBIGUOUS = Journey("ambiguous_payment", weight=9, callbacks=14.0, needs=NEEDS, run=_ambiguous)
