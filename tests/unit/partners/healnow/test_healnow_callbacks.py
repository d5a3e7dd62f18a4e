"""HealNow's callbacks: how each states a payment, what it is called, and what of it is amiss."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from partners.healnow.callbacks import read
from partners.reading import DOMAINS, Stated, Unreadable
from tests.support.reading import keyed

PAID: dict[str, Any] = {
    "eid": "fill_request_1",
    "rx_number": "120143",
    "order_id": "vk1AJK1exCI5QxBX",
    "amount_in_cents": 1299,
}


def callback(status: str = "paid", /, **data: Any) -> dict[str, Any]:
    return {"type": f"prescription::{status}", "data": data or dict(PAID)}


def stated(content: dict[str, Any]) -> Stated:
    (one,) = read(orjson.dumps(content), keyed).stated
    return one


def reason(content: Any) -> str:
    with pytest.raises(Unreadable) as raised:
        read(content if isinstance(content, bytes) else orjson.dumps(content), keyed)
    return raised.value.reason


def values(one: Stated, domain: str) -> set[str]:
    return {value for found, value in one.links if found == domain}


@pytest.mark.parametrize(
    ("status", "signal", "code"),
    [
        ("pending", "payment:pending", None),
        ("paid", "payment:paid", None),
        ("PAID", "payment:paid", None),
        ("moto", "payment:moto", None),
        ("canceled", "payment:cancelled", None),
        ("cancelled", "payment:cancelled", None),
        ("manually_canceled", "payment:cancelled", "manually_canceled"),
        ("manually_cancelled", "payment:cancelled", "manually_canceled"),
        ("manuallyCanceled", "payment:cancelled", "manually_canceled"),
        ("removed", "payment:removed", None),
    ],
)
def test_a_type_says_how_the_payment_stands(status: str, signal: str, code: str | None) -> None:
    fact = stated(callback(status)).fact
    assert (fact.signal, fact.code, fact.discriminator) == (signal, code, b"")


def test_a_fact_has_no_time_of_its_own() -> None:
    one = stated(callback())
    assert one.undated
    assert one.fact.occurred_at == 0


def test_an_id_is_the_key_and_every_other_name_an_alias() -> None:
    one = stated(callback(**PAID, id="BWCTLvfzTklvXmCu"))
    assert (one.kind, one.key, one.fallback) == ("payment", "BWCTLvfzTklvXmCu", None)
    assert "fill_request_1" in one.aliases
    assert len(one.aliases) == 2
    assert values(one, "payment") == {"BWCTLvfzTklvXmCu"}


def test_without_an_id_the_eid_names_it_before_order_and_rx_number_do() -> None:
    one = stated(callback())
    assert (one.key, one.fallback) == (None, "fill_request_1")
    (by_order,) = {*one.aliases} - {"fill_request_1"}
    assert by_order.startswith("rx_")
    assert len(by_order) == len("rx_") + 16


def test_without_an_eid_order_and_rx_number_name_it_together_and_hashed() -> None:
    one = stated(callback(rx_number="120143", order_id="o1"))
    assert one.key is None
    assert one.aliases == (one.fallback,)
    assert "120143" not in str(one.fallback)
    assert one.fallback != stated(callback(rx_number="120143", order_id="o2")).fallback
    assert one.fallback in stated(callback(rx_number="120143", order_id="o1", eid="e")).aliases


def test_an_rx_number_alone_names_nothing_since_every_refill_has_it() -> None:
    assert reason(callback(rx_number="120143")) == "missing_key"
    assert reason(callback(order_id="o1", amount_in_cents=5)) == "missing_key"


@pytest.mark.parametrize("rx_number", ["120143", 120143, " 120143 "])
def test_an_eid_that_is_the_rx_number_names_nothing(rx_number: object) -> None:
    one = stated(callback(eid="120143", rx_number=rx_number, order_id="o1"))
    assert one.fallback == stated(callback(rx_number="120143", order_id="o1")).fallback
    assert "120143" not in {one.fallback, *one.aliases}
    with_id = stated(callback(eid="120143", rx_number=rx_number, id="p1"))
    assert (with_id.key, with_id.aliases) == ("p1", ())
    assert reason(callback(eid="120143", rx_number=rx_number)) == "missing_key"


def test_an_eid_of_other_characters_is_a_name_by_its_hash() -> None:
    one = stated(callback(eid="order 7 of Jane"))
    assert str(one.fallback).startswith("eid_")
    assert "Jane" not in str(one.fallback)
    assert one.fallback == stated(callback(eid=" order 7 of Jane ")).fallback
    assert values(one, "eid") == {"order 7 of Jane"}
    assert values(one, "request") == set()


@pytest.mark.parametrize(
    ("eid", "requests", "tokens", "metadata"),
    [
        ("fill_1", {"fill_1"}, set(), {"fill_1"}),
        ("fill_1:rx_a", {"fill_1"}, {"rx_a"}, {"fill_1:rx_a", "fill_1"}),
        ("our order/7:rx_a", set(), {"rx_a"}, {"our order/7:rx_a", "our order/7"}),
        (":", set(), set(), {":"}),
        (17, {"17"}, set(), {"17"}),
    ],
)
def test_an_eid_leads_to_what_it_may_hold(
    eid: object, requests: set[str], tokens: set[str], metadata: set[str]
) -> None:
    one = stated(callback(eid=eid))
    assert values(one, "request") == requests
    assert values(one, "prescription") == tokens
    assert values(one, "metadata") == metadata
    assert values(one, "eid") == {str(eid)}
    assert {domain for domain, _ in one.links} <= set(DOMAINS)


@pytest.mark.parametrize(
    ("printed", "refill"),
    [(None, "0"), ("", "0"), ("0", "0"), (0, "0"), ("1", "1"), (1, "1"), ("01", "1"), ("second", "second")],
)
def test_a_refill_has_one_spelling(printed: object, refill: str) -> None:
    one = stated(callback(**PAID, refill_number=printed))
    assert one.detail["refill_number"] == refill


def test_a_copy_that_says_nothing_of_a_refill_is_of_no_certain_one() -> None:
    one = stated(callback())
    assert values(one, "rx_number") == {"120143"}
    assert "refill_number" not in one.detail


def test_an_order_is_a_link() -> None:
    assert values(stated(callback()), "payment_order") == {"vk1AJK1exCI5QxBX"}


@pytest.mark.parametrize(
    ("printed", "cents", "forms"),
    [
        (1299, 1299, []),
        (0, 0, []),
        ("1299", 1299, ["amount_in_cents.text"]),
        (12.99, None, ["amount_in_cents.fraction"]),
        (1299.0, None, ["amount_in_cents.fraction"]),
        ("12.99", None, ["amount_in_cents.fraction"]),
        ("$12", None, ["amount_in_cents.fraction"]),
        (-5, None, ["amount_in_cents.other"]),
        (10**13, None, ["amount_in_cents.other"]),
        (True, None, ["amount_in_cents.other"]),
        ([1299], None, ["amount_in_cents.other"]),
        (None, None, []),
        ("", None, []),
    ],
)
def test_only_whole_cents_are_an_amount(printed: object, cents: int | None, forms: list[str]) -> None:
    reading = read(orjson.dumps(callback(eid="e", amount_in_cents=printed)), keyed)
    assert reading.stated[0].detail.get("price_in_cents") == cents
    assert [name for what, _, name in reading.unseen if what == "form"] == forms


@pytest.mark.parametrize(
    ("drifted", "field"),
    [
        ({"rxNumber": "120143"}, "rxNumber"),
        ({"external_id": "e"}, "external_id"),
        ({"externalId": "e"}, "externalId"),
        ({"orderId": "o1"}, "orderId"),
        ({"amountInCents": 1299}, "amountInCents"),
        ({"amount": 1299}, "amount"),
        ({"refillNumber": "0"}, "refillNumber"),
    ],
)
def test_names_that_drift_are_read_and_told(drifted: dict[str, Any], field: str) -> None:
    whole: dict[str, Any] = {
        "eid": "e",
        "rx_number": "120143",
        "order_id": "o1",
        "amount_in_cents": 1299,
        "refill_number": None,
    }
    instead = {
        "rxNumber": "rx_number",
        "external_id": "eid",
        "externalId": "eid",
        "orderId": "order_id",
        "amountInCents": "amount_in_cents",
        "amount": "amount_in_cents",
        "refillNumber": "refill_number",
    }
    data = {name: value for name, value in whole.items() if name != instead[field]}
    reading = read(orjson.dumps(callback(**data, **drifted)), keyed)
    assert reading.stated == read(orjson.dumps(callback(**whole)), keyed).stated
    assert ("field", "prescription::paid", f"data.{field}") in reading.unseen


def test_what_the_contract_says_is_no_drift() -> None:
    content = callback(**PAID, id="p1", refill_number=None, qty=30)
    assert read(orjson.dumps(content), keyed).unseen == ()


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"{", "not_json"),
        ([], "not_an_object"),
        ({"data": PAID}, "missing_type"),
        ({"type": "", "data": PAID}, "missing_type"),
        ({"type": "prescription::shipped", "data": PAID}, "unknown_type"),
        ({"type": "order::paid", "data": PAID}, "unknown_type"),
        ({"type": ["prescription::paid"], "data": PAID}, "unknown_type"),
        ({"type": "prescription::paid"}, "bad_details"),
        ({"type": "prescription::paid", "data": []}, "bad_details"),
        (callback(id={"a": 1}), "bad_key"),
        (callback(id="a/b"), "bad_key"),
    ],
)
def test_what_cannot_be_read_is_kept_with_its_reason(content: Any, why: str) -> None:
    assert reason(content) == why


def test_an_unknown_type_is_drift_by_its_name_where_that_is_plain() -> None:
    for stated_type, shown in (("prescription::shipped", "prescription::shipped"), ("Jane Doe", "?")):
        with pytest.raises(Unreadable) as raised:
            read(orjson.dumps({"type": stated_type, "data": {}}), keyed)
        assert raised.value.unseen == (("type", shown, shown),)
