"""Callbacks over HTTP: what is sent, what is kept of it, and what a plan can do to it."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from pathlib import Path

import pytest

from sandbox.plan import Attempt, Emitted
from tests.support.sandbox import KEY, Desk
from tests.support.sandbox import desk as served


def truth(desk: Desk) -> list[dict[str, object]]:
    return list(desk.done("GET", "/_sandbox/truth", key=None)["events"])


def delivery(desk: Desk) -> object:
    return desk.done("GET", "/v1/webhook_events/notify_rx")["results"][0]["delivery_data"]


def test_a_callback_is_json_and_brings_the_secret(desk: Desk) -> None:
    desk.patient(True)
    desk.wait(1)
    (received,) = desk.recorder.received
    assert received.path == "/webhooks"
    assert received.headers["Content-Type"] == "application/json"
    assert received.headers["X-Webhook-Token"] == "secret-of-the-url"


def test_a_callback_is_tried_once_whatever_the_answer(desk: Desk) -> None:
    desk.recorder.status = 503
    desk.patient(True)
    desk.wait(100)
    assert len(desk.callbacks) == 1
    assert delivery(desk) == {"status": "error", "status_code": 503}


def test_before_an_attempt_has_ended_the_delivery_is_pending(desk: Desk) -> None:
    with served(planner=lambda _seed, _event: [Attempt(after=50)]) as late:
        late.patient(True)
        late.wait(1)
        assert delivery(late) == {"status": "pending", "status_code": None}
        late.wait(50)
        assert delivery(late) == {"status": "success", "status_code": 200}


def test_a_connection_that_the_receiver_closed_is_no_lost_callback(desk: Desk) -> None:
    desk.recorder.close_after = True
    for _ in range(3):
        desk.patient(True)
        desk.wait(1)
    assert len(desk.callbacks) == 3
    assert [row["delivered"] for row in truth(desk)] == [1, 1, 1]


def test_a_lost_callback_is_known_to_the_truth_alone() -> None:
    with served(planner=lambda _seed, _event: []) as desk:
        desk.patient(True)
        desk.wait(1)
        assert desk.callbacks == []
        assert delivery(desk) == {"status": "error", "status_code": None}
        assert [(row["delivered"], row["attempts"]) for row in truth(desk)] == [(0, [])]


def test_a_plan_doubles_delays_and_changes() -> None:
    def planner(_seed: int, event: Emitted) -> Sequence[Attempt]:
        return [Attempt(), Attempt(after=100, body=event.body.replace(b"Hayward", b"Elsewhere"))]

    with served(planner=planner) as desk:
        desk.patient(True)
        desk.wait(1)
        assert len(desk.callbacks) == 1
        desk.wait(100)
        assert [row["details"]["location"] for row in desk.callbacks] == ["Hayward, CA", "Elsewhere, CA"]
        assert [row["delivered"] for row in truth(desk)] == [2]


def test_a_sender_that_hangs_up_learns_nothing() -> None:
    with served(planner=lambda _seed, _event: [Attempt(how="hang_up")]) as desk:
        desk.patient(True)
        desk.wait(1)
        assert delivery(desk) == {"status": "error", "status_code": None}
        assert [row["attempts"] for row in truth(desk)] == [
            [{"status_code": None, "error": "closed before the answer"}]
        ]


def test_a_sender_that_stalls_times_out() -> None:
    with served(planner=lambda _seed, _event: [Attempt(how="stall")], callback_timeout=0.2) as desk:
        desk.patient(True)
        desk.wait(1)
        assert desk.callbacks == []
        assert [row["attempts"] for row in truth(desk)] == [[{"status_code": None, "error": "timed out"}]]


def test_a_receiver_that_is_away_is_an_error_that_says_so(desk: Desk) -> None:
    desk.recorder.shutdown()
    desk.recorder.server_close()
    desk.patient(True)
    desk.wait(1)
    assert [row["attempts"] for row in truth(desk)] == [[{"status_code": None, "error": "cannot connect"}]]


def test_the_same_seed_and_requests_give_the_same_story() -> None:
    stories = []
    for seed in (3, 3, 4):
        with served(seed=seed) as desk:
            desk.patient(True, True)
            desk.wait(1)
            stories.append(sorted(received.body for received in desk.recorder.received))
    assert stories[0] == stories[1]
    assert stories[0] != stories[2]


def test_what_is_planned_survives_a_restart(tmp_path: Path) -> None:
    state = tmp_path / "state.sqlite"
    with served(state=state) as first:
        patient = first.patient(True)
    assert state.stat().st_mode & 0o077 == 0
    with served(state=state, seed=99) as second:
        assert second.patient() == patient
        second.wait(1)
        (callback,) = second.callbacks
        assert callback["details"]["patient_token"] == patient
        # It goes on with the tokens, too: a new one is none of before.
        assert second.patient(first_name="Eve") != patient


def test_the_truth_is_read_on_by_pages(desk: Desk) -> None:
    desk.patient(True, True, True)
    desk.wait(1)
    first = desk.done("GET", "/_sandbox/truth?limit=2", key=None)
    rest = desk.done("GET", f"/_sandbox/truth?after={first['next']}&limit=2", key=None)
    assert [row["id"] for page in (first, rest) for row in page["events"]] == [1, 2, 3]
    assert rest["next"] is None


@pytest.mark.parametrize("header", [f"ApiKey {KEY}", f"apikey {KEY}"])
def test_a_raw_socket_gets_an_answer_too(desk: Desk, header: str) -> None:
    port = int(desk.url.rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port), timeout=10) as raw:
        raw.sendall(f"GET /v1/patient/x HTTP/1.0\r\nAuthorization: {header}\r\n\r\n".encode())
        assert b" 404 " in raw.recv(100)
