"""`rxledger replay`."""

from __future__ import annotations

import pytest

from ops import replay
from tests.support.commandline import Cli
from tests.support.factories import OrderSuccess, OrderTriage, Shipment

AT = 1_590_800_000
KEY = "fill_request_1"


def test_a_quarantined_event_is_applied_once_it_can_be(cli: Cli) -> None:
    success = OrderSuccess(request_id=KEY, timestamp=AT)
    quarantine(cli, success)
    event_id = cli.event_id(success)

    ran = cli.run("replay", event_id[:10], "--json")

    assert (ran.code, ran.err) == (0, "")
    assert ran.document == {
        "selected": 1,
        "changed": [
            {"kind": "fill_request", "key": KEY, "from": None, "to": "completed", "why": "1 fact added"}
        ],
        "unchanged": 0,
        "pending": 0,
        "quarantined": 0,
    }
    assert cli.ledger.state(KEY) == "completed"
    assert cli.ledger.reasons() == []
    assert cli.one("SELECT action || ' ' || subject FROM audit") == f"replay {event_id[:10]}"


def quarantine(cli: Cli, body: dict[str, object]) -> None:
    """As an older version would have left it: in quarantine, and nothing stated."""
    (seq,) = cli.ledger.admit(body)
    cli.ledger.conn.execute("DELETE FROM queue")
    cli.ledger.conn.execute(
        "INSERT INTO quarantine (seq, reason, since) VALUES (%s, 'unknown_type', now())", (seq,)
    )


def test_a_dry_run_says_the_same_and_changes_nothing(cli: Cli) -> None:
    cli.ledger.apply(OrderTriage(request_id=KEY, timestamp=AT))
    success = OrderSuccess(request_id=KEY, timestamp=AT + 60)
    quarantine(cli, success)

    dry = cli.run("replay", cli.event_id(success), "--dry-run", "--json").document

    assert cli.ledger.state(KEY) == "triage"
    assert cli.ledger.reasons() == ["unknown_type"]
    assert cli.ledger.count("audit") == 0
    assert dry["changed"] == [
        {
            "kind": "fill_request",
            "key": KEY,
            "from": "triage",
            "to": "completed",
            "why": "1 fact added; outcome open → full",
        }
    ]
    assert cli.run("replay", cli.event_id(success), "--json").document == dry


def test_an_entity_is_replayed_by_its_events(cli: Cli) -> None:
    cli.ledger.apply(OrderSuccess(request_id=KEY, timestamp=AT), Shipment(request_id=KEY, timestamp=AT + 60))
    cli.ledger.conn.execute("UPDATE entities SET state = 'delivered', review = 'made up'")

    told = cli.run("replay", "--entity", "fill_request", KEY, "--json").document

    assert (told["selected"], told["unchanged"]) == (2, 0)
    assert told["changed"] == [
        {
            "kind": "fill_request",
            "key": KEY,
            "from": "delivered",
            "to": "in_transit",
            "why": "refolded; no longer under review",
        }
    ]
    assert cli.run("replay", "--entity", "fill_request", KEY, "--json").document["unchanged"] == 1


def test_batches_are_told_as_one(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replay, "BATCH", 2)
    bodies = [Shipment(request_id=KEY, timestamp=AT + n) for n in range(5)]
    for each in bodies:
        quarantine(cli, each)
    ids = [cli.event_id(each) for each in bodies]

    dry = cli.run("replay", *ids, "--dry-run", "--json").document
    told = cli.run("replay", *ids, "--json").document

    assert told == dry
    assert told["selected"] == 5
    assert [(c["from"], c["to"], c["why"]) for c in told["changed"]] == [
        (None, "in_transit", "5 facts added")
    ]


def test_an_event_whose_key_is_missing_is_pending(cli: Cli) -> None:
    success = OrderSuccess(request_id=KEY, timestamp=AT)
    cli.ledger.admit(success)
    cli.setenv(RXLEDGER_SEAL_KEYS=f"k2:{'A' * 43}=")

    ran = cli.run("replay", cli.event_id(success), "--json")

    assert ran.code == 0
    assert (ran.document["pending"], ran.document["changed"]) == (1, [])


def test_the_human_form_names_what_changes(cli: Cli) -> None:
    success = OrderSuccess(request_id=KEY, timestamp=AT)
    quarantine(cli, success)

    out = cli.run("replay", cli.event_id(success), "--dry-run").out

    assert f"fill_request {KEY}" in out
    assert "1 fact added" in out
    assert "1 entities would change" in out


@pytest.mark.parametrize("arguments", [["0" * 32], ["--entity", "fill_request", "nobody"]])
def test_what_does_not_exist_is_exit_1_and_nothing_is_replayed(cli: Cli, arguments: list[str]) -> None:
    success = OrderSuccess(request_id=KEY, timestamp=AT)
    quarantine(cli, success)
    more = [] if arguments[0] == "--entity" else [cli.event_id(success)]

    ran = cli.run("replay", *more, *arguments)

    assert (ran.code, ran.out) == (1, "")
    assert ran.err.startswith("rxledger: there is no ")
    assert cli.ledger.reasons() == ["unknown_type"]


@pytest.mark.parametrize("arguments", [[], ["0" * 32, "--entity", "fill_request", KEY], ["nonsense"]])
def test_a_selection_that_makes_no_sense_is_a_usage_error(cli: Cli, arguments: list[str]) -> None:
    assert cli.run("replay", *arguments).code == 2
