"""`rxledger drift`, over what applying notes."""

from __future__ import annotations

from datetime import UTC, datetime

from partners.drift import Unseen
from store.ledger.drift import note
from tests.support.commandline import Cli
from tests.support.factories import Shipment

FIRST = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
LATER = datetime(2026, 1, 3, tzinfo=UTC)
LOT = Unseen("field", "ORDER", "details.medications[].lot")
CODE = Unseen("code", "ORDER", "free text")


def test_counts_are_added_and_the_first_and_the_last_time_are_kept(cli: Cli) -> None:
    conn = cli.ledger.conn
    note(conn, "truepill", {LOT: 2, CODE: 1}, LATER)
    note(conn, "truepill", {LOT: 3}, FIRST)
    note(conn, "healnow", {("type", "a::b", "?"): 1}, FIRST)
    note(conn, "truepill", {}, LATER)

    ran = cli.run("drift", "--json")

    assert (ran.code, ran.err) == (0, "")
    columns = ("partner", "what", "type", "name", "count", "first_at", "last_at")
    first, later = "2026-01-02T03:04:05Z", "2026-01-03T00:00:00Z"
    assert [tuple(row) for row in [[each[c] for c in columns] for each in ran.document["drift"]]] == [
        ("truepill", "code", "ORDER", "free text", 1, later, later),
        ("truepill", "field", "ORDER", LOT.name, 5, first, later),
        ("healnow", "type", "a::b", "?", 1, first, first),
    ]
    assert set(ran.document["drift"][0]) == set(columns)


def test_people_read_a_table(cli: Cli) -> None:
    assert cli.run("drift").out == "nothing that the partners' contracts do not name\n"
    note(cli.ledger.conn, "truepill", {LOT: 2}, LATER)

    assert LOT.name in cli.run("drift").out


def test_what_is_noted_is_undone_with_its_transaction(cli: Cli) -> None:
    with cli.ledger.conn.transaction(force_rollback=True):
        note(cli.ledger.conn, "truepill", {LOT: 2}, LATER)

    assert cli.run("drift", "--json").document == {"drift": []}


def test_applying_notes_what_the_contract_does_not_say(cli: Cli) -> None:
    shipment = Shipment(
        request_id="fill_request_1", details__status="LOST_AT_SEA", details__secret="Jane Doe"
    )
    cli.ledger.apply(shipment, {**shipment, "timestamp": shipment["timestamp"] + 1}, Shipment())
    cli.ledger.apply({"callback_type": "VACCINATION", "details": {"name": "Jane Doe"}})

    ran = cli.run("drift", "--json")

    assert {(d["what"], d["type"], d["name"], d["count"]) for d in ran.document["drift"]} == {
        ("code", "SHIPMENT", "LOST_AT_SEA", 2),
        ("field", "SHIPMENT", "details.secret", 2),
        ("type", "VACCINATION", "VACCINATION", 1),
    }
    assert "Jane" not in ran.out


def test_the_drift_of_one_partner_can_be_asked_for(cli: Cli) -> None:
    note(cli.ledger.conn, "truepill", {LOT: 2}, LATER)
    note(cli.ledger.conn, "healnow", {("type", "a::b", "?"): 1}, FIRST)
    (one,) = cli.run("drift", "--partner", "healnow", "--json").document["drift"]
    assert (one["partner"], one["type"]) == ("healnow", "a::b")
    refused = cli.run("drift", "--partner", "nobody")
    assert (refused.code, "there is no partner nobody: there is healnow, truepill" in refused.err) == (
        2,
        True,
    )
