"""Fill requests: as printed in, as printed out, and the callbacks as printed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest

from tests.support.sandbox import KEY, LIVE_KEY, OTHER_KEY, START, Desk, printed, shape

CUSTOM = {
    "prescriber": "Dr. Strange",
    "num_refills_filled": "2",
    "refills_remaining": 4,
    "quantity_remaining": 48,
}
SURVEY = {"allergies": None, "conditions": "Anxiety", "medications": "Ibuprofen, Vitamin B 12"}


def fill_body(patient: str, tokens: list[str], **fields: Any) -> dict[str, Any]:
    """A create as the simulation's sample has it."""
    return {
        "patient_token": patient,
        "patient_payment_type": "insurance",
        "insurances": [{"insurance_token": "1a9e3cdba512d862"}],
        "medications": [{"prescription_token": token} for token in tokens],
        "shipping_method": "fedex_ground",
        "signature_confirmation": True,
        "address_to_name": "Ada Doe",
        "address_to_street1": "123 Some Lane",
        "address_to_city": "Los Angeles",
        "address_to_state": "CA",
        "address_to_zip": "94402",
        "address_to_country": "US",
        "address_to_phone": "(555) 555-5555",
        "address_to_email": "example@example.com",
        "metadata": "cfe146",
        "patient_survey": SURVEY,
        **fields,
    }


def create(desk: Desk, patient: str, tokens: list[str], **fields: Any) -> str:
    return str(desk.done("POST", "/v1/fill_request", fill_body(patient, tokens, **fields))["request_id"])


def two_prescriptions(desk: Desk) -> tuple[str, list[str]]:
    """A patient with two, whose NOTIFY_RX have come and are forgotten."""
    patient = desk.patient(True, CUSTOM)
    desk.wait(1)
    desk.recorder.received.clear()
    return patient, desk.prescriptions(patient)


def test_an_empty_simulation_completes_and_ships_at_the_printed_times(desk: Desk) -> None:
    patient, tokens = two_prescriptions(desk)
    asked = int(desk.time[0])
    answer = desk.done("POST", "/v1/fill_request", fill_body(patient, tokens, simulation={}))
    assert answer["request_id"].startswith("fill_request_")
    assert shape(answer) == {
        "details": {"message": "str", "metadata": "str"},
        "request_id": "str",
        "status": "str",
        "timestamp": "int",
    }
    desk.wait(300)
    order, *shipments = desk.callbacks
    assert shape(order) == shape(printed("order.success.4.json"))
    assert [shape(row) for row in shipments] == [
        shape(printed(f"shipment.success.{n}.json")) for n in (2, 3, 1)
    ]
    assert [row["timestamp"] - asked for row in desk.callbacks] == [61, 91, 151, 211]
    assert [row["details"]["status"] for row in shipments] == ["TRANSIT", "TRANSIT", "DELIVERED"]
    assert {row["request_id"] for row in desk.callbacks} == {answer["request_id"]}
    assert {row["details"]["metadata"] for row in desk.callbacks} == {"cfe146"}
    assert len({row["details"]["tracking_number"] for row in desk.callbacks}) == 1


def test_the_first_fill_takes_no_refill_and_later_ones_do(desk: Desk) -> None:
    """The samples disagree: the default's numbers are taken, 2 refills and 84 left after the first fill."""
    patient = desk.patient(True)
    desk.wait(1)
    tokens = desk.prescriptions(patient)
    lines = []
    for _ in range(3):
        create(desk, patient, tokens, simulation={})
        desk.wait(61)
        lines.append(desk.callbacks[-1]["details"]["medications"][0])
        desk.wait(200)
    left = [line["remaining_refills"]["total_remaining_refills"] for line in lines]
    quantities = [line["remaining_refills"]["total_quantity_remaining"] for line in lines]
    assert [line["fill_number"] for line in lines] == ["0", "1", "2"]
    assert left == [2, 1, 0]
    assert quantities == [84, 42, 0]
    create(desk, patient, tokens, simulation={})
    desk.wait(61)
    assert desk.callbacks[-1]["details"]["error_code"] == "NR"


