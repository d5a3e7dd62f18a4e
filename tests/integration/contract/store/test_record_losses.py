"""Losses of a partner that gives records and no events: what these say and no push did, and the other way."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from partners.families import Families, Family
from partners.registry import partners_of
from store.reports import loss, pushes, recorded, unconfirmed
from tests.support.factories import OrderSuccess, Shipment
from tests.support.fixed_time import FixedTime
from tests.support.ledger import Body, Ledger
from tests.support.payments import HEALNOW, callback, order, prescription, record
from workers.reports.callback_types import CallbackTypes, callback_types
from workers.reports.loss_days import count_day, counts, span
from workers.reports.pull_reach import confirming, recordings

GRACE = 3600
TYPES = callback_types()
EVER = span(datetime(2000, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC), TYPES)


def push(ledger: Ledger, *bodies: Body) -> None:
    ledger.apply(*bodies, **HEALNOW)


def read(ledger: Ledger, *bodies: Body) -> None:
    ledger.apply(*bodies, via="snapshot", partner="healnow")


def paid(*ids: str) -> bytes:
    """An order of these prescriptions."""
    return record("order", order("o-" + "-".join(ids), *(prescription(id) for id in ids)))


def found(ledger: Ledger, types: CallbackTypes = TYPES, **changes: Any) -> dict[str, tuple[int, ...]]:
    """By type: pushed, pulled only, both ways, unconfirmed, flagged."""
    by = confirming(ledger.conn, changes.get("grace", GRACE), types)
    days = counts(ledger.conn, EVER, by, types)
    names = ("pushed", "pulled_only", "both_ways", "unconfirmed", "flagged")
    return {name.callback_type: tuple(of[each] for each in names) for (_, name), of in days.items()}


def list_read(ledger: Ledger, began: datetime, *, ago: str = "1 minute") -> None:
    ledger.conn.execute(
        "INSERT INTO streams (partner, name, watermark, completed_at) "
        "VALUES ('healnow', 'orders', %s, clock_timestamp() - %s::interval)",
        (began, ago),
    )


def test_a_payment_that_its_record_says_was_made_and_no_push_did_is_a_lost_callback(ledger: Ledger) -> None:
    push(ledger, callback("paid", id="both"))
    read(ledger, paid("both", "lost"))
    assert found(ledger) == {"prescription::paid": (1, 1, 1, 0, 0)}
    by = confirming(ledger.conn, GRACE, TYPES)
    (row,) = recorded.untold_each(ledger.conn, EVER, by.recordings, by.grace)
    assert (row.kind, row.recorded_as, row.key) == ("payment", "seen:paid", "lost")


def test_a_day_is_that_of_the_first_receipt(ledger: Ledger, clock: FixedTime) -> None:
    read(ledger, paid("lost"))
    first = clock.now.date()
    clock.advance(days=1)
    push(ledger, callback("paid", id="other"))
    by = confirming(ledger.conn, GRACE, TYPES)
    for day, told in ((first, (0, 1)), (clock.now.date(), (1, 0))):
        (row,) = count_day(ledger.conn, day, by, TYPES)
        assert row[:5] == (day, "healnow", "prescription::paid", *told)


def test_a_push_may_come_some_time_after_the_record_and_one_that_comes_later_was_late(
    ledger: Ledger, clock: FixedTime
) -> None:
    """The server's clock decides, so the record is read now."""
    clock.now = datetime.now(UTC)
    read(ledger, paid("rx1"))
    assert found(ledger) == {}
    assert found(ledger, grace=-1) == {"prescription::paid": (0, 1, 0, 0, 0)}
    push(ledger, callback("paid", id="rx1"))
    assert found(ledger, grace=-1) == {"prescription::paid": (1, 0, 1, 0, 0)}


@pytest.mark.parametrize(
    ("status", "said", "type_"),
    [
        ("canceled", "canceled", "prescription::canceled"),
        ("manually_canceled", "manually_canceled", "prescription::canceled"),
        ("removed", "removed", "prescription::removed"),
        ("moto", "moto", "prescription::moto"),
    ],
)
def test_each_state_is_lost_or_confirmed_by_its_own_callback(
    ledger: Ledger, status: str, said: str, type_: str
) -> None:
    read(ledger, record("prescription", prescription("rx1", status)))
    lost = "prescription::paid" if status == "moto" else type_
    assert found(ledger) == {lost: (0, 1, 0, 0, 0)}
    push(ledger, callback("pending", id="rx1"))
    assert found(ledger)[lost] == (0, 1, 0, 0, 0)
    push(ledger, callback(said, id="rx1"))
    assert found(ledger) == {"prescription::pending": (1, 0, 0, 0, 0), type_: (1, 0, 1, 0, 0)}


def test_a_state_that_two_records_tell_otherwise_is_lost_once(ledger: Ledger, clock: FixedTime) -> None:
    read(ledger, record("prescription", prescription("rx1", "moto")))
    clock.advance(minutes=1)
    read(ledger, paid("rx1"))
    assert ledger.count("facts") == 2
    assert found(ledger) == {"prescription::paid": (0, 1, 0, 0, 0)}


def test_what_is_in_a_cart_and_checkouts_lose_no_callback(ledger: Ledger) -> None:
    read(ledger, record("prescription", prescription("rx1", "pending")))
    read(ledger, record("checkout_session", {"id": "cs1", "status": "paid", "items": [], "payment": None}))
    assert ledger.count("facts") == 2
    assert found(ledger) == {}


