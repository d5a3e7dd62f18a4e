"""A patient pays: checkout sessions, orders and their receipts, and lists that grow while they are paged."""

from __future__ import annotations

import re
from typing import Any

import pytest

from sandbox.profile import Profile
from tests.integration.sandbox.payments import Healnow, ids_of
from tests.support.sandbox import KEY, Desk
from tests.support.sandbox import desk as served

HOURS = 3600.0


@pytest.fixture
def healnow(desk: Desk) -> Healnow:
    return Healnow(desk)


def test_a_session_is_answered_as_printed_and_paid_by_its_url_alone(healnow: Healnow) -> None:
    patient, rows = healnow.patient(1299, 701)
    session = healnow.session(patient, rows)
    assert (session["status"], session["payment"], session["total_in_cents"]) == ("open", None, 2000)
    assert [item["id"] for item in session["items"]] == rows
    status, paid = healnow.at(session, "POST", "/pay")
    assert (status, paid["status"]) == (200, "paid")
    assert healnow.done("GET", f"/v1/checkout_sessions/{session['id']}") == paid
    assert [healnow.status(row) for row in rows] == ["paid", "paid"]
    (order,) = healnow.done("GET", f"/v1/patients/{patient}/orders")["data"]
    assert (order["status"], order["ref"], order["archived"]) == ("paid", "000001", False)
    assert order["payment"] == paid["payment"]
    assert order["totals"]["items_in_cents"] == 2000
    assert order["total_in_cents"] == sum(order["totals"].values()) == order["payment"]["amount_in_cents"]
    assert healnow.done("GET", f"/v1/orders/{order['id']}") == order


def test_a_patient_pays_in_part_and_the_rest_stays_in_the_cart(healnow: Healnow) -> None:
    patient, rows = healnow.patient(100, 200, 400)
    session = healnow.session(patient, rows)
    assert healnow.at(session, "POST", "/pay", {"items": [rows[1]]})[0] == 200
    assert [healnow.status(row) for row in rows] == ["pending", "paid", "pending"]
    (order,) = healnow.done("GET", "/v1/orders")["data"]
    assert ids_of(order) == [rows[1]]
    assert healnow.at(session, "POST", "/pay", {"items": [rows[0]]})[0] == 422
    healnow.paid(patient, [rows[0], rows[2]])
    assert healnow.done("GET", "/v1/orders")["total_pages"] == 1


def test_what_is_paid_by_phone_has_no_payment_and_is_paid_all_the_same(healnow: Healnow) -> None:
    patient, (row,) = healnow.patient(1299)
    status, session = healnow.at(healnow.session(patient, [row]), "POST", "/moto")
    assert (status, session["status"], session["payment"]) == (200, "paid", None)
    assert healnow.status(row) == "moto"
    (order,) = healnow.done("GET", "/v1/orders")["data"]
    assert (order["status"], order["payment"]) == ("paid", None)


def test_an_order_is_made_with_a_card_that_is_known(desk: Desk, healnow: Healnow) -> None:
    patient, rows = healnow.patient(100, 200)
    other, _ = healnow.patient()
    card = desk.done("POST", "/_sandbox/healnow/cards", {"patient": patient}, key=None)["id"]
    body: dict[str, Any] = {"patient": {"id": patient}, "card": {"id": card}, "items": [{"id": rows[0]}]}
    order = healnow.done("POST", "/v1/orders", body)
    assert ids_of(order) == [rows[0]]
    assert healnow.call("POST", "/v1/orders", body)[0] == 422
    body["items"] = [{"id": rows[1]}]
    assert healnow.call("POST", "/v1/orders", {**body, "patient": {"id": other}})[0] == 422
    assert healnow.call("POST", "/v1/orders", {**body, "card": {"id": "none"}})[0] == 404
    assert healnow.call("POST", "/v1/orders", {**body, "items": []})[0] == 422
    assert healnow.status(rows[1]) == "pending"