@pytest.mark.parametrize("simulation", [{"order": {"error": "E1"}}, {"error": "E1"}])
def test_both_spellings_of_a_simulated_error_reject_the_order(desk: Desk, simulation: dict[str, Any]) -> None:
    patient, tokens = two_prescriptions(desk)
    fill = create(desk, patient, tokens, simulation=simulation)
    desk.wait(10_000)
    (error,) = desk.callbacks
    assert shape(error) == shape(printed("order.error.4.json"))
    assert error["details"]["error_code"] == "E1"
    assert desk.done("GET", f"/v1/fill_request/{fill}")["status"] == "rejected"


CLAIMS = [{"copay_amount": 10}, {"error_code": "someErrorCode", "error_message": "This is an error message"}]


def test_simulated_claims_come_in_the_order_of_the_medications(desk: Desk) -> None:
    patient, tokens = two_prescriptions(desk)
    fill = create(desk, patient, tokens, simulation={"order": {"claims": CLAIMS}})
    desk.wait(61)
    (claim,) = desk.callbacks
    assert (claim["callback_type"], claim["request_id"]) == ("ORDER_CLAIM", fill)
    first, second = claim["details"]["medications"]
    assert (first["prescription_token"], first["copay_amount"]) == (tokens[0], 10)
    assert second["prescription_token"] == tokens[1]
    assert (second["error_code"], second["error_message"]) == ("someErrorCode", "This is an error message")
    assert "error_code" not in first
    assert "copay_amount" not in second


def test_an_order_that_is_not_paid_within_ten_days_is_cancelled(desk: Desk) -> None:
    patient, tokens = two_prescriptions(desk)
    fill = create(desk, patient, tokens, simulation={"order": {"claims": CLAIMS}})
    desk.wait(31 + 10 * 86_400 - 1)
    assert [row["callback_type"] for row in desk.callbacks] == ["ORDER_CLAIM"]
    desk.wait(1)
    claim, error = desk.callbacks
    assert shape(error) == shape(printed("order.error.3.json"))
    assert error["timestamp"] - claim["timestamp"] == 10 * 86_400
    assert (error["details"]["error_code"], error["details"]["message"]) == ("R028", "$10.00")
    assert desk.done("GET", f"/v1/fill_request/{fill}")["status"] == "cancelled"


UPDATE = {
    "address_to_name": "Peter Parker",
    "address_to_street1": "1700 S Amphlett Blvd",
    "address_to_street2": "#221",
    "address_to_city": "San Mateo",
    "address_to_state": "CA",
    "address_to_zip": "94402",
    "address_to_country": "US",
    "address_to_phone": "(347) 610-8896",
    "address_to_email": "peter@example.com",
}


def test_a_payment_that_comes_with_an_update_ends_the_wait(desk: Desk) -> None:
    patient, tokens = two_prescriptions(desk)
    fill = create(desk, patient, tokens, simulation={"order": {"claims": CLAIMS}})
    desk.wait(3 * 86_400)
    paid = [{"prescription_token": tokens[0], "copay_payment": {"transaction_amount": 10}}]
    desk.done("POST", "/v1/update_request", {**UPDATE, "request_id": fill, "medications": paid})
    desk.wait(20 * 86_400)
    order = desk.callbacks[1]
    assert order["status"] == "success"
    filled, rejected = order["details"]["medications"]
    assert filled["prescription_token"] == tokens[0]
    assert "prescription_token" not in rejected
    assert (rejected["error_code"], rejected["reject_reason"]) == (
        "someErrorCode",
        "This is an error message",
    )
    assert desk.callbacks[-1]["details"]["status"] == "DELIVERED"


def test_a_claim_that_is_paid_with_the_request_does_not_wait(desk: Desk) -> None:
    patient, tokens = two_prescriptions(desk)
    paid = [{"prescription_token": tokens[0], "copay_payment": {"transaction_amount": "10.00"}}]
    simulation = {"order": {"claims": [{"copay_amount": "10.00"}]}}
    create(desk, patient, tokens, medications=paid, simulation=simulation)
    desk.wait(61)
    assert [row["callback_type"] for row in desk.callbacks] == ["ORDER_CLAIM", "ORDER"]


