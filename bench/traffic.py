"""The traffic: lives of fills as a partner would call them back, distinct in every byte that matters.

A fill's life is four events: now and then a triage, then the order's success, then what the carrier says.
Lives overlap, a few per cent of events come before the one they follow, and a few are another copy of the
same news. Bodies are compact JSON of 1.25 KB on average: an order with its medications has 3 KB, a scan 0.65.
"""

from __future__ import annotations

import hmac
import random
import time
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from itertools import islice
from typing import NamedTuple

import orjson

__all__ = [
    "AGE",
    "COPY_SHARE",
    "EARLY_SHARE",
    "HMAC_HEADER",
    "HMAC_KEY",
    "Event",
    "Fill",
    "calm",
    "even",
    "interleaved",
    "many",
    "paid",
    "request",
    "skewed",
]

HMAC_KEY = "the-key-of-the-bench-known-to-all"
HMAC_HEADER = "X-Signature"

#: How many lives are under way at a time.
OPEN_LIVES = 400
EARLY_SHARE = 0.03
COPY_SHARE = 0.02
TRIAGE_SHARE = 0.15
#: Events lie in the past by this much, in seconds, so that none is dated after it is received.
AGE = 20 * 86_400

DRUGS = (
    "Metronidazole 500 mg oral tablet",
    "Nitrofurantoin macrocrystals-monohydrate 100 mg oral capsule",
    "Lisinopril 10 mg oral tablet",
    "Atorvastatin calcium 20 mg oral tablet",
    "Sertraline hydrochloride 50 mg oral tablet",
)
SCANS = (
    "Your shipment has arrived at the regional origin facility.",
    "In Transit, Arriving On Time",
    "Departed the regional facility.",
    "Arrived at the post office, sorting complete.",
    "Out for Delivery, Expected Delivery by 9:00pm.",
)


class Event(NamedTuple):
    """One callback: `at` is its time in Unix seconds, as the body states it; HealNow's state none."""

    key: str
    at: int
    body: bytes
    partner: str = "truepill"


def even(fills: int, seed: str) -> list[Event]:
    """Four events for each of `fills` fills, in the order in which they arrive."""
    rng = random.Random(seed)  # noqa: S311 - made-up news, the same in every run
    base = int(time.time()) - AGE
    return list(interleaved((_life(rng, seed, number, 4, base) for number in range(fills)), rng))