def test_items_are_told_flat_or_beneath_with_the_price_at_payment(healnow: Healnow) -> None:
    shapes = set()
    for price in range(100, 112):
        patient, (row,) = healnow.patient(price)
        (item,) = healnow.paid(patient, [row])["items"]
        shapes.add("prescription" in item)
        assert item["price_in_cents"] == price
        assert item.get("prescription", item)["rx_number"] == "120143"
    assert shapes == {True, False}


def test_a_session_expires_after_some_hours_or_when_it_is_told_to(desk: Desk, healnow: Healnow) -> None:
    patient, rows = healnow.patient(100, 200, 300)
    late, told, paid = (healnow.session(patient, [row]) for row in rows)
    healnow.at(paid, "POST", "/pay")
    expired = healnow.done("POST", f"/v1/checkout_sessions/{told['id']}/expire")
    assert expired["status"] == "expired"
    assert healnow.call("POST", f"/v1/checkout_sessions/{paid['id']}/expire")[0] == 422
    desk.wait(5 * HOURS)
    assert healnow.done("GET", f"/v1/checkout_sessions/{late['id']}")["status"] == "open"
    desk.wait(2 * HOURS)
    statuses = [
        healnow.done("GET", f"/v1/checkout_sessions/{row['id']}")["status"] for row in (late, told, paid)
    ]
    assert statuses == ["expired", "expired", "paid"]
    assert healnow.at(late, "POST", "/pay")[0] == 422
    assert healnow.status(rows[0]) == "pending"


def test_a_patient_takes_out_what_is_not_wanted(healnow: Healnow) -> None:
    patient, rows = healnow.patient(100, 200)
    session = healnow.session(patient, rows)
    assert healnow.at(session, "DELETE", f"/items/{rows[0]}")[0] == 200
    assert healnow.at(session, "DELETE", f"/items/{rows[0]}")[0] == 422
    assert healnow.at(session, "DELETE", "/items/none")[0] == 404
    assert healnow.at(session, "POST", "/pay")[0] == 200
    assert [healnow.status(row) for row in rows] == ["removed", "paid"]
    assert healnow.call("POST", f"/v1/prescriptions/{rows[0]}/cancel")[0] == 422
    assert healnow.done("GET", "/v1/orders")["data"][0]["totals"]["items_in_cents"] == 200


def test_a_paid_prescription_can_be_cancelled_and_its_order_says_so(desk: Desk, healnow: Healnow) -> None:
    patient, rows = healnow.patient(100, 200)
    order = healnow.paid(patient, rows)
    for _ in range(2):
        assert healnow.done("POST", f"/v1/prescriptions/{rows[0]}/cancel")["status"] == "canceled"
    by_hand = f"/_sandbox/healnow/prescriptions/{rows[1]}/manually_canceled"
    assert desk.done("POST", by_hand, key=None)["status"] == "manually_canceled"
    assert desk.call("POST", by_hand, key=None)[0] == 422
    told = healnow.done("GET", f"/v1/orders/{order['id']}")
    assert told["status"] == "paid"
    assert [item.get("prescription", item)["status"] for item in told["items"]] == [
        "canceled",
        "manually_canceled",
    ]


def test_a_receipt_is_a_pdf_without_a_telling_type(healnow: Healnow) -> None:
    patient, rows = healnow.patient(1299)
    order = healnow.paid(patient, rows)
    kind, content = healnow.file(f"/v1/orders/{order['id']}/receipt")
    assert kind == "application/octet-stream"
    assert content.startswith(b"%PDF-1.4")
    found = re.search(rb"startxref\n(\d+)\n%%EOF\n$", content)
    assert found
    assert content[int(found[1]) :].startswith(b"xref\n0 6\n")
    for place in re.findall(rb"(\d{10}) 00000 n", content):
        assert re.match(rb"\d 0 obj", content[int(place) :])
    assert order["ref"].encode() in content
    assert healnow.call("GET", "/v1/orders/none/receipt")[0] == 404


