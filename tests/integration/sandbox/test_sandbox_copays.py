"""Copay requests: as printed in, as printed out, and COPAY as printed in each of its variants."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlencode

import pytest

from tests.integration.sandbox.billing import (
    CARD,
    DAY,
    HOUR,
    branded,
    card,
    copay,
    lines_told,
    news,
    patient_with,
    told,
)
from tests.support.sandbox import KEY, LIVE_KEY, OTHER_KEY, Desk, bare, printed, shape

PENDING = {"copay_request_prescription_token": "str", "prescription_token": "str", "status": "str"}
ACCEPTED = {"request_id": "str", "status": "str", "timestamp": "int"}
CANCEL = "/v1/copay_request/cancel"


def simulated(desk: Desk, simulation: Any, *prescriptions: Any, **fields: Any) -> Any:
    """The callback of a simulated request for these prescriptions."""
    patient, tokens = patient_with(desk, *(prescriptions or (True,)))
    copay(desk, patient, [card(desk, patient)], tokens, simulation=simulation, **fields)
    desk.wait(1)
    (callback,) = desk.callbacks
    return callback


# What goes in.


@pytest.mark.parametrize(
    ("simulation", "name"),
    [
        (None, "copay_request_prescription_tokens"),
        ({}, "copay_request_prescriptions_tokens"),
    ],
)
def test_a_request_is_accepted_as_printed(desk: Desk, simulation: Any, name: str) -> None:
    """The list of tokens has one name in the sample of a request, another in that of a simulation."""
    patient, tokens = patient_with(desk, True, True)
    more = {} if simulation is None else {"simulation": simulation}
    answer = copay(
        desk, patient, [card(desk, patient)], tokens, notes="This is a note", ship_to_state="CA", **more
    )
    assert shape(answer) == {**ACCEPTED, "details": {"copay_request_token": "str", name: [PENDING]}}
    listed = answer["details"][name]
    assert [(row["prescription_token"], row["status"]) for row in listed] == [
        (token, "pending") for token in tokens
    ]
    assert len({row["copay_request_prescription_token"] for row in listed}) == 2


def test_a_request_takes_prescriptions_as_objects_with_consent_and_quantity(desk: Desk) -> None:
    patient, (token,) = patient_with(desk, True)
    consent = {"consent_method": "ONLINE", "consent_type": "INSURANCE", "item": "sildenafil 10mg"}
    line = {"prescription_token": token, "patient_consent": consent, "quantity": 30, "days_supply": 30}
    copay(desk, patient, [card(desk, patient)], [line])
    desk.wait(HOUR)
    (priced,) = desk.callbacks[0]["details"]["prescriptions"]
    assert (priced["quantity"], priced["days_supply"]) == (30, "30")


@pytest.mark.parametrize(
    ("change", "key"),
    [
        ({"patient_token": None}, "patient_token"),
        ({"insurance_token": "skhsyq83rkd3uht9"}, "insurance_token"),
        ({"insurance_token": []}, "insurance_token"),
        ({"prescriptions": []}, "prescriptions"),
        ({"prescriptions": [{}]}, "prescriptions.0.prescription_token"),
        ({"prescriptions": [""]}, "prescriptions.0.prescription_token"),
        ({"prescriptions": [5]}, "prescriptions.0"),
        ({"prescriptions": ["rx"] * 201}, "prescriptions"),
        ({"initiate_prior_auth": "perhaps"}, "initiate_prior_auth"),
        ({"simulation": {"error": {"reject_codes": "79"}}}, "simulation.error.reject_codes"),
        ({"simulation": {"prior_auth": []}}, "simulation.prior_auth"),
    ],
)
def test_a_field_that_cannot_be_is_named(desk: Desk, change: dict[str, Any], key: str) -> None:
    body = {"patient_token": "p", "insurance_token": ["i"], "prescriptions": ["rx"], **change}
    status, document = desk.call("POST", "/v1/copay_request", body)
    assert status == 400
    assert [row["key"] for row in document["validation_errors"]] == [key]


def test_what_a_patient_does_not_have_is_not_found(desk: Desk) -> None:
    """No error of a create is printed but the general ones: 404 is taken."""
    patient, (token,) = patient_with(desk, True)
    other, (theirs,) = patient_with(desk, True, first_name="Bob", gender="male")
    insurance = card(desk, patient)
    body = {"patient_token": patient, "insurance_token": [insurance], "prescriptions": [token]}
    for change, what in (
        ({"patient_token": "4526d90a"}, "Patient"),
        ({"insurance_token": [insurance, card(desk, other)]}, "Insurance"),
        ({"prescriptions": [token, theirs]}, "Prescription"),
    ):
        status, document = desk.call("POST", "/v1/copay_request", {**body, **change})
        assert (status, document["message"]) == (404, f"Unable to find {what}.")
    status, document = desk.call("POST", "/v1/copay_request", body, key=OTHER_KEY)
    assert (status, document["error"]) == (400, "Unauthorized")


def test_a_live_customer_cannot_simulate(desk: Desk) -> None:
    patient = desk.patient(key=LIVE_KEY)
    body = {"patient_token": patient, "insurance_token": ["i"], "prescriptions": ["rx"], "simulation": {}}
    status, document = desk.call("POST", "/v1/copay_request", body, key=LIVE_KEY)
    assert (status, document["validation_errors"][0]["key"]) == (400, "simulation")


# Simulations.


def test_an_empty_simulation_completes_each_prescription_after_a_second(desk: Desk) -> None:
    callback = simulated(desk, {}, True, True)
    assert shape(callback) == shape(printed("copay.success.5.json"))
    lines = callback["details"]["prescriptions"]
    assert [line["status"] for line in lines] == ["completed", "completed"]
    assert {line["copay_amount"] for line in lines} == {"13.37"}
    assert callback["timestamp"] == int(desk.time[0])


def test_reject_codes_reject_each_prescription_under_a_success(desk: Desk) -> None:
    callback = simulated(desk, {"error": {"reject_codes": ["79", "70"]}}, True, True)
    assert shape(callback) == shape(printed("copay.success.6.json"))
    assert callback["status"] == "success"
    assert [
        (line["status"], line["claim_reject_codes"]) for line in callback["details"]["prescriptions"]
    ] == [("rejected", ["79", "70"])] * 2


@pytest.mark.parametrize("code", ["BAD_INSURANCE_DETAILS", "CLOSED_NETWORK", "PA_REQUIRED", "SOMETHING_ELSE"])
def test_the_sandboxs_own_error_code_rejects_the_request(desk: Desk, code: str) -> None:
    """No simulation of it is documented; its callback is. `rejection_reason_other` as in the sample."""
    callback = simulated(desk, {"error": {"error_code": code, "reject_reason_other": "Invalid BIN"}})
    assert shape(callback) == shape(printed("copay.error.1.json"))
    assert (callback["status"], callback["details"]["error_code"]) == ("error", code)


def test_the_sandboxs_own_triage_is_resolved_after_a_minute(desk: Desk) -> None:
    simulation = {"triage": {"code": "CT004", "additional_information": "2020-08-21"}}
    callback = simulated(desk, simulation)
    assert shape(callback) == shape(printed("copay.triage.1.json"))
    assert callback["details"]["description"] == "Refill too soon"
    desk.wait(60)
    assert news(desk) == [("COPAY", "triage"), ("COPAY", "success")]


def test_reject_codes_may_be_for_some_of_the_prescriptions_alone(desk: Desk) -> None:
    """The sandbox's own: the others get a price in the same answer."""
    patient, tokens = patient_with(desk, True, True, True)
    refused = {"reject_codes": ["75"], "prescriptions": tokens[1:]}
    copay(desk, patient, [card(desk, patient)], tokens, simulation={"error": refused})
    desk.wait(1)
    (callback,) = desk.callbacks
    lines = callback["details"]["prescriptions"]
    assert [line["prescription_token"] for line in lines] == tokens
    assert [line["status"] for line in lines] == ["completed", "rejected", "rejected"]


