"""Pulls of a partner that has lists without an order, and records without a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import stamina

from settings import Settings
from store.db.connections import connect
from tests.support.backends import empty, fresh_database
from tests.support.healnow_server import Healnow
from tests.support.keys import KEY_SETTINGS
from tests.support.ledger import Ledger
from tests.support.partner import Answer, Asked, Partner, partner
from tests.support.pulls import Broken, Faults, FaultyConnection
from workers.celery.runtime import tools
from workers.pull import pull_until_idle
from workers.pull.puller import Puller, UnknownStream, partner_of, pulled_partners
from workers.pull.record_list import BARREN, MOST_ROUNDS
from workers.pull.run import Report

KEY = "hn_live_key_that_is_secret"
PATIENTS = ("pat1", "pat2", "pat3")


@pytest.fixture(autouse=True)
def without_waits(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(pull_until_idle, "STILL_SECONDS", 0.0)  # no worker runs
    with stamina.set_testing(True, attempts=2):
        yield


@pytest.fixture(scope="module")
def pull_url(servers: Any) -> Iterator[str]:
    with fresh_database(servers.database_url) as url:
        yield url


class Side:
    """Our side: a ledger, and pulls of the partner's records."""

    def __init__(self, database: str, url: str, data: Path, **more: str) -> None:
        values = {
            "DATABASE_URL": database,
            **KEY_SETTINGS,
            "RXLEDGER_HEALNOW_BASE_URL": url,
            "RXLEDGER_HEALNOW_API_KEY": KEY,
            "RXLEDGER_HEALNOW_CALLS_PER_MINUTE": "100000",
            **more,
        }
        self.settings = Settings.load(values, data)
        self.conn = connect(database, "test")
        empty(self.conn)
        self.ledger = Ledger(self.conn, tools(self.settings))

    def puller(self) -> Puller:
        return Puller(
            self.settings,
            self.conn,
            self.ledger.tools,
            patience=5.0,
            hint=lambda _: None,
            partner="healnow",
        )

    def pull(self, *names: str, over: Callable[[], bool] = lambda: False) -> dict[str, Report]:
        with self.puller() as puller:
            found = {name: puller.pull(name, over=over) for name in names or puller.names()}
        self.ledger.settle()
        return found

    def by_hand(self) -> pull_until_idle.IdleReport:
        with self.puller() as puller:
            done = pull_until_idle.pull_until_idle(
                puller, puller.names(), sleep=lambda _: self.ledger.settle()
            )
        self.ledger.settle()
        return done

    def states(self, kind: str = "payment") -> dict[str, str]:
        query = "SELECT key, state FROM entities WHERE kind = %s ORDER BY key"
        return dict(self.conn.execute(query, (kind,)).fetchall())

    def events(self) -> int:
        """What came from the partner: what follows from it is an event of ours."""
        query = "SELECT count(*) FROM events WHERE partner = 'healnow'"
        return int(self.conn.execute(query).fetchall()[0][0])


@pytest.fixture
def healnow() -> Healnow:
    return Healnow()


@pytest.fixture
def server(healnow: Healnow) -> Iterator[Partner]:
    with partner(healnow) as running:
        yield running


@pytest.fixture
def side(pull_url: str, server: Partner, tmp_path: Path) -> Iterator[Side]:
    made = Side(pull_url, server.url, tmp_path)
    yield made
    made.conn.close()


def orders(healnow: Healnow, count: int, start: int = 0) -> list[dict[str, Any]]:
    return [
        healnow.order(f"o{n:03}", healnow.prescription(f"p{n:03}", "paid"))
        for n in range(start, start + count)
    ]


def paid(count: int) -> dict[str, str]:
    return {f"p{n:03}": "paid" for n in range(count)}


def test_all_orders_are_read_and_each_says_that_its_items_are_paid(side: Side, healnow: Healnow) -> None:
    healnow.orders = orders(healnow, 7)
    report = side.pull("orders")["orders"]
    assert (report.finished, report.events, report.stored) == (True, 7, 7)
    assert side.states() == paid(7)
    assert healnow.asked == ["/v1/orders?1", "/v1/orders?2", "/v1/orders?3"]


