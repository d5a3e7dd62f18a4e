"""Insurances and the claims of a fill: as printed in, as printed out."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlencode

import pytest

from tests.integration.sandbox.billing import CARD, DAY, card, copay, patient_with
from tests.support.sandbox import LIVE_KEY, OTHER_KEY, Desk, shape

#: A billing claim as printed; a secondary one that was rejected; and a reversal, which writes `group`.
PAID = {
    "claim_type": "str",
    "insurance": {"bin": "str", "cardholder_id": "str", "group_number": "str", "pcn": "str"},
    "insurance_type": "str",
    "patient_copay_amount": "float",
    "payor": "str",
    "payor_adjudication_amount": "float",
    "transaction_code": "str",
    "transaction_status": "str",
    "transmission_date": "str",
}
REJECTED = {
    **PAID,
    "claim_reject_codes": ["str"],
    "patient_copay_amount": "NoneType",
    "payor_adjudication_amount": "NoneType",
}
REVERSAL = {**PAID, "insurance": {"bin": "str", "cardholder_id": "str", "group": "str", "pcn": "str"}}


def claims(desk: Desk, prescription: str, fill: int | str = 1) -> Any:
    return desk.done("GET", f"/v1/prescription/{prescription}/fill/{fill}/claims")


def said(rows: Any) -> list[tuple[Any, ...]]:
    names = ("transaction_code", "transaction_status", "claim_type", "insurance_type", "patient_copay_amount")
    return [tuple(row[name] for name in names) for row in rows]


def test_an_insurance_is_created_and_read_back(desk: Desk) -> None:
    patient = desk.patient()
    answer = desk.done("POST", "/v1/insurance", {"patient_token": patient, "insurance": CARD})
    assert shape(answer) == {
        "details": {"insurance_token": "str"},
        "request_id": "str",
        "status": "str",
        "timestamp": "int",
    }
    known = desk.done("GET", f"/v1/insurance/{answer['details']['insurance_token']}")
    assert known == {name: CARD[name] for name in ("cardholder_id", "rx_group", "rx_bin", "pcn")}


def test_an_insurance_may_come_as_the_form_of_the_sample(desk: Desk) -> None:
    """curl's `-d`: a field's name with a space behind it, an object as JSON within the form."""
    form = urlencode({"patient_token ": desk.patient(), "insurance": json.dumps(CARD)}).encode()
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    status, answer = desk.call("POST", "/v1/insurance", form, headers=headers)
    assert status == 200
    token = answer["details"]["insurance_token"]
    assert desk.done("GET", f"/v1/insurance/{token}")["cardholder_id"] == CARD["cardholder_id"]


def test_an_insurance_of_an_unknown_patient_is_refused_with_a_message_alone(desk: Desk) -> None:
    """As printed here and nowhere else. No status is printed beside it: 404 is taken."""
    body = {"patient_token": "4526d90a", "insurance": CARD}
    assert desk.call("POST", "/v1/insurance", body) == (404, {"message": "Patient not found"})


def test_what_an_insurance_lacks_is_listed_as_printed(desk: Desk) -> None:
    body = {"patient_token": desk.patient(), "insurance": {"rx_group": "006726"}}
    status, document = desk.call("POST", "/v1/insurance", body)
    assert (status, document) == (
        400,
        {
            "statusCode": 400,
            "error": "Bad Request",
            "validation_errors": [
                {"key": "insurance.cardholder_id", "message": "is required"},
                {"key": "insurance.rx_bin", "message": "is required"},
            ],
        },
    )


@pytest.mark.parametrize("bin_", ["1234", "1234567"])
def test_a_bin_has_six_characters(desk: Desk, bin_: str) -> None:
    body = {"patient_token": desk.patient(), "insurance": {**CARD, "rx_bin": bin_}}
    status, document = desk.call("POST", "/v1/insurance", body)
    (error,) = document["validation_errors"]
    assert (status, error["key"]) == (400, "insurance.rx_bin")


@pytest.mark.parametrize("body", [{}, {"patient_token": "4526d90a"}, {"insurance": "A9321328"}])
def test_an_insurance_must_be_an_object_with_a_patient(desk: Desk, body: dict[str, Any]) -> None:
    status, document = desk.call("POST", "/v1/insurance", body)
    assert status == 400
    assert {row["key"] for row in document["validation_errors"]} <= {"patient_token", "insurance"}


@pytest.mark.parametrize("key", [OTHER_KEY, LIVE_KEY])
def test_another_customers_insurance_is_not_found(desk: Desk, key: str) -> None:
    token = card(desk, desk.patient())
    assert desk.call("GET", f"/v1/insurance/{token}", key=key) == (
        404,
        {"statusCode": 404, "error": "Not Found", "message": "Unable to find Insurance."},
    )


def test_another_customers_patient_gets_no_insurance(desk: Desk) -> None:
    body = {"patient_token": desk.patient(), "insurance": CARD}
    status, document = desk.call("POST", "/v1/insurance", body, key=OTHER_KEY)
    assert (status, document["error"]) == (400, "Unauthorized")


def test_a_fill_without_claims_has_an_empty_list(desk: Desk) -> None:
    _, (prescription,) = patient_with(desk, True)
    assert claims(desk, prescription) == []
    assert claims(desk, "29djd02dndu", 3) == []


def test_the_number_of_a_fill_must_be_a_number(desk: Desk) -> None:
    status, document = desk.call("GET", "/v1/prescription/29djd02dndu/fill/first/claims")
    assert (status, document["validation_errors"]) == (
        400,
        [{"key": "fill_number", "message": "must be a number"}],
    )


def test_a_copay_makes_a_claim_for_each_insurance(desk: Desk) -> None:
    patient, (prescription,) = patient_with(desk, True)
    insurances = [card(desk, patient), card(desk, patient, pcn="SECOND")]
    copay(desk, patient, insurances, [prescription], simulation={})
    desk.wait(1)
    found = claims(desk, prescription)
    assert [shape(row) for row in found] == [PAID, PAID]
    assert said(found) == [
        ("B1", "PAID", "BILLING", "PRIMARY", 26.74),
        ("B1", "PAID", "BILLING", "SECONDARY", 13.37),
    ]
    assert [row["insurance"]["pcn"] for row in found] == ["AXA", "SECOND"]
    assert claims(desk, prescription, 2) == []


def test_a_rejected_copay_makes_a_rejected_claim_with_its_codes(desk: Desk) -> None:
    patient, (prescription,) = patient_with(desk, True)
    simulation = {"error": {"reject_codes": ["70", "75"]}}
    copay(desk, patient, [card(desk, patient)], [prescription], simulation=simulation)
    desk.wait(1)
    (claim,) = claims(desk, prescription)
    assert shape(claim) == REJECTED
    assert (claim["transaction_status"], claim["claim_reject_codes"]) == ("REJECTED", ["70", "75"])


def test_a_cancelled_copay_reverses_what_was_paid_and_only_that(desk: Desk) -> None:
    patient, (prescription,) = patient_with(desk, True)
    request = copay(desk, patient, [card(desk, patient)], [prescription], simulation={})["request_id"]
    desk.wait(60)
    desk.done("POST", "/v1/copay_request/cancel", {"request_id": request})
    billed, reversal = claims(desk, prescription)
    assert (shape(billed), shape(reversal)) == (PAID, REVERSAL)
    assert said([reversal]) == [("B2", "APPROVED", "REVERSAL", "PRIMARY", 13.37)]
    assert reversal["insurance"]["group"] == billed["insurance"]["group_number"]


def fill(desk: Desk, patient: str, insurance: str, tokens: list[str], **fields: Any) -> str:
    body = {
        "patient_token": patient,
        "patient_payment_type": "insurance",
        "insurances": [{"insurance_token": insurance}],
        "medications": [{"prescription_token": token} for token in tokens],
        "address_to_name": "Ada Doe",
        "address_to_street1": "123 Some Lane",
        "address_to_city": "Los Angeles",
        "address_to_state": "CA",
        "address_to_zip": "94402",
        "address_to_phone": "(555) 555-5555",
        "metadata": "cfe146",
        "patient_survey": {"allergies": None, "conditions": None, "medications": None},
        **fields,
    }
    return str(desk.done("POST", "/v1/fill_request", body)["request_id"])


def test_simulated_order_claims_are_claims_of_the_fill_and_expire_with_it(desk: Desk) -> None:
    patient, tokens = patient_with(desk, True, True)
    told = [{"copay_amount": 10}, {"error_code": "someErrorCode", "error_message": "an error message"}]
    fill(desk, patient, card(desk, patient), tokens, simulation={"order": {"claims": told}})
    desk.wait(60)
    (paid,), (rejected,) = (claims(desk, token) for token in tokens)
    assert (shape(paid), paid["patient_copay_amount"]) == (PAID, 10.0)
    assert (shape(rejected), rejected["claim_reject_codes"]) == (REJECTED, ["someErrorCode"])
    # Ten days without a payment: R028, and the claim is taken back.
    desk.wait(11 * DAY)
    assert desk.callbacks[-1]["details"]["error_code"] == "R028"
    assert [row["claim_type"] for row in claims(desk, tokens[0])] == ["BILLING", "REVERSAL"]
    assert [row["claim_type"] for row in claims(desk, tokens[1])] == ["BILLING"]


def test_a_real_insurance_fill_is_asked_for_its_copay_before_it_is_filled(desk: Desk) -> None:
    patient, (token,) = patient_with(desk, True)
    request = fill(desk, patient, card(desk, patient), [token])
    desk.wait(DAY)
    (claim,) = desk.callbacks
    assert (claim["callback_type"], claim["request_id"]) == ("ORDER_CLAIM", request)
    (line,) = claim["details"]["medications"]
    (row,) = claims(desk, token)
    assert float(line["copay_amount"]) == row["patient_copay_amount"] > 0
    desk.wait(11 * DAY)
    assert desk.callbacks[-1]["details"]["error_code"] == "R028"


def test_an_insurance_fill_that_is_paid_with_the_request_is_filled(desk: Desk) -> None:
    patient, (token,) = patient_with(desk, True)
    paid = [{"prescription_token": token, "copay_payment": {"transaction_amount": 60}}]
    fill(desk, patient, card(desk, patient), [token], medications=paid)
    desk.wait(DAY)
    assert [row["callback_type"] for row in desk.callbacks][:2] == ["ORDER_CLAIM", "ORDER"]
    assert desk.callbacks[1]["status"] == "success"
