"""The sandbox misbehaves on demand: by profile, or by what a request asks for."""

from __future__ import annotations

import http.client
import time
from collections.abc import Iterator
from typing import Any

import pytest

from sandbox.profile import Profile
from tests.support.sandbox import KEY, Desk, printed
from tests.support.sandbox import desk as served

PULL = "/v1/webhook_events/notify_rx"
ADA = {"first_name": "Ada", "last_name": "Doe", "gender": "female", "dob": "19820115"}
WITH_RX = {**ADA, "simulation": {"newRx": [True]}}
FILL = {
    **{f"address_to_{name}": "x" for name in ("name", "street1", "city", "state", "zip", "phone")},
    "patient_payment_type": "cash",
    "patient_survey": {"conditions": "None", "medications": "None", "allergies": "None"},
    "simulation": {},
}


def put(desk: Desk, ask: str, body: Any = WITH_RX) -> tuple[int, Any]:
    return desk.call("PUT", "/v1/patient", body, headers={"X-Sandbox": ask})


def types(desk: Desk) -> list[str]:
    return [row["callback_type"] for row in desk.callbacks]


def patients(desk: Desk) -> int:
    return int(desk.sandbox.world.counts()["record"])


@pytest.mark.parametrize(("status", "retry_after"), [(429, "1"), (500, None), (503, "1")])
def test_a_refused_request_is_not_carried_out(desk: Desk, status: int, retry_after: str | None) -> None:
    answered, document = put(desk, f"answer={status}")
    assert answered == document["statusCode"] == status
    assert patients(desk) == 0
    connection = http.client.HTTPConnection(desk.url.removeprefix("http://"), timeout=10)
    connection.request(
        "GET", PULL, headers={"Authorization": f"ApiKey {KEY}", "X-Sandbox": f"answer={status}"}
    )
    assert connection.getresponse().headers["Retry-After"] == retry_after
    connection.close()


def test_a_request_whose_answer_is_lost_was_carried_out(desk: Desk) -> None:
    assert put(desk, "answer=lost", ADA)[0] == 500
    assert patients(desk) == 1


def test_an_answer_can_end_in_the_middle(desk: Desk) -> None:
    with pytest.raises(http.client.IncompleteRead):
        put(desk, "answer=cut", ADA)
    assert patients(desk) == 1


def test_an_answer_can_come_late(desk: Desk) -> None:
    began = time.monotonic()
    assert put(desk, "answer=stall; stall_seconds=0.2", ADA)[0] == 200
    assert time.monotonic() - began >= 0.2


def test_a_profile_refuses_and_a_request_may_be_excepted() -> None:
    with served(profile=Profile(answer_503=1.0)) as desk:
        assert put(desk, "")[0] == 503
        assert put(desk, "answer=plain")[0] == 200


def test_what_cannot_be_asked_for_is_refused_with_the_reason(desk: Desk) -> None:
    status, document = put(desk, "drop=2")
    assert status == 400
    assert document["message"] == "X-Sandbox: drop must be a chance from 0 to 1."
    assert patients(desk) == 0


def test_a_request_decides_for_all_that_comes_of_it_and_for_nothing_else(desk: Desk) -> None:
    patient = put(desk, "drop=1")[1]["patient_token"]
    desk.wait(1)
    assert types(desk) == []
    (token,) = desk.prescriptions(patient)
    body = {**FILL, "patient_token": patient, "medications": [{"prescription_token": token}]}
    desk.done("POST", "/v1/fill_request", body)
    desk.wait(211)
    assert types(desk) == ["ORDER", "SHIPMENT", "SHIPMENT", "SHIPMENT"]
    doubled = {**body, "metadata": "doubled"}
    assert desk.call("POST", "/v1/fill_request", doubled, headers={"X-Sandbox": "duplicate=1"})[0] == 200
    desk.wait(400)
    assert types(desk)[4:].count("ORDER") == 2
    assert types(desk)[4:].count("SHIPMENT") == 6


def test_a_lent_profile_is_in_force_until_its_time_is_over(desk: Desk) -> None:
    lent = desk.done("POST", "/_sandbox/profile", {"profile": "calm; drop=1", "seconds": 60})
    assert lent["profile"]["drop"] == 1
    desk.patient(True)
    desk.wait(59)
    assert types(desk) == []
    desk.wait(1)
    desk.patient(True)
    desk.wait(1)
    assert types(desk) == ["NOTIFY_RX"]


def test_a_lent_profile_can_be_given_back(desk: Desk) -> None:
    desk.done("POST", "/_sandbox/profile", {"profile": "hostile", "seconds": 60})
    assert desk.done("GET", "/_sandbox/profile")["profile"]["name"] == "hostile"
    assert desk.done("DELETE", "/_sandbox/profile")["profile"]["name"] == "calm"


