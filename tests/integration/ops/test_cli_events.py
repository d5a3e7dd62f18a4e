"""`rxledger events` and `rxledger quarantine`."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, get_args

import pytest

from ops.render.reasons import REASONS
from partners.reading import Reason
from store.inbox.admit import admit_now
from tests.support.commandline import Cli
from tests.support.factories import OrderError, OrderSuccess, Shipment, body

AT = 1_590_800_000
KEY = "fill_request_1"
SECRET = "Left with the neighbour"


def test_events_are_listed_newest_first_with_what_they_came_to(cli: Cli) -> None:
    success = OrderSuccess(request_id=KEY, timestamp=AT)
    waiting = Shipment(request_id=KEY, timestamp=AT + 60)
    cli.ledger.apply(success)
    cli.ledger.apply(b"[1]")
    cli.ledger.admit(waiting)

    ran = cli.run("events", "--json")

    assert (ran.code, ran.err) == (0, "")
    first, second, third = ran.document["events"]
    assert first["event"] == cli.event_id(waiting)
    assert (first["status"], first["type"], first["attempts"]) == ("queued", None, 0)
    assert (second["status"], second["reason"]) == ("quarantined", "not_an_object")
    assert third["event"] == cli.event_id(success)
    assert (third["status"], third["type"], third["reason"]) == ("applied", "ORDER", None)
    assert third["entities"] == [{"kind": "fill_request", "key": KEY}]
    assert (third["partner"], third["via"]) == ("truepill", "push")
    assert third["received_at"].endswith("Z")


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--type", "order"], ["order"]),
        (["--type", "visit"], ["visit"]),
        (["--status", "queued"], ["pulled"]),
        (["--status", "applied"], ["shipment", "order"]),
        (["--status", "quarantined"], ["visit"]),
        (["--via", "pull"], ["pulled"]),
        (["--partner", "healnow"], []),
        (["--entity", "fill_request", KEY], ["shipment", "order"]),
        (["--entity", "fill_request", "nobody"], []),
        (["--since", "1h"], ["pulled", "visit", "shipment"]),
        (["--until", "2020-06-02"], ["order"]),
        (["--limit", "1"], ["pulled"]),
    ],
)
def test_events_are_narrowed(cli: Cli, arguments: list[str], expected: list[str]) -> None:
    bodies: dict[str, dict[str, Any]] = {
        "order": OrderSuccess(request_id=KEY, timestamp=AT),
        "shipment": Shipment(request_id=KEY, timestamp=AT + 60),
        "visit": {"callback_type": "VISIT", "request_id": "visit_1", "timestamp": AT},
        "pulled": Shipment(request_id="fill_request_2", timestamp=AT),
    }
    old = cli.ledger.arrival(bodies["order"], received_at=datetime(2020, 6, 1, tzinfo=UTC))
    admit_now(cli.ledger.conn, [old])
    cli.ledger.admit(bodies["shipment"])
    cli.ledger.admit(bodies["visit"])
    apply_all(cli)
    cli.ledger.admit(bodies["pulled"], via="pull")
    names = {
        cli.ledger.arrival(b, via="pull" if n == "pulled" else "push").id.hex(): n for n, b in bodies.items()
    }

    ran = cli.run("events", "--json", *arguments)

    assert ran.code == 0
    assert [names[event["event"]] for event in ran.document["events"]] == expected


def apply_all(cli: Cli) -> None:
    from workers.apply.batch import apply_queued

    apply_queued(cli.ledger.conn, cli.ledger.queued(), cli.ledger.tools)


@pytest.mark.parametrize("arguments", [["--status", "lost"], ["--since", "yesterday"], ["--limit", "0"]])
def test_a_filter_that_cannot_be_is_a_usage_error(cli: Cli, arguments: list[str]) -> None:
    ran = cli.run("events", *arguments)

    assert (ran.code, ran.out) == (2, "")


def test_the_list_for_people_shows_ids_that_events_show_accepts(cli: Cli) -> None:
    cli.ledger.apply(OrderSuccess(request_id=KEY, timestamp=AT))
    event_id = cli.one("SELECT replace(id::text, '-', '') FROM events")

    listed = cli.run("events").out
    shown = cli.run("events", "show", event_id[:8].upper())

    assert event_id[:12] in listed
    assert KEY in listed
    assert shown.code == 0
    assert event_id in shown.out
    assert "order:success" in shown.out


def test_an_event_is_shown_with_the_facts_that_it_states(cli: Cli) -> None:
    failed = OrderError(request_id=KEY, timestamp=AT, details__error_code="not in (stock)")
    cli.ledger.apply(failed)

    found = cli.run("events", "show", cli.event_id(failed), "--json").document

    assert (found["event"], found["status"], found["type"]) == (cli.event_id(failed), "applied", "ORDER")
    assert found["facts"] == [
        {
            "kind": "fill_request",
            "key": KEY,
            "signal": "order:rejected",
            "occurred_at": "2020-05-30T00:53:20Z",
            "code": "not in (stock)",
            "via": ["push"],
        }
    ]
    assert "body" not in found


def test_a_body_is_printed_on_request_only_and_that_is_audited_first(cli: Cli) -> None:
    shipment = Shipment(request_id=KEY, timestamp=AT, details__message=SECRET)
    cli.ledger.apply(shipment)
    event_id = cli.event_id(shipment)

    sealed = cli.run("events", "show", event_id)
    assert SECRET not in sealed.out + sealed.err
    assert cli.ledger.count("audit") == 0

    ran = cli.run("events", "show", event_id, "--unseal", "--reason", "the patient called", "--json")

    assert ran.document["body"].encode() == body(shipment)
    assert ran.err == ""
    row = cli.ledger.conn.execute(
        "SELECT who <> '', action, subject, reason, at <= now() FROM audit"
    ).fetchall()
    assert row == [(True, "events show --unseal", event_id, "the patient called", True)]
    assert SECRET in cli.run("events", "show", event_id, "--unseal").out


def test_a_body_that_is_no_text_is_printed_without_control_characters(cli: Cli) -> None:
    cli.ledger.apply(b"\x1b[31m\xff")

    ran = cli.run("events", "show", cli.event_id(b"\x1b[31m\xff"), "--unseal")

    assert "\\x1b[31m\\xff" in ran.out
    assert "\x1b" not in ran.out


@pytest.mark.parametrize("keys", [f"k1:{'A' * 43}=", f"k2:{'A' * 43}="])
def test_a_body_whose_key_is_not_to_be_had_is_refused(cli: Cli, keys: str) -> None:
    success = OrderSuccess(request_id=KEY, timestamp=AT)
    cli.ledger.apply(success)
    cli.setenv(RXLEDGER_SEAL_KEYS=keys)

    ran = cli.run("events", "show", cli.event_id(success), "--unseal")

    assert (ran.code, ran.out) == (1, "")
    assert "cannot be unsealed" in ran.err
    assert cli.ledger.count("audit") == 0


def test_a_body_that_is_kept_no_longer_is_refused(cli: Cli) -> None:
    success = OrderSuccess(request_id=KEY, timestamp=AT)
    cli.ledger.apply(success)
    cli.ledger.conn.execute("DELETE FROM bodies")

    ran = cli.run("events", "show", cli.event_id(success), "--unseal")

    assert ran.code == 1
    assert "kept no longer" in ran.err


@pytest.mark.parametrize(
    ("event_id", "code"), [("0" * 32, 1), ("deadbeef", 1), ("dead", 2), ("no-such-id!", 2)]
)
def test_an_event_that_does_not_exist_is_told_from_what_is_no_id(cli: Cli, event_id: str, code: int) -> None:
    ran = cli.run("events", "show", event_id)

    assert (ran.code, ran.out) == (code, "")
    assert code == 2 or ran.err == f"rxledger: there is no event {event_id}\n"


def test_an_id_that_is_not_unique_is_refused(cli: Cli) -> None:
    cli.ledger.admit(OrderSuccess(request_id=KEY), OrderSuccess(request_id="fill_request_2"))
    cli.ledger.conn.execute("UPDATE events SET id = ('abcdabcd' || right(id::text, 28))::uuid")

    ran = cli.run("events", "show", "abcdabcd")

    assert ran.code == 1
    assert "more than one event" in ran.err


def test_the_quarantine_is_listed_with_reasons_explained(cli: Cli) -> None:
    visit = {"callback_type": "VISIT", "request_id": "visit_1", "timestamp": AT}
    ahead = Shipment(request_id=KEY, timestamp=32_503_680_000)
    for each in (visit, {**visit, "request_id": "visit_2"}, ahead, b"junk"):
        cli.ledger.apply(each)

    ran = cli.run("quarantine", "list", "--json")

    assert (ran.code, ran.err) == (0, "")
    rows = ran.document["quarantine"]
    assert [row["reason"] for row in rows] == ["not_json", "future_time", "no_machine", "no_machine"]
    assert rows[1]["event"] == cli.event_id(ahead)
    assert (rows[1]["type"], rows[1]["retry_at"]) == ("SHIPMENT", "2999-12-31T23:50:00Z")
    assert rows[0]["type"] is None
    reasons = ran.document["reasons"]
    assert (reasons["no_machine"]["count"], reasons["no_machine"]["types"]) == (2, {"VISIT": 2})
    assert "replay" in reasons["no_machine"]["todo"]

    some = cli.run("quarantine", "list", "--reason", "no_machine", "--limit", "1", "--json").document
    assert [row["reason"] for row in some["quarantine"]] == ["no_machine"]
    assert some["reasons"] == reasons

    human = cli.run("quarantine", "list").out
    assert "has no machine" in human
    assert cli.event_id(ahead)[:12] in human


def test_an_empty_quarantine_says_so(cli: Cli) -> None:
    assert cli.run("quarantine", "list").out == "the quarantine is empty\n"
    assert cli.run("quarantine", "list", "--json").document == {"quarantine": [], "reasons": {}}


def test_every_reason_that_reading_or_applying_gives_is_explained() -> None:
    ours = {
        "unmatched",
        "no_reader",
        "future_time",
        "past_time",
        "broken_seal",
        "no_body",
        "defect",
        "poison",
    }

    assert {*get_args(Reason), *ours} == set(REASONS)
