"""Pulls of the payments partner against the sandbox: what it did is what is known here, pushed or not."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import stamina

from ops.local.embedded import Addresses
from sandbox.profile import Profile
from tests.integration.sandbox.payments import Healnow
from tests.integration.workers.test_pull_records import Side
from tests.support.backends import fresh_database
from tests.support.sandbox import KEY, Desk, desk
from workers.pull import pull_until_idle


@pytest.fixture(autouse=True)
def without_waits(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(pull_until_idle, "STILL_SECONDS", 0.0)  # no worker runs
    with stamina.set_testing(True, attempts=2):
        yield


@pytest.fixture(scope="module")
def pull_url(servers: Addresses) -> Iterator[str]:
    with fresh_database(servers.database_url) as url:
        yield url


@pytest.fixture(params=[0.0, 0.3], ids=["steady", "shifting"])
def running(request: pytest.FixtureRequest) -> Iterator[Desk]:
    with desk(profile=Profile(shift_page=request.param), until_ended=False) as found:
        yield found


@pytest.fixture
def side(pull_url: str, running: Desk, tmp_path: Path) -> Iterator[Side]:
    made = Side(pull_url, f"{running.url}/healnow", tmp_path, RXLEDGER_HEALNOW_API_KEY=KEY)
    yield made
    made.conn.close()


def test_every_payment_stands_as_the_partner_has_it(running: Desk, side: Side) -> None:
    healnow = Healnow(running)
    expected: dict[str, str] = {}
    for number in range(60):
        patient, rows = healnow.patient(100, 200, 300, refill_number=str(number % 3))
        expected |= dict.fromkeys(rows, "pending")
        if number % 2:
            healnow.paid(patient, rows[:2])
            expected |= dict.fromkeys(rows[:2], "paid")
        if number % 3 == 0:
            assert healnow.call("POST", f"/v1/prescriptions/{rows[2]}/cancel")[0] == 200
            expected[rows[2]] = "cancelled"
        if number % 6 == 1:
            assert healnow.call("POST", f"/v1/prescriptions/{rows[0]}/cancel")[0] == 200
            expected[rows[0]] = "cancelled"
    done = side.by_hand()
    assert done.done, [(one.stream, one.trouble) for one in done.reports]
    assert side.states() == expected
    assert side.ledger.reasons() == []
    assert side.conn.execute("SELECT what, name FROM drift").fetchall() == []
    before = side.events()
    again = side.by_hand()
    assert (again.done, sum(one.stored for one in again.reports), side.events()) == (True, 0, before)


def test_a_session_that_we_know_of_is_followed_to_its_end(running: Desk, side: Side) -> None:
    healnow = Healnow(running)
    patient, rows = healnow.patient(100, 200)
    sessions = [healnow.session(patient, [row]) for row in rows]
    for session in sessions:
        side.conn.execute(
            "INSERT INTO entities (kind, key, state) VALUES ('checkout', %s, 'open')", (session["id"],)
        )
    side.by_hand()
    assert set(side.states("checkout").values()) == {"open"}
    healnow.at(sessions[0], "POST", "/pay")
    healnow.done("POST", f"/v1/checkout_sessions/{sessions[1]['id']}/expire")
    side.by_hand()
    assert side.states("checkout") == {sessions[0]["id"]: "paid", sessions[1]["id"]: "expired"}
    assert side.states() == {rows[0]: "paid", rows[1]: "pending"}


def test_one_that_is_paid_in_part_leaves_the_rest_unpaid(running: Desk, side: Side) -> None:
    healnow = Healnow(running)
    patient, rows = healnow.patient(100, 200, 400)
    session = healnow.session(patient, rows)
    side.conn.execute(
        "INSERT INTO entities (kind, key, state) VALUES ('checkout', %s, 'open')", (session["id"],)
    )
    healnow.at(session, "POST", "/pay", {"items": [rows[1]]})
    side.by_hand()
    assert [side.states()[row] for row in rows] == ["pending", "paid", "pending"]
    assert side.states("checkout") == {session["id"]: "paid"}


def test_what_is_paid_by_phone_is_paid(running: Desk, side: Side) -> None:
    healnow = Healnow(running)
    patient, rows = healnow.patient(1299)
    healnow.at(healnow.session(patient, rows), "POST", "/moto")
    side.by_hand()
    assert side.states() == {rows[0]: "paid"}


def test_orders_that_come_while_the_list_is_read_are_known_in_the_end(running: Desk, side: Side) -> None:
    healnow = Healnow(running)
    patient, rows = healnow.patient(*range(100, 130))
    for row in rows[:15]:
        healnow.paid(patient, [row])
    later = iter(rows[15:])

    def pay(_: Any) -> None:
        if row := next(later, None):
            healnow.paid(patient, [row])

    with side.puller() as puller:
        assert puller.pull("orders", tell=pay).finished
    side.by_hand()
    known = {key for key, state in side.states().items() if state == "paid"}
    orders = healnow.done("GET", "/v1/orders?per_page=100")["data"]
    assert known == {item.get("prescription", item)["id"] for order in orders for item in order["items"]}