@pytest.mark.parametrize(
    ("path", "body", "says"),
    [
        ("/_sandbox/profile", {"profile": "nowhere", "seconds": 1}, "there is no profile 'nowhere'"),
        ("/_sandbox/profile", {"profile": "lossy"}, "seconds must be a number from 0 to 3600"),
        ("/_sandbox/profile", ["lossy"], "send a JSON object"),
        ("/_sandbox/dark", {"seconds": -1}, "seconds must be a number"),
        ("/_sandbox/dark", {"seconds": True}, "seconds must be a number"),
    ],
)
def test_what_the_desk_does_not_understand_it_says(desk: Desk, path: str, body: Any, says: str) -> None:
    status, document = desk.call("POST", path, body)
    assert status == 400
    assert says in document["error"]


def test_a_dark_partner_neither_answers_nor_calls_and_then_all_comes(desk: Desk) -> None:
    desk.patient(True, True)
    assert desk.done("POST", "/_sandbox/dark", {"seconds": 60}) == {"dark": True}
    desk.time[0] += 30
    desk.loop.call_soon_threadsafe(desk.sandbox.engine.wake)
    assert desk.call("GET", PULL)[0] == 503
    assert types(desk) == []
    desk.wait(30)
    assert types(desk) == ["NOTIFY_RX", "NOTIFY_RX"]
    assert desk.call("GET", PULL)[0] == 200


def test_a_burst_arrives_in_one_second() -> None:
    with served(profile=Profile(burst_seconds=60)) as desk:
        for _ in range(5):
            desk.patient(True)
            desk.wait(2)
        assert types(desk) == []
        desk.wait(60)
        assert types(desk) == ["NOTIFY_RX"] * 5


def test_an_event_that_perhaps_arrived_is_known_as_such() -> None:
    with served(profile=Profile(hang_up=1.0)) as desk:
        desk.patient(True)
        desk.wait(1)
        (event,) = desk.done("GET", "/_sandbox/truth")["events"]
        assert (event["delivered"], event["perhaps"], event["waiting"]) == (0, True, 0)


def test_a_surprise_is_in_the_truth_as_such_and_stands_beside_the_event() -> None:
    with served(profile=Profile(unknown_type=1.0)) as desk:
        desk.patient(True)
        desk.wait(1)
        told = desk.done("GET", "/_sandbox/truth")["events"]
        assert [(row["surprise"], len(row["says"])) for row in told] == [(None, 1), ("type", 0)]
        key = told[0]["key"]
        assert desk.done("GET", f"/_sandbox/truth/prescription/{key}")["state"] == "received"
        assert len(desk.callbacks) == 2


def test_a_changed_copy_is_told_with_its_body() -> None:
    with served(profile=Profile(change=1.0, duplicate_seconds=5)) as desk:
        desk.patient(True)
        desk.wait(10)
        (event,) = desk.done("GET", "/_sandbox/truth")["events"]
        first, second = event["attempts"]
        assert "body" not in first
        assert second["body"]["details"].pop("revision") == 2
        assert second["body"] == event["body"] == desk.callbacks[0]


def test_one_things_truth_is_its_state_and_its_events(desk: Desk) -> None:
    patient = desk.patient(True)
    desk.wait(1)
    (token,) = desk.prescriptions(patient)
    body = {**FILL, "patient_token": patient, "medications": [{"prescription_token": token}]}
    request_id = desk.done("POST", "/v1/fill_request", body)["request_id"]
    desk.wait(91)
    told = desk.done("GET", f"/_sandbox/truth/fill_request/{request_id}")
    assert (told["state"], told["outcome"], told["contradicted"]) == ("in_transit", "full", False)
    assert [row["says"][0]["signal"] for row in told["events"]] == ["order:success", "shipment:transit"]
    assert desk.done("GET", "/_sandbox/truth/fill_request/none") == {
        "kind": "fill_request",
        "key": "none",
        "state": None,
        "outcome": None,
        "lines": {},
        "contradicted": False,
        "events": [],
    }


def test_the_truth_says_whose_key_it_is_asked_with(desk: Desk) -> None:
    assert desk.done("GET", "/_sandbox/customer") == {"customer": "sandbox", "environment": "sandbox"}
    assert desk.call("GET", "/_sandbox/customer", key="none")[0] == 401


@pytest.fixture(scope="module")
def stocked() -> Iterator[Desk]:
    """With 250 events in one second, of a profile that the tests change."""
    with served() as desk:
        desk.patient(*[True] * 250)
        desk.wait(1)
        yield desk


def tokens(page: Any) -> list[str]:
    return [row["payload"]["details"]["prescription_token"] for row in page["results"]]


def pull(desk: Desk, ask: str, next_page: str | None = None) -> tuple[int, Any]:
    path = f"{PULL}?next={next_page}" if next_page else PULL
    return desk.call("GET", path, headers={"X-Sandbox": ask})


