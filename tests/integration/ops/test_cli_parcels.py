"""A fill in several parcels: `show` tells of each, and the worklist of what is outstanding."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import pytest

from statemachine import MACHINES
from tests.support.backends import empty
from tests.support.commandline import Cli
from tests.support.factories import OrderSuccess, Shipment
from tests.support.ledger import every_text

KEY, AT, DAY = "fill_request_1", 1_590_800_072, 86_400
FIRST, SECOND = "9400100000000000000001", "1Z0000000000000002"
ETA = "2020-06-04T12:00:00Z"


def scan(at: int, status: str, number: str, **details: Any) -> dict[str, Any]:
    told = {"details__eta": None} | {f"details__{name}": value for name, value in details.items()}
    body: dict[str, Any] = Shipment(
        request_id=KEY, timestamp=AT + at, details__status=status, details__tracking_number=number, **told
    )
    return body


SPLIT: tuple[Any, ...] = (
    OrderSuccess(request_id=KEY, timestamp=AT),
    scan(100, "TRANSIT", FIRST),
    scan(200, "TRANSIT", SECOND, eta=ETA, carrier="ups"),
    scan(2 * DAY, "DELIVERED", FIRST),
)


def parcels(cli: Cli, *options: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = cli.run("show", "fill_request", KEY, "--json", *options).document["parcels"]
    return found


def listed(cli: Cli, at: str, command: str = "worklist") -> list[tuple[str, str, str]]:
    items = cli.run(command, "--json", "--at", at).document[command]
    return [(item.get("what", ""), item["state"], item["why"]) for item in items]


def test_a_parcel_that_is_outstanding_after_another_was_delivered_is_seen(cli: Cli) -> None:
    cli.ledger.apply(*SPLIT)

    shown = cli.run("show", "fill_request", KEY, "--json").document

    assert shown["state"] == "delivered"
    assert shown["parcels"] == [
        {"carrier": "usps", "state": "delivered", "since": "2020-06-01T00:54:32Z", "due": None},
        {"carrier": "ups", "state": "in_transit", "since": "2020-05-30T00:57:52Z", "due": ETA},
    ]
    assert [one["tracking"] for one in parcels(cli, "--details")] == [FIRST, SECOND]
    assert listed(cli, "2020-06-03T00:00:00Z") == []
    silence = MACHINES["fill_request"].clocks["in_transit"].silence
    assert silence is not None
    assert listed(cli, "2020-06-05T00:00:00Z") == [
        ("silence", "in_transit", f"a further parcel: {silence.means}")
    ]
    assert [state for _, state, _ in listed(cli, "2020-06-05T00:00:00Z", "stuck")] == ["in_transit"]


def test_without_a_date_of_the_carrier_it_is_listed_by_the_clock_of_its_state(cli: Cli) -> None:
    cli.ledger.apply(SPLIT[0], SPLIT[1], scan(200, "PRE_TRANSIT", SECOND), SPLIT[3])
    assert listed(cli, "2020-06-02T00:57:51Z") == []
    ((what, state, _),) = listed(cli, "2020-06-02T00:57:53Z")
    assert (what, state) == ("silence", "completed")


def test_once_all_are_delivered_nothing_is_outstanding(cli: Cli) -> None:
    cli.ledger.apply(*SPLIT)
    cli.ledger.apply(scan(6 * DAY, "DELIVERED", SECOND))
    assert [one["state"] for one in parcels(cli)] == ["delivered", "delivered"]
    assert listed(cli, "2030-01-01T00:00:00Z") == []


@pytest.mark.parametrize("together", [True, False])
def test_any_order_of_arrival_gives_the_same_parcels(cli: Cli, together: bool) -> None:
    stored = "SELECT number, state, since, due, deadline FROM parcels ORDER BY number"
    results = set()
    for order in permutations(SPLIT):
        empty(cli.ledger.conn)
        if together:
            cli.ledger.apply(*order)
        else:
            for body in order:
                cli.ledger.apply(body)
        rows = cli.ledger.conn.execute(stored).fetchall()
        results.add((tuple(rows), tuple(str(one) for one in parcels(cli))))
    assert len(results) == 1
    assert len(next(iter(results))[0]) == 2


def test_one_parcel_alone_is_where_its_fill_is_and_is_listed_once(cli: Cli) -> None:
    cli.ledger.apply(SPLIT[0], SPLIT[1], scan(300, "TRANSIT", FIRST, message="another scan"))
    assert [one["state"] for one in parcels(cli)] == ["in_transit"]
    assert cli.ledger.count("parcels") == 0
    assert len(listed(cli, "2020-07-01T00:00:00Z")) == 1
    assert "parcel" not in cli.run("show", "fill_request", KEY).out


def test_a_fill_that_was_scanned_before_numbers_were_kept_is_looked_at_whole(cli: Cli) -> None:
    cli.ledger.apply(SPLIT[0], SPLIT[1])
    cli.ledger.conn.execute("UPDATE entities SET parcel = NULL")
    cli.ledger.apply(SPLIT[2], SPLIT[3])
    assert cli.ledger.count("parcels") == 2
    assert len(listed(cli, "2020-06-05T00:00:00Z")) == 1


def test_no_tracking_number_stands_in_the_clear(cli: Cli) -> None:
    cli.ledger.apply(*SPLIT)
    tables = ("entities", "facts", "event_facts", "parcels", "postings", "events", "changes_unplaced")
    text = every_text(cli.ledger.conn, tables)
    plain = cli.run("show", "fill_request", KEY)
    for number in (FIRST, SECOND):
        assert number not in text
        assert number not in plain.out
        assert number in cli.run("show", "fill_request", KEY, "--details").out


def test_a_replay_of_everything_changes_nothing(cli: Cli) -> None:
    cli.ledger.apply(*SPLIT)
    before = parcels(cli, "--details")
    assert cli.run("replay", "--entity", "fill_request", KEY).code == 0
    assert parcels(cli, "--details") == before
    assert cli.ledger.count("parcels") == 2
