"""`rxledger stuck` and `rxledger worklist`."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from statemachine import MACHINES
from tests.support.commandline import Cli
from tests.support.factories import CopayTriage, PriorAuth

NOON = "2026-03-10T12:00:00Z"
AT = ("--at", NOON)
DATE = "the date that the partner gave has come"
APPROVED_AT = 1_590_800_000  # 2020-05-30T00:53:20Z


def entity(cli: Cli, kind: str, key: str, state: str, **columns: str) -> None:
    """An entity as applying leaves it; a date is its deadline."""
    if "due" in columns:
        columns.setdefault("deadline", columns["due"])
    names = ", ".join(("kind", "key", "state", *columns))
    values = [kind, key, state, *columns.values()]
    marks = ", ".join(["%s"] * len(values))
    cli.ledger.conn.execute(f"INSERT INTO entities ({names}) VALUES ({marks})", values)


def hold(cli: Cli, reason: str, since: str) -> None:
    cli.ledger.conn.execute(
        "INSERT INTO quarantine (seq, reason, since) "
        "SELECT coalesce(max(seq), 0) + 1, %s, %s FROM quarantine",
        (reason, since),
    )


def items(cli: Cli, *arguments: str) -> list[tuple[Any, ...]]:
    ran = cli.run("worklist", "--json", *arguments)
    assert ran.code == 0
    return [(item["what"], item["kind"], item["key"], item["at"]) for item in ran.document["worklist"]]


def stuck(cli: Cli, *arguments: str) -> list[str]:
    ran = cli.run("stuck", "--json", *arguments)
    assert ran.code == 0
    return [each["key"] for each in ran.document["stuck"]]


def test_stuck_lists_what_is_past_its_deadline_the_oldest_first_with_the_reason(cli: Cli) -> None:
    since = "2026-03-01T00:00:00Z"
    entity(cli, "transfer", "late", "contacting", since=since, deadline="2026-03-07T00:00:00Z")
    entity(cli, "copay", "dated", "triage", since=since, due="2026-03-05T00:00:00Z")
    entity(cli, "transfer", "just", "pending", deadline=NOON)
    entity(cli, "transfer", "in time", "pending", deadline="2026-03-10T12:00:01Z")
    entity(cli, "transfer", "no clock", "completed", since=since)

    ran = cli.run("stuck", "--json", *AT)

    assert (ran.code, ran.err) == (0, "")
    assert [each["key"] for each in ran.document["stuck"]] == ["dated", "late", "just"]
    dated, late, just = ran.document["stuck"]
    clocks = MACHINES["transfer"].clocks
    assert late == {
        "kind": "transfer",
        "key": "late",
        "state": "contacting",
        "since": since,
        "deadline": "2026-03-07T00:00:00Z",
        "why": clocks["contacting"].why,
    }
    assert dated["why"] == DATE
    assert (just["why"], just["since"]) == (clocks["pending"].why, None)


def test_stuck_narrows_to_a_kind_and_says_when_it_cuts(cli: Cli) -> None:
    for n in range(3):
        entity(cli, "transfer", f"t{n}", "pending", deadline=f"2026-03-0{n + 1}T00:00:00Z")
    entity(cli, "copay", "c", "pending", deadline="2026-03-01T00:00:00Z")

    assert stuck(cli, *AT, "--kind", "transfer") == ["t0", "t1", "t2"]
    cut = cli.run("stuck", "--json", *AT, "--kind", "transfer", "--limit", "2")
    assert [each["key"] for each in cut.document["stuck"]] == ["t0", "t1"]
    assert cut.err == "only the first 2 are shown; --limit shows more\n"
    assert cli.run("stuck", "--json", *AT, "--limit", "4").err == ""


def test_now_is_the_databases_unless_a_time_is_given(cli: Cli) -> None:
    entity(cli, "transfer", "past", "pending", deadline="2020-01-01T00:00:00Z")
    entity(cli, "transfer", "far", "pending", deadline="2999-01-01T00:00:00Z")

    assert stuck(cli) == ["past"]
    assert stuck(cli, "--at", "2019-12-31T23:59:59Z") == []
    assert stuck(cli, "--at", "2999-01-01") == ["past", "far"]


def test_the_worklist_holds_what_needs_a_person_by_date(cli: Cli) -> None:
    entity(cli, "fill_request", "conflict", "completed", review="a rule", last_at="2026-03-04T00:00:00Z")
    entity(cli, "fill_request", "late", "triage", deadline="2026-03-03T00:00:00Z")
    entity(cli, "transfer", "silent", "pending", deadline="2026-03-03T12:00:00Z")
    entity(cli, "copay", "dated", "triage", due="2026-03-02T00:00:00Z")
    entity(cli, "fill_request", "fine", "completed", last_at="2026-03-01T00:00:00Z")
    hold(cli, "defect", "2026-03-05T00:00:00Z")
    hold(cli, "defect", "2026-03-01T00:00:00Z")
    hold(cli, "broken_seal", "2026-03-06T00:00:00Z")
    hold(cli, "poison", "2026-03-07T00:00:00Z")
    hold(cli, "not_json", "2026-03-01T00:00:00Z")
    hold(cli, "no_machine", "2026-03-01T00:00:00Z")

    assert items(cli, *AT) == [
        ("quarantine", None, None, "2026-03-01T00:00:00Z"),
        ("due", "copay", "dated", "2026-03-02T00:00:00Z"),
        ("silence", "transfer", "silent", "2026-03-02T12:00:00Z"),
        ("deadline", "fill_request", "late", "2026-03-03T00:00:00Z"),
        ("review", "fill_request", "conflict", "2026-03-04T00:00:00Z"),
        ("quarantine", None, None, "2026-03-06T00:00:00Z"),
        ("quarantine", None, None, "2026-03-07T00:00:00Z"),
    ]
    listed = cli.run("worklist", "--json", *AT).document["worklist"]
    assert all(list(item) == ["what", "kind", "key", "state", "at", "why"] for item in listed)
    assert [item["state"] for item in listed] == [
        None,
        "triage",
        "pending",
        "triage",
        "completed",
        None,
        None,
    ]
    defect, dated, silent, late, conflict, seal, poison = (item["why"] for item in listed)
    assert defect.startswith("defect, 2 events: ")
    assert (dated, conflict) == (DATE, "a rule")
    assert late == MACHINES["fill_request"].clocks["triage"].why
    assert silent == "no outcome: a lost callback, or a transfer that is rejected after 6 days of silence"
    assert (seal[:21], poison[:16]) == ("broken_seal, 1 event:", "poison, 1 event:")


def test_a_date_counts_from_the_start_of_its_day(cli: Cli) -> None:
    entity(cli, "copay", "this evening", "triage", due="2026-03-10T23:59:59Z")
    entity(cli, "copay", "tomorrow", "triage", due="2026-03-11T00:00:00Z")

    assert [key for _, _, key, _ in items(cli, *AT)] == ["this evening"]
    assert items(cli, "--at", "2026-03-09T23:59:59Z") == []
    assert stuck(cli, *AT) == []


def test_an_answer_that_an_approval_promised_is_overdue_by_our_clock_and_not_on_a_date(cli: Cli) -> None:
    names = {"patient_token": "pat1", "prescription_token": "rx1", "insurance_token": "ins1"}
    cli.ledger.apply(
        CopayTriage(
            request_id="c1",
            timestamp=APPROVED_AT - 60,
            details__patient_token="pat1",
            details__prescriptions=[names],
        ),
        PriorAuth(
            request_id="pa1",
            status="approved",
            timestamp=APPROVED_AT,
            **{f"details__{name}": value for name, value in names.items()},
        ),
    )
    cli.ledger.settle()
    clock = MACHINES["copay"].prompts["pa:approved"]

    assert items(cli, "--at", "2020-05-30T00:54:59Z") == []
    assert items(cli, "--at", "2020-05-30T00:58:20Z") == [("deadline", "copay", "c1", "2020-05-30T00:58:20Z")]
    (listed,) = cli.run("stuck", "--json", "--at", "2020-05-30T00:58:20Z").document["stuck"]
    assert (listed["key"], listed["state"], listed["why"]) == ("c1", "triage", clock.why)
    (_, derived) = cli.run("show", "copay", "c1", "--json", "--details").document["facts"]
    assert (derived["signal"], derived["via"], derived["verdict"]) == (
        "pa:approved",
        ["derived"],
        "confirmed",
    )
    assert derived["detail"] == {"cause": "prior_auth pa1"}
    (event,) = cli.run("events", "--entity", "copay", "c1", "--via", "derived", "--json").document["events"]
    assert [event["event"]] == derived["events"]
    assert (event["type"], event["partner"], event["status"]) == ("DERIVED", "rxledger", "applied")
    assert cli.run("replay", event["event"], "--json").document["changed"] == []


def test_an_entity_may_need_a_person_for_two_reasons(cli: Cli) -> None:
    deadline, last_at = "2026-03-03T00:00:00Z", "2026-03-04T00:00:00Z"
    entity(cli, "transfer", "both", "pending", deadline=deadline, review="a rule", last_at=last_at)

    assert [what for what, *_ in items(cli, *AT)] == ["silence", "review"]


def test_the_worklist_of_a_kind_leaves_out_what_has_none(cli: Cli) -> None:
    entity(cli, "transfer", "late", "pending", deadline="2026-03-03T00:00:00Z")
    entity(cli, "copay", "dated", "triage", due="2026-03-02T00:00:00Z")
    hold(cli, "poison", "2026-03-01T00:00:00Z")

    assert [key for _, _, key, _ in items(cli, *AT, "--kind", "copay")] == ["dated"]
    cut = cli.run("worklist", "--json", *AT, "--limit", "1")
    assert [item["what"] for item in cut.document["worklist"]] == ["quarantine"]
    assert cut.err == "only the first 1 are shown; --limit shows more\n"


def test_nothing_to_do_says_so(cli: Cli) -> None:
    assert cli.run("stuck").out == "nothing is past its deadline\n"
    assert cli.run("worklist").out == "nothing needs a person\n"
    assert cli.run("stuck", "--json").document == {"stuck": []}
    assert cli.run("worklist", "--json").document == {"worklist": []}


def test_people_read_tables(cli: Cli) -> None:
    entity(cli, "transfer", "late", "pending", deadline="2026-03-03T00:00:00Z", review="a rule")

    assert MACHINES["transfer"].clocks["pending"].why in cli.run("stuck", *AT).out
    out = cli.run("worklist", *AT).out
    assert "a rule" in out
    assert "2026-03-02 00:00:00Z" in out


@pytest.mark.parametrize("command", ["stuck", "worklist"])
@pytest.mark.parametrize("wrong", [("--kind", "spaceship"), ("--at", "soon"), ("--limit", "0")])
def test_what_cannot_be_is_a_usage_error(cli: Cli, command: str, wrong: tuple[str, str]) -> None:
    assert cli.run(command, *wrong).code == 2


def test_the_end_of_time_is_a_time(cli: Cli) -> None:
    entity(cli, "copay", "dated", "triage", due=datetime(2026, 3, 2, tzinfo=UTC).isoformat())

    assert [key for _, _, key, _ in items(cli, "--at", "9999-12-31T23:59:59Z")] == ["dated"]


def test_what_is_applied_comes_onto_the_worklist_on_its_date(cli: Cli) -> None:
    date = "2026-03-09"
    cli.ledger.apply(CopayTriage(request_id="copay_1", details__additional_information=date))

    assert items(cli, "--at", "2026-03-08T23:00:00Z") == []
    assert items(cli, "--at", "2026-03-09T01:00:00Z") == [("due", "copay", "copay_1", f"{date}T00:00:00Z")]
    assert stuck(cli, "--at", "2026-03-09T01:00:00Z") == ["copay_1"]
