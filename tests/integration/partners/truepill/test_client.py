"""The partner's client against a server that answers well, badly, or not at all."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from functools import partial
from typing import Any

import orjson
import pytest
import stamina

from partners.faults import CallFailed, Failing, Garbled, KeyRefused, NotGranted, Silent, Throttled
from partners.truepill.client import Client
from partners.wire import HttpClient, Wire
from tests.support.partner import Answer, Asked, events_page, partner

KEY = "tp_live_key_that_is_secret"
CANARY = b"Jane Canary"


@pytest.fixture(autouse=True)
def without_waits() -> Iterator[None]:
    with stamina.set_testing(True, attempts=3):
        yield


class Told:
    """A gate that lets everything through and remembers."""

    def __init__(self) -> None:
        self.entered = 0
        self.left: list[CallFailed | None] = []

    def enter(self, attempt: int) -> None:
        self.entered += 1

    def leave(self, failure: CallFailed | None) -> None:
        self.left.append(failure)


def client(url: str, gate: Told | None = None, timeout: float = 5.0) -> Client:
    return Client(Wire(HttpClient(url, KEY, timeout=timeout), gate or Told()))


READS: list[tuple[Callable[[Client], Any], str, dict[str, list[str]]]] = [
    (lambda c: c.events("NOTIFY_RX", since=7), "/v1/webhook_events/notify_rx", {"timestamp": ["$gt:6"]}),
    (lambda c: c.events(next="a+b/c="), "/v1/webhook_events", {"next": ["a+b/c="]}),
    (
        lambda c: c.events(request_id="r1", limit=1),
        "/v1/webhook_events",
        {"request_id": ["$eq:r1"], "limit": ["1"]},
    ),
    (lambda c: c.events("NOTIFY_RX", id="rx1"), "/v1/webhook_events/notify_rx", {"id": ["$eq:rx1"]}),
    (lambda c: c.fill_events("f1", next="t"), "/v1/fill_request/f1/webhook_events", {"next": ["t"]}),
    (lambda c: c.fill_request("f1"), "/v1/fill_request/f1", {}),
    (
        lambda c: c.fill_requests(since=1767225600, limit=1),
        "/v1/fill_requests",
        {"created_at": ["$gt:2025-12-31T23:59:59+00:00"], "limit": ["1"]},
    ),
    (lambda c: c.fill_requests(next="t"), "/v1/fill_requests", {"next": ["t"]}),
    (lambda c: c.transfers(3), "/v1/transfer_request", {"page": ["3"]}),
    (lambda c: c.transfer("t1"), "/v1/transfer_request/t1", {}),
    (lambda c: c.direct_transfer("d1"), "/v1/direct_transfer/d1", {}),
    (lambda c: c.copay_request("c1"), "/v1/copay_request/c1", {}),
    (lambda c: c.consult("c1"), "/consults/v0/consult/c1", {}),
    (
        lambda c: c.consults(status="review", page=2, limit=5),
        "/consults/v0",
        {"status": ["review"], "page_number": ["2"], "limit": ["5"]},
    ),
    (lambda c: c.patient("p1"), "/v1/patient/p1", {}),
    (lambda c: c.prescriptions("p1"), "/v1/patient/p1/prescriptions", {}),
    (lambda c: c.prescription("rx1"), "/v1/prescription/rx1", {}),
    (lambda c: c.claims("rx1", 2), "/v1/prescription/rx1/fill/2/claims", {}),
]


@pytest.mark.parametrize(("read", "path", "query"), READS)
def test_each_read_asks_for_its_path_with_the_key(
    read: Callable[[Client], Any], path: str, query: dict[str, list[str]]
) -> None:
    with partner(lambda _: events_page()) as server, client(f"{server.url}/v1") as reading:
        read(reading)
    (asked,) = server.asked
    assert (asked.path, asked.query) == (path, query)
    assert asked.headers["Authorization"] == f"ApiKey {KEY}"


BY_TIME: list[tuple[Callable[[Client], Any], str, str, str]] = [
    (lambda c: c.events("NOTIFY_RX", since=7), "timestamp", "$gt:6", "$gte:7"),
    (lambda c: c.events(since=7, limit=1), "timestamp", "$gt:6", "$gte:7"),
    (
        lambda c: c.fill_requests(since=1767225600),
        "created_at",
        "$gt:2025-12-31T23:59:59+00:00",
        "$gte:2026-01-01T00:00:00+00:00",
    ),
]


def refusing(field: str, operators: Iterable[str], status: int = 400) -> Callable[[Asked], Answer]:
    """A partner that refuses these operators of a field."""

    def answer(asked: Asked) -> Answer:
        (bound,) = asked.query.get(field, [""])
        if bound.partition(":")[0] in operators:
            return Answer(status, CANARY)
        return events_page()

    return answer


@pytest.mark.parametrize(("read", "field", "first", "second"), BY_TIME)
@pytest.mark.parametrize("status", [400, 409, 422])
def test_an_operator_that_is_refused_has_another_in_its_place_which_is_remembered(
    read: Callable[[Client], Any], field: str, first: str, second: str, status: int
) -> None:
    with partner(refusing(field, ["$gt"], status)) as server, client(server.url) as reading:
        read(reading)
        read(reading)
    assert [asked.query[field] for asked in server.asked] == [[first], [second], [second]]


@pytest.mark.parametrize(("read", "field", "first", "second"), BY_TIME)
def test_a_partner_that_refuses_all_operators_gives_an_error_that_names_them(
    read: Callable[[Client], Any], field: str, first: str, second: str
) -> None:
    with (
        partner(refusing(field, ["$gt", "$gte"])) as server,
        client(server.url) as reading,
        pytest.raises(NotGranted) as raised,
    ):
        read(reading)
    assert [asked.query[field] for asked in server.asked] == [[first], [second]]
    assert str(raised.value).endswith(f"400, it takes neither $gt nor $gte of {field}")
    assert raised.value.__context__ is None


def test_a_surface_that_is_not_there_is_no_question_of_operators() -> None:
    with (
        partner(lambda _: Answer(404, CANARY)) as server,
        client(server.url) as reading,
        pytest.raises(NotGranted) as raised,
    ):
        reading.events("NOTIFY_RX", since=7)
    assert len(server.asked) == 1
    assert "neither" not in str(raised.value)


DAMAGE = [rb"cut \ud83d", b"Malm\xf6", rb"\ude9a"]


@pytest.mark.parametrize("damage", DAMAGE)
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_one_event_whose_text_is_not_whole_holds_back_no_other(damage: bytes, mark: bytes) -> None:
    answer = events_page({"request_id": "a", "message": "DAMAGE"}, {"request_id": "b"})
    answer = replace(answer, body=mark + answer.body.replace(b"DAMAGE", damage))
    with partner(lambda _: answer) as server, client(server.url) as reading:
        page = reading.fill_events("f1")
    assert [orjson.loads(event.body)["request_id"] for event in page.events] == ["a", "b"]
    assert "\N{REPLACEMENT CHARACTER}" in orjson.loads(page.events[0].body)["message"]


def test_a_number_that_is_none_holds_back_no_other_event() -> None:
    answer = events_page({"request_id": "a", "amount": 7}, {"request_id": "b"})
    answer = replace(answer, body=answer.body.replace(b"7}", b"NaN}"))
    with partner(lambda _: answer) as server, client(server.url) as reading:
        page = reading.fill_events("f1")
    assert [orjson.loads(event.body) for event in page.events] == [
        {"request_id": "a", "amount": None},
        {"request_id": "b"},
    ]


HTML = b"<html>" + CANARY + b"</html>"
BAD: list[tuple[Answer, type[CallFailed], int]] = [
    (Answer(401, CANARY), KeyRefused, 1),
    (Answer(403, CANARY), KeyRefused, 1),
    (Answer(400, CANARY), NotGranted, 1),
    (Answer(404, HTML), NotGranted, 1),
    (Answer(429, CANARY, {"Retry-After": "7"}), Throttled, 3),
    (Answer(503, CANARY, {"Retry-After": "7"}), Throttled, 3),
    (Answer(500, CANARY), Failing, 3),
    (Answer(503, HTML), Failing, 3),
    (Answer(302, CANARY, {"Location": "/elsewhere"}), Garbled, 1),
    (Answer(200, HTML), Garbled, 3),
    (Answer(200, b'{"results": [' + CANARY), Garbled, 3),
    (Answer(200, b'{"results": "' + CANARY + b'"}', cut=True), Silent, 3),
    (Answer(200, CANARY, {"Content-Encoding": "gzip"}), Garbled, 3),
    (Answer(200, b'{"surprise": "' + CANARY + b'"}'), Garbled, 1),
    (Answer(200, b'{"next_page_token": null, "results": ' + b"[" * 500 + b"]" * 500 + b"}"), Garbled, 1),
]


@pytest.mark.parametrize(("answer", "kind", "calls"), BAD)
def test_an_answer_that_is_none_says_whose_fault_it_is_and_nothing_of_itself(
    answer: Answer, kind: type[CallFailed], calls: int, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    gate = Told()
    with (
        partner(lambda _: answer) as server,
        client(server.url, gate) as reading,
        pytest.raises(CallFailed) as raised,
    ):
        reading.fill_events("fill_request_1")
    assert type(raised.value) is kind
    assert (len(server.asked), gate.entered) == (calls, calls)
    assert gate.left[-1] is raised.value
    # Nothing stands behind it that holds the request or the answer.
    assert raised.value.__cause__ is None
    assert raised.value.__context__ is None
    told = f"{raised.value!r} {raised.value} {caplog.text}"
    assert "Canary" not in told
    assert KEY not in told
    assert "retry" not in caplog.text
    assert str(raised.value).startswith("fill_request webhook_events: ")


def test_a_partner_that_is_not_there_or_does_not_answer_is_silent() -> None:
    with partner(lambda _: Answer(stall=1.0)) as server:
        with client(server.url, timeout=0.1) as reading, pytest.raises(Silent, match="in time"):
            reading.prescription("rx1")
        gone = server.url
    with client(gone, timeout=1.0) as reading, pytest.raises(Silent, match="ConnectError"):
        reading.prescription("rx1")


def test_an_answer_that_drips_does_not_hold_a_caller_for_ever() -> None:
    with (
        partner(lambda _: Answer(body=b" " * 10_000, drip=0.05)) as server,
        client(server.url, timeout=0.1) as reading,
        pytest.raises(Silent, match="did not end in time"),
    ):
        reading.prescription("rx1")


def test_an_answer_of_any_length_is_read_only_up_to_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("partners.wire.LARGEST", 1 << 20)
    with (
        partner(lambda _: Answer(body=b" " * (3 << 20))) as server,
        client(server.url) as reading,
        pytest.raises(Garbled, match="larger than 1 MiB"),
    ):
        reading.prescription("rx1")


def test_a_read_that_succeeds_the_second_time_has_succeeded() -> None:
    answers = iter([Answer(500), Answer(body=b'{"fillable": true}')])
    gate = Told()
    with partner(lambda _: next(answers)) as server, client(server.url, gate) as reading:
        assert reading.prescription("rx1") == {"fillable": True}
    assert [type(failure) for failure in gate.left] == [Failing, type(None)]


def _http_date(seconds: float) -> str:
    return format_datetime(datetime.now(UTC) + timedelta(seconds=seconds), usegmt=True)


@pytest.mark.parametrize(
    ("asked", "least", "most"),
    [
        ("7", 7, 7),
        ("0", 1, 1),
        ("99999999999", 900, 900),
        pytest.param(_http_date(5000), 900, 900, id="a date to come"),
        pytest.param(_http_date(-5000), 1, 1, id="a date that has passed"),
        ("soon", 30, 30),
        ("", 30, 30),
        ("-3", 30, 30),
        ("000000000000009", 9, 9),
        ("Wed, 21 Oct 2015 07:28:00 +99999999999999999999", 30, 30),
        ("Wed, 21 Oct 2015 99999999999999999999:28:00 GMT", 30, 30),
    ],
)
def test_retry_after_is_honoured_within_bounds(asked: str, least: float, most: float) -> None:
    with (
        partner(lambda _: Answer(429, headers={"Retry-After": asked})) as server,
        client(server.url) as reading,
        pytest.raises(Throttled) as raised,
    ):
        reading.events("NOTIFY_RX")
    assert least <= raised.value.wait <= most


def test_a_page_token_that_fits_in_no_url_is_refused_as_one_that_has_run_out() -> None:
    gate = Told()
    with (
        partner(lambda _: events_page()) as server,
        client(server.url, gate) as reading,
        pytest.raises(NotGranted) as raised,
    ):
        reading.events("NOTIFY_RX", next="t" * 100_000)
    assert gate.left == [raised.value]
    assert "ttt" not in str(raised.value)


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "a?b", "a b", "é", "x" * 129, "a\n"])
def test_a_name_that_could_become_another_path_is_asked_of_nobody(name: str) -> None:
    def never(_: Asked) -> Answer:
        raise AssertionError("it was asked")

    with partner(never) as server, client(server.url) as reading:
        for read in (reading.fill_events, reading.transfer, reading.consult, reading.prescriptions):
            with pytest.raises(ValueError, match="URL"):
                read(name)
        with pytest.raises(ValueError, match="URL"):
            reading.events(request_id=name)
    assert server.asked == []


def test_a_time_to_come_back_is_counted_by_the_partners_own_clock() -> None:
    then = datetime(2020, 1, 1, tzinfo=UTC)
    headers = {"Date": format_datetime(then), "Retry-After": format_datetime(then + timedelta(seconds=40))}
    with (
        partner(lambda _: Answer(429, headers=headers)) as server,
        client(server.url) as reading,
        pytest.raises(Throttled) as raised,
    ):
        reading.fill_request("f1")
    assert raised.value.wait == 40.0


def test_a_consult_that_is_not_ours_to_read_says_nothing_of_the_key() -> None:
    gate = Told()
    with partner(lambda _: Answer(401, CANARY)) as server, client(server.url, gate) as reading:
        for read in (partial(reading.consult, "c1"), reading.consults):
            with pytest.raises(NotGranted, match="not ours to read"):
                read()
    assert not any(isinstance(failure, KeyRefused) for failure in gate.left)
