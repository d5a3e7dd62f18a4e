"""The payments partner's endpoints: patients, addresses, cards, prescriptions, carts, and what all share."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

import pytest
from pydantic import TypeAdapter

from sandbox.endpoint import offered
from sandbox.healnow.partner import PARTNER
from tests.integration.sandbox.payments import PATIENT, PRESCRIPTION, Healnow
from tests.support.sandbox import KEY, LIVE_KEY, OTHER_KEY, Desk

ADDRESS = {
    "street": "Mulholland Drive 1",
    "street2": None,
    "city": "Los Angeles",
    "postcode": "90068",
    "state": "ca",
    "country_code": "us",
}


@pytest.fixture
def healnow(desk: Desk) -> Healnow:
    return Healnow(desk)


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer wrong", f"ApiKey {KEY}", KEY])
def test_without_a_bearer_key_nothing_is_told(desk: Desk, header: str) -> None:
    answer = desk.call("GET", "/healnow/v1/patients", key=None, headers={"Authorization": header})
    assert answer == (401, {"error": "Unauthorized", "message": "The API key is missing or not known"})


def test_one_key_serves_both_partners(desk: Desk, healnow: Healnow) -> None:
    desk.patient(key=KEY)
    assert healnow.done("POST", "/v1/patients", PATIENT)["eid"] == PATIENT["eid"]


@pytest.mark.parametrize("key", [OTHER_KEY, LIVE_KEY])
def test_what_is_another_customers_is_not_there(desk: Desk, healnow: Healnow, key: str) -> None:
    patient, (prescription,) = healnow.patient(1299)
    other = Healnow(desk, key)
    for path in (f"/v1/patients/{patient}", f"/v1/prescriptions/{prescription}"):
        assert other.call("GET", path)[0] == 404
    assert other.done("GET", "/v1/patients")["data"] == []


def test_a_patient_is_made_fetched_and_updated_by_put(healnow: Healnow) -> None:
    made = healnow.done("POST", "/v1/patients", PATIENT)
    assert made == {**PATIENT, "id": made["id"]}
    assert len(made["id"]) == 16
    assert made["id"].isalnum()
    changed = {**PATIENT, "first_name": "Joan", "phone": None}
    assert healnow.done("PUT", f"/v1/patients/{made['id']}", changed) == {**changed, "id": made["id"]}
    assert healnow.done("GET", f"/v1/patients/{made['id']}") == {**changed, "id": made["id"]}
    assert healnow.call("POST", f"/v1/patients/{made['id']}", changed)[0] == 405


def test_a_patient_comes_with_prescriptions_and_addresses(healnow: Healnow) -> None:
    body = {**PATIENT, "prescriptions": [PRESCRIPTION], "addresses": [ADDRESS]}
    patient = healnow.done("POST", "/v1/patients", body)["id"]
    (prescription,) = healnow.done("GET", f"/v1/patients/{patient}/prescriptions")["data"]
    assert prescription["eid"] == PRESCRIPTION["eid"]
    (address,) = healnow.done("GET", f"/v1/patients/{patient}/addresses")["data"]
    assert address == {**ADDRESS, "id": address["id"]}


def test_a_prescription_is_answered_as_printed(healnow: Healnow) -> None:
    patient = healnow.done("POST", "/v1/patients", PATIENT)["id"]
    made = healnow.done("POST", f"/v1/patients/{patient}/prescriptions", PRESCRIPTION)
    assert made == {"id": made["id"], **PRESCRIPTION, "status": "pending"}
    assert healnow.done("GET", f"/v1/prescriptions/{made['id']}") == made


def test_a_prescription_changes_until_it_is_paid(healnow: Healnow) -> None:
    patient, (prescription,) = healnow.patient(1299)
    path = f"/v1/prescriptions/{prescription}"
    changed = healnow.done("PUT", path, {"price_in_cents": 1000, "refill_number": "1"})
    assert (changed["price_in_cents"], changed["refill_number"]) == (1000, "1")
    healnow.paid(patient, [prescription])
    assert healnow.call("PUT", path, {"price_in_cents": 1})[0] == 422
    assert healnow.done("GET", path)["price_in_cents"] == 1000


def form(**changes: Any) -> dict[str, Any]:
    fields = {name: "" if value is None else str(value) for name, value in PRESCRIPTION.items()}
    return {**fields, "is_refill": "false", **changes}


def parts(fields: dict[str, str]) -> tuple[bytes, dict[str, str]]:
    """A multipart body, and its header."""
    body = "".join(
        f'--edge\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in fields.items()
    )
    return f"{body}--edge--\r\n".encode(), {"Content-Type": "multipart/form-data; boundary=edge"}


def test_bodies_may_be_forms_or_multipart(healnow: Healnow) -> None:
    patient = healnow.done("POST", "/v1/patients", PATIENT)["id"]
    path = f"/v1/patients/{patient}/prescriptions"
    urlencoded = {"Content-Type": "application/x-www-form-urlencoded"}
    for body, headers in ((urlencode(form()).encode(), urlencoded), parts(form())):
        status, made = healnow.call("POST", path, body, headers)
        assert (status, made) == (200, {"id": made["id"], **PRESCRIPTION, "status": "pending"})
    body, headers = parts(form(price_in_cents="900"))
    prescription = healnow.done("GET", path)["data"][0]["id"]
    status, changed = healnow.call("PUT", f"/v1/prescriptions/{prescription}", body, headers)
    assert (status, changed["price_in_cents"]) == (200, 900)


def test_objects_and_lists_go_in_forms_too(healnow: Healnow) -> None:
    patient, rows = healnow.patient(100, 200)
    fields = {"success_url": "https://s", "cancel_url": "https://c", "patient[id]": patient}
    items = ({f"items[{place}][id]": row for place, row in enumerate(rows)}, {"items[][id]": rows[0]})
    for chosen in items:
        body, headers = parts({**fields, **chosen})
        status, session = healnow.call("POST", "/v1/checkout_sessions", body, headers)
        assert (status, len(session["items"])) == (200, len(chosen))


def test_what_is_wrong_is_named_and_nothing_is_made(healnow: Healnow) -> None:
    patient = healnow.done("POST", "/v1/patients", PATIENT)["id"]
    path = f"/v1/patients/{patient}/prescriptions"
    body = {**PRESCRIPTION, "price_in_cents": "12.99"}
    del body["qty"]
    status, told = healnow.call("POST", path, body)
    assert (status, told["error"]) == (422, "Unprocessable Entity")
    assert told["message"] == "price_in_cents must be a number; qty is required"
    assert healnow.call("POST", path, b"[]")[0] == 400
    assert healnow.call("POST", path, b"--edge\r\n", {"Content-Type": "multipart/form-data"})[0] == 400
    assert healnow.call("POST", path, b"<a/>", {"Content-Type": "text/xml"})[0] == 415
    assert healnow.done("GET", path)["data"] == []
    assert healnow.call("GET", "/v1/nowhere") == (404, {"error": "Not Found", "message": "Record not found"})


def test_addresses_are_made_updated_and_deleted(healnow: Healnow) -> None:
    patient, _ = healnow.patient()
    made = healnow.done("POST", f"/v1/patients/{patient}/addresses", ADDRESS)
    path = f"/v1/addresses/{made['id']}"
    changed = healnow.done("PUT", path, {**ADDRESS, "street2": "Floor 2"})
    assert changed == {**made, "street2": "Floor 2"}
    assert healnow.done("GET", path) == changed
    healnow.done("DELETE", path)
    assert healnow.call("GET", path)[0] == 404
    assert healnow.done("GET", f"/v1/patients/{patient}/addresses")["data"] == []


def test_a_card_is_known_once_it_was_used_and_can_be_deleted(healnow: Healnow) -> None:
    patient, (prescription,) = healnow.patient(1299)
    order = healnow.paid(patient, [prescription])
    (card,) = healnow.done("GET", f"/v1/patients/{patient}/cards")["data"]
    assert set(card) == {"id", "card_type", "last4", "phone"}
    assert card["last4"] == order["payment"]["last4"]
    assert healnow.done("GET", f"/v1/cards/{card['id']}") == card
    healnow.done("DELETE", f"/v1/cards/{card['id']}")
    assert healnow.call("GET", f"/v1/cards/{card['id']}")[0] == 404


def test_the_cart_is_what_is_pending(healnow: Healnow) -> None:
    patient, rows = healnow.patient(100, 200, 400, 800)
    healnow.paid(patient, rows[:1])
    healnow.done("POST", f"/v1/prescriptions/{rows[1]}/cancel")
    cart = healnow.done("GET", f"/v1/patients/{patient}/cart")
    assert cart["total_in_cents"] == 1200
    assert {row["id"] for row in cart["prescriptions"]} == set(rows[2:])
    assert cart["patient"]["id"] == patient


def test_a_page_has_a_size_and_its_name_is_misspelt_where_it_is_printed_so(healnow: Healnow) -> None:
    patient, _ = healnow.patient(*[100] * 5)
    path = f"/v1/patients/{patient}/prescriptions"
    page = healnow.done("GET", f"{path}?page=3&per_page=2")
    assert {name: page[name] for name in ("page", "per_pate", "total_pages")} == {
        "page": 3,
        "per_pate": 2,
        "total_pages": 3,
    }
    assert len(page["data"]) == 1
    assert healnow.done("GET", f"{path}?page=4&per_page=2")["data"] == []
    assert "per_pate" in healnow.done("GET", "/v1/orders")
    assert "per_pate" in healnow.done("GET", f"/v1/patients/{patient}/orders")
    for well in ("/v1/patients", f"/v1/patients/{patient}/addresses", f"/v1/patients/{patient}/cards"):
        assert healnow.done("GET", well)["per_page"] == 20
    for query in ("per_page=0", "per_page=101", "page=0", "page=x"):
        assert healnow.call("GET", f"{path}?{query}")[0] == 422


def test_every_answer_has_the_shape_that_its_description_says(desk: Desk, healnow: Healnow) -> None:
    described = desk.done("GET", "/healnow/openapi.json", key=None)
    known = {(method.upper(), path) for path, rows in described["paths"].items() for method in rows}
    endpoints = offered(PARTNER.endpoints, False)
    assert known == {(row.method, row.path) for row in endpoints}
    patient, rows = healnow.patient(100, 200, 300)
    healnow.paid(patient, rows[:1])
    session = healnow.session(patient, rows[1:])
    ids = {
        "patient_id": patient,
        "prescription_id": rows[0],
        "session_id": session["id"],
        "address_id": healnow.done("POST", f"/v1/patients/{patient}/addresses", ADDRESS)["id"],
        "card_id": healnow.done("GET", f"/v1/patients/{patient}/cards")["data"][0]["id"],
        "order_id": healnow.done("GET", "/v1/orders")["data"][0]["id"],
    }
    for row in endpoints:
        if row.method == "GET" and row.answer is not bytes:
            answer = healnow.done("GET", row.path.format(**ids))
            TypeAdapter(row.answer).validate_python(answer)
            assert set(answer) == set(row.answer.model_fields)
