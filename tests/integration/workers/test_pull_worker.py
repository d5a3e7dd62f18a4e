"""Real workers that pull: started twice by mistake, with a partner that goes away and comes back."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ops.local.embedded import Addresses
from settings import Database
from store.reports import loss_days
from tests.support.backends import empty, own_prefix
from tests.support.commandline import Cli
from tests.support.partner import Answer, Asked, Partner, events_page, partner
from tests.support.pulls import Book, arrivals
from tests.support.workers import Broker, environment, until, worker

KEY = "tp_live_key_that_is_secret"
START = 1_760_000_000
PULL = "/v1/webhook_events/notify_rx"
IMPATIENT = "tests.faults.impatient_app"
SCRAPED = """
SELECT sum(value) FROM gauges
WHERE name = 'rxledger_loss_callbacks'
  AND labels = '{"partner": "truepill", "type": "NOTIFY_RX", "came": "pulled_only"}'
"""


@pytest.fixture
def broker(servers: Addresses) -> Iterator[Broker]:
    with own_prefix(servers.broker_url) as place:
        made = Broker(*place)
        yield made
        made.app.close()


@pytest.fixture
def book() -> Book:
    # Of a day that the first pass reaches back for; of one second, so that pages follow by their tokens.
    return Book(arrivals(1000, int(time.time()) - 86_400, step=0), size=100)


@pytest.fixture
def server(book: Book) -> Iterator[Partner]:
    with partner(lambda asked: book(asked) if asked.path == PULL else Answer(404)) as running:
        yield running


@pytest.fixture
def env(cli: Cli, cli_url: str, broker: Broker, server: Partner, tmp_path: Path) -> dict[str, str]:
    return {
        **environment(Database(cli_url), broker, tmp_path),
        "RXLEDGER_TRUEPILL_BASE_URL": server.url,
        "RXLEDGER_TRUEPILL_API_KEY": KEY,
        "RXLEDGER_TRUEPILL_CALLS_PER_MINUTE": "6000",
        "RXLEDGER_TRUEPILL_TIMEOUT": "2",
    }


def received(cli: Cli) -> int:
    return int(cli.one("SELECT count(*) FROM entities WHERE kind = 'prescription' AND state = 'received'"))


def trouble(cli: Cli) -> str | None:
    found = cli.one("SELECT trouble FROM streams WHERE name = 'notify_rx'")
    return None if found is None else str(found)


def test_workers_that_are_told_twice_store_each_event_once(
    cli: Cli, env: dict[str, str], broker: Broker, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    with worker(env, log):
        for _ in range(2):
            broker.send("rxledger.pull")
        broker.send("rxledger.pull", "notify_rx")
        broker.send("rxledger.pull", "no such stream")
        until(lambda: received(cli) == 1000, "what was missed did not arrive")
        until(
            lambda: cli.one("SELECT completed_at FROM streams WHERE name = 'notify_rx'") is not None, "no end"
        )
    assert cli.ledger.count("events") == 1000
    assert cli.ledger.count("changes") + cli.ledger.count("changes_unplaced") == 1000
    told = log.read_text()
    assert KEY not in told
    assert PULL not in told


def test_a_partner_that_was_down_is_read_when_it_is_back(
    cli: Cli, env: dict[str, str], broker: Broker, server: Partner, tmp_path: Path
) -> None:
    usual = server.answer
    server.answer = lambda asked: usual(asked) if "next" not in asked.query else Answer(500, b"Jane Canary")
    log = tmp_path / "log"
    with worker(env, log, IMPATIENT):
        broker.send("rxledger.pull")
        until(lambda: trouble(cli) is not None, "nothing was told")
        assert "500, the partner failed" in (trouble(cli) or "")
        until(lambda: received(cli) == 100, "the page before it was not applied")
        asked = len(server.asked)
        server.answer = usual
        cli.ledger.conn.execute("UPDATE calls SET open_until = NULL, failures = 0")
        broker.send("rxledger.pull")
        until(lambda: received(cli) == 1000, "what was missed did not arrive")
    # One run, with its retries: no loop.
    assert asked <= 10
    assert cli.ledger.count("events") == 1000
    told = log.read_text()
    assert KEY not in told
    assert "Canary" not in told


WRONG = [
    Answer(401, b"Jane Canary"),
    Answer(403, b"Jane Canary"),
    Answer(404, b"Jane Canary"),
    Answer(429, b"Jane Canary", {"Retry-After": "30"}),
    Answer(500, b"Jane Canary"),
    Answer(200, b"<html>Jane Canary"),
    Answer(200, b'{"results": ["Jane Canary'),
    Answer(302, b"Jane Canary", {"Location": "https://canary.example"}),
    Answer(200, b"Jane Canary", stall=1.0),
]


def test_whatever_a_partner_answers_the_workers_log_holds_neither_key_nor_body_nor_token(
    cli: Cli, env: dict[str, str], broker: Broker, server: Partner, tmp_path: Path
) -> None:
    """Each wrong answer comes behind a page with a token, and to single requests."""
    wrong = WRONG[0]

    def answer(asked: Asked) -> Answer:
        first = asked.path == PULL and "next" not in asked.query
        return events_page(*arrivals(1, START), next="token-of-canary") if first else wrong

    server.answer = answer
    env.update(RXLEDGER_TRUEPILL_LIVE_CONTRACT="no", RXLEDGER_TRUEPILL_TIMEOUT="0.3")
    streams = ("notify_rx", "fill_request", "snapshots")
    log = tmp_path / "log"
    with worker(env, log, IMPATIENT):
        for wrong in WRONG:
            empty(cli.ledger.conn, "calls", "streams", "lookups", "entities")
            cli.ledger.conn.execute(
                "INSERT INTO entities (kind, key, state, first_seen, deadline) VALUES ('fill_request', 'f1', "
                "'pending', now() - interval '9 days', now() - interval '1 day')"
            )
            ended = log.read_text().count("succeeded")
            server.asked.clear()
            for stream in streams:
                broker.send("rxledger.pull", stream)
            until(lambda: told_by(log, ended) >= len(streams), f"{wrong.status} did not end")  # noqa: B023
            # A page that is refused is read again by time, three times; nothing else is.
            assert len(server.asked) <= 8 + 2 * 3, wrong
    told = log.read_text()
    assert "Traceback" not in told
    for secret in (KEY, "Canary", "canary", PULL):
        assert secret not in told


def told_by(log: Path, before: int) -> int:
    """How many tasks have succeeded since."""
    return log.read_text().count("succeeded") - before


def test_a_worker_that_is_killed_while_it_reads_is_followed_by_another(
    cli: Cli, env: dict[str, str], broker: Broker, server: Partner, tmp_path: Path
) -> None:
    usual = server.answer

    def slow(asked: Asked) -> Answer:
        if asked.query.get("next", [""])[0].endswith("-500"):
            return Answer(stall=30)
        return usual(asked)

    server.answer = slow
    with worker(env, tmp_path / "first"):
        broker.send("rxledger.pull", "notify_rx")
        until(lambda: cli.ledger.count("events") == 500, "the pages before it were not stored")
    server.answer = usual
    # Its lease runs out.
    cli.ledger.conn.execute("UPDATE streams SET leased_until = now()")
    broker.forget()
    with worker(env, tmp_path / "second"):
        broker.send("rxledger.pull", "notify_rx")
        until(lambda: cli.ledger.count("events") == 1000, "the rest did not arrive")
        # Hints of what was applied by the first are gone with it.
        cli.ledger.conn.execute("UPDATE queue SET due_at = now()")
        broker.send("rxledger.sweep")
        until(lambda: received(cli) == 1000, "the rest was not applied")
    assert cli.one("SELECT epoch FROM streams WHERE name = 'notify_rx'") == 2


def test_without_a_key_a_worker_pulls_nothing(
    cli: Cli, env: dict[str, str], broker: Broker, server: Partner, tmp_path: Path
) -> None:
    del env["RXLEDGER_TRUEPILL_API_KEY"]
    log = tmp_path / "log"
    with worker(env, log):
        broker.send("rxledger.pull")
        until(
            lambda: b"rxledger.pull" in log.read_bytes() and b"succeeded" in log.read_bytes(),
            "it did not end",
        )
    assert server.asked == []
    assert cli.ledger.count("streams") == 0


def test_a_run_that_must_wait_for_its_turn_is_gone_on_with_by_a_later_message(
    cli: Cli, env: dict[str, str], broker: Broker, book: Book, tmp_path: Path
) -> None:
    """Three seconds from call to call are longer than a worker waits."""
    book.events = book.events[:200]
    env.update(RXLEDGER_TRUEPILL_CALLS_PER_MINUTE="20", RXLEDGER_TRUEPILL_LIVE_CONTRACT="no")
    with worker(env, tmp_path / "log"):
        broker.send("rxledger.pull", "notify_rx")
        until(lambda: cli.ledger.count("events") == 200, "the rest was not gone on with")
    assert int(cli.one("SELECT epoch FROM streams WHERE name = 'notify_rx'")) > 1


def test_a_worker_counts_what_was_lost(
    cli: Cli, env: dict[str, str], broker: Broker, book: Book, tmp_path: Path
) -> None:
    with worker(env, tmp_path / "log"):
        broker.send("rxledger.pull", "notify_rx")
        until(lambda: received(cli) == len(book.events), "what was missed did not arrive")
        cli.ledger.conn.execute("UPDATE streams SET completed_at = completed_at - interval '1 minute'")
        broker.send("rxledger.losses")
        until(
            lambda: cli.one("SELECT count(*) FROM losses_counted") == loss_days.DAYS,
            "not all days were counted",
        )
        until(lambda: cli.one(SCRAPED) == len(book.events), "scrapes do not get what was counted")
    assert cli.one("SELECT sum(pulled_only) FROM losses") == len(book.events)
