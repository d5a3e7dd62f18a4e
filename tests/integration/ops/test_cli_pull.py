"""`rxledger pull`, and what `doctor` and `stats` say of pulls."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from typing import Any

import orjson
import pytest
import stamina

from tests.support.commandline import Cli, Ran
from tests.support.factories import OrderSuccess, TransferContact
from tests.support.partner import Answer, Asked, Partner, events_page, partner
from tests.support.pulls import Book, arrivals
from tests.support.records import FillRecord, TransferRecord
from workers.pull import pull_until_idle

KEY = "tp_live_key_that_is_secret"
START = 1_760_000_000
FILL = "fill_request_1"
FAR = "20000d"


@pytest.fixture(autouse=True)
def without_waits(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(pull_until_idle, "STILL_SECONDS", 0.0)  # no worker runs
    with stamina.set_testing(True, attempts=2):
        yield


@pytest.fixture
def book() -> Book:
    return Book(arrivals(7, START))


@pytest.fixture
def server(cli: Cli, book: Book) -> Iterator[Partner]:
    """A partner with what its reference has: NOTIFY_RX, and the events of one fill."""

    def answer(asked: Asked) -> Answer:
        if asked.path == "/v1/webhook_events/notify_rx":
            return book(asked)
        if asked.path == f"/v1/fill_request/{FILL}/webhook_events":
            payload = {k: v for k, v in order().items() if k not in ("request_id", "status")}
            return events_page(payload)
        if asked.path == f"/v1/fill_request/{FILL}":
            return Answer(200, orjson.dumps(FillRecord(status="completed")))
        return Answer(404, b'{"statusCode": 404}')

    with partner(answer) as running:
        cli.setenv(
            RXLEDGER_TRUEPILL_BASE_URL=running.url,
            RXLEDGER_TRUEPILL_API_KEY=KEY,
            RXLEDGER_TRUEPILL_CALLS_PER_MINUTE="100000",
            RXLEDGER_TRUEPILL_TIMEOUT="1",
        )
        yield running


def order() -> dict[str, Any]:
    return dict(OrderSuccess(request_id=FILL, timestamp=START))


def checks(ran: Ran) -> dict[str, dict[str, Any]]:
    return {check["name"]: check for check in ran.document["checks"]}


def test_without_a_key_it_says_so_and_does_nothing(cli: Cli) -> None:
    ran = cli.run("pull")
    assert (ran.code, ran.out) == (1, "")
    assert "RXLEDGER_TRUEPILL_API_KEY" in ran.err
    assert "pulls are off" in checks(cli.run("doctor", "--json"))["pulls"]["text"]
    assert cli.ledger.count("streams") == 0


def test_doctor_tells_of_an_operator_that_is_refused_though_the_other_one_works(
    cli: Cli, server: Partner, book: Book
) -> None:
    book.refuses = {"$gt"}
    assert (
        cli.run("pull", "--stream", "notify_rx", "--since", FAR, "--json").document["streams"][0]["stored"]
        == 7
    )
    found = checks(cli.run("doctor", "--json"))
    assert found["query operators"]["status"] == "warn"
    assert "$gt of timestamp in webhook_events/notify_rx" in found["query operators"]["text"]
    assert found["stream notify_rx"]["status"] == "ok"
    asked = len(server.asked)
    cli.run("pull", "--stream", "notify_rx", "--since", FAR)
    # What works is known to the next run too.
    assert all(one.query["timestamp"][0].startswith("$gte:") for one in server.asked[asked:] if one.query)

    book.refuses = set()
    cli.ledger.conn.execute("UPDATE surfaces SET checked_at = checked_at - interval '2 days'")
    cli.run("pull", "--stream", "notify_rx", "--since", FAR)
    assert "query operators" not in checks(cli.run("doctor", "--json"))


def test_where_no_operator_is_taken_the_stream_says_so(cli: Cli, server: Partner, book: Book) -> None:
    book.refuses = {"$gt", "$gte"}
    cli.run("pull", "--stream", "notify_rx", "--since", FAR)
    found = checks(cli.run("doctor", "--json"))["stream notify_rx"]
    assert found["status"] == "warn"
    assert "neither $gt nor $gte of timestamp" in found["text"]
    assert "Query Operators" in found["todo"]


def test_every_stream_is_read_and_told(cli: Cli, server: Partner) -> None:
    ran = cli.run("pull", "--since", FAR, "--json")
    assert ran.code == 0, ran.err
    told = {row["stream"]: row for row in ran.document["streams"]}
    assert set(told) == {"notify_rx", "fill_request", "snapshots"}
    assert (told["notify_rx"]["seen"], told["notify_rx"]["stored"]) == (7, 7)
    assert told["fill_request"]["finished"]
    cli.ledger.settle()
    assert cli.ledger.count("entities") == 7
    again = cli.run("pull", "--since", FAR, "--json")
    assert [row["stored"] for row in again.document["streams"]] == [0, 0, 0]
    assert "notify_rx" in cli.run("pull").out


def test_one_stream_alone_can_be_read(cli: Cli, server: Partner) -> None:
    ran = cli.run("pull", "--stream", "notify_rx", "--json")
    assert [row["stream"] for row in ran.document["streams"]] == ["notify_rx"]
    unknown = cli.run("pull", "--stream", "notify_tx")
    assert unknown.code == 1
    assert "notify_rx, fill_request" in unknown.err


def test_an_interrupted_run_goes_on_where_it_was(cli: Cli, server: Partner, book: Book) -> None:
    book.events = arrivals(7, START, step=0)
    usual = server.answer

    def interrupting(asked: Asked) -> Answer:
        if "next" in asked.query:
            os.kill(os.getpid(), signal.SIGINT)  # while we wait for the second page
            return Answer(stall=0.5)
        return usual(asked)

    server.answer = interrupting
    ran = cli.run("pull", "--stream", "notify_rx", "--since", FAR)
    assert ran.code not in (0, 2)
    assert cli.ledger.count("events") == 3
    assert cli.one("SELECT holder FROM streams WHERE name = 'notify_rx'") is None
    server.answer = usual
    server.asked.clear()
    again = cli.run("pull", "--stream", "notify_rx", "--since", FAR, "--json")
    assert (again.code, again.document["streams"][0]["stored"]) == (0, 4)
    assert "next" in server.asked[0].query


def test_one_entity_is_asked_about_by_its_key(cli: Cli, server: Partner) -> None:
    cli.ledger.apply({**order(), "status": "triage", "timestamp": START - 60})
    ran = cli.run("pull", "--entity", "fill_request", FILL, "--json")
    assert ran.code == 0, ran.err
    told = [(row["stream"], row["seen"], row["stored"]) for row in ran.document["streams"]]
    assert told == [("fill_request:one", 1, 1), ("fill_request:record", 1, 1)]
    cli.ledger.settle()
    assert cli.ledger.state(FILL) == "completed"


def test_a_transfer_without_events_is_asked_about_by_the_token_of_its_record(
    cli: Cli, server: Partner
) -> None:
    usual = server.answer
    record = Answer(200, orjson.dumps([TransferRecord(url_token="tok1", status="rejected")]))
    server.answer = lambda asked: record if asked.path == "/v1/transfer_request/tok1" else usual(asked)
    cli.ledger.apply(TransferContact(request_id="t1", timestamp=START, details__transfer_token="tok1"))
    ran = cli.run("pull", "--entity", "transfer", "t1", "--json")
    assert ran.code == 0, ran.err
    assert [(row["stream"], row["stored"]) for row in ran.document["streams"]] == [("transfer:record", 1)]
    cli.ledger.settle()
    assert cli.ledger.story("t1", "transfer").stored.state == "rejected"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("fill_request", "unheard_of"), "there is no fill_request unheard_of"),
        (("transfer", "t1"), "the partner offers no events of a transfer"),
        (("payment", "p1"), "RXLEDGER_HEALNOW_API_KEY is not set: pulls are off"),
    ],
)
def test_what_cannot_be_asked_about_is_said(
    cli: Cli, server: Partner, arguments: tuple[str, str], said: str
) -> None:
    for kind in ("transfer", "payment"):
        cli.ledger.conn.execute(
            "INSERT INTO entities (kind, key, state) VALUES (%s, %s, 'pending')", (kind, f"{kind[0]}1")
        )
    ran = cli.run("pull", "--entity", *arguments)
    assert (ran.code, ran.err.strip()) == (1, f"rxledger: {said}")


@pytest.mark.parametrize(
    "arguments",
    [
        ("--entity", "fill_request", "x", "--stream", "notify_rx"),
        ("--entity", "fill_request", "x", "--since", "3d"),
        ("--since", "soon"),
    ],
)
def test_what_makes_no_sense_is_usage(cli: Cli, server: Partner, arguments: tuple[str, ...]) -> None:
    assert cli.run("pull", *arguments).code == 2


FAULTS = [
    (Answer(401), "fail", "401, the API key is refused", "RXLEDGER_TRUEPILL_API_KEY"),
    (Answer(403), "fail", "403, the API key is refused", "RXLEDGER_TRUEPILL_API_KEY"),
    (Answer(404), "ok", None, "RXLEDGER_TRUEPILL_BASE_URL"),
    (Answer(429, headers={"Retry-After": "1"}), "warn", "429, too many calls", "CALLS_PER_MINUTE"),
    (Answer(500), "warn", "500, the partner failed", "Tell the partner"),
    (Answer(200, b"<html>Jane Canary"), "warn", "HTML", "RXLEDGER_TRUEPILL_BASE_URL"),
    (Answer(200, b'{"results": ["Jane Canary'), "warn", "no whole JSON", "Tell the partner"),
    (Answer(302, headers={"Location": "https://canary"}), "warn", "a redirect", "RXLEDGER_TRUEPILL_BASE_URL"),
    (Answer(stall=1.5), "warn", "no answer in time", "Tell the partner"),
]


@pytest.mark.parametrize(("answer", "status", "said", "todo"), FAULTS)
def test_a_partner_that_fails_is_a_clear_line_without_a_loop(
    cli: Cli,
    server: Partner,
    caplog: pytest.LogCaptureFixture,
    answer: Answer,
    status: str,
    said: str | None,
    todo: str,
) -> None:
    caplog.set_level("DEBUG")
    cli.setenv(RXLEDGER_TRUEPILL_LIVE_CONTRACT="no")
    server.answer = lambda _: answer
    ran = cli.run("pull", "--stream", "notify_rx")
    assert ran.code == 1
    assert ran.err.startswith("rxledger: notify_rx: ")
    assert len(ran.err.strip().splitlines()) == 1
    assert len(server.asked) <= 2
    doctor = cli.run("doctor", "--json")
    found = checks(doctor)
    assert found["stream notify_rx"]["status"] == "warn"
    assert todo in found["stream notify_rx"]["todo"]
    circuit = found["calls to truepill"]
    assert circuit["status"] in (status, "warn"), circuit
    if said is not None:
        assert said in circuit["text"]
    stats = cli.run("stats", "--json")
    assert stats.document["pulls"]["streams"][0]["trouble"]
    everything = "".join((ran.out, ran.err, doctor.out, doctor.err, stats.out, caplog.text))
    assert KEY not in everything
    assert "Canary" not in everything
    assert "canary" not in everything


def test_an_open_circuit_is_told_and_nothing_is_called(cli: Cli, server: Partner) -> None:
    server.answer = lambda _: Answer(401)
    cli.run("pull", "--stream", "notify_rx")
    server.asked.clear()
    ran = cli.run("pull", "--stream", "notify_rx")
    assert ran.code == 1
    assert server.asked == []
    assert "after failures" in ran.err
    assert "circuit is open" in cli.run("stats").out
    assert checks(cli.run("doctor", "--json"))["calls to truepill"]["status"] == "fail"


def test_what_we_cannot_work_on_is_told_as_our_fault_and_not_the_partners(
    cli: Cli, server: Partner, monkeypatch: pytest.MonkeyPatch
) -> None:
    def defective(*_: Any, **__: Any) -> None:
        raise KeyError("Jane Canary")

    with monkeypatch.context() as patch:
        patch.setattr("workers.pull.store_page.seal", defective)
        with pytest.raises(KeyError):
            cli.run("pull", "--stream", "notify_rx")
    doctor = cli.run("doctor", "--json")
    found = checks(doctor)["stream notify_rx"]
    assert found["status"] == "warn"
    assert found["text"].startswith("a defect of ours: KeyError in test_cli_pull.py:defective:")
    assert found["todo"].startswith("Report this line")
    assert "Canary" not in doctor.out
    assert cli.run("pull", "--stream", "notify_rx").code == 0
    assert checks(cli.run("doctor", "--json"))["stream notify_rx"]["status"] == "ok"


def test_when_all_goes_well_doctor_and_stats_say_how_far_it_is(cli: Cli, server: Partner) -> None:
    cli.run("pull", "--since", FAR)
    found = checks(cli.run("doctor", "--json"))
    assert found["stream notify_rx"]["status"] == found["calls to truepill"]["status"] == "ok"
    assert "events is not offered" in found["pulls"]["text"]
    pulls = cli.run("stats", "--json").document["pulls"]
    (stream,) = [row for row in pulls["streams"] if row["name"] == "notify_rx"]
    assert (stream["seen"], stream["stored"], stream["trouble"]) == (7, 7, None)
    assert pulls["requests"] == {"requests": 0, "refused": 0}
    cli.ledger.conn.execute("UPDATE streams SET read_at = read_at - interval '1 hour'")
    assert "last read" in checks(cli.run("doctor", "--json"))["stream notify_rx"]["text"]
