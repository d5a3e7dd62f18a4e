"""Another name of an entity where a command takes a KEY."""

from __future__ import annotations

import pytest

from tests.support.commandline import Cli
from tests.support.factories import Transfer, TransferContact

AT = 1_590_800_000
TOLD = "tok1 is another name of transfer t1\n"


@pytest.fixture
def named(cli: Cli) -> Cli:
    """A transfer t1 that goes by tok1, and whose success named it by nothing else."""
    cli.ledger.apply(
        TransferContact(request_id="t1", timestamp=AT, details__transfer_token="tok1"),
        Transfer(request_id=None, timestamp=AT + 60, details__transfer_token="tok1"),
    )
    return cli


def test_show_finds_the_entity_and_says_whose_name_it_was(named: Cli) -> None:
    ran = named.run("show", "transfer", "tok1", "--json")

    assert (ran.code, ran.err) == (0, TOLD)
    assert (ran.document["key"], ran.document["state"]) == ("t1", "completed")
    assert len(ran.document["facts"]) == 2
    human = named.run("show", "transfer", "tok1", "--details")
    assert human.out.startswith("transfer t1: completed")
    assert named.one("SELECT subject FROM audit") == "transfer t1"
    assert named.run("show", "transfer", "t1", "--json").err == ""


def test_events_and_replay_take_it_too(named: Cli) -> None:
    listed = named.run("events", "--entity", "transfer", "tok1", "--json")
    assert (len(listed.document["events"]), listed.err) == (2, TOLD)

    again = named.run("replay", "--entity", "transfer", "tok1", "--json")
    assert (again.document["selected"], again.document["unchanged"], again.err) == (2, 1, TOLD)
    assert named.one("SELECT subject FROM audit") == "transfer t1"


def test_registering_by_another_name_registers_the_entity_itself(named: Cli) -> None:
    ran = named.run("track", "transfer", "tok1", "--json")

    assert (ran.code, ran.document["key"], ran.document["known"], ran.err) == (0, "t1", True, TOLD)
    assert named.ledger.count("entities") == 1


def test_a_name_of_several_is_refused_with_their_keys(named: Cli) -> None:
    named.ledger.apply(TransferContact(request_id="t2", details__transfer_token="tok1"))

    for command in (("show", "transfer"), ("events", "--entity", "transfer"), ("track", "transfer")):
        ran = named.run(*command, "tok1")
        assert (ran.code, ran.out) == (1, "")
        assert ran.err == "rxledger: transfer tok1 may be any of t1, t2: give the key\n"


def test_a_key_comes_before_another_ones_name(named: Cli) -> None:
    named.ledger.apply(TransferContact(request_id="tok1", timestamp=AT))

    ran = named.run("show", "transfer", "tok1", "--json")

    assert (ran.document["key"], ran.document["state"], ran.err) == ("tok1", "contacting", "")


def test_a_name_of_another_kind_is_no_name_here(named: Cli) -> None:
    ran = named.run("show", "copay", "tok1")

    assert (ran.code, ran.err) == (1, "rxledger: there is no copay tok1\n")


def test_what_waits_for_a_name_is_listed_with_it(cli: Cli) -> None:
    news = Transfer(request_id=None, timestamp=AT, details__transfer_token="tok1")
    cli.ledger.apply(news)

    found = cli.run("quarantine", "list", "--reason", "unmatched", "--json").document

    (row,) = found["quarantine"]
    assert (row["event"], row["reason"], row["detail"]) == (cli.event_id(news), "unmatched", "transfer tok1")
    assert "rxledger track" in found["reasons"]["unmatched"]["todo"]
    assert "transfer tok1" in cli.run("events", "show", row["event"]).out
    assert cli.run("stats", "--json").document["quarantine"] == {"count": 1, "reasons": {"unmatched": 1}}
    assert "unmatched 1" in cli.run("doctor").out

    cli.run("track", "transfer", "t1", "--alias", "tok1")
    assert cli.run("quarantine", "list").out == "the quarantine is empty\n"
    assert len(cli.ledger.queued()) == 1


@pytest.mark.parametrize("command", [("show",), ("track",), ("events", "--entity"), ("replay", "--entity")])
def test_a_kind_that_there_is_not_is_a_usage_error_in_every_command(
    cli: Cli, command: tuple[str, ...]
) -> None:
    ran = cli.run(*command, "letter", "t1")

    assert (ran.code, ran.out) == (2, "")
    assert "letter is not a kind" in ran.err