@pytest.mark.parametrize(
    ("after", "flagged"), [(timedelta(seconds=GRACE + 1), 1), (timedelta(seconds=GRACE), 0), (-GRACE, 0)]
)
def test_a_payment_that_was_pushed_is_flagged_when_the_orders_were_read_whole_since_without_it(
    ledger: Ledger, clock: FixedTime, after: timedelta | int, flagged: int
) -> None:
    push(ledger, callback("paid", id="rx1"), callback("canceled", id="rx2"))
    assert found(ledger)["prescription::paid"] == (1, 0, 0, 0, 0)  # nothing could confirm it
    after = timedelta(seconds=after) if isinstance(after, int) else after
    list_read(ledger, clock.now + after)
    assert found(ledger) == {
        "prescription::paid": (1, 0, 0, 1, flagged),
        "prescription::canceled": (1, 0, 0, 0, 0),
    }
    by = confirming(ledger.conn, GRACE, TYPES)
    alone = recorded.flagged(ledger.conn, EVER, by.recordings, by.grace)
    assert [(one.signal, one.key) for one in alone] == [("payment:paid", "rx1")] * flagged
    rows = ledger.conn.execute("SELECT id FROM entities WHERE key = 'rx1'").fetchall()
    of_entity = recorded.of_entity(ledger.conn, rows[0][0], by.recordings, by.grace)
    assert list(of_entity.values()) == [bool(flagged)]


def test_a_payment_that_was_called_off_since_is_not_looked_for_among_the_orders(
    ledger: Ledger, clock: FixedTime
) -> None:
    push(ledger, callback("paid", id="rx1"))
    read(ledger, record("prescription", prescription("rx1", "canceled")))
    list_read(ledger, clock.now + timedelta(days=1))
    assert found(ledger)["prescription::paid"] == (1, 0, 0, 0, 0)


def test_nothing_is_flagged_by_records_that_may_wait_in_the_queue(ledger: Ledger, clock: FixedTime) -> None:
    push(ledger, callback("paid", id="rx1"))
    ledger.admit(paid("rx1"), via="snapshot", partner="healnow")
    list_read(ledger, clock.now + timedelta(days=1))
    assert found(ledger)["prescription::paid"] == (1, 0, 0, 0, 0)
    ledger.settle()
    assert found(ledger)["prescription::paid"] == (1, 0, 1, 0, 0)


def test_what_is_dated_by_its_receipt_is_late_by_nothing_that_could_be_told(ledger: Ledger) -> None:
    push(ledger, callback("paid", id="rx1"))
    ledger.apply(dict(OrderSuccess(request_id="f1", timestamp=1_590_800_000)))
    assert {row.family for row in loss.delays(ledger.conn, EVER)} == {"order"}


# A second pharmacy that speaks of fills.
TWO = CallbackTypes(
    {
        "truepill": partners_of()["truepill"].families(),
        "mailorder": Families(events={"order": Family("STATUS", "fill_request")}),
    }
)


def test_of_families_that_two_partners_have_a_copy_tells_whose_a_fact_is(ledger: Ledger) -> None:
    at = 1_590_800_000
    ledger.apply(dict(OrderSuccess(request_id="f1", timestamp=at)))
    ledger.apply(dict(Shipment(request_id="f1", timestamp=at + 9)))
    ledger.apply(dict(OrderSuccess(request_id="f2", timestamp=at)))
    ledger.conn.execute("UPDATE events SET partner = 'mailorder' WHERE seq = (SELECT max(seq) FROM events)")
    ledger.conn.execute(
        "INSERT INTO streams (partner, name, completed_at) "
        "VALUES ('truepill', 'fill_request', clock_timestamp() - interval '1 minute')"
    )
    ledger.conn.execute(
        "INSERT INTO lookups (entity_id, looked_at, next_at, state, fruitless) "
        "SELECT id, clock_timestamp() - interval '1 minute', now(), state, 1 FROM entities"
    )
    by = confirming(ledger.conn, GRACE, TWO)
    of = span(EVER.since, EVER.until, TWO)
    told = {name: dict(counted) for (_, name), counted in counts(ledger.conn, of, by, TWO).items()}
    assert {name: (c["pushed"], c.get("flagged", 0)) for name, c in told.items()} == {
        ("truepill", "ORDER"): (1, 1),
        ("truepill", "SHIPMENT"): (1, 1),
        ("mailorder", "STATUS"): (1, 0),
    }
    assert {(one.partner, one.key) for one in unconfirmed.flagged(ledger.conn, of, by)} == {
        ("truepill", "f1"),
        (None, "f1"),
    }


def test_a_partner_is_silent_when_records_say_what_no_push_did(ledger: Ledger, clock: FixedTime) -> None:
    push(ledger, callback("paid", id="rx1"))
    pushes.learn(ledger.conn, clock.now)
    clock.advance(days=2)
    read(ledger, record("prescription", prescription("rx2", "pending")))
    recorded_by = recordings(TYPES)

    def missed() -> int:
        (one,) = pushes.silences(ledger.conn, clock.now, timedelta(hours=1), recorded_by)
        return one.missed

    clock.advance(hours=1)
    assert missed() == 0
    read(ledger, paid("rx1", "rx2", "rx3"))
    assert missed() == 0  # their pushes may be on their way
    clock.advance(hours=1)
    assert missed() == 2
    push(ledger, callback("pending", id="rx9"))
    assert missed() == 0