def test_a_denial_lists_its_prescription_alone_and_the_price_of_another_is_kept(desk: Desk) -> None:
    patient, tokens = patient_with(desk, True, True)
    insurance = card(desk, patient)
    refused = {"reject_codes": ["75"], "prescriptions": tokens[1:]}
    request = copay(desk, patient, [insurance], tokens, simulation={"error": refused})["request_id"]
    asked = {"patient_token": patient, "insurance_token": insurance, "prescription_token": tokens[1]}
    simulation = {"flow": ["new", "submitted", "declined"]}
    desk.done("POST", "/v1/prior_authorization", {**asked, "simulation": simulation})
    desk.wait(120)
    denied = told(desk)[-1]["details"]["prescriptions"]
    assert [(line["prescription_token"], line["status"]) for line in denied] == [(tokens[1], "rejected")]
    found = desk.done("GET", f"/_sandbox/truth/copay/{request}", key=None)
    assert (found["state"], found["outcome"]) == ("completed", "partial")
    assert found["lines"] == {tokens[0]: "completed", tokens[1]: "rejected"}


def test_the_record_keeps_the_reason_of_a_triage_that_is_over(live: Desk) -> None:
    """Only its status says where it stands: worked on again, or answered."""
    patient, tokens = patient_with(live, True)
    simulation = {"triage": {"code": "CT004"}}
    request = copay(live, patient, [card(live, patient)], tokens, simulation=simulation)["request_id"]
    seen = []
    for seconds in (0, 1, 45, 60):
        live.wait(seconds)
        record = live.done("GET", f"/v1/copay_request/{request}")
        seen.append((record["status"], record["triage_reason"]))
    assert seen == [("pending", None), ("triage", "CT004"), ("pending", "CT004"), ("completed", "CT004")]
    assert told(live)[0]["details"]["additional_information"] == "2026-02-05"


