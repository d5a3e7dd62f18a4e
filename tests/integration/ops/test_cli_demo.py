"""`rxledger demo`, through a real receiver; a thread stands in for the worker."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Thread

import pytest

from ops.commands import demo
from ops.http import Unanswered, request
from ops.local.embedded import Addresses
from store.db.connections import connect
from tests.support.commandline import Cli
from workers.apply.batch import apply_queued
from workers.apply.model import Tools

TOKEN = "a-token-that-is-long-enough"


@pytest.fixture
def receiving(cli: Cli, servers: Addresses) -> Iterator[Cli]:
    """A command line whose receiver runs, on a port of its own."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    cli.setenv(
        REDIS_URL=servers.broker_url, RXLEDGER_TRUEPILL_WEBHOOK_TOKENS=TOKEN, RXLEDGER_RECEIVER_URL=url
    )
    command = [sys.executable, "-m", "ops.cli", "web", "--port", str(port)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_until_ready(url)
        yield cli
    finally:
        process.terminate()
        process.wait(20)


def wait_until_ready(url: str) -> None:
    deadline = time.monotonic() + 20
    while True:
        try:
            if request("GET", f"{url}/readyz").status == 200:
                return
        except Unanswered:
            assert time.monotonic() < deadline, "the receiver did not start"
        time.sleep(0.05)


@contextmanager
def applying(url: str, tools: Tools) -> Iterator[None]:
    """Apply whatever is queued while the block lasts."""
    stop = Event()

    def work() -> None:
        with connect(url, "test") as conn:
            while not stop.wait(0.02):
                apply_queued(conn, [seq for (seq,) in conn.execute("SELECT seq FROM queue")], tools)

    thread = Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def test_the_demo_plays_a_fills_life_and_shows_the_outcome(receiving: Cli, cli_url: str) -> None:
    with applying(cli_url, receiving.ledger.tools):
        human = receiving.run("demo")
        ran = receiving.run("demo", "--json")

    assert (human.code, ran.code) == (0, 0)
    found = ran.document
    assert (found["state"], found["outcome"], found["review"]) == ("delivered", "partial", None)
    assert [fact["signal"] for fact in found["facts"]] == [
        "order:triage",
        "order:success",
        "shipment:pre_transit",
        "shipment:transit",
        "shipment:delivered",
    ]
    assert receiving.run("show", "fill_request", found["key"], "--json").document == found
    assert ran.err.count("seen before") == 1
    assert found["facts"][0]["events"][0][:8] in ran.err
    assert "rxledger show fill_request" in human.out
    assert found["key"] not in human.out
    assert receiving.ledger.count("events") == 10


def test_a_worker_that_does_not_run_is_noticed(receiving: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo, "WAIT_SECONDS", 0.1)

    ran = receiving.run("demo", "--json")

    assert (ran.code, ran.out) == (1, "")
    assert "5 of 5 events were not applied" in ran.err


def test_a_receiver_that_refuses_the_token_is_told(receiving: Cli) -> None:
    receiving.setenv(RXLEDGER_TRUEPILL_WEBHOOK_TOKENS="another-token-that-is-long")

    ran = receiving.run("demo", "--json")

    assert (ran.code, ran.out) == (1, "")
    assert "answers 401" in ran.err


def test_a_demo_without_a_receiver_says_what_to_start(cli: Cli) -> None:
    nowhere = cli.run("demo", "--json")
    cli.setenv(RXLEDGER_TRUEPILL_WEBHOOK_TOKENS=TOKEN, RXLEDGER_RECEIVER_URL="http://127.0.0.1:1")
    down = cli.run("demo", "--json")

    assert (nowhere.code, down.code) == (1, 1)
    assert "RXLEDGER_RECEIVER_URL is not set" in nowhere.err
    assert "rxledger up" in down.err