def test_what_is_missing_is_listed_as_printed(desk: Desk) -> None:
    body = fill_body("p", ["t"])
    for name in (
        "address_to_name",
        "address_to_street1",
        "address_to_city",
        "address_to_state",
        "patient_survey",
    ):
        del body[name]
    status, document = desk.call("POST", "/v1/fill_request", body)
    names = ("address_to_name", "address_to_street1", "address_to_city", "address_to_state", "patient_survey")
    assert status == 400
    assert document == {
        "statusCode": 400,
        "error": "Bad Request",
        "validation_errors": [{"key": name, "message": "is required"} for name in names],
    }


@pytest.mark.parametrize(
    ("change", "key"),
    [
        ({"patient_payment_type": "barter"}, "patient_payment_type"),
        ({"insurances": None}, "insurances"),
        ({"insurances": []}, "insurances"),
        ({"medications": []}, "medications"),
        ({"medications": [{}]}, "medications.0.prescription_token"),
        ({"shipping_method": "pigeon"}, "shipping_method"),
        ({"packaging_instructions": "x" * 41}, "packaging_instructions"),
        ({"patient_token": None}, "patient_token"),
        (
            {"simulation": {"order": {"claims": [{"copay_amount": "much"}]}}},
            "simulation.order.claims.0.copay_amount",
        ),
    ],
)
def test_a_field_that_cannot_be_is_named(desk: Desk, change: dict[str, Any], key: str) -> None:
    status, document = desk.call("POST", "/v1/fill_request", fill_body("p", ["t"], **change))
    assert status == 400
    assert [row["key"] for row in document["validation_errors"]] == [key]


def test_a_guest_orders_products_without_a_survey(desk: Desk) -> None:
    body = fill_body("p", [], otc_products=[{"sku": "SKU1", "quantity": 2}], patient_survey=None)
    body |= {"patient_first_name": "Tony", "patient_last_name": "Stark", "address_to_company": ""}
    del body["patient_token"], body["medications"]
    fill = desk.done("POST", "/v1/fill_request", {**body, "simulation": {}})["request_id"]
    desk.wait(61)
    (order,) = desk.callbacks
    assert order["details"]["otc_products"] == [{"sku": "SKU1", "quantity_ordered": 2}]
    assert desk.done("GET", f"/v1/fill_request/{fill}")["patient_first_name"] == "Tony"


def test_an_incomplete_survey_is_accepted_and_rejected_later(desk: Desk) -> None:
    patient, tokens = two_prescriptions(desk)
    create(desk, patient, tokens, patient_survey={"allergies": None})
    desk.wait(2 * 86_400)
    (error,) = desk.callbacks
    assert shape(error) == shape(printed("order.error.2.json"))
    assert error["details"]["error_code"] == "R019"


def test_a_real_fill_takes_hours_and_days_and_has_the_longer_shape(desk: Desk) -> None:
    patient, tokens = two_prescriptions(desk)
    create(desk, patient, [*tokens, "unknown"], otc_products=[{"sku": "TPIBPN20", "quantity": 5}])
    desk.wait(3600)
    assert not desk.callbacks
    desk.wait(30 * 86_400)
    order, *shipments = desk.callbacks
    expected = printed("order.success.2.json")
    # Listed among the fields of a rejected medication, though no sample has it.
    rejected = {**expected["details"]["medications"][2], "error_code": "PC"}
    assert shape(order["details"]["medications"][2]) == shape(rejected)
    assert shape(order) == shape(expected)
    assert set(by_parcel(shipments).values()) == {("PRE_TRANSIT", "TRANSIT", "TRANSIT", "DELIVERED")}


def by_parcel(shipments: Iterable[dict[str, Any]]) -> dict[str, tuple[str, ...]]:
    """What was scanned of each tracking number, in the order of sending."""
    found: dict[str, tuple[str, ...]] = {}
    for row in shipments:
        details = row["details"]
        assert details["tracking_url"].endswith(details["tracking_number"])
        number = details["tracking_number"]
        found[number] = (*found.get(number, ()), details["status"])
    return found


