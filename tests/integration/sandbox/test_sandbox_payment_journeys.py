"""What the journeys of payments make: each amount that is owed, whose it is, and what cannot be told."""

from __future__ import annotations

import asyncio
import json
import time
import urllib.request
from collections import Counter
from decimal import Decimal
from typing import Any

import pytest

from sandbox.client import Client
from sandbox.journeys import PAYMENTS, Trip
from tests.support.fast_sandbox import SPEED, Fast, fast
from tests.support.sandbox import KEY

#: So many journeys of each kind, with this seed, take each of their courses.
TRIPS = 160
SEED = 5


class Told:
    """The sandbox's truth after the trips."""

    def __init__(self, partner: Fast) -> None:
        self.payments: list[Any] = _get(partner, "payments")["data"]
        events: list[Any] = []
        after: int | None = 0
        while after is not None:
            page = _get(partner, f"truth?after={after}")
            events, after = events + page["events"], page["next"]
        self.claims = {
            event["key"]: event["body"]["details"]["medications"]
            for event in events
            if event["type"] == "ORDER_CLAIM"
        }
        self.fills: dict[str, list[str]] = {}
        for event in events:
            if event["kind"] == "fill_request":
                self.fills.setdefault(event["key"], []).extend(row["signal"] for row in event["says"])
        world = partner.sandbox.world
        rows = world.numbered("prescription", 0, 10_000)
        self.prescriptions = {row.token: row.document for row in rows}
        self.claimed = {row.look for row in world.numbered("claim", 0, 10_000)}
        self.lines = {row.token: row.document["lines"] for row in world.numbered("fill_request", 0, 10_000)}

    @property
    def clear(self) -> list[Any]:
        return [row for row in self.payments if not row["join"]["ambiguous"]]

    @property
    def ambiguous(self) -> list[Any]:
        return [row for row in self.payments if row["join"]["ambiguous"]]

    def line(self, payment: Any) -> Any:
        """The line of its fill that a payment is for."""
        lines = self.lines[payment["join"]["fill"]]
        (found,) = (line for line in lines if line["prescription_token"] == payment["join"]["token"])
        return found


def _get(partner: Fast, what: str) -> Any:
    with urllib.request.urlopen(f"{partner.url}/_sandbox/{what}") as answer:
        return json.load(answer)


@pytest.fixture(scope="module")
def told() -> Told:
    with fast() as partner:
        asyncio.run(_all(partner))
        deadline = time.monotonic() + 60
        while any(_get(partner, "figures")["pending"].values()):
            assert time.monotonic() < deadline
            time.sleep(0.02)
        assert partner.sandbox.engine.steps_failed == 0
        return Told(partner)


async def _all(partner: Fast) -> None:
    client = Client(partner.url, {"Authorization": f"ApiKey {KEY}"})
    bearer = Client(partner.url, {"Authorization": f"Bearer {KEY}"})
    try:
        trips = [
            journey.run(Trip(client, f"{journey.name}-{number}", SPEED, SEED, bearer))
            for journey in PAYMENTS
            for number in range(TRIPS)
        ]
        for begun in range(0, len(trips), 20):
            await asyncio.gather(*trips[begun : begun + 20])
    finally:
        client.close()
        bearer.close()


def cents(amount: Any) -> int:
    return int(Decimal(str(amount)) * 100)


def test_what_is_asked_is_what_the_claim_says_to_the_cent(told: Told) -> None:
    for payment in told.clear:
        assert cents(told.line(payment)["claim"]["copay_amount"]) == payment["price_in_cents"]
    owed = [line for lines in told.claims.values() for line in lines]
    assert any(cents(line["copay_amount"]) == 0 for line in owed)


def test_patients_pay_in_every_way(told: Told) -> None:
    assert {row["state"] for row in told.clear} == {"pending", "paid", "removed", "cancelled"}
    by_fill: dict[str, set[str]] = {}
    for row in told.clear:
        by_fill.setdefault(row["join"]["fill"], set()).add(row["state"])
    assert {"pending", "paid"} in by_fill.values()
    assert {"cancelled"} in by_fill.values()


def test_a_payment_is_named_by_our_key_by_metadata_or_by_nothing_of_ours(told: Told) -> None:
    ways: Counter[str] = Counter()
    for row in told.clear:
        eid = row["eid"]
        if eid == f"{row['join']['fill']}:{row['join']['token']}":
            ways["key"] += 1
        else:
            ways["metadata" if eid.startswith("payment-") else "uuid"] += 1
    assert all(ways[way] > 5 for way in ("key", "metadata", "uuid"))


def test_rx_numbers_are_the_pharmacys_and_recur_with_the_refill(told: Told) -> None:
    refills: dict[str, set[str | None]] = {}
    for row in told.clear:
        assert row["rx_number"] == told.prescriptions[row["join"]["token"]]["rx_number"]
        refills.setdefault(row["rx_number"], set()).add(row["refill_number"])
    seen = {frozenset(found - {None, "0"}) for found in refills.values()}
    assert seen == {frozenset(), frozenset({"1"})}
    assert any(None in found for found in refills.values())
    assert any("0" in found for found in refills.values())


def test_rx_numbers_collide_within_a_fill_at_different_prices(told: Told) -> None:
    by_number: dict[tuple[str, str], list[int]] = {}
    for row in told.clear:
        by_number.setdefault((row["join"]["fill"], row["rx_number"]), []).append(row["price_in_cents"])
    shared = [prices for prices in by_number.values() if len(prices) > 1]
    assert shared
    assert all(len(set(prices)) == len(prices) for prices in shared)


def test_what_is_ambiguous_fits_two_medications_alike(told: Told) -> None:
    together = 0
    for row in told.ambiguous:
        alike = [
            other
            for other in told.ambiguous
            if (other["rx_number"], other["refill_number"], other["price_in_cents"])
            == (row["rx_number"], row["refill_number"], row["price_in_cents"])
            or other["rx_number"] == row["rx_number"]
        ]
        assert len(alike) == 2
        assert len({other["eid"] for other in alike}) == 2
        assert {other["price_in_cents"] for other in alike} == {row["price_in_cents"]}
        together += len({other["join"]["fill"] for other in alike}) == 1
    assert 0 < together < len(told.ambiguous)


def test_most_of_what_was_paid_is_carried_to_the_pharmacy_and_some_is_not(told: Told) -> None:
    paid = [told.line(row)["paid"] for row in told.clear if row["state"] == "paid"]
    assert Counter(paid)[False] > 0
    assert Counter(paid)[True] > 5 * Counter(paid)[False]
    assert not any(told.line(row)["paid"] for row in told.clear if row["state"] in ("pending", "removed"))


def test_some_are_paid_before_their_fill_is_asked_for(told: Told) -> None:
    first = [fill for fill, signals in told.fills.items() if signals[0] == "claim:owed"]
    straight = [fill for fill in first if told.fills[fill][1:2] == ["order:success"]]
    assert straight
    assert any(signals[-1] == "claim:owed" for signals in told.fills.values())


def test_the_claims_of_each_fill_are_kept_under_its_number(told: Told) -> None:
    filled = [row for row in told.clear if told.line(row)["paid"]]
    for row in filled:
        number = int(row["refill_number"] or 0) + 1
        assert f"{row['join']['token']}/{number}" in told.claimed
    assert any(row["refill_number"] == "1" for row in filled)