def pages(healnow: Healnow, size: int) -> Any:
    """The orders, page after page as somebody reads them who asks how many there are each time."""
    page, last = 1, 1
    while page <= last:
        found = healnow.done("GET", f"/v1/orders?page={page}&per_page={size}")
        yield [row["id"] for row in found["data"]]
        page, last = page + 1, found["total_pages"]


def test_new_orders_land_anywhere_in_a_list_that_is_being_read(healnow: Healnow) -> None:
    patient, rows = healnow.patient(*range(100, 130))
    before = [healnow.paid(patient, [row])["id"] for row in rows[:15]]
    seen: list[str] = []
    later = iter(rows[15:])
    for page in pages(healnow, 2):
        seen += page
        if row := next(later, None):
            healnow.paid(patient, [row])
    known = [row for page in pages(healnow, 100) for row in page]
    # What was there is given, some of it twice; of what came meanwhile some lies before the page that was
    # read.
    assert set(before) <= set(seen)
    assert len(known) == len(set(known)) > len(before)
    assert known != before + [row for row in known if row not in before]


def test_a_page_that_begins_early_gives_a_record_twice() -> None:
    with served(profile=Profile(shift_page=1.0), until_ended=False) as desk:
        healnow = Healnow(desk)
        patient, _ = healnow.patient(*[100] * 4)
        path = f"/v1/patients/{patient}/prescriptions?per_page=2"
        first, second = (healnow.done("GET", f"{path}&page={page}")["data"] for page in (1, 2))
        assert first[1] == second[0]


def test_a_key_makes_a_post_happen_once_with_the_live_contract_alone(desk: Desk, live: Desk) -> None:
    for running, orders in ((desk, 2), (live, 1)):
        healnow = Healnow(running)
        patient, rows = healnow.patient(100)
        body: dict[str, Any] = {"success_url": "https://s", "cancel_url": "https://c"}
        body |= {"patient": {"id": patient}, "items": [{"id": rows[0]}]}
        headers = {"Idempotency-Key": "one"}
        made = [healnow.call("POST", "/v1/checkout_sessions", body, headers) for _ in range(2)]
        assert [status for status, _ in made] == [200, 200]
        assert len({session["id"] for _, session in made}) == orders
        other = healnow.call("POST", "/v1/checkout_sessions", {**body, "cancel_url": "https://d"}, headers)
        assert other[0] == (200 if orders == 2 else 422)


def test_an_answer_that_is_lost_can_be_had_again_by_its_key(live: Desk) -> None:
    healnow = Healnow(live)
    patient, rows = healnow.patient(100)
    card = live.done("POST", "/_sandbox/healnow/cards", {"patient": patient}, key=None)["id"]
    body = {"patient": {"id": patient}, "card": {"id": card}, "items": [{"id": rows[0]}]}
    headers = {"Idempotency-Key": "order-1"}
    assert healnow.call("POST", "/v1/orders", body, {**headers, "X-Sandbox": "answer=lost"})[0] == 500
    status, order = healnow.call("POST", "/v1/orders", body, headers)
    assert (status, ids_of(order)) == (200, rows)
    assert healnow.done("GET", "/v1/orders")["total_pages"] == 1
    assert healnow.call("POST", "/v1/orders", body)[0] == 422


def test_faults_are_worded_as_this_partners(desk: Desk, healnow: Healnow) -> None:
    status, told = healnow.call("GET", "/v1/orders", None, {"X-Sandbox": "answer=429"})
    assert (status, told) == (429, {"error": "Too Many Requests", "message": "Too many requests."})
    desk.done("POST", "/_sandbox/dark", {"seconds": 600}, key=None)
    assert healnow.call("GET", "/v1/orders")[0] == 503
    assert KEY not in str(told)
