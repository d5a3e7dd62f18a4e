"""`rxledger changes`."""

from __future__ import annotations

import orjson

from tests.support.commandline import Cli
from tests.support.factories import OrderSuccess, Shipment

AT = "2026-01-02T03:04:05Z"


def change(cli: Cli, key: str, before: str | None, to: str) -> None:
    cli.ledger.conn.execute(
        "WITH e AS (INSERT INTO entities (kind, key, state) VALUES ('fill_request', %(key)s, %(to)s) "
        "ON CONFLICT (kind, key) DO UPDATE SET state = excluded.state RETURNING id) "
        "INSERT INTO changes_unplaced (entity_id, from_state, to_state, outcome, since, changed_at) "
        "SELECT id, %(before)s, %(to)s, 'full', %(at)s, %(at)s FROM e",
        {"key": key, "before": before, "to": to, "at": AT},
    )


def test_changes_are_read_once_behind_the_cursor(cli: Cli) -> None:
    change(cli, "a", None, "completed")
    change(cli, "a", "completed", "in_transit")

    first = cli.run("changes", "--json", "--limit", "1")

    assert (first.code, first.err) == (0, "")
    (found,) = first.document["changes"]
    cursor = found.pop("cursor")
    assert first.document["cursor"] == cursor > 0
    assert found == {
        "kind": "fill_request",
        "key": "a",
        "from": None,
        "to": "completed",
        "outcome": "full",
        "review": None,
        "since": AT,
        "changed_at": AT,
    }

    change(cli, "b", None, "rejected")
    second = cli.run("changes", "--json", "--after", str(cursor)).document
    assert [(c["key"], c["from"], c["to"]) for c in second["changes"]] == [
        ("a", "completed", "in_transit"),
        ("b", None, "rejected"),
    ]

    nothing = cli.run("changes", "--json", "--after", str(second["cursor"])).document
    assert nothing == {"changes": [], "cursor": second["cursor"]}


def test_without_a_cursor_the_feed_begins_at_its_start(cli: Cli) -> None:
    assert cli.run("changes", "--json").document == {"changes": [], "cursor": 0}
    change(cli, "a", None, "completed")

    assert cli.run("changes", "--json").document == cli.run("changes", "--json", "--after", "0").document
    assert len(cli.run("changes", "--json").document["changes"]) == 1


def test_people_read_a_table_and_where_to_go_on(cli: Cli) -> None:
    change(cli, "a", None, "completed")
    cursor = cli.run("changes", "--json").document["cursor"]

    ran = cli.run("changes")

    assert ran.code == 0
    assert "(new) → completed" in ran.out
    assert ran.err == f"go on with --after {cursor}\n"
    assert cli.run("changes", "--after", str(cursor)).out == "no changes\n"


def test_a_cursor_that_is_none_is_refused(cli: Cli) -> None:
    for given in ("-1", "abc", str(2**63)):
        assert cli.run("changes", "--after", given).code == 2


def test_what_is_applied_comes_through_the_feed_once(cli: Cli) -> None:
    order = OrderSuccess(request_id="fill_request_1", timestamp=1_590_800_000)
    shipment = Shipment(request_id="fill_request_1", timestamp=1_590_800_060, details__status="DELIVERED")
    cli.ledger.apply(order)
    cli.ledger.apply({**order, "timestamp": 1_590_800_001})  # confirms: no change of state
    cli.ledger.apply(shipment)

    found = cli.run("changes", "--json").document["changes"]

    assert [(c["key"], c["from"], c["to"], c["since"]) for c in found] == [
        ("fill_request_1", None, "completed", "2020-05-30T00:53:20Z"),
        ("fill_request_1", "completed", "delivered", "2020-05-30T00:54:20Z"),
    ]


def test_the_tail_prints_what_comes_behind_its_cursor(cli: Cli) -> None:
    change(cli, "a", None, "completed")
    cursor = cli.run("changes", "--json").document["cursor"]
    change(cli, "a", "completed", "in_transit")

    told = cli.run("tail", "--after", str(cursor), "--for", "0.1s")

    assert (told.code, told.err) == (0, "")
    assert told.out == "2026-01-02 03:04:05Z  fill_request a  completed → in_transit (full)\n"


def test_the_tail_begins_with_what_is_new_and_gives_a_document_a_line(cli: Cli) -> None:
    change(cli, "a", None, "completed")
    assert cli.run("tail", "--for", "0.1s").out == ""

    lines = cli.run("tail", "--after", "0", "--for", "0.1s", "--json").out.splitlines()

    assert [orjson.loads(line) for line in lines] == cli.run("changes", "--json").document["changes"]
    assert len(lines) == 1


def test_a_tail_of_no_time_is_refused(cli: Cli) -> None:
    for given in ("0", "soon", "-1s"):
        assert cli.run("tail", "--for", given).code == 2
