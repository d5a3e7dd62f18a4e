"""Every wrong answer of a partner, on every surface: a line in `doctor`, no loop, and nothing told."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import pytest
import stamina

from settings import Settings
from store.pulls.streams import FILLS, NOTIFY, SNAPSHOTS
from tests.support.commandline import Cli
from tests.support.ledger import every_text
from tests.support.partner import Answer, Asked, Partner, events_page, partner
from tests.support.pulls import arrivals
from workers.pull.puller import Puller
from workers.pull.run import Report

KEY = "tp_live_key_that_is_secret"
BODY = b"Jane Canary"
TOKEN = "token-of-canary"
CANARIES = (KEY, "Canary", "canary")
START = 1_760_000_000
#: What a partner's answers leave behind in the clear.
CLEAR = ("streams", "calls", "lookups", "surfaces", "queue", "events")


@pytest.fixture(autouse=True)
def without_waits() -> Iterator[None]:
    with stamina.set_testing(True, attempts=2):
        yield


class Surface(NamedTuple):
    """What is read: the stream, its name in errors, and of whom; None for what is read by time."""

    stream: str
    name: str
    of: str | None


SURFACES = {
    "a stream": Surface(NOTIFY, "webhook_events/notify_rx", None),
    "events of a fill": Surface(FILLS, "fill_request webhook_events", "fill_request f1"),
    "a record": Surface(SNAPSHOTS, "fill_request", "fill_request f1"),
    "a transfer": Surface(SNAPSHOTS, "transfer_request", "transfer t1"),
}


class Fault(NamedTuple):
    """An answer, what is said of it, how many calls are made, and what `doctor` says of calls as a whole."""

    answer: Answer
    said: str
    calls: int
    status: str
    circuit: str
    todo: str


KEY_REFUSED = r"{0}; 1 failure in a row, the next try in [0-9.]+ s"
FAULTS = {
    "401": Fault(
        Answer(401, BODY), "401, the API key is refused", 1, "fail", KEY_REFUSED, "RXLEDGER_TRUEPILL_API_KEY"
    ),
    "403": Fault(
        Answer(403, BODY), "403, the API key is refused", 1, "fail", KEY_REFUSED, "RXLEDGER_TRUEPILL_API_KEY"
    ),
    "404": Fault(
        Answer(404, BODY),
        "404, the partner does not give it",
        1,
        "ok",
        "the partner answers",
        "RXLEDGER_TRUEPILL_BASE_URL",
    ),
    "429": Fault(
        Answer(429, BODY, {"Retry-After": "60"}),
        "429, too many calls",
        1,
        "warn",
        r"{0}; no call for [0-9.]+ (s|min)",
        "CALLS_PER_MINUTE",
    ),
    "500": Fault(Answer(500, BODY), "500, the partner failed", 2, "warn", "{0}", "Tell the partner"),
    "HTML": Fault(Answer(200, b"<html>" + BODY), "the answer is HTML", 2, "warn", "{0}", "BASE_URL"),
    "half a JSON": Fault(
        Answer(200, b'{"results": ["' + BODY),
        "the answer is no whole JSON",
        2,
        "warn",
        "{0}",
        "Tell the partner",
    ),
    "half a body": Fault(
        Answer(200, b'{"results": ["' + BODY + b'"]}', cut=True),
        "no answer: RemoteProtocolError",
        2,
        "warn",
        "{0}",
        "Tell the partner",
    ),
    "a redirect": Fault(
        Answer(302, BODY, {"Location": "https://canary.example"}),
        "302, a redirect, which is not followed",
        1,
        "warn",
        "{0}",
        "RXLEDGER_TRUEPILL_BASE_URL",
    ),
    "nothing": Fault(Answer(200, BODY, stall=0.6), "no answer in time", 2, "warn", "{0}", "Tell the partner"),
}


@pytest.fixture
def server(cli: Cli) -> Iterator[Partner]:
    """A partner, and on our side a fill and a transfer that have waited for long."""
    for kind, key in (("fill_request", "f1"), ("transfer", "t1")):
        cli.ledger.conn.execute(
            "INSERT INTO entities (kind, key, state, since, first_seen, deadline) VALUES (%s, %s, 'pending', "
            "now() - interval '9 days', now() - interval '9 days', now() - interval '2 days')",
            (kind, key),
        )
    cli.ledger.conn.execute("INSERT INTO aliases (kind, alias, key) VALUES ('transfer', 'tok1', 't1')")
    with partner(lambda _: Answer(200)) as running:
        cli.setenv(
            RXLEDGER_TRUEPILL_BASE_URL=running.url,
            RXLEDGER_TRUEPILL_API_KEY=KEY,
            RXLEDGER_TRUEPILL_CALLS_PER_MINUTE="100000",
            RXLEDGER_TRUEPILL_TIMEOUT="0.3",
            RXLEDGER_TRUEPILL_LIVE_CONTRACT="no",
        )
        yield running


@pytest.fixture
def pull(cli: Cli) -> Callable[[str], Report]:
    """One run as a worker makes it: it waits for a permit no longer than a moment."""

    def run(stream: str) -> Report:
        conn, tools = cli.ledger.conn, cli.ledger.tools
        with Puller(Settings.load(), conn, tools, patience=0.1, hint=lambda _: None) as puller:
            return puller.pull(stream)

    return run


def only(surface: Surface, cli: Cli) -> None:
    """Nothing else is there to be asked about."""
    if surface.of is not None:
        kind, _, key = surface.of.partition(" ")
        cli.ledger.conn.execute("DELETE FROM entities WHERE (kind, key) <> (%s, %s)", (kind, key))


def doctor(cli: Cli) -> dict[str, dict[str, Any]]:
    return {check["name"]: check for check in cli.run("doctor", "--json").document["checks"]}


def everything_told(cli: Cli, caplog: pytest.LogCaptureFixture) -> str:
    """All that anybody who looks at us can read."""
    ran = [cli.run(*command) for command in (("doctor",), ("stats",), ("stats", "--json"), ("worklist",))]
    told = "".join(one.out + one.err for one in ran)
    return told + caplog.text + every_text(cli.ledger.conn, CLEAR)


@pytest.mark.parametrize("surface", SURFACES.values(), ids=SURFACES)
@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_a_wrong_answer_is_a_clear_line_without_a_loop_and_tells_nothing(
    cli: Cli,
    server: Partner,
    pull: Callable[[str], Report],
    caplog: pytest.LogCaptureFixture,
    fault: Fault,
    surface: Surface,
) -> None:
    caplog.set_level("DEBUG")
    only(surface, cli)
    server.answer = lambda _: fault.answer

    report = pull(surface.stream)

    assert len(server.asked) == fault.calls
    found = doctor(cli)
    said = f"{surface.name}: {fault.said}"
    calls = found["calls to truepill"]
    assert calls["status"] == fault.status
    assert re.fullmatch(fault.circuit.format(re.escape(said)), calls["text"])
    stream = found[f"stream {surface.stream}"]
    if fault.answer.status == 404 and surface.of is not None:
        # One thing that is not there is no trouble of the stream's: it is counted.
        assert (report.finished, report.refused, stream["status"]) == (True, 1, "ok")
        refused = found[f"refused in {surface.stream}"]
        assert refused["status"] == "warn"
        line = re.escape(f"{surface.of}: {fault.said}")
        assert re.fullmatch(rf"once so far, the last one [0-9.]+ s ago: {line}", refused["text"])
        assert "another account" in refused["todo"]
    elif fault.answer.status == 429:
        # It is gone on with when the partner wants it, by nobody before.
        assert (report.trouble, report.finished, stream["status"]) == (None, False, "ok")
        assert 50 < (report.wait or 0) <= 60
        assert pull(surface.stream).busy
    else:
        assert (report.trouble, stream["status"]) == (said, "warn")
        assert re.fullmatch(rf"{re.escape(said)}, [0-9.]+ s ago", stream["text"])
        assert fault.todo in stream["todo"]
        assert f"refused in {surface.stream}" not in found
    if fault.status != "ok":
        assert fault.todo in calls["todo"]
    told = everything_told(cli, caplog)
    assert [canary for canary in CANARIES if canary in told] == []


@pytest.mark.parametrize("surface", list(SURFACES.values())[:2], ids=list(SURFACES)[:2])
@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_a_page_that_fails_behind_a_token_tells_no_token_and_ends(
    cli: Cli,
    server: Partner,
    pull: Callable[[str], Report],
    caplog: pytest.LogCaptureFixture,
    fault: Fault,
    surface: Surface,
) -> None:
    caplog.set_level("DEBUG")
    only(surface, cli)
    pages = arrivals(1, START)

    def answer(asked: Asked) -> Answer:
        return fault.answer if "next" in asked.query else events_page(*pages, next=TOKEN)

    server.answer = answer
    report = pull(surface.stream)
    assert len(server.asked) <= 8
    assert report.stored == 1
    # Only what is one request's may be passed over; of a stream nothing is.
    passed_over = fault.answer.status == 404 and surface.of is not None
    assert report.finished is passed_over
    told = everything_told(cli, caplog)
    assert [canary for canary in CANARIES if canary in told] == []


@pytest.mark.parametrize("surface", SURFACES.values(), ids=SURFACES)
def test_a_partner_that_is_not_there_opens_the_circuit_and_is_left_alone(
    cli: Cli, server: Partner, pull: Callable[[str], Report], surface: Surface
) -> None:
    only(surface, cli)
    cli.setenv(RXLEDGER_TRUEPILL_BASE_URL="http://127.0.0.1:1")
    for _ in range(2):
        assert pull(surface.stream).trouble == f"{surface.name}: no answer: ConnectError"
        # What was polled or read is due again.
        cli.ledger.conn.execute("UPDATE streams SET watermark = NULL, pass_from = NULL, next_page = NULL")
        cli.ledger.conn.execute("DELETE FROM lookups")
    assert pull(surface.stream).trouble is not None
    found = doctor(cli)["calls to truepill"]
    assert found["status"] == "fail"
    assert re.match(rf"{surface.name}: no answer: ConnectError; 5 failures in a row, the next", found["text"])


def test_what_is_not_given_is_counted_by_stats_and_forgotten_by_doctor_after_a_day(
    cli: Cli, server: Partner, pull: Callable[[str], Report]
) -> None:
    server.answer = lambda _: Answer(404, BODY)
    assert pull(SNAPSHOTS).refused == 2
    assert pull(FILLS).refused == 1
    stats = cli.run("stats", "--json").document["pulls"]
    streams = {row["name"]: row for row in stats["streams"]}
    assert (streams[SNAPSHOTS]["refused"], streams[FILLS]["refused"]) == (2, 1)
    assert stats["requests"] == {"requests": 1, "refused": 1}
    assert "not given" in cli.run("stats").out
    refused = doctor(cli)["refused in snapshots"]["text"]
    assert refused.startswith("2 times so far, the last one ")
    cli.ledger.conn.execute("UPDATE streams SET refused_at = refused_at - interval '25 hours'")
    assert not [name for name in doctor(cli) if name.startswith("refused")]


def test_pull_prints_what_was_not_given(cli: Cli, server: Partner) -> None:
    server.answer = lambda _: Answer(404)
    ran = cli.run("pull", "--stream", "snapshots", "--json")
    assert (ran.code, ran.document["streams"][0]["refused"]) == (0, 2)
    assert "not given" in cli.run("pull", "--stream", "snapshots").out


def test_a_request_whose_name_may_stand_in_no_url_holds_back_no_other(
    cli: Cli, server: Partner, pull: Callable[[str], Report]
) -> None:
    cli.ledger.conn.execute(
        "INSERT INTO entities (kind, key, state, first_seen) VALUES "
        "('fill_request', '..', 'pending', now() - interval '30 days')"
    )
    server.answer = lambda _: events_page()
    report = pull(FILLS)
    assert (report.finished, [asked.path for asked in server.asked]) == (
        True,
        ["/v1/fill_request/f1/webhook_events"],
    )
    assert cli.one("SELECT trouble FROM lookups WHERE trouble IS NOT NULL").startswith(
        "a name in a URL wants"
    )