# Without a simulation.


def test_prescriptions_that_are_paid_for_get_prices_and_claims(desk: Desk) -> None:
    patient, tokens = patient_with(desk, True, True)
    copay(desk, patient, [card(desk, patient)], tokens)
    desk.wait(HOUR)
    (callback,) = desk.callbacks
    expected = printed("copay.success.1.json")
    assert shape(callback) == shape(expected)
    assert lines_told(callback) == lines_told(expected)
    # Printed as milliseconds.
    assert callback["timestamp"] > 10**12
    for line in callback["details"]["prescriptions"]:
        assert line["copay_amount"] == line["claims"][0]["copay_amount"]


def test_a_prescription_that_is_too_soon_is_rejected_beside_one_that_is_paid_for(desk: Desk) -> None:
    patient, tokens = patient_with(desk, True, True)
    fill_one(desk, patient, tokens[0])
    copay(desk, patient, [card(desk, patient)], tokens)
    desk.wait(HOUR)
    (callback,) = desk.callbacks
    expected = printed("copay.success.2.json")
    assert shape(callback) == shape(expected)
    assert lines_told(callback) == lines_told(expected)
    rejected, completed = callback["details"]["prescriptions"]
    assert (rejected["status"], rejected["error_code"]) == ("rejected", "Refill too soon")
    assert rejected["claim_reject_codes"] == [{"code": "79", "message": "Refill too soon"}]
    assert (rejected["fill_number"], completed["fill_number"]) == (2, 1)


def fill_one(desk: Desk, patient: str, token: str) -> None:
    """Fill and ship a prescription; the callbacks are forgotten."""
    body = {
        "patient_token": patient,
        "patient_payment_type": "cash",
        "medications": [{"prescription_token": token}],
        "address_to_name": "Ada Doe",
        "address_to_street1": "123 Some Lane",
        "address_to_city": "Los Angeles",
        "address_to_state": "CA",
        "address_to_zip": "94402",
        "address_to_phone": "(555) 555-5555",
        "patient_survey": {"allergies": None, "conditions": None, "medications": None},
        "simulation": {},
    }
    desk.done("POST", "/v1/fill_request", body)
    desk.wait(300)
    desk.recorder.received.clear()


def test_a_request_whose_prescriptions_are_all_too_soon_waits_in_triage_for_their_date(desk: Desk) -> None:
    patient, (token,) = patient_with(desk, True)
    fill_one(desk, patient, token)
    copay(desk, patient, [card(desk, patient)], [token])
    desk.wait(HOUR)
    (callback,) = desk.callbacks
    assert shape(callback) == shape(printed("copay.triage.1.json"))
    assert callback["details"]["code"] == "CT004"
    desk.wait(20 * DAY)
    assert len(desk.callbacks) == 1
    desk.wait(5 * DAY)
    assert news(desk) == [("COPAY", "triage"), ("COPAY", "success")]
    assert desk.callbacks[1]["details"]["prescriptions"][0]["status"] == "completed"