def test_some_fills_are_sent_in_two_parcels_each_with_its_own_scans(desk: Desk) -> None:
    patient, _ = two_prescriptions(desk)
    otc = [{"sku": "TPIBPN20", "quantity": 1}]
    fills = {create(desk, patient, [], otc_products=otc) for _ in range(40)}
    desk.wait(30 * 86_400)
    parcels = {
        fill: by_parcel(
            row for row in desk.callbacks if row["request_id"] == fill and row["callback_type"] == "SHIPMENT"
        )
        for fill in fills
    }
    assert {len(each) for each in parcels.values()} == {1, 2}
    assert {scans for each in parcels.values() for scans in each.values()} == {
        ("PRE_TRANSIT", "TRANSIT", "TRANSIT", "DELIVERED")
    }


def test_a_second_order_of_what_is_pending_is_a_duplicate(desk: Desk) -> None:
    patient, tokens = two_prescriptions(desk)
    body = {"simulation": {"order": {"claims": [{"copay_amount": 5}]}}}
    first = create(desk, patient, tokens[:1], **body)
    desk.wait(31)
    number = desk.callbacks[-1]["details"]["order_token"]
    second = create(desk, patient, tokens[:1])
    desk.wait(2 * 86_400)
    error = desk.callbacks[-1]
    assert (error["request_id"], error["details"]["error_code"]) == (second, "R1")
    assert error["details"]["message"] == number
    assert first != second


def test_get_tells_what_was_asked_and_where_it_stands(desk: Desk) -> None:
    patient, tokens = two_prescriptions(desk)
    fill = create(desk, patient, tokens, simulation={})
    told = desk.done("GET", f"/v1/fill_request/{fill}")
    assert (told["status"], told["tracking_url"], told["created_at"]) == (
        "pending",
        None,
        "2026-02-02T02:40:01.000Z",
    )
    assert (told["address_to_name"], told["metadata"], told["patient_dob"]) == (
        "Ada Doe",
        "cfe146",
        "19820115",
    )
    desk.wait(61)
    told = desk.done("GET", f"/v1/fill_request/{fill}")
    assert (told["status"], told["carrier"]) == ("completed", "fedex")
    assert desk.call("GET", f"/v1/fill_request/{fill}", key=OTHER_KEY)[0] == 404


def test_the_events_of_a_fill_are_pulled_without_id_and_status(desk: Desk) -> None:
    patient, tokens = two_prescriptions(desk)
    fill = create(desk, patient, tokens, simulation={})
    desk.wait(211)
    page = desk.done("GET", f"/v1/fill_request/{fill}/webhook_events")
    expected = printed("page.fill_request.1.json")
    order = page["results"][0]["payload"]
    expected_order = expected["results"][0]["payload"]
    # A simulated fill has no place, pushed or pulled.
    del expected_order["details"]["location"]
    assert shape(order) == shape(expected_order)
    assert shape(page["results"][1]) == shape(expected["results"][1])
    assert [row["payload"]["callback_type"] for row in page["results"]] == ["ORDER", *["SHIPMENT"] * 3]
    assert page["next_page_token"] is None
    since = order["timestamp"]
    later = desk.done("GET", f"/v1/fill_request/{fill}/webhook_events?timestamp=$gt:{since}")
    assert later["results"] == page["results"][1:]


def test_update_and_cancel_answer_with_an_id_of_their_own(desk: Desk) -> None:
    patient, tokens = two_prescriptions(desk)
    fill = create(desk, patient, tokens, simulation={})
    updated = desk.done("POST", "/v1/update_request", {**UPDATE, "request_id": fill})
    assert updated["request_id"].startswith("update_request_")
    assert shape(updated) == {
        "details": {"message": "str"},
        "request_id": "str",
        "status": "str",
        "timestamp": "int",
    }
    assert desk.done("GET", f"/v1/fill_request/{fill}")["address_to_name"] == "Peter Parker"
    cancelled = desk.done("POST", "/v1/cancel_request", {"request_id": fill})
    assert cancelled["request_id"].startswith("cancel_request_")
    assert cancelled["details"]["code"] == "03"
    assert desk.done("GET", f"/v1/fill_request/{fill}")["status"] == "cancelled"


