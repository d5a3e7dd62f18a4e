"""What the journeys of a load send: all that the reference documents, whatever the profile drops of it."""

from __future__ import annotations

import asyncio
import json
import time
import urllib.request
from collections import Counter
from typing import Any

import pytest

from sandbox.client import Client
from sandbox.journeys import JOURNEYS, Trip
from tests.support.fast_sandbox import SPEED, Fast, fast
from tests.support.sandbox import KEY

#: So many journeys of one kind, with this seed, draw each of their courses.
TRIPS = 30
SEED = 12
TRIAGES = {"T001", "T003", "T004", "T005", "T006", "T007"}
Told = dict[str, list[dict[str, Any]]]
SCANS = {"UNKNOWN", "PRE_TRANSIT", "TRANSIT", "DELIVERED", "RETURNED", "FAILURE"}


@pytest.fixture(scope="module")
def told() -> Told:
    """The events of so many trips of each journey, by the journey's name."""
    with fast() as partner:
        asyncio.run(_all(partner))
        _wait(partner)
        events = _truth(partner)
        assert partner.sandbox.engine.steps_failed == 0
    found: dict[str, list[dict[str, Any]]] = {}
    for event in events:
        metadata = event["body"]["details"].get("metadata") or ""
        found.setdefault(metadata.rpartition("-")[0], []).append(event)
    return found


async def _all(partner: Fast) -> None:
    client = Client(partner.url, {"Authorization": f"ApiKey {KEY}"})
    try:
        trips = [
            journey.run(Trip(client, f"{journey.name}-{number}", SPEED, seed=SEED))
            for journey in JOURNEYS
            for number in range(TRIPS)
        ]
        await asyncio.gather(*trips)
    finally:
        client.close()


def _wait(partner: Fast) -> None:
    """Until all that the trips have set going is delivered."""
    deadline = time.monotonic() + 60
    while any(_get(partner, "figures")["pending"].values()):
        assert time.monotonic() < deadline
        time.sleep(0.02)


def _get(partner: Fast, what: str) -> Any:
    with urllib.request.urlopen(f"{partner.url}/_sandbox/{what}") as answer:
        return json.load(answer)


def _truth(partner: Fast) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    after: int | None = 0
    while after is not None:
        page = _get(partner, f"truth?after={after}")
        found, after = found + page["events"], page["next"]
    return found


def by_key(events: list[dict[str, Any]], kind: str) -> list[list[dict[str, Any]]]:
    """The events of each thing of this kind, in their order."""
    found: dict[str, list[dict[str, Any]]] = {}
    for event in events:
        if event["kind"] == kind:
            found.setdefault(event["key"], []).append(event)
    return list(found.values())


def signals(events: list[dict[str, Any]]) -> list[str]:
    return [row["signal"] for event in events for row in event["says"]]


def test_orders_in_triage_come_with_every_code_and_end_both_ways(told: Told) -> None:
    lives = [signals(life) for life in by_key(told["triage"], "fill_request")]
    codes = {event["body"]["details"].get("code") for event in told["triage"]} - {None}
    assert codes == TRIAGES
    assert all(life[0] == "order:triage" for life in lives)
    ends = Counter(next(signal for signal in life if signal != "order:triage") for life in lives)
    assert ends["order:success"] > 10
    assert ends["order:rejected"] > 0
    assert max(life.count("order:triage") for life in lives) == 2


def test_parcels_are_told_by_every_status_and_come_back_with_and_without_r4(told: Told) -> None:
    scans = {event["body"]["details"]["status"] for event in told["parcels"] if event["type"] == "SHIPMENT"}
    assert scans == SCANS
    lives = {tuple(signals(life)) for life in by_key(told["parcels"], "fill_request")}
    back = {life for life in lives if "shipment:returned" in life}
    assert {life[-1] for life in back} == {"shipment:returned", "order:returned"}
    assert any(life[-2:] == ("shipment:failure", "shipment:delivered") for life in lives)


def test_a_lost_parcel_is_replaced_by_an_order_that_arrives(told: Told) -> None:
    lives = by_key(told["lost_parcel"], "fill_request")
    assert len(lives) == 2 * TRIPS
    ends = Counter("shipment:delivered" in signals(life) for life in lives)
    assert ends == {True: TRIPS, False: TRIPS}


def test_products_alone_are_ordered_for_patients_and_for_guests(told: Told) -> None:
    orders = [event["body"] for event in told["over_the_counter"] if event["type"] == "ORDER"]
    done = [body["details"] for body in orders if body["status"] == "success"]
    assert {details["patient_token"] is None for details in done} == {True, False}
    assert all(details["otc_products"] and not details["medications"] for details in done)
    assert {body["status"] for body in orders} == {"success", "triage", "error"}


def test_each_contradiction_is_marked_and_nothing_else_is(told: Told) -> None:
    for name, events in told.items():
        marked = sum(event["contradicts"] for event in events)
        assert marked == (TRIPS if name == "contradiction" else 0), name


def test_a_copay_of_several_is_answered_prescription_by_prescription(told: Told) -> None:
    lives = by_key(told["copay_of_several"], "copay")
    answers = [[event["says"][0]["lines"] for event in life] for life in lives]
    assert {len(first) for first, *_ in answers} == {2, 3}
    later = [lines for _, *rest in answers for lines in rest]
    assert {len(lines) for lines in later} == {1}
    assert {line["status"] for lines in later for line in lines} == {"completed", "rejected"}


def test_copays_fail_wait_and_are_cancelled_too(told: Told) -> None:
    said = {tuple(signals(life)) for life in by_key(told["copay"], "copay")}
    assert any(life[-1] == "copay:cancelled" for life in said)
    assert ("copay:rejected",) in said
    assert ("copay:triage", "copay:success") in said