def test_a_prescription_without_refills_is_rejected_without_claims(desk: Desk) -> None:
    patient, tokens = patient_with(desk, {"num_refills_filled": "2", "refills_remaining": 0})
    copay(desk, patient, [card(desk, patient)], tokens)
    desk.wait(HOUR)
    (line,) = desk.callbacks[0]["details"]["prescriptions"]
    assert (line["status"], line["error_code"]) == ("rejected", "Prescription Has No More Refills")
    assert "claims" not in line
    assert desk.done("GET", f"/v1/prescription/{tokens[0]}/fill/3/claims") == []


def test_an_insurance_that_was_corrected_by_hand_is_told_in_its_place(desk: Desk) -> None:
    """The sample of primary and secondary claims; a picture of the card is what makes the sandbox do so."""
    patient, tokens = patient_with(desk, True)
    first = card(desk, patient, insurance_card_image_url="http://imageurl.example.com/card.jpg")
    second = card(desk, patient)
    copay(desk, patient, [first, second], tokens)
    desk.wait(HOUR)
    (callback,) = desk.callbacks
    expected = printed("copay.success.3.json")
    assert lines_told(callback) == lines_told(expected)
    (line,) = callback["details"]["prescriptions"]
    assert [shape(claim) for claim in line["claims"]] == [
        shape(claim) for claim in expected["details"]["prescriptions"][0]["claims"]
    ]
    assert line["insurance_token"] == second
    assert line["copay_amount"] == line["claims"][1]["copay_amount"]
    assert line["claims"][0]["insurance"]["rx_bin"] == CARD["rx_bin"]


def test_an_insurance_whose_bin_is_no_number_is_bad(desk: Desk) -> None:
    patient, tokens = patient_with(desk, True)
    copay(desk, patient, [card(desk, patient, rx_bin="99792A")], tokens)
    desk.wait(HOUR)
    (callback,) = desk.callbacks
    assert shape(callback) == shape(printed("copay.error.1.json"))
    assert callback["timestamp"] > 10**12
    assert callback["details"]["error_code"] == "BAD_INSURANCE_DETAILS"


def test_a_second_request_for_what_is_not_answered_is_a_duplicate(desk: Desk) -> None:
    patient, tokens = patient_with(desk, True)
    insurance = card(desk, patient)
    simulation = {"triage": {"code": "CT003"}}  # and no prior authorization: it stays open
    first = copay(desk, patient, [insurance], tokens, simulation=simulation)["request_id"]
    copay(desk, patient, [insurance], tokens)
    second = copay(desk, patient, [insurance], tokens)["request_id"]
    desk.wait(HOUR)
    errors = {row["request_id"]: row for row in desk.callbacks if row["status"] == "error"}
    assert first not in errors
    assert errors[second]["details"]["error_code"] == "DUPLICATE_REQUEST"
    # Nothing more is known of it than the code.
    assert "rejection_reason_other" not in errors[second]["details"]


# Cancelling.


@pytest.mark.parametrize("by", ["request_id", "copay_request_token"])
def test_a_request_is_cancelled_by_either_name_and_the_error_follows(desk: Desk, by: str) -> None:
    """No text says that a callback follows; the code in the table of a COPAY's errors does."""
    patient, tokens = patient_with(desk, True)
    answer = copay(desk, patient, [card(desk, patient)], tokens)
    token = answer["details"]["copay_request_token"]
    name = answer["request_id"] if by == "request_id" else token
    cancelled = desk.done("POST", CANCEL, {by: name})
    assert shape(cancelled) == {
        **ACCEPTED,
        "details": {"code": "str", "description": "str", "message": "str"},
    }
    assert cancelled["request_id"].startswith("cancel_copay_request_")
    assert cancelled["details"]["code"] == "CUSTOMER_CANCELLATION_REQUEST"
    assert token in cancelled["details"]["message"]
    desk.wait(DAY)
    (callback,) = desk.callbacks
    assert (callback["request_id"], callback["status"]) == (answer["request_id"], "error")
    assert callback["details"]["error_code"] == "CUSTOMER_CANCELLATION_REQUEST"


