"""HealNow's records: what each states, what of it is stored, how items that look alike are told apart."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from partners.healnow.envelopes import RESOURCES, envelope
from partners.healnow.records import read
from partners.reading import Reading, Stated, Unreadable
from tests.support.reading import keyed

CANARIES = ("Jane", "Doe", "1979", "+1111111111", "jane@healnow.io", "Mulholland", "https://")
PATIENT = {
    "id": "mHlcouikWQp9JCy2",
    "eid": "pat_1",
    "first_name": "Jane",
    "last_name": "Doe",
    "dob": "1979-05-07 00:00:00.000000",
    "phone": "+1111111111",
    "email": "jane@healnow.io",
}


def prescription(**given: Any) -> dict[str, Any]:
    """As the reference prints one."""
    printed = {
        "id": "BWCTLvfzTklvXmCu",
        "eid": "fill_1:rx_a",
        "name": "Carisoprodol 350 Mg Tablet",
        "rx_number": "120143",
        "refill_number": None,
        "price_in_cents": 1299,
        "status": "pending",
        "provider": "Dr Jones",
        "days_supply": 30,
        "qty": 30,
        "is_refill": False,
    }
    return printed | given


def order(*items: Any, **given: Any) -> dict[str, Any]:
    printed = {
        "id": "vk1AJK1exCI5QxBX",
        "ref": "000005",
        "archived": False,
        "status": "paid",
        "total_in_cents": 1999,
        "totals": {"shipping": 700},
        "signature": "Jane Doe",
        "answers": [{"answer": "Jane"}],
        "patient": PATIENT,
        "payment": {
            "id": "pay1",
            "amount_in_cents": 1999,
            "card_type": "visa",
            "last4": "4242",
            "phone": "+1111111111",
        },
        "shipment": {"street": "Mulholland Drive 1"},
        "address": {"street": "Mulholland Drive 1"},
        "items": list(items) or [prescription()],
    }
    return printed | given


def session(*items: Any, **given: Any) -> dict[str, Any]:
    printed = {
        "id": "cs1",
        "status": "paid",
        "checkout_url": "https://pay.healnow.io/cs1",
        "success_url": "https://healnow.io/success",
        "cancel_url": "https://healnow.io/cancel",
        "total_in_cents": 1299,
        "totals": {},
        "patient": PATIENT,
        "items": list(items) or [prescription()],
        "payment": None,
    }
    return printed | given


def reading(resource: str, record: Any, **asked: Any) -> Reading:
    return read(envelope(resource, record, **asked).body, keyed)


def stated(resource: str, record: Any, **asked: Any) -> tuple[Stated, ...]:
    return reading(resource, record, **asked).stated


def reason(resource: str, record: Any, **asked: Any) -> str:
    with pytest.raises(Unreadable) as raised:
        reading(resource, record, **asked)
    return raised.value.reason


def by_order(one: Stated) -> list[str]:
    return [alias for alias in one.aliases if alias.startswith("rx_")]


@pytest.mark.parametrize(
    ("status", "signal", "code"),
    [
        ("pending", "seen:pending", None),
        ("paid", "seen:paid", None),
        ("Paid", "seen:paid", None),
        ("moto", "seen:paid", "moto"),
        ("canceled", "seen:cancelled", None),
        ("CANCELLED", "seen:cancelled", None),
        ("manually_canceled", "seen:cancelled", "manually_canceled"),
        ("removed", "seen:removed", None),
    ],
)
def test_a_prescription_says_by_its_status_how_its_payment_stands(
    status: str, signal: str, code: str | None
) -> None:
    (one,) = stated("prescription", prescription(status=status))
    assert (one.kind, one.key, one.undated) == ("payment", "BWCTLvfzTklvXmCu", True)
    assert (one.fact.occurred_at, one.fact.signal, one.fact.code) == (0, signal, code)


def test_a_prescription_is_told_by_its_names_and_its_price() -> None:
    (one,) = stated("prescription", prescription(), patient_id="pat9")
    assert one.aliases == ("fill_1:rx_a",)
    assert one.links == {
        ("payment", "BWCTLvfzTklvXmCu"),
        ("eid", "fill_1:rx_a"),
        ("metadata", "fill_1:rx_a"),
        ("metadata", "fill_1"),
        ("request", "fill_1"),
        ("prescription", "rx_a"),
        ("rx_number", "120143"),
        ("payer", "pat9"),
    }
    assert one.detail == {
        "eid": "fill_1:rx_a",
        "rx_number": "120143",
        "refill_number": "0",
        "price_in_cents": 1299,
        "qty": 30,
        "days_supply": 30,
        "name": "Carisoprodol 350 Mg Tablet",
    }


def test_a_paid_order_says_that_each_of_its_items_is_paid() -> None:
    items = [prescription(id="p1", eid="e1", rx_number="1"), prescription(id="p2", eid="e2", rx_number="2")]
    first, second = stated("order", order(*items))
    assert [one.fact.signal for one in (first, second)] == ["seen:paid", "seen:paid"]
    assert [one.key for one in (first, second)] == ["p1", "p2"]
    assert ("payment_order", "vk1AJK1exCI5QxBX") in first.links
    assert ("payer", "mHlcouikWQp9JCy2") in first.links
    assert first.detail["order_id"] == "vk1AJK1exCI5QxBX"
    told = ("payment_id", "card_type", "last4")
    assert [first.detail[field] for field in told] == ["pay1", "visa", "4242"]


@pytest.mark.parametrize(
    ("status", "signals"),
    [
        ("pending", [("seen:paid", None)]),
        ("removed", [("seen:paid", None)]),
        ("moto", [("seen:paid", None)]),
        ("lost", [("seen:paid", None)]),
        (None, [("seen:paid", None)]),
        ("canceled", [("seen:paid", None), ("seen:cancelled", None)]),
        ("manually_canceled", [("seen:paid", None), ("seen:cancelled", "manually_canceled")]),
    ],
)
def test_an_item_of_a_paid_order_was_paid_whatever_became_of_it(
    status: str | None, signals: list[tuple[str, str | None]]
) -> None:
    told = stated("order", order(prescription(status=status)))
    assert [(one.fact.signal, one.fact.code) for one in told] == signals
    assert {one.key for one in told} == {"BWCTLvfzTklvXmCu"}
    assert len({one.aliases for one in told}) == 1


def test_an_order_that_is_not_paid_says_of_each_item_what_that_says_itself() -> None:
    items = [prescription(id="p1", rx_number="1", status="removed"), prescription(id="p2", status="paid")]
    first, second = stated("order", order(*items, status="open"))
    assert [one.fact.signal for one in (first, second)] == ["seen:removed", "seen:paid"]


def test_an_order_without_a_payment_is_read_all_the_same() -> None:
    (one,) = stated("order", order(payment=None))
    assert one.fact.signal == "seen:paid"
    assert "card_type" not in one.detail


def test_an_item_may_hold_its_prescription_and_its_own_price_is_that_of_the_payment() -> None:
    item = {"id": "item1", "price_in_cents": 999, "prescription": prescription(price_in_cents=1500)}
    (one,) = stated("order", order(item))
    assert one.key == "BWCTLvfzTklvXmCu"
    assert one.detail["price_in_cents"] == 999


def test_two_items_of_one_rx_number_are_not_named_by_it() -> None:
    first, second, other = stated(
        "order",
        order(
            prescription(id="p1", eid="e1"),
            prescription(id="p2", eid="e2"),
            prescription(id="p3", eid="e3", rx_number="2"),
        ),
    )
    assert by_order(first) == by_order(second) == []
    assert len(by_order(other)) == 1


def test_two_items_of_one_eid_are_not_named_by_it() -> None:
    items = [prescription(id=None, rx_number="1"), prescription(id=None, rx_number="2")]
    first, second = stated("order", order(*items))
    assert first.aliases != second.aliases
    assert first.fallback == by_order(first)[0]
    assert second.fallback == by_order(second)[0]


def test_an_item_that_nothing_names_is_passed_over() -> None:
    unnamed = prescription(id=None, eid=None)
    (one,) = stated("order", order(unnamed, prescription()))
    assert one.key == "BWCTLvfzTklvXmCu"
    assert reason("order", order(unnamed, unnamed)) == "missing_key"
    (by_rx,) = stated("order", order(unnamed))
    assert by_rx.fallback == by_order(by_rx)[0]


def test_an_item_of_an_unknown_status_keeps_no_other_from_being_read() -> None:
    told = reading("order", order(prescription(id="p1", status="lost"), prescription(id="p2"), status="open"))
    assert [one.key for one in told.stated] == ["p2"]
    assert ("code", "SNAPSHOT_ORDER", "lost") in told.unseen
    assert reason("order", order(prescription(status="lost"), status="open")) == "unknown_status"


def test_a_cart_says_of_each_prescription_how_it_stands() -> None:
    cart = {"total_in_cents": 1299, "totals": {}, "prescriptions": [prescription()], "patient": PATIENT}
    (one,) = stated("cart", cart, asked_for="mHlcouikWQp9JCy2")
    assert (one.key, one.fact.signal) == ("BWCTLvfzTklvXmCu", "seen:pending")
    assert ("payer", "mHlcouikWQp9JCy2") in one.links
    assert by_order(one) == []


def test_an_empty_cart_states_nothing() -> None:
    assert stated("cart", {"prescriptions": [], "patient": PATIENT}, asked_for="mHlcouikWQp9JCy2") == ()


@pytest.mark.parametrize("payment", [None, {}, {"id": "pay1", "card_type": "visa", "last4": "4242"}])
def test_a_paid_session_is_paid_whatever_its_payment_says(payment: object) -> None:
    checkout, paid = stated("checkout_session", session(prescription(status="paid"), payment=payment))
    assert (checkout.kind, checkout.key, checkout.fact.signal) == ("checkout", "cs1", "seen:paid")
    assert (paid.kind, paid.key, paid.fact.signal) == ("payment", "BWCTLvfzTklvXmCu", "seen:paid")
    assert checkout.detail["total_in_cents"] == 1299
    assert checkout.undated
    assert ("checkout", "cs1") in checkout.links
    assert ("request", "fill_1") in checkout.links


def test_of_a_session_that_was_paid_in_part_each_item_says_how_it_stands() -> None:
    items = [prescription(id=f"p{n}", eid=f"e{n}", rx_number=f"{n}") for n in range(3)]
    items[0]["status"], items[1]["status"] = "paid", "pending"
    del items[2]["status"]
    _, *told = stated("checkout_session", session(*items))
    assert [one.fact.signal for one in told] == ["seen:paid", "seen:pending", "seen:paid"]


@pytest.mark.parametrize("status", ["open", "expired", "Expired"])
def test_a_session_that_is_not_paid_says_nothing_of_its_items(status: str) -> None:
    (checkout,) = stated("checkout_session", session(status=status))
    assert checkout.fact.signal == f"seen:{status.lower()}"


@pytest.mark.parametrize("items", [None, {}, [7], [{}]])
def test_a_session_stands_by_itself_whatever_its_items_are(items: object) -> None:
    (checkout,) = stated("checkout_session", session() | {"items": items})
    assert checkout.fact.signal == "seen:paid"


@pytest.mark.parametrize(
    ("resource", "record", "asked", "why"),
    [
        ("prescription", prescription(status="lost"), {}, "unknown_status"),
        ("prescription", prescription(status=None), {}, "missing_status"),
        ("prescription", prescription(id=None, eid=None), {}, "missing_key"),
        ("prescription", prescription(id="a b"), {}, "bad_key"),
        ("prescription", prescription(), {"asked_for": "another"}, "bad_key"),
        ("prescription", [prescription()], {}, "bad_details"),
        ("prescription", None, {}, "bad_details"),
        ("order", order() | {"items": None}, {}, "bad_details"),
        ("order", order() | {"items": [prescription()] * 1001}, {}, "bad_details"),
        ("order", order("p1"), {}, "bad_details"),
        ("cart", {"patient": PATIENT}, {"asked_for": "mHlcouikWQp9JCy2"}, "bad_details"),
        ("cart", {"prescriptions": [], "patient": PATIENT}, {"asked_for": "other"}, "bad_key"),
        ("checkout_session", session(status="lost"), {}, "unknown_status"),
        ("checkout_session", session(status=None), {}, "missing_status"),
        ("checkout_session", session(id=None), {}, "missing_key"),
    ],
)
def test_what_cannot_be_read_is_kept_with_its_reason(
    resource: str, record: Any, asked: dict[str, Any], why: str
) -> None:
    assert reason(resource, record, **asked) == why


def test_a_prescription_without_an_id_is_the_one_that_was_asked_for() -> None:
    record = prescription()
    del record["id"]
    (one,) = stated("prescription", record, asked_for="p7")
    assert one.key == "p7"


@pytest.mark.parametrize("resource", RESOURCES)
def test_what_says_who_the_patient_is_is_not_stored(resource: str) -> None:
    record = {
        "order": order({"prescription": prescription(patient=PATIENT)}),
        "prescription": prescription(patient=PATIENT),
        "cart": {"prescriptions": [prescription(patient=PATIENT)], "patient": PATIENT, "totals": {}},
        "checkout_session": session(prescription(patient=PATIENT)),
    }[resource]
    body = envelope(resource, record, asked_for=str(record.get("id") or PATIENT["id"])).body.decode()
    assert [canary for canary in CANARIES if canary in body] == []


def test_what_the_reference_prints_is_no_drift() -> None:
    assert reading("order", order()).unseen == ()
    assert reading("prescription", prescription(), patient_id="pat9").unseen == ()
    assert reading("checkout_session", session()).unseen == ()
    cart = {"prescriptions": [prescription()], "patient": PATIENT, "total_in_cents": 5, "totals": {}}
    assert reading("cart", cart, asked_for=PATIENT["id"]).unseen == ()


def test_an_amount_that_is_none_is_left_out_and_told() -> None:
    told = reading("order", order(prescription(price_in_cents=12.99, qty="30")))
    assert "price_in_cents" not in told.stated[0].detail
    assert told.stated[0].detail["qty"] == 30
    assert {name for what, _, name in told.unseen if what == "form"} == {
        "price_in_cents.fraction",
        "qty.text",
    }


def test_a_record_that_stands_still_is_one_body_however_its_fields_are_ordered() -> None:
    record = order()
    turned = dict(reversed(record.items()))
    assert envelope("order", record) == envelope("order", turned)
    assert orjson.loads(envelope("order", record).body).keys() == {"snapshot", "id", "content"}


def test_a_callback_of_the_pharmacys_is_no_record() -> None:
    for body, why in ((b'{"snapshot": "transfer", "id": "a"}', "unknown_type"), (b"{}", "missing_type")):
        with pytest.raises(Unreadable) as raised:
            read(body, keyed)
        assert raised.value.reason == why
