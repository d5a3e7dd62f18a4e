"""What changes something at a partner is sent once, and a failure says whether it may have been done."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator

import psycopg
import pytest
import stamina

from partners.faults import CallFailed, Failing, Garbled, KeyRefused, NotGranted, Silent, Throttled
from partners.wire import Gate, HttpClient, Wire
from tests.support.partner import Answer, Asked, partner
from workers.pull.rate_gate import NotNow
from workers.push.wires import GuardedGate

KEY = "live_key_that_is_secret"
CANARY = b"Jane Canary"
SENT = {"patient": {"id": "p1"}, "note": CANARY.decode()}


@pytest.fixture(autouse=True)
def without_waits() -> Iterator[None]:
    with stamina.set_testing(True, attempts=3):
        yield


class Told:
    """A gate that remembers, or refuses."""

    def __init__(self, refusal: Exception | None = None, *, deaf: Exception | None = None) -> None:
        self.refusal, self.deaf = refusal, deaf
        self.entered: list[int] = []
        self.left: list[CallFailed | None] = []

    def enter(self, attempt: int) -> None:
        self.entered.append(attempt)
        if self.refusal is not None:
            raise self.refusal

    def leave(self, failure: CallFailed | None) -> None:
        self.left.append(failure)
        if self.deaf is not None:
            raise self.deaf


def wire(url: str, gate: Gate | None = None, timeout: float = 5.0) -> Wire:
    return Wire(HttpClient(url, KEY, timeout=timeout, scheme="Bearer"), gate)


def test_a_document_is_sent_once_as_json_and_its_answer_given() -> None:
    gate = Told()
    with partner(lambda _: Answer(201, b'{"id": "s1"}')) as server:
        with_gate = wire(server.url, gate)
        assert with_gate.post("checkout_session", "/v1/checkout_sessions", {"b": 1}) == {"id": "s1"}
        with_gate.close()
    (asked,) = server.asked
    assert (asked.method, asked.path, asked.body) == ("POST", "/v1/checkout_sessions", b'{"b":1}')
    assert asked.headers["Content-Type"] == "application/json"
    assert asked.headers["Authorization"] == f"Bearer {KEY}"
    assert "Idempotency-Key" not in asked.headers
    assert (gate.entered, gate.left) == ([1], [None])


#: A driver's text may quote what stands in the database.
LOST = psycopg.OperationalError(f"the connection is lost near {CANARY.decode()}")


@pytest.mark.parametrize("status", [201, 502])
def test_an_answer_is_not_lost_with_the_database(status: int, caplog: pytest.LogCaptureFixture) -> None:
    with partner(lambda _: Answer(status, b'{"id": "s1"}')) as server:
        sending = wire(server.url, GuardedGate(Told(deaf=LOST)))
        if status == 201:
            assert sending.post("checkout_session", "/v1/checkout_sessions", {}) == {"id": "s1"}
        else:
            with pytest.raises(Failing):
                sending.post("checkout_session", "/v1/checkout_sessions", {})
        sending.close()
    (logged,) = [record.getMessage() for record in caplog.records if record.name == "workers.push.wires"]
    assert "OperationalError" in logged
    assert CANARY.decode() not in caplog.text


def test_without_the_database_nothing_is_sent() -> None:
    with partner(lambda _: Answer(200, b"{}")) as server:
        sending = wire(server.url, GuardedGate(Told(LOST)))
        with pytest.raises(NotNow, match="database") as refused:
            sending.post("order", "/v1/orders", {})
        sending.close()
    assert refused.value.__suppress_context__
    assert server.asked == []


def test_a_key_that_makes_it_one_goes_with_it() -> None:
    with partner(lambda _: Answer(200, b"{}")) as server:
        sending = wire(server.url)
        sending.post("order", "/v1/orders", {}, "intent-1")
        sending.close()
    assert server.asked[0].headers["Idempotency-Key"] == "intent-1"


@pytest.mark.parametrize("body", [b"", b" \n"])
def test_an_answer_without_a_body_is_none(body: bytes) -> None:
    with partner(lambda _: Answer(200, body)) as server:
        sending = wire(server.url)
        assert sending.post("expire", "/v1/checkout_sessions/s1/expire", {}) is None
        sending.close()


BAD: list[tuple[Answer, type[CallFailed], bool]] = [
    (Answer(400, CANARY), NotGranted, False),
    (Answer(401, CANARY), KeyRefused, False),
    (Answer(404, CANARY), NotGranted, False),
    (Answer(422, CANARY), NotGranted, False),
    (Answer(429, CANARY), Throttled, False),
    (Answer(408, CANARY), NotGranted, True),
    (Answer(409, CANARY), NotGranted, True),
    (Answer(503, CANARY, {"Retry-After": "7"}), Throttled, True),
    (Answer(500, CANARY), Failing, True),
    (Answer(303, CANARY, {"Location": "/v1/orders/o1"}), Garbled, True),
    (Answer(201, b'{"id": ' + CANARY), Garbled, True),
    (Answer(201, b'{"id": "' + CANARY + b'"}', cut=True), Silent, True),
]


@pytest.mark.parametrize(("answer", "kind", "may_be_done"), BAD)
def test_a_failure_is_not_sent_again_and_says_whether_it_may_have_been_done(
    answer: Answer, kind: type[CallFailed], may_be_done: bool, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    gate = Told()
    with partner(lambda _: answer) as server, pytest.raises(CallFailed) as raised:
        wire(server.url, gate).post("order", "/v1/orders", SENT)
    assert len(server.asked) == 1
    assert (type(raised.value), raised.value.may_be_done) == (kind, may_be_done)
    assert gate.left == [raised.value]
    assert raised.value.__context__ is None
    assert "Canary" not in f"{raised.value!r} {caplog.text}"
    assert KEY not in caplog.text


def test_a_partner_that_does_not_answer_in_time_may_have_done_it() -> None:
    with partner(lambda _: Answer(stall=1.0)) as server, pytest.raises(Silent) as raised:
        wire(server.url, timeout=0.1).post("order", "/v1/orders", {})
    assert raised.value.may_be_done


def test_a_partner_that_is_not_there_has_done_nothing() -> None:
    with partner(lambda _: Answer()) as server:
        gone = server.url
    with pytest.raises(Silent) as raised:
        wire(gone, timeout=1.0).post("order", "/v1/orders", {})
    assert not raised.value.may_be_done


def test_nothing_is_sent_that_the_gate_does_not_let_through() -> None:
    with partner(lambda _: Answer()) as server, pytest.raises(RuntimeError, match="not now"):
        wire(server.url, Told(RuntimeError("not now"))).post("order", "/v1/orders", {})
    assert server.asked == []


def test_every_one_has_a_connection_of_its_own() -> None:
    """Of one that is kept the partner may let go while it is used, and nobody knows what it got."""
    seen: list[str] = []

    def answer(asked: Asked) -> Answer:
        seen.append(asked.method)
        return Answer(headers={"Connection": "close"}) if asked.method == "GET" else Answer()

    with partner(answer) as server:
        sending = wire(server.url)
        calls: list[Callable[[], object]] = [
            lambda: sending.get("order", "/v1/orders/o1"),
            lambda: sending.post("order", "/v1/orders", {}),
        ]
        for call in calls * 3:
            call()
        assert sending._once is not None
        transport = sending._once._transport
        assert not transport._pool.connections  # type: ignore[attr-defined]
        sending.close()
    assert seen == ["GET", "POST"] * 3