def test_a_request_that_is_not_yours_or_was_cancelled_is_not_cancelled(desk: Desk) -> None:
    """Its shape is printed, its status is not: 400 is taken."""
    patient, tokens = patient_with(desk, True)
    answer = copay(desk, patient, [card(desk, patient)], tokens)
    bodies = [
        {"request_id": answer["request_id"]},
        {"copay_request_token": answer["details"]["copay_request_token"]},
    ]
    refused = [desk.call("POST", CANCEL, body, key=OTHER_KEY) for body in bodies]
    desk.done("POST", CANCEL, bodies[0])
    refused += [desk.call("POST", CANCEL, body) for body in (*bodies, {"request_id": "unknown"})]
    for status, document in refused:
        assert (status, document["status"]) == (400, "error")
        assert shape(document) == {"message": "str", "status": "str", "timestamp": "int"}


def test_a_cancel_may_come_as_the_form_of_the_sample_with_its_key_inside(desk: Desk) -> None:
    patient, tokens = patient_with(desk, True)
    request = copay(desk, patient, [card(desk, patient)], tokens)["request_id"]
    form = urlencode({"api_key": f"ApiKey {KEY}", "request_id": request}).encode()
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    status, answer = desk.call("POST", CANCEL, form, key=None, headers=headers)
    assert (status, answer["status"]) == (200, "success")


def test_a_copay_may_come_as_the_form_of_the_sample(desk: Desk) -> None:
    patient, tokens = patient_with(desk, True)
    fields = {
        "patient_token": patient,
        "insurance_token": json.dumps([card(desk, patient)]),
        "prescriptions": json.dumps(tokens),
        "metadata": "cfe146",
        "initiate_prior_auth": "true",
        "simulation": json.dumps({"error": {"reject_codes": ["79", "75"]}}),
    }
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    status, _ = desk.call("POST", "/v1/copay_request", urlencode(fields).encode(), headers=headers)
    assert status == 200
    desk.wait(2)
    assert news(desk) == [("COPAY", "success"), ("PRIOR_AUTH", "new")]


def test_a_cancel_names_a_request(desk: Desk) -> None:
    status, document = desk.call("POST", CANCEL, {})
    assert (status, document["validation_errors"]) == (
        400,
        [{"key": "request_id", "message": "is required"}],
    )


# The live contract.


def test_a_request_can_be_read_in_the_live_contract_alone(desk: Desk, live: Desk) -> None:
    for running in (desk, live):
        patient, tokens = patient_with(running, True, branded)
        request = copay(running, patient, [card(running, patient)], tokens)["request_id"]
        path = f"/v1/copay_request/{request}"
        if running is desk:
            assert running.call("GET", path)[0] in (404, 405)
            continue
        before = running.done("GET", path)
        running.wait(HOUR)
        after = running.done("GET", path)
        assert (before["status"], after["status"]) == ("pending", "completed")
        assert [(row["status"], row["error_code"]) for row in after["prescriptions"]] == [
            ("completed", None),
            ("rejected", "PA_REQUIRED"),
        ]
        assert running.call("GET", path, key=OTHER_KEY)[0] == 404


@pytest.mark.parametrize(
    ("simulation", "state", "code", "triage"),
    [
        ({"error": {"error_code": "CLOSED_NETWORK"}}, "rejected", "CLOSED_NETWORK", None),
        ({"error": {"reject_codes": ["79"]}}, "completed", None, None),
        ({"triage": {"code": "CT007"}}, "triage", None, "CT007"),
    ],
)
def test_a_read_tells_the_state(
    live: Desk, simulation: Any, state: str, code: str | None, triage: str | None
) -> None:
    request = simulated(live, simulation)["request_id"]
    known = live.done("GET", f"/v1/copay_request/{request}")
    assert (known["status"], known["error_code"], known["triage_reason"]) == (state, code, triage)


def test_copays_can_be_pulled_in_the_live_contract_alone(desk: Desk, live: Desk) -> None:
    assert desk.call("GET", "/v1/webhook_events/copay")[0] == 404
    pushed = simulated(live, {})
    (row,) = live.done("GET", "/v1/webhook_events/copay")["results"]
    assert row["payload"] == bare(pushed)
    assert row["delivery_data"] == {"status": "success", "status_code": 200}
