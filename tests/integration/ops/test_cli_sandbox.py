"""`sandbox load` and `sandbox check` against a running sandbox whose receiver is not ours."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.commandline import Cli
from tests.support.factories import OrderSuccess
from tests.support.fast_sandbox import Fast, fast
from tests.support.sandbox import KEY


@pytest.fixture
def partner(cli: Cli) -> Iterator[Fast]:
    with fast() as running:
        cli.setenv(RXLEDGER_SANDBOX_URL=running.url, RXLEDGER_SANDBOX_KEYS=KEY)
        yield running


def test_a_load_sums_up_what_it_did_and_what_that_cost(cli: Cli, partner: Fast) -> None:
    told = cli.run("sandbox", "load", "--journeys", "5", "--rate", "1000", "--json").document
    assert told["journeys"]["fill"] + sum(told["journeys"].values()) >= 5
    callbacks = told["callbacks"]
    assert callbacks["generated"] == callbacks["delivered"] == len(partner.recorder.received)
    assert told["sandbox"]["ms_per_journey"] > 0
    assert told["failed"] == {}


def test_a_load_tells_people_the_same(cli: Cli, partner: Fast) -> None:
    ran = cli.run("sandbox", "load", "--journeys", "3", "--rate", "1000")
    assert ran.code == 0
    assert f"{len(partner.recorder.received)} delivered" in ran.out
    assert "ms a journey" in ran.out


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["--profile", "lossless", "--journeys", "1"], 1, "the sandbox has no profile 'lossless': it has"),
        (["--for", "soon"], 2, "a time is a number of seconds"),
        (["--rate", "0"], 2, "--rate"),
        (["--journeys", "0"], 2, "--journeys"),
    ],
)
def test_a_load_that_cannot_be_is_refused(
    cli: Cli, partner: Fast, arguments: list[str], code: int, says: str
) -> None:
    ran = cli.run("sandbox", "load", *arguments)
    assert ran.code == code
    assert says in ran.err
    assert partner.recorder.received == []


@pytest.mark.parametrize("command", ["load", "check"])
def test_without_a_known_sandbox_both_say_what_is_not_set(cli: Cli, command: str) -> None:
    cli.setenv(RXLEDGER_SANDBOX_KEYS=KEY)
    ran = cli.run("sandbox", command)
    assert ran.code == 1
    assert "RXLEDGER_SANDBOX_URL is not set" in ran.err


def test_what_another_receiver_acknowledged_is_not_with_us(cli: Cli, partner: Fast) -> None:
    partner.drive(2)
    cli.ledger.apply(OrderSuccess())
    ran = cli.run("sandbox", "check", "--json")
    assert ran.code == 1
    assert {row["what"] for row in ran.document["wrong"]} == {"lost"}
    assert ran.document["entities"]["of_others"] == 1
    shown = cli.run("sandbox", "check")
    assert "wrong" in shown.out
    assert "1 entities are not the sandbox's" in shown.out


def test_the_check_does_not_compare_before_the_queue_is_empty(cli: Cli, partner: Fast) -> None:
    cli.ledger.admit(OrderSuccess())
    ran = cli.run("sandbox", "check", "--wait", "0")
    assert ran.code == 1
    assert "the queue is not empty after 0 s: 1 events wait to be applied" in ran.err


def test_an_empty_sandbox_and_an_empty_ledger_agree(cli: Cli, partner: Fast) -> None:
    ran = cli.run("sandbox", "check")
    assert ran.code == 0
    assert "0 of 0 entities agree" in ran.out
