"""Fills that were replaced: over for whoever watches them, for as long as the replacement stands."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest

from store.pulls import poll_schedule
from store.pulls.record_schedule import due_records
from store.reports import silence
from tests.support.commandline import Cli
from tests.support.factories import OrderError, OrderSuccess, OrderTriage
from workers.pull.requests import waiting_states

AT = 1_590_800_000
KINDS = ("fill_request",)


def lost(cli: Cli, key: str = "f1") -> None:
    """Packed, and never shipped."""
    cli.ledger.apply(OrderSuccess(request_id=key, timestamp=AT))


def rejected(cli: Cli, key: str, code: str = "NR") -> None:
    cli.ledger.apply(OrderError(request_id=key, timestamp=AT, details__error_code=code))


def replace(cli: Cli, tmp_path: Path, key: str, earlier: str, field: str = "replacement_order") -> None:
    file = tmp_path / f"{key}.json"
    file.write_bytes(orjson.dumps({field: earlier, "patient_token": f"pat-{key}"}))
    assert cli.run("track", "fill_request", key, "--request", str(file)).code == 0


def watched(cli: Cli) -> dict[str, list[str]]:
    """Where a fill stands, by the list: those of the commands, of silence and of the pulls."""
    conn, now = cli.ledger.conn, datetime.now(UTC)
    polls = poll_schedule.due(conn, KINDS, waiting_states(KINDS), 0.0, poll_schedule.server_time(conn), 99)
    records = due_records(conn, now, kinds=KINDS, quiet=timedelta(hours=1), limit=99)
    counted = [one.entities for one in silence.counts(conn, now, {})]
    return {
        "stuck": [one["key"] for one in cli.run("stuck", "--json").document["stuck"]],
        "worklist": sorted({one["key"] for one in cli.run("worklist", "--json").document["worklist"]}),
        "waits": sorted(one.key for one in polls if one.waits),
        "records": sorted(one.key for one in records),
        "silent": [str(sum(counted))],
    }


def relations(cli: Cli, key: str) -> list[tuple[str | None, str, str]]:
    found = cli.run("show", "fill_request", key, "--json").document["links"]
    return [(link["kind"], link["key"], link["relation"]) for link in found if "relation" in link]


NOTHING: dict[str, list[str]] = {"stuck": [], "worklist": [], "waits": [], "records": [], "silent": ["0"]}


def test_a_fill_that_was_lost_and_replaced_is_waited_for_by_nobody(cli: Cli, tmp_path: Path) -> None:
    lost(cli)
    before = watched(cli)
    assert (before["stuck"], before["worklist"], before["waits"]) == (["f1"], ["f1"], ["f1"])
    assert before["silent"] == ["1"]

    replace(cli, tmp_path, "f2", "f1")

    after = watched(cli)
    assert {**after, "waits": [key for key in after["waits"] if key != "f2"]} == NOTHING
    shown = cli.run("show", "fill_request", "f1", "--json").document
    assert (shown["state"], shown["replaced"]) == ("completed", True)
    assert relations(cli, "f1") == [("fill_request", "f2", "replaced_by")]
    assert relations(cli, "f2") == [("fill_request", "f1", "replaces")]
    told = cli.run("show", "fill_request", "f1").out
    assert "it was replaced by f2" in told
    assert "nobody waits for it any more" in told
    assert "news is due" not in told
    assert "it replaces f1" in cli.run("show", "fill_request", "f2").out


@pytest.mark.parametrize("code", ["NR", "R0"])
def test_a_replacement_that_came_to_nothing_replaces_nothing(cli: Cli, tmp_path: Path, code: str) -> None:
    """Rejected or cancelled: the one before is on the lists again, until another is in its place."""
    lost(cli)
    replace(cli, tmp_path, "f2", "f1")
    rejected(cli, "f2", code)
    found = watched(cli)
    assert (found["stuck"], found["worklist"], found["waits"]) == (["f1"], ["f1"], ["f1"])
    assert found["silent"] == ["1"]
    shown = cli.run("show", "fill_request", "f1", "--json").document
    assert shown["replaced"] is False
    assert relations(cli, "f1") == [("fill_request", "f2", "replaced_by")]

    replace(cli, tmp_path, "f3", "f2")
    assert [watched(cli)[name] for name in ("stuck", "worklist", "silent")] == [[], [], ["0"]]
    rejected(cli, "f3", code)
    assert watched(cli)["stuck"] == ["f1"]


def test_one_that_waits_for_a_person_is_off_the_worklist_too(cli: Cli, tmp_path: Path) -> None:
    """By its review, by its date, and as a triage that a record is read of."""
    cli.ledger.apply(OrderSuccess(request_id="f1", timestamp=AT))
    cli.ledger.apply(OrderTriage(request_id="f1", timestamp=AT + 60))
    cli.ledger.apply(OrderTriage(request_id="f2", timestamp=AT, details__additional_information="2020-08-21"))
    assert (watched(cli)["worklist"], watched(cli)["records"]) == (["f1", "f2"], ["f2"])
    replace(cli, tmp_path, "f3", "f1")
    replace(cli, tmp_path, "f4", "f2")
    found = watched(cli)
    assert (found["worklist"], found["records"]) == ([], [])
    assert [key for key in found["waits"] if key in ("f1", "f2")] == []


def test_a_reference_has_a_direction_and_ends_nothing(cli: Cli, tmp_path: Path) -> None:
    lost(cli)
    replace(cli, tmp_path, "f2", "f1", "reference_order")
    assert watched(cli)["stuck"] == ["f1"]
    assert relations(cli, "f1") == [("fill_request", "f2", "referred_to_by")]
    assert relations(cli, "f2") == [("fill_request", "f1", "refers_to")]
    assert "it refers to the failed f1" in cli.run("show", "fill_request", "f2").out


def test_what_was_registered_before_learns_it_when_it_is_registered_again(cli: Cli, tmp_path: Path) -> None:
    lost(cli)
    cli.run("track", "fill_request", "f2")
    assert watched(cli)["stuck"] == ["f1"]
    for _ in range(2):
        replace(cli, tmp_path, "f2", "f1")
    assert watched(cli)["stuck"] == []
    assert cli.ledger.count("relations") == 1


def test_a_replaced_order_that_is_heard_of_later_is_replaced_from_the_start(cli: Cli, tmp_path: Path) -> None:
    replace(cli, tmp_path, "f2", "f1")
    assert relations(cli, "f2") == [(None, "f1", "replaces")]
    assert "(not known here)" in cli.run("show", "fill_request", "f2").out
    lost(cli)
    assert watched(cli)["stuck"] == []
    assert relations(cli, "f2") == [("fill_request", "f1", "replaces")]


def test_orders_that_replace_each_other_in_a_circle_or_themselves_replace_nothing(
    cli: Cli, tmp_path: Path
) -> None:
    for key in ("f1", "f2", "f3"):
        lost(cli, key)
    replace(cli, tmp_path, "f2", "f1")
    replace(cli, tmp_path, "f1", "f2")
    replace(cli, tmp_path, "f3", "f3")
    assert sorted(watched(cli)["stuck"]) == ["f1", "f2", "f3"]
    assert relations(cli, "f3") == []


@pytest.mark.parametrize("earlier", [None, "", "Jane Doe", {"token": "f1"}, ["f1"], True])
def test_what_is_no_name_of_an_order_is_no_relation(cli: Cli, tmp_path: Path, earlier: Any) -> None:
    lost(cli)
    replace(cli, tmp_path, "f2", earlier)
    assert (cli.ledger.count("relations"), watched(cli)["stuck"]) == (0, ["f1"])


def test_a_field_of_that_name_in_a_request_of_another_kind_replaces_nothing(cli: Cli, tmp_path: Path) -> None:
    file = tmp_path / "request.json"
    file.write_bytes(orjson.dumps({"replacement_order": "c1"}))
    cli.run("track", "copay", "c1")
    cli.run("track", "copay", "c2", "--request", str(file))
    assert cli.ledger.count("relations") == 0