def paid(fills: int, seed: str) -> list[Event]:
    """As many events as `even` has for so many fills, of which a tenth are HealNow's.

    Two ninths of the fills are paid for: a callback says that the payment is pending, a second one that it
    was made. They name it by their eid, which is the fill's request id, as a customer would have chosen it.
    """
    rng = random.Random(seed)  # noqa: S311 - made-up news, the same in every run
    base = int(time.time()) - AGE
    paying = fills // 5
    lives = (
        _with_payment(rng, life) if number < paying else life
        for number in _shuffled(rng, fills - fills // 10)
        for life in [_life(rng, seed, number, 4, base)]
    )
    return list(interleaved(lives, rng))


def skewed(fills: int, events: int, seed: str) -> list[Event]:
    """`events` events over `fills` fills, of which 1% hold half of the events."""
    rng = random.Random(seed)  # noqa: S311 - made-up news, the same in every run
    base = int(time.time()) - AGE
    hot = max(1, fills // 100)
    sizes = _shares(events // 2, hot) + _shares(events - events // 2, fills - hot)
    lives = [_life(rng, seed, number, size, base) for number, size in enumerate(sizes)]
    # Hot fills are hot all the time: their events lie evenly among the others'.
    places = [(rng.random() + n) / len(life) for life in lives for n in range(len(life))]
    flat = [event for life in lives for event in life]
    return [event for _, event in sorted(zip(places, flat, strict=True), key=lambda pair: pair[0])]


def calm(count: int, seed: str) -> list[Event]:
    """`count` events in order, none twice: 60 lives at a time, so a fill's events are 60 others apart."""
    rng = random.Random(seed)  # noqa: S311 - made-up news, the same in every run
    base = int(time.time()) - AGE
    events: list[Event] = []
    while len(events) < count:
        names = (f"fill_request_{seed}_{len(events) + n:06x}" for n in range(60))
        fills = [Fill(rng, name, base) for name in names]
        events += [fill.success() for fill in fills]
        events += [fill.shipment(status) for status in ("TRANSIT", "TRANSIT", "DELIVERED") for fill in fills]
    return events[:count]


#: Stands in the keys of the lives that `many` repeats, for the seed and the number of the repetition.
_PLACE = "@" * 12
_REPEATED_FILLS = 1_000


@cache
def _repeated() -> list[Event]:
    return even(_REPEATED_FILLS, _PLACE)


def many(count: int, seed: str) -> list[bytes]:
    """The requests of `count` events, made quickly: a thousand lives again and again, always of other fills.

    `seed` has up to 8 characters; two calls with different seeds have no body in common.
    """
    pattern, events = _PLACE.encode(), _repeated()
    laps = (f"{seed:_>8}{lap:04x}".encode() for lap in range(count // len(events) + 1))
    bodies = (event.body.replace(pattern, lap) for lap in laps for event in events)
    return [request(body) for body in islice(bodies, count)]


def request(body: bytes, path: str = "/webhooks/truepill") -> bytes:
    """The whole HTTP request of one callback, signed."""
    signature = hmac.digest(HMAC_KEY.encode(), body, "sha256").hex()
    head = (
        f"POST {path} HTTP/1.1\r\nHost: bench\r\nUser-Agent: partner/1\r\nAccept: */*\r\n"
        f"Content-Type: application/json\r\n{HMAC_HEADER}: {signature}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def _shares(total: int, parts: int) -> list[int]:
    return [total // parts + (n < total % parts) for n in range(parts)]


def interleaved(lives: Iterable[list[Event]], rng: random.Random) -> Iterator[Event]:
    """The events of many lives, of which OPEN_LIVES at a time are under way, each life in its own order."""
    waiting = iter(lives)
    under_way = [iter(life) for _, life in zip(range(OPEN_LIVES), waiting, strict=False)]
    while under_way:
        place = rng.randrange(len(under_way))
        event = next(under_way[place], None)
        if event is not None:
            yield event
        elif (life := next(waiting, None)) is not None:
            under_way[place] = iter(life)
        else:
            under_way[place] = under_way[-1]
            under_way.pop()


def _life(rng: random.Random, seed: str, number: int, size: int, base: int) -> list[Event]:
    fill = Fill(rng, f"fill_request_{seed}_{number:06x}", base + rng.randrange(86_400))
    copied = size > 1 and rng.random() < COPY_SHARE
    steps = size - copied
    events = [fill.triage()] if steps > 2 and rng.random() < TRIAGE_SHARE else []
    if len(events) < steps:
        events.append(fill.success())
    while len(events) < steps:
        events.append(fill.shipment("DELIVERED" if len(events) == steps - 1 else "TRANSIT"))
    if copied:
        # The same news, not the same bytes: what a second delivery through another path looks like.
        place = rng.randrange(steps)
        key, at, body = events[place][:3]
        events.insert(place + 1, Event(key, at, body + b"\n"))
    for place in range(len(events) - 1):
        if rng.random() < EARLY_SHARE:
            events[place], events[place + 1] = events[place + 1], events[place]
    return events


def _shuffled(rng: random.Random, count: int) -> list[int]:
    numbers = list(range(count))
    rng.shuffle(numbers)
    return numbers


def _with_payment(rng: random.Random, life: list[Event]) -> list[Event]:
    """A fill's life with the two callbacks about its payment, the first of all and somewhere behind it."""
    key, at, _, _ = life[0]
    data = {
        "eid": key,
        "rx_number": f"{rng.randrange(10**7):07d}",
        "refill_number": None,
        "amount_in_cents": rng.randrange(100, 20_000),
    }
    told = [
        orjson.dumps({"type": f"prescription::{status}", "data": data | more})
        for status, more in (("pending", {}), ("paid", {"order_id": rng.randbytes(8).hex()}))
    ]
    pending, made = (Event(key, at, body, "healnow") for body in told)
    place = rng.randrange(len(life) + 1)
    return [pending, *life[:place], made, *life[place:]]


class Fill:
    """One fill request; each call is its next callback, one to a few hours after the last."""

    def __init__(self, rng: random.Random, key: str, start: int) -> None:
        self.rng = rng
        self.key = key
        self.at = start
        self.scans = 0
        self.tracking = f"92{rng.randrange(10**24):024d}"
        self.metadata = orjson.dumps(
            {
                "tenant": "clinic-" + rng.randbytes(4).hex(),
                "visit": rng.randbytes(16).hex(),
                "order": rng.randbytes(16).hex(),
                "trace": rng.randbytes(32).hex(),
                "plan": "monthly-refill-reminder-and-home-delivery",
            }
        ).decode()
        self.patient = rng.randbytes(8).hex()
        self.medications = [self.medication() for _ in range(rng.choice((3, 4, 4, 5)))]

    def triage(self) -> Event:
        return self._order(
            "triage",
            {
                "message": "This order has been moved to Triage status",
                "code": "T005",
                "description": "Out of Stock",
                "additional_information": "2026-01-31",
                "medications": [{"prescription_token": m["prescription_token"]} for m in self.medications],
            },
        )

    def success(self) -> Event:
        return self._order(
            "success",
            {
                "message": "Your fill request was processed and is pending shipment.",
                "date_filled": "N/A",
                "medications": self.medications,
                **self._parcel(),
                "location": "Hayward, CA",
                "patient_token": self.patient,
            },
        )

    def shipment(self, status: str) -> Event:
        self.scans += 1
        message = f"{SCANS[self.scans % len(SCANS)]} ({self.scans})"
        details = {"status": status, "message": message, "eta": "2026-01-31T00:54:31.838Z", **self._parcel()}
        return self.event("SHIPMENT", "success", details)

    def _order(self, status: str, details: dict[str, object]) -> Event:
        return self.event("ORDER", status, {**details, "order_token": self.key[-6:]})

    def event(self, callback_type: str, status: str, details: Mapping[str, object]) -> Event:
        self.at += self.rng.randrange(60, 9_000) if self.scans < 10 else 60
        content = {
            "request_id": self.key,
            "timestamp": self.at,
            "callback_type": callback_type,
            "status": status,
            "details": {"metadata": self.metadata, **details},
        }
        return Event(self.key, self.at, orjson.dumps(content))

    def _parcel(self) -> dict[str, object]:
        return {
            "tracking_url": f"https://carrier.example/track/confirm?number={self.tracking}",
            "tracking_number": self.tracking,
            "carrier": "usps",
        }

    def medication(self) -> dict[str, object]:
        name = self.rng.choice(DRUGS)
        return {
            "quantity": 30,
            "medication_name": name,
            "dispensed_medication_name": name,
            "requested_medication_name": name,
            "original_requested_prescription_token": self.rng.randbytes(6).hex(),
            "days_supply": 30,
            "medication_token": self.rng.randbytes(6).hex(),
            "dispensed_ndc": f"{self.rng.randrange(10**10):010d}",
            "remaining_refills": {"total_remaining_refills": 2, "total_quantity_remaining": 84},
            "fill_number": "0",
            "rx_number": f"{self.rng.randrange(10**7):07d}",
            "total_refills_allowed": 3,
            "prescription_token": self.rng.randbytes(6).hex(),
            "patient_cash_amount": None,
        }