def test_what_stands_still_is_no_news_however_often_it_is_read(side: Side, healnow: Healnow) -> None:
    healnow.orders = orders(healnow, 7)
    side.pull("orders")
    healnow.orders.reverse()
    report = side.pull("orders")["orders"]
    assert (report.finished, report.events, report.stored) == (True, 7, 0)
    assert side.events() == 7


def test_an_empty_list_has_an_end(side: Side) -> None:
    report = side.pull("orders")["orders"]
    assert (report.finished, report.pages, report.stored) == (True, 1, 0)


@pytest.mark.parametrize("size", [1, 2, 3])
@pytest.mark.parametrize("says_total", [True, False])
@pytest.mark.parametrize("where", ["front", "back", "middle"])
def test_a_list_that_grows_while_it_is_read_loses_nothing_and_ends(
    side: Side, healnow: Healnow, size: int, says_total: bool, where: str
) -> None:
    healnow.size, healnow.says_total = size, says_total
    healnow.orders = orders(healnow, 6)
    more = orders(healnow, 4, 6)

    def grow(asked: Asked) -> None:
        if more and asked.query["page"] != ["1"]:
            at = {"front": 0, "back": len(healnow.orders), "middle": len(healnow.orders) // 2}[where]
            healnow.orders.insert(at, more.pop(0))

    healnow.meanwhile = grow
    report = side.pull("orders")["orders"]
    assert report.finished
    assert side.states() == paid(10)


def test_a_list_that_shrinks_while_it_is_read_loses_nothing(side: Side, healnow: Healnow) -> None:
    """The one that slips from the second page to the first is on neither, and the pages are fewer."""
    healnow.orders = orders(healnow, 7)

    def shrink(asked: Asked) -> None:
        if asked.query["page"] == ["2"] and len(healnow.orders) == 7:
            del healnow.orders[0]

    healnow.meanwhile = shrink
    assert side.pull("orders")["orders"].finished
    assert side.states() == paid(7)


def test_a_list_that_never_rests_comes_to_an_end(side: Side, healnow: Healnow) -> None:
    healnow.orders = orders(healnow, 9)
    # It turns by one with every answer.
    healnow.meanwhile = lambda _: healnow.orders.insert(0, healnow.orders.pop())
    report = side.pull("orders")["orders"]
    assert report.finished
    assert report.pages == 3 * MOST_ROUNDS
    assert side.states() == paid(9)


def test_a_partner_that_gives_one_page_for_every_number_comes_to_an_end(side: Side, healnow: Healnow) -> None:
    body = Answer(body=b'{"data": [{"id": "o1", "status": "paid", "items": [{"id": "p1"}]}]}')
    healnow.instead["/v1/orders"] = body
    report = side.pull("orders")["orders"]
    assert report.finished
    assert report.pages <= (BARREN + 1) * MOST_ROUNDS
    assert side.states() == {"p1": "paid"}


def test_past_the_end_a_partner_may_say_that_there_is_no_such_page(side: Side, healnow: Healnow) -> None:
    healnow.orders, healnow.says_total = orders(healnow, 3), False
    usual = healnow._found
    healnow._found = lambda asked: usual(asked) if asked.query["page"] == ["1"] else None  # type: ignore[method-assign]
    report = side.pull("orders")["orders"]
    assert (report.finished, report.trouble) == (True, None)


def test_a_run_that_is_interrupted_is_gone_on_with(side: Side, healnow: Healnow) -> None:
    healnow.orders = orders(healnow, 9)
    calls = iter([False, True])
    first = side.pull("orders", over=lambda: next(calls))["orders"]
    assert (first.finished, first.pages) == (False, 1)
    second = side.pull("orders")["orders"]
    assert second.finished
    # The page before is looked at once more: nothing slipped over its border.
    assert healnow.asked == [f"/v1/orders?{page}" for page in (1, 1, 2, 3)]
    assert side.states() == paid(9)


def test_what_slipped_to_a_page_that_was_read_before_an_interruption_is_read(
    side: Side, healnow: Healnow
) -> None:
    healnow.orders = orders(healnow, 10)
    calls = iter([False, True])
    side.pull("orders", over=lambda: next(calls))
    del healnow.orders[0]
    assert side.pull("orders")["orders"].finished
    assert side.states() == paid(10)


def test_an_order_that_cannot_be_read_keeps_no_other_from_being_read(side: Side, healnow: Healnow) -> None:
    healnow.orders = orders(healnow, 2)
    healnow.orders.insert(1, {"id": "o_odd", "status": "paid", "items": "none"})
    assert side.pull("orders")["orders"].stored == 3
    assert side.states() == paid(2)
    assert side.ledger.reasons() == ["bad_details"]


def test_patients_are_found_and_the_prescriptions_of_each_are_read(side: Side, healnow: Healnow) -> None:
    for n, patient_id in enumerate((*PATIENTS, "pat4")):
        healnow.patient(
            patient_id, healnow.prescription(f"p{n}", ("pending", "canceled", "removed", "paid")[n])
        )
    side.pull()
    assert side.states() == {"p0": "pending", "p1": "cancelled", "p2": "removed", "p3": "paid"}
    asked = {path for path in healnow.asked if "/pat1/" in path}
    assert asked == {"/v1/patients/pat1/prescriptions?1", "/v1/patients/pat1/cart"}


def test_a_patients_prescriptions_may_fill_pages(side: Side, healnow: Healnow) -> None:
    healnow.patient("pat1", *(healnow.prescription(f"p{n}") for n in range(8)))
    side.pull()
    assert len(side.states()) == 8


def test_an_empty_cart_is_no_event(side: Side, healnow: Healnow) -> None:
    healnow.patient("pat1")
    side.pull()
    assert side.events() == 0


def test_a_patient_is_read_when_due_and_less_and_less_while_nothing_comes(
    side: Side, healnow: Healnow
) -> None:
    healnow.patient("pat1", healnow.prescription("p1"))
    side.pull()
    before = len(healnow.asked)
    side.pull("prescriptions")
    assert len(healnow.asked) == before
    waits = []
    for _ in range(3):
        side.conn.execute("UPDATE record_reads SET next_at = now()")
        side.pull("prescriptions")
        query = "SELECT extract(epoch FROM next_at - read_at)::int FROM record_reads"
        waits.append(side.conn.execute(query).fetchall()[0][0])
    assert waits == [3600, 7200, 14400]
    healnow.prescriptions["pat1"][0]["status"] = "canceled"
    side.conn.execute("UPDATE record_reads SET next_at = now()")
    side.pull("prescriptions")
    assert side.states() == {"p1": "cancelled"}
    assert side.conn.execute("SELECT is_open, fruitless FROM record_reads").fetchall() == [(False, 0)]


def test_by_hand_every_patient_is_read_of_whom_more_is_to_come_or_news_came_lately(
    side: Side, healnow: Healnow
) -> None:
    healnow.patient("pat1", healnow.prescription("p1"))
    healnow.patient("pat2", healnow.prescription("p2", "paid"))
    healnow.patient("pat3", healnow.prescription("p3", "paid"))
    side.pull()
    for patient_id in PATIENTS:
        healnow.prescriptions[patient_id][0]["status"] = "canceled"
    oldest = "SELECT hash FROM record_reads WHERE NOT is_open LIMIT 1"
    side.conn.execute(
        f"UPDATE record_reads SET changed_at = now() - interval '36 days' WHERE hash = ({oldest})"
    )
    done = side.by_hand()
    assert done.done
    assert done.left.due == 0
    assert sorted(side.states().values()) == ["cancelled", "cancelled", "paid"]


def test_a_patient_who_is_not_given_keeps_no_other_from_being_read(side: Side, healnow: Healnow) -> None:
    for patient_id in PATIENTS:
        healnow.patient(patient_id, healnow.prescription(f"p_{patient_id}"))
    healnow.instead["/v1/patients/pat2/prescriptions"] = Answer(404, b"Jane Canary")
    report = side.pull()["prescriptions"]
    assert (report.finished, report.refused, report.trouble) == (True, 1, None)
    assert len(side.states()) == 2
    (told,) = side.conn.execute("SELECT refusal FROM streams WHERE name = 'prescriptions'").fetchall()[0]
    assert told.endswith("404, the partner does not give it")
    assert "pat2" not in told


def test_prescriptions_stand_though_the_patient_has_no_cart(side: Side, healnow: Healnow) -> None:
    healnow.patient("pat1", healnow.prescription("p1", "paid"))
    healnow.instead["/v1/patients/pat1/cart"] = Answer(404, b"Jane Canary")
    side.pull("patients")
    report = side.pull("prescriptions")["prescriptions"]
    assert (report.finished, side.states()) == (True, {"p1": "paid"})


def test_a_patient_whose_read_fails_ends_the_run_and_the_next_begins_with_the_others(
    side: Side, healnow: Healnow
) -> None:
    for patient_id in PATIENTS:
        healnow.patient(patient_id, healnow.prescription(f"p_{patient_id}"))
    side.pull("patients")
    failing: list[str] = []

    def fail(asked: Asked) -> None:
        if not failing and asked.path.endswith("/cart"):
            failing.append(asked.path)
            healnow.instead[asked.path] = Answer(500, b"Jane Canary")

    healnow.meanwhile = fail
    first = side.pull("prescriptions")["prescriptions"]
    assert (first.finished, first.trouble) == (False, "cart: 500, the partner failed")
    second = side.pull("prescriptions")["prescriptions"]
    assert (second.finished, second.trouble) == (True, None)
    assert len(side.states()) == 2
    healnow.instead.clear()
    assert side.by_hand().done
    assert len(side.states()) == 3


def test_sessions_that_are_open_are_read_until_they_are_not(side: Side, healnow: Healnow) -> None:
    healnow.session("cs1", "open", healnow.prescription("p1"))
    side.conn.execute("INSERT INTO entities (kind, key, state) VALUES ('checkout', 'cs1', 'open')")
    side.conn.execute("INSERT INTO entities (kind, key, state) VALUES ('checkout', 'cs2', 'expired')")
    side.pull("checkouts")
    assert side.states("checkout") == {"cs1": "open", "cs2": "expired"}
    healnow.session("cs1", "paid", healnow.prescription("p1", "paid"))
    side.conn.execute("UPDATE record_reads SET next_at = now()")
    side.pull("checkouts")
    assert side.states("checkout")["cs1"] == "paid"
    assert side.states() == {"p1": "paid"}
    side.pull("checkouts")
    assert side.ledger.count("record_reads") == 0
    assert [path for path in healnow.asked if "checkout" in path] == ["/v1/checkout_sessions/cs1"] * 2


def test_one_payment_is_read_by_hand(side: Side, healnow: Healnow) -> None:
    healnow.patient("pat1", healnow.prescription("p1"))
    side.pull()
    healnow.prescriptions["pat1"][0]["status"] = "paid"
    with side.puller() as puller:
        (report,) = puller.pull_entity("payment", "p1") or []
        assert (report.finished, report.stored) == (True, 1)
        assert puller.pull_entity("payment", "p9") is None
        with pytest.raises(UnknownStream, match="no record of a transfer"):
            puller.pull_entity("transfer", "t1")
    side.ledger.settle()
    assert side.states() == {"p1": "paid"}


def test_no_name_of_a_patient_stands_in_the_clear(side: Side, healnow: Healnow) -> None:
    healnow.patient("pat_canary", healnow.prescription("p1"))
    healnow.orders = [healnow.order("o1", healnow.prescription("p1", "paid"), patient_id="pat_canary")]
    side.pull()
    words = ["pat_canary", "Jane", "Mulholland", "4242"]
    tables = side.conn.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
    for (table,) in tables:
        for (row,) in side.conn.execute(f'SELECT t::text FROM "{table}" t').fetchall():
            assert [word for word in words if word in row] == []


def test_the_budget_and_the_circuit_are_the_partners_own(side: Side, healnow: Healnow) -> None:
    healnow.instead["/v1/orders"] = Answer(401)
    assert side.pull("orders")["orders"].trouble == "orders: 401, the API key is refused"
    rows = side.conn.execute("SELECT partner, open_until IS NOT NULL FROM calls").fetchall()
    assert rows == [("healnow", True)]


def test_an_unknown_stream_is_named_with_those_that_there_are(side: Side) -> None:
    with side.puller() as puller, pytest.raises(UnknownStream) as raised:
        puller.pull("notify_rx")
    assert str(raised.value).endswith("there are orders, patients, checkouts, prescriptions")


def test_a_stream_is_known_by_its_name_with_or_without_its_partner(side: Side) -> None:
    names = {
        "orders": ("healnow", "orders"),
        "healnow.orders": ("healnow", "orders"),
        "truepill.notify_rx": ("truepill", "notify_rx"),
        "notify_rx": ("truepill", "notify_rx"),
        "prescriptions": ("healnow", "prescriptions"),
    }
    assert {name: partner_of(side.settings, name) for name in names} == names
    with pytest.raises(UnknownStream, match="no partner"):
        partner_of(side.settings, "nobody.orders")


def test_partners_are_pulled_that_have_a_key(side: Side, tmp_path: Path) -> None:
    assert pulled_partners(side.settings) == ["healnow"]
    both = {"RXLEDGER_HEALNOW_API_KEY": KEY, "RXLEDGER_TRUEPILL_API_KEY": KEY}
    assert pulled_partners(Settings.load(both, tmp_path)) == ["truepill", "healnow"]
    assert pulled_partners(Settings.load({}, tmp_path)) == []


@pytest.mark.parametrize("stream", ["orders", "patients", "checkouts", "prescriptions"])
def test_a_crash_at_any_boundary_loses_nothing_and_stores_nothing_twice(
    side: Side, healnow: Healnow, stream: str
) -> None:
    """Before and after each statement and each COMMIT: a run breaks there, another goes on."""
    healnow.orders = orders(healnow, 4)
    for patient_id in PATIENTS[:2]:
        healnow.patient(patient_id, healnow.prescription(f"p_{patient_id}"))
    for name in ("cs1", "cs2"):
        healnow.session(name, "open")
    events = {"orders": 4, "patients": 0, "checkouts": 2, "prescriptions": 4}[stream]
    things = {"orders": 0, "patients": 2, "checkouts": 2, "prescriptions": 2}[stream]
    for point in range(1, 500):
        empty(side.conn)
        for name in ("cs1", "cs2"):
            side.conn.execute(
                "INSERT INTO entities (kind, key, state) VALUES ('checkout', %s, 'open')", (name,)
            )
        if stream == "prescriptions":
            side.pull("patients")
        faults = Faults(point)
        with FaultyConnection.to(side.settings.database, faults) as conn:
            whole = Puller(
                side.settings, conn, side.ledger.tools, patience=5.0, hint=lambda _: None, partner="healnow"
            )
            with whole as puller, suppress(Broken):
                puller.pull(stream)
        side.conn.execute("UPDATE streams SET leased_until = NULL")
        side.conn.execute("UPDATE record_reads SET next_at = now() WHERE read_at IS NULL")
        with side.puller() as puller:
            assert puller.pull(stream).finished, point
        assert side.events() == side.ledger.count("bodies") == side.ledger.count("queue") == events, point
        assert side.ledger.count("record_reads") == things, point
        if len(faults.passed) < point:
            break
    else:
        pytest.fail("the run did not end")
    assert point > 10


def test_a_stream_has_one_runner_at_once(side: Side, healnow: Healnow) -> None:
    healnow.orders = orders(healnow, 6)
    seen: list[Report] = []

    def another(asked: Asked) -> None:
        if asked.query["page"] == ["2"] and not seen:
            with connect(side.settings.database, "test") as conn:
                other = Puller(
                    side.settings,
                    conn,
                    side.ledger.tools,
                    patience=5.0,
                    hint=lambda _: None,
                    partner="healnow",
                )
                with other as puller:
                    seen.append(puller.pull("orders"))

    healnow.meanwhile = another
    assert side.pull("orders")["orders"].finished
    assert [(one.busy, one.pages) for one in seen] == [(True, 0)]
    assert side.states() == paid(6)
