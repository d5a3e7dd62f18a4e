"""`rxledger show`."""

from __future__ import annotations

from tests.support.commandline import Cli
from tests.support.factories import (
    FilledMedication,
    OrderError,
    OrderSuccess,
    OrderTriage,
    RefusedMedication,
    Shipment,
)
from tests.support.payments import HEALNOW, callback
from tests.support.records import FillRecord, enveloped

AT = 1_590_800_000
KEY = "fill_request_1"


def test_show_prints_state_history_and_lines_in_effective_order(cli: Cli) -> None:
    medications = [FilledMedication(prescription_token="rxa"), RefusedMedication(medication_token="meda")]
    delivered = Shipment(request_id=KEY, timestamp=AT + 90, details__status="DELIVERED")
    success = OrderSuccess(request_id=KEY, timestamp=AT + 60, details__medications=medications)
    cli.ledger.apply(delivered)
    cli.ledger.apply(success)
    cli.ledger.apply(OrderTriage(request_id=KEY, timestamp=AT))

    ran = cli.run("show", "fill_request", KEY, "--json")

    assert ran.code == 0
    assert ran.err == ""
    found = ran.document
    assert (found["kind"], found["key"], found["state"]) == ("fill_request", KEY, "delivered")
    assert found["since"] == "2020-05-30T00:54:50Z"
    assert (found["outcome"], found["review"], found["deadline"], found["links"]) == (
        "partial",
        None,
        None,
        [],
    )
    assert [(f["signal"], f["verdict"], f["from"], f["to"]) for f in found["facts"]] == [
        ("order:triage", "moved", "pending", "triage"),
        ("order:success", "moved", "triage", "completed"),
        ("shipment:delivered", "moved", "completed", "delivered"),
    ]
    last = found["facts"][-1]
    assert (last["occurred_at"], last["via"], last["gap"]) == (found["since"], ["push"], ["in_transit"])
    assert last["events"] == [cli.event_id(delivered)]
    assert last["received_at"].endswith("Z")
    assert "detail" not in last
    assert found["facts"][0]["code"] == "T001"
    assert found["lines"] == [
        {"position": 0, "token": "rxa", "status": "filled", "code": None},
        {"position": 1, "token": "meda", "status": "rejected", "code": None},
    ]


def test_a_record_that_was_read_twice_is_shown_once_and_its_free_text_from_its_sealed_form(cli: Cli) -> None:
    for after in (0, 60):
        waits = FillRecord(status="triage", triage_reason="No stock (anywhere)")
        cli.ledger.apply(enveloped("fill_request", waits, at=AT + after, of=KEY), via="snapshot")

    assert cli.one("SELECT count(*) FROM facts WHERE code LIKE '#%'") == 2
    found = cli.run("show", "fill_request", KEY, "--json").document
    (fact,) = found["facts"]
    assert (found["state"], found["since"]) == ("triage", fact["occurred_at"])
    assert (fact["signal"], fact["via"], fact["code"]) == (
        "seen:triage",
        ["snapshot"],
        "No stock (anywhere)",
    )


def test_a_code_of_free_text_is_printed_from_its_sealed_form(cli: Cli) -> None:
    cli.ledger.apply(OrderError(request_id=KEY, timestamp=AT, details__error_code="No stock (anywhere)"))

    stored = cli.one("SELECT code FROM facts")
    found = cli.run("show", "fill_request", KEY, "--json").document

    assert stored.startswith("#")
    assert found["facts"][0]["code"] == "No stock (anywhere)"


def test_without_its_seal_key_such_a_code_stays_a_hash_and_stderr_says_why(cli: Cli) -> None:
    cli.ledger.apply(OrderError(request_id=KEY, timestamp=AT, details__error_code="No stock (anywhere)"))
    cli.setenv(RXLEDGER_SEAL_KEYS=f"k2:{'A' * 43}=")

    ran = cli.run("show", "fill_request", KEY, "--json")

    assert ran.code == 0
    assert ran.document["facts"][0]["code"].startswith("#")
    assert "no seal key 'k1'" in ran.err