def test_a_page_can_come_again(stocked: Desk) -> None:
    first = pull(stocked, "repeat_page=1")[1]
    again = pull(stocked, "", first["next_page_token"])[1]
    assert tokens(again) == tokens(first)
    second = pull(stocked, "repeat_page=1", again["next_page_token"])[1]
    assert tokens(second) != tokens(first)
    assert tokens(pull(stocked, "", second["next_page_token"])[1]) == tokens(second)


def test_a_page_can_begin_too_early_or_too_late(stocked: Desk) -> None:
    steady = tokens(pull(stocked, "")[1]) + tokens(
        pull(stocked, "", pull(stocked, "")[1]["next_page_token"])[1]
    )
    begins = set()
    for _ in range(20):
        first = pull(stocked, "shift_page=1")[1]
        assert tokens(first) == steady[:100]
        begins.add(steady.index(tokens(pull(stocked, "", first["next_page_token"])[1])[0]))
    assert begins == {98, 101}


def test_a_page_token_can_expire(stocked: Desk) -> None:
    token = pull(stocked, "")[1]["next_page_token"]
    status, document = pull(stocked, "expire_page=1", token)
    assert status == 400
    assert document["validation_errors"] == [{"key": "next", "message": "is not a valid page token"}]
    assert pull(stocked, "", token)[0] == 200


def test_the_list_of_fills_shifts_repeats_and_expires_too(live: Desk) -> None:
    patient = live.patient(True)
    (token,) = live.prescriptions(patient)
    body = {**FILL, "patient_token": patient, "medications": [{"prescription_token": token}]}
    made = [live.done("POST", "/v1/fill_request", body)["request_id"] for _ in range(4)]

    def listed(ask: str, query: str) -> tuple[int, Any]:
        return live.call("GET", f"/v1/fill_requests?{query}", headers={"X-Sandbox": ask})

    first = listed("repeat_page=1", "limit=2")[1]
    again = listed("", f"next={first['next_page_token']}")[1]
    assert [row["request_id"] for row in first["results"]] == made[:2]
    assert again["results"] == first["results"]
    last = listed("", f"next={again['next_page_token']}")[1]
    assert [row["request_id"] for row in last["results"]] == made[2:]
    assert listed("expire_page=1", f"next={again['next_page_token']}")[0] == 400
    shifted = listed("shift_page=1", "limit=2")[1]
    assert listed("", f"next={shifted['next_page_token']}")[1]["results"] != last["results"]


def test_pulled_copies_are_bare_as_printed_unless_asked_for_whole(desk: Desk) -> None:
    patient = desk.patient(True)
    desk.wait(1)
    (token,) = desk.prescriptions(patient)
    body = {**FILL, "patient_token": patient, "medications": [{"prescription_token": token}]}
    path = f"/v1/fill_request/{desk.done('POST', '/v1/fill_request', body)['request_id']}/webhook_events"
    desk.wait(211)
    expected = set(printed("page.fill_request.1.json")["results"][0]["payload"])
    bare = desk.done("GET", path)["results"]
    assert {frozenset(row["payload"]) for row in bare} == {frozenset(expected)}
    assert expected.isdisjoint({"request_id", "status"})
    whole = desk.call("GET", path, headers={"X-Sandbox": "whole_copies=1"})[1]["results"]
    assert [row["payload"] for row in whole] == desk.callbacks[1:]


def test_the_same_seed_misbehaves_in_the_same_way() -> None:
    def run() -> list[Any]:
        with served(profile=Profile(drop=0.3, duplicate=0.3, reorder=0.5), seed=11) as desk:
            desk.patient(*[True] * 40)
            desk.wait(1)
            desk.wait(300)
            return [row["details"]["prescription_token"] for row in desk.callbacks]

    first = run()
    # What is due at one moment of a settled sandbox goes out side by side: what arrives is the same.
    assert sorted(first) == sorted(run())
    assert len(set(first)) < 40 < len(set(first)) + 30


def test_the_numbered_pages_of_transfers_shift_and_repeat(desk: Desk) -> None:
    patient = desk.patient()
    body = {
        "patient_token": patient,
        "pharmacy_name": "Example Pharmacy",
        "pharmacy_phone": "5555551234",
        "medications": ["Sprintec Tablet"],
        "simulation": {},
    }
    for _ in range(60):
        desk.done("POST", "/v1/transfer_request", body)

    def tokens_of(page: int, ask: str = "") -> list[str]:
        path = f"/v1/transfer_request?page={page}"
        rows = desk.call("GET", path, headers={"X-Sandbox": ask})[1]
        return [row["url_token"] for row in rows]

    first, second = tokens_of(0), tokens_of(1)
    assert (len(first), len(second)) == (50, 10)
    assert tokens_of(1, "repeat_page=1") == first
    assert tokens_of(1, "shift_page=1") != second
    assert tokens_of(1) == second
