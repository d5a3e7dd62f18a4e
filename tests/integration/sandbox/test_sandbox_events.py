"""Pulled events: pages, operators, and what a pulled copy has that a pushed one has not."""

from __future__ import annotations

from urllib.parse import quote

import pytest

from tests.support.sandbox import LIVE_KEY, OTHER_KEY, START, Desk, printed, shape

PULL = "/v1/webhook_events/notify_rx"


def many(desk: Desk, count: int) -> list[int]:
    """So many events, one a second; their times."""
    patient = desk.patient()
    for _ in range(count):
        assert desk.patient(True) == patient
        desk.wait(1)
    return [row["timestamp"] for row in desk.callbacks]


def test_a_pulled_copy_is_as_printed_and_not_the_pushed_one(desk: Desk) -> None:
    desk.patient(True)
    desk.wait(1)
    page = desk.done("GET", PULL)
    expected = printed("page.notify_rx.1.json")
    assert shape(page["results"]) == shape(expected["results"])
    assert page["results"][0]["payload"]["details"]["location"] == "hayward"
    assert desk.callbacks[0]["details"]["location"] == "Hayward, CA"


def test_pages_hold_a_hundred_and_none_is_lost_between_them(desk: Desk) -> None:
    # All in one second: a page cannot end between two of them by their time.
    desk.patient(*[True] * 120)
    desk.wait(1)
    desk.patient(*[True] * 130)
    desk.wait(1)
    pages = [desk.done("GET", PULL)]
    while token := pages[-1]["next_page_token"]:
        pages.append(desk.done("GET", f"{PULL}?next={token}"))
    tokens = [row["payload"]["details"]["prescription_token"] for page in pages for row in page["results"]]
    assert [len(page["results"]) for page in pages] == [100, 100, 50]
    assert len(set(tokens)) == 250


def test_a_page_token_brings_its_conditions_along(desk: Desk) -> None:
    desk.patient(*[True] * 101)
    desk.wait(1)
    first = desk.done("GET", f"{PULL}?timestamp=$lte:{int(START) + 1}")
    desk.patient(True)
    desk.wait(1)
    assert len(desk.done("GET", f"{PULL}?next={first['next_page_token']}")["results"]) == 1


def test_a_page_token_is_ones_own(desk: Desk) -> None:
    desk.patient(*[True] * 101)
    desk.wait(1)
    token = desk.done("GET", PULL)["next_page_token"]
    for other in (OTHER_KEY, LIVE_KEY):
        status, document = desk.call("GET", f"{PULL}?next={token}", key=other)
        assert (status, document["validation_errors"][0]["key"]) == (400, "next")
    assert desk.call("GET", f"{PULL}?next=never")[0] == 400


def test_every_operator_compares_and_several_hold_together(desk: Desk) -> None:
    times = many(desk, 5)
    middle = times[2]
    expected = {
        f"$lt:{middle}": times[:2],
        f"$lte:{middle}": times[:3],
        f"$gt:{middle}": times[3:],
        f"$gte:{middle}": times[2:],
        f"$eq:{middle}": [middle],
        str(middle): [middle],
    }
    for condition, found in expected.items():
        page = desk.done("GET", f"{PULL}?timestamp={quote(condition)}")
        assert [row["payload"]["timestamp"] for row in page["results"]] == found, condition
    between = desk.done("GET", f"{PULL}?timestamp=$gt:{times[0]}&timestamp=$lt:{times[4]}")
    assert [row["payload"]["timestamp"] for row in between["results"]] == times[1:4]


@pytest.mark.parametrize(
    ("query", "key"),
    [
        ("timestamp=$near:5", "timestamp"),
        ("timestamp=$gt:noon", "timestamp"),
        ("id=$gt:a", "id"),
        ("status=$lt:success", "status"),
    ],
)
def test_a_condition_that_cannot_be_is_named(desk: Desk, query: str, key: str) -> None:
    status, document = desk.call("GET", f"{PULL}?{query}")
    assert (status, [row["key"] for row in document["validation_errors"]]) == (400, [key])


def test_a_time_beyond_all_times_matches_nothing(desk: Desk) -> None:
    assert desk.done("GET", f"{PULL}?timestamp=$gt:{10**30}")["results"] == []


def test_events_are_found_by_id_and_by_how_they_were_delivered(desk: Desk) -> None:
    patient = desk.patient(True)
    desk.wait(1)
    desk.recorder.status = 500
    desk.patient(True)
    desk.wait(1)
    first, second = desk.prescriptions(patient)
    by_id = desk.done("GET", f"{PULL}?id={first}")["results"]
    assert [row["payload"]["details"]["prescription_token"] for row in by_id] == [first]
    failed = desk.done("GET", f"{PULL}?status=$eq:error")["results"]
    assert [row["payload"]["details"]["prescription_token"] for row in failed] == [second]
    assert failed[0]["delivery_data"] == {"status": "error", "status_code": 500}


def test_nobody_pulls_another_customers_events(desk: Desk) -> None:
    desk.patient(True)
    desk.wait(1)
    for other in (OTHER_KEY, LIVE_KEY):
        assert desk.done("GET", PULL, key=other)["results"] == []


def test_the_reference_pulls_notify_rx_alone(desk: Desk) -> None:
    assert desk.call("GET", "/v1/webhook_events/order")[0] == 404
    assert desk.call("GET", "/v1/webhook_events")[0] == 404


def test_the_live_contract_pulls_every_type_and_without_one(live: Desk) -> None:
    patient = live.patient(True, True)
    live.wait(1)
    first, _ = live.prescriptions(patient)
    assert len(live.done("GET", "/v1/webhook_events")["results"]) == 2
    assert len(live.done("GET", f"/v1/webhook_events?request_id={first}")["results"]) == 1
    limited = live.done("GET", "/v1/webhook_events/NOTIFY_RX?limit=1")
    rest = live.done("GET", f"/v1/webhook_events?next={limited['next_page_token']}")
    assert [len(page["results"]) for page in (limited, rest)] == [1, 1]
    assert live.done("GET", "/v1/webhook_events/order")["results"] == []
    assert live.call("GET", "/v1/webhook_events?limit=101")[0] == 400