def test_details_are_shown_on_request_only_and_that_is_audited(cli: Cli) -> None:
    cli.ledger.apply(Shipment(request_id=KEY, timestamp=AT, details__message="On the porch"))

    plain = cli.run("show", "fill_request", KEY)
    detailed = cli.run("show", "fill_request", KEY, "--details")
    document = cli.run("show", "fill_request", KEY, "--details", "--json").document

    assert "On the porch" not in plain.out
    assert "On the porch" in detailed.out
    assert document["facts"][0]["detail"]["message"] == "On the porch"
    assert cli.ledger.count("audit") == 2
    assert cli.one("SELECT subject FROM audit LIMIT 1") == f"fill_request {KEY}"


def test_the_human_form_has_a_header_the_history_and_the_lines(cli: Cli) -> None:
    cli.ledger.apply(OrderSuccess(request_id=KEY, timestamp=AT))

    ran = cli.run("show", "fill_request", KEY)

    assert ran.code == 0
    assert ran.out.startswith(f"fill_request {KEY}: completed since 2020-05-30 00:53:20Z, outcome full\n")
    assert "order:success" in ran.out
    assert "pending → completed" in ran.out
    assert "filled" in ran.out


def test_what_a_terminal_would_obey_is_spelled_out(cli: Cli) -> None:
    cli.ledger.apply(OrderError(request_id=KEY, timestamp=AT, details__error_code="\x1b[2J[red]gone"))

    ran = cli.run("show", "fill_request", KEY)

    assert "\x1b" not in ran.out
    assert "\\x1b[2J[red]gone" in ran.out


def test_a_review_is_shown(cli: Cli) -> None:
    cli.ledger.apply(Shipment(request_id=KEY, timestamp=AT), OrderTriage(request_id=KEY, timestamp=AT + 60))

    assert "conflict in in_transit" in cli.run("show", "fill_request", KEY, "--json").document["review"]
    assert "under review: conflict in in_transit" in cli.run("show", "fill_request", KEY).out


def test_a_stored_state_that_differs_from_its_facts_is_told_with_the_cure(cli: Cli) -> None:
    cli.ledger.apply(OrderSuccess(request_id=KEY, timestamp=AT))
    cli.ledger.conn.execute("UPDATE entities SET state = 'delivered'")

    ran = cli.run("show", "fill_request", KEY, "--json")

    assert ran.document["state"] == "completed"
    assert ran.err.count("\n") == 1
    assert f"rxledger replay --entity fill_request {KEY}" in ran.err


def test_an_entity_that_does_not_exist_is_exit_1_with_one_line(cli: Cli) -> None:
    ran = cli.run("show", "fill_request", "nobody", "--json")

    assert (ran.code, ran.out) == (1, "")
    assert ran.err == "rxledger: there is no fill_request nobody\n"


def test_a_kind_that_does_not_exist_is_a_usage_error(cli: Cli) -> None:
    ran = cli.run("show", "parcel", "1")

    assert ran.code == 2
    assert "fill_request" in ran.err


def test_a_database_that_cannot_be_reached_is_one_line(cli: Cli) -> None:
    cli.setenv(DATABASE_URL="postgresql://127.0.0.1:1/nothing")

    ran = cli.run("show", "fill_request", KEY)

    assert ran.code == 1
    assert ran.err.startswith("rxledger: PostgreSQL cannot be used just now")
    assert ran.err.count("\n") == 1


def test_a_fact_whose_partner_prints_no_time_is_said_to_be_dated_by_its_receipt(cli: Cli) -> None:
    cli.ledger.apply(callback("paid", id="rx1", eid=KEY), **HEALNOW)
    cli.ledger.apply(OrderSuccess(request_id=KEY, timestamp=AT))

    (paid,) = cli.run("show", "payment", "rx1", "--json").document["facts"]
    (packed,) = cli.run("show", "fill_request", KEY, "--json").document["facts"]
    story = cli.run("trace", KEY, "--json").document["story"]

    assert (paid["dated_by"], packed["dated_by"]) == ("receipt", "partner")
    assert {entry["kind"]: entry["dated_by"] for entry in story} == {
        "payment": "receipt",
        "fill_request": "partner",
    }
    assert "Z (received)" in cli.run("show", "payment", "rx1").out
    assert "(received)" not in cli.run("show", "fill_request", KEY).out
