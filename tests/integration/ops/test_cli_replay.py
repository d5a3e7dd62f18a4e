"""`rxledger replay`."""

from __future__ import annotations

import pytest

from ops import replay as replays
from tests.support.commandline import Cli
from tests.support.factories import (
    CopaySuccess,
    OrderClaim,
    OrderSuccess,
    OrderTriage,
    OwedMedication,
    PricedPrescription,
    RefusedPrescription,
    Shipment,
)

AT = 1_590_800_000
KEY = "fill_request_1"
#: Of a fact all but its detail, which is sealed anew whenever it is written.
FACTS = "SELECT entity_id, fact_id, occurred_at, signal, lines::text, events::text, received_at FROM facts"


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
    monkeypatch.setattr(replays, "BATCH", 2)
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


def test_everything_is_read_anew_and_only_what_comes_out_otherwise_is_told(cli: Cli) -> None:
    """As after an upgrade whose rules differ: what the version before had stored, and its quarantine."""
    day = 86_400
    claim = {"details__medications": [OwedMedication()]}
    for number in range(replays.ENTITIES + 5):
        cli.ledger.admit(OrderSuccess(request_id=f"same{number}", timestamp=AT))
    cli.ledger.settle()
    cli.ledger.apply(OrderClaim(request_id="f1", timestamp=AT, **claim))
    cli.ledger.apply(OrderTriage(request_id="f1", timestamp=AT + 2 * day, details__code="T001"))
    cli.ledger.apply(OrderClaim(request_id="f1", timestamp=AT + 4 * day, **claim))
    prices = [PricedPrescription(prescription_token="a"), RefusedPrescription(prescription_token="b")]
    cli.ledger.apply(CopaySuccess(request_id="c1", timestamp=AT, details__prescriptions=prices))
    later = [PricedPrescription(prescription_token="b")]
    cli.ledger.apply(CopaySuccess(request_id="c1", timestamp=AT + 9, details__prescriptions=later))
    conn = cli.ledger.conn
    conn.execute("UPDATE entities SET deadline = to_timestamp(%s) WHERE key = 'f1'", (AT + 14 * day,))
    conn.execute("UPDATE entities SET waiting_since = NULL WHERE key = 'f1'")
    conn.execute("UPDATE entities SET outcome = 'none' WHERE key = 'c1'")
    quarantine(cli, Shipment(request_id="f2", timestamp=AT))
    kept = set(conn.execute(FACTS).fetchall())

    dry = cli.run("replay", "--all", "--dry-run", "--json").document
    assert (cli.ledger.reasons(), cli.ledger.story("c1", "copay").stored.outcome) == (
        ["unknown_type"],
        "none",
    )
    told = cli.run("replay", "--all", "--json").document

    assert dry == told
    assert told["changed"] == [
        {
            "kind": "copay",
            "key": "c1",
            "from": "completed",
            "to": "completed",
            "why": "refolded; outcome none → full",
        },
        {
            "kind": "fill_request",
            "key": "f1",
            "from": "awaiting_payment",
            "to": "awaiting_payment",
            "why": "refolded; deadline 2020-06-13 00:53:20Z → 2020-06-09 00:53:20Z",
        },
        {"kind": "fill_request", "key": "f2", "from": None, "to": "in_transit", "why": "1 fact added"},
    ]
    assert (told["unchanged"], told["quarantined"], told["pending"]) == (replays.ENTITIES + 5, 0, 0)
    assert cli.ledger.reasons() == []
    assert cli.one("SELECT subject FROM audit WHERE action = 'replay'") == "everything"
    assert cli.run("replay", "--all", "--json").document["changed"] == []
    assert kept < set(conn.execute(FACTS).fetchall())
