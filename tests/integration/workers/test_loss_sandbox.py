"""The loss ledger against what the sandbox really dropped, once all that it still gives is pulled."""

from __future__ import annotations

import json
import os
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from statemachine import MACHINES
from store.db.connections import connect
from tests.support.commandline import Cli
from tests.support.fast_sandbox import Fast, fast
from tests.support.ledger import Ledger
from tests.support.sandbox import KEY

JOURNEYS = 60


@pytest.fixture(params=[False, True], ids=["reference", "live contract"])
def partner(request: pytest.FixtureRequest, cli: Cli) -> Iterator[Fast]:
    with fast(live_contract=request.param) as running:
        cli.setenv(
            RXLEDGER_SANDBOX_URL=running.url,
            RXLEDGER_SANDBOX_KEYS=KEY,
            RXLEDGER_TRUEPILL_BASE_URL=running.url,
            RXLEDGER_TRUEPILL_API_KEY=KEY,
            RXLEDGER_TRUEPILL_CALLS_PER_MINUTE="100000",
            RXLEDGER_PULL_QUIET="0.01",
        )
        yield running


def truth(cli: Cli, partner: Fast) -> list[dict[str, Any]]:
    """Every event of a type that the reference has, in the sandbox's own words."""
    import urllib.request

    found: list[dict[str, Any]] = []
    after: int | None = 0
    while after is not None:
        with urllib.request.urlopen(f"{partner.url}/_sandbox/truth?after={after}") as answer:
            page = json.load(answer)
        found, after = found + page["events"], page["next"]
    return [event for event in found if event["surprise"] != "type"]


def arrived(event: dict[str, Any], received: set[str]) -> bool:
    bodies = [event["body"], *(attempt["body"] for attempt in event["attempts"] if "body" in attempt)]
    return any(told(body) in received for body in bodies)


def told(body: Any) -> str:
    return json.dumps(body, sort_keys=True)


def know_of_all(cli: Cli, events: list[dict[str, Any]]) -> None:
    """Each request was accepted, so we know of it, also where every callback was lost."""
    for kind, key in {(event["kind"], event["key"]) for event in events}:
        cli.ledger.conn.execute(
            "INSERT INTO entities (kind, key, state) VALUES (%s, %s, %s) ON CONFLICT DO NOTHING",
            (kind, key, MACHINES[kind].initial),
        )


@contextmanager
def applying(cli: Cli) -> Iterator[None]:
    """A worker: a pull waits for what it brought to be applied."""
    over = threading.Event()

    def work() -> None:
        with connect(os.environ["DATABASE_URL"], "test") as conn:
            ledger = Ledger(conn, cli.ledger.tools)
            while not over.wait(0.02):
                ledger.settle()

    worker = threading.Thread(target=work)
    worker.start()
    try:
        yield
    finally:
        over.set()
        worker.join()


def settle(cli: Cli) -> None:
    """Pull until nothing is new."""
    for _ in range(10):
        with applying(cli):
            ran = cli.run("pull", "--json")
        cli.ledger.settle()
        # A request that failed by the partner's fault is put off, and the command says so.
        if ran.code == 0 and not sum(stream["stored"] for stream in ran.document["streams"]):
            return
    pytest.fail("pulls do not come to an end")


# Many more are dropped than on such a day, so that sixty journeys surely lose some.
@pytest.mark.parametrize("profile", ["lossy; drop=0.25", "hostile; drop=0.25"])
def test_the_ledger_equals_the_sandboxes_own_count_of_dropped_callbacks(
    cli: Cli, partner: Fast, profile: str
) -> None:
    partner.drive(JOURNEYS, profile)
    received = [one.body for one in partner.recorder.received]
    cli.ledger.admit(*received)
    cli.ledger.settle()
    events = truth(cli, partner)
    know_of_all(cli, events)

    settle(cli)

    came = {told(json.loads(body)) for body in received}
    offered = [event for event in events if event["offered"]]
    dropped = Counter(event["type"] for event in offered if not arrived(event, came))
    pushed = Counter(event["type"] for event in events if arrived(event, came))
    assert dropped.total() > 5
    ledger = {row["type"]: row for row in cli.run("loss", "--since", "60d", "--json").document["types"]}
    assert {name: row["pulled_only"] for name, row in ledger.items() if row["pulled_only"]} == dropped
    assert {name: row["pushed"] for name, row in ledger.items() if row["pushed"]} == pushed
    both = Counter(event["type"] for event in offered if arrived(event, came))
    assert {name: row["both"] for name, row in ledger.items() if row["both"]} == both
    # Nobody else has sent anything: whatever the partner gives confirms its push, and copies of a consult
    # that do not tell its status say nothing against it.
    confirmed = {event["type"] for event in events if event["offered"]}
    assert [name for name in confirmed if ledger[name]["unconfirmed"] or ledger[name]["flagged"]] == []

    # And by hand, with as many journeys as one likes.
    check = cli.run("sandbox", "check", "--json").document
    assert [row for row in check["wrong"] if row["what"] == "loss"] == []
    assert check["recoverable"] == []
    assert {row["type"]: row["pulled_only"] for row in check["loss"] if row["dropped"]} == dropped
    assert all(row["pulled_only"] == row["dropped"] for row in check["loss"])