def test_a_cancelled_order_is_told_once_and_goes_no_further(desk: Desk) -> None:
    patient, tokens = two_prescriptions(desk)
    fill = create(desk, patient, tokens, simulation={})
    desk.done("POST", "/v1/cancel_request", {"request_id": fill})
    desk.wait(10_000)
    (error,) = desk.callbacks
    assert shape(error) == shape({**printed("order.error.2.json"), "details": error["details"]})
    assert error["details"]["error_code"] == "R0"


def test_some_medications_are_cancelled_and_unknown_ones_ignored(desk: Desk) -> None:
    patient, tokens = two_prescriptions(desk)
    fill = create(desk, patient, tokens, simulation={})
    named = [{"prescription_token": token} for token in (tokens[0], "unknown")]
    desk.done("POST", "/v1/cancel_request", {"request_id": fill, "medications": named})
    desk.wait(61)
    rejected, filled = desk.callbacks[0]["details"]["medications"]
    assert rejected["error_code"] == "R0"
    assert filled["prescription_token"] == tokens[1]


def test_all_medications_are_the_whole_order(desk: Desk) -> None:
    patient, tokens = two_prescriptions(desk)
    fill = create(desk, patient, tokens, simulation={})
    for token in tokens:
        named = [{"prescription_token": token}]
        desk.done("POST", "/v1/cancel_request", {"request_id": fill, "medications": named})
    desk.wait(10_000)
    assert [row["details"].get("error_code") for row in desk.callbacks] == ["R0"]


@pytest.mark.parametrize("path", ["/v1/update_request", "/v1/cancel_request"])
def test_what_has_shipped_or_is_not_ones_own_cannot_be_changed(desk: Desk, path: str) -> None:
    patient, tokens = two_prescriptions(desk)
    fill = create(desk, patient, tokens, simulation={})
    refused = {"timestamp": "int", "status": "str", "message": "str"}
    for wait, key in ((0, OTHER_KEY), (0, LIVE_KEY), (91, KEY)):
        desk.wait(wait)
        body = {**UPDATE, "request_id": fill}
        status, document = desk.call("POST", path, body, key=key)
        assert (status, shape(document)) == (400, shape(refused) | {"timestamp": "int"})
        assert document["status"] == "error"


def test_simulations_are_for_the_sandbox_environment_alone(desk: Desk) -> None:
    patient = desk.patient(key=LIVE_KEY)
    status, document = desk.call(
        "POST", "/v1/fill_request", fill_body(patient, ["t"], simulation={}), key=LIVE_KEY
    )
    assert status == 400
    assert document["validation_errors"] == [{"key": "simulation", "message": "is not allowed"}]


def test_the_live_contract_lists_fill_requests_by_pages(live: Desk) -> None:
    patient, tokens = two_prescriptions(live)
    made = []
    for number in range(5):
        made.append(create(live, patient, tokens, metadata=f"m{number % 2}"))
        live.time[0] += 10
    first = live.done("GET", "/v1/fill_requests?limit=2&metadata=m0")
    second = live.done("GET", f"/v1/fill_requests?next={first['next_page_token']}")
    found = [row["request_id"] for page in (first, second) for row in page["results"]]
    assert found == made[::2]
    assert second["next_page_token"] is None
    since = live.done("GET", f"/v1/fill_requests?created_at=$gte:{int(START) + 31}&created_at=$lt:2030-01-01")
    assert [row["request_id"] for row in since["results"]] == made[3:]
    assert live.call("GET", "/v1/fill_requests?created_at=$gte:noon")[0] == 400


def test_the_reference_has_no_such_list(desk: Desk) -> None:
    assert desk.call("GET", "/v1/fill_requests")[0] == 404
