"""Patients and prescriptions: as printed in, as printed out, and NOTIFY_RX as printed."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.sandbox import KEY, LIVE_KEY, OTHER_KEY, Desk, printed, shape

ADA = {"first_name": "Ada", "last_name": "Doe", "gender": "female", "dob": "19820115"}
SPECIAL = {
    "medication_sig": "Take one every two hours",
    "prescriber": "Dr. Strange",
    "days_supply": "1",
    "num_refills_filled": "2",
    "refills_remaining": 4,
    "quantity_remaining": 48,
    "number_of_refills_allowed": 4,
    "prescribed_written_name": "Generic Label 50mg Tablet",
    "prescribed_quantity": 12,
    "dispensed_quantity": 12,
}


def test_a_patient_is_created_with_a_put(desk: Desk) -> None:
    assert shape(desk.done("PUT", "/v1/patient", ADA)) == {"patient_token": "str"}


def test_the_same_patient_is_matched_and_given_back(desk: Desk) -> None:
    token = desk.patient(zip="94402")
    assert desk.patient(zip="94402", first_name=" ADA ") == token
    # Without a zip code nothing speaks against it.
    assert desk.patient() == token
    assert desk.patient(zip="10001") != token
    assert desk.patient(dob="19820116") != token


@pytest.mark.parametrize("key", [OTHER_KEY, LIVE_KEY])
def test_another_customers_or_environments_patient_is_not_matched(desk: Desk, key: str) -> None:
    assert desk.patient() != desk.patient(key=key)


def test_what_is_missing_is_listed_as_printed(desk: Desk) -> None:
    status, document = desk.call("PUT", "/v1/patient", {"first_name": "Ada"})
    assert status == 400
    assert document == {
        "statusCode": 400,
        "error": "Bad Request",
        "validation_errors": [
            {"key": "last_name", "message": "is required"},
            {"key": "gender", "message": "is required"},
            {"key": "dob", "message": "is required"},
        ],
    }


@pytest.mark.parametrize(
    ("change", "key", "message"),
    [
        ({"street1": ""}, "street1", "is not allowed to be empty"),
        ({"gender": "none"}, "gender", "must be one of ['male', 'female']"),
        ({"last_name": 7}, "last_name", "must be a string"),
        ({"communications_opt_in": "maybe"}, "communications_opt_in", "must be a boolean"),
        ({"simulation": 1}, "simulation", "must be of type object"),
        ({"simulation": {"newRx": True}}, "simulation.newRx", "must be an array"),
    ],
)
def test_a_field_that_cannot_be_is_named(desk: Desk, change: dict[str, Any], key: str, message: str) -> None:
    status, document = desk.call("PUT", "/v1/patient", {**ADA, **change})
    assert status == 400
    assert document["validation_errors"] == [{"key": key, "message": message}]


def test_fields_that_nobody_documented_are_tolerated(desk: Desk) -> None:
    assert desk.call("PUT", "/v1/patient", {**ADA, "shoe_size": 38})[0] == 200


def test_an_update_changes_what_may_change(desk: Desk) -> None:
    token = desk.patient()
    updated = desk.done("POST", f"/v1/patient/{token}", {"city": "Los Angeles", "zip": "94402"})
    assert updated["patient_token"] == token
    assert shape(updated) == {
        "details": {"message": "str"},
        "patient_token": "str",
        "status": "str",
        "timestamp": "int",
    }
    address = desk.done("GET", f"/v1/patient/{token}")["address"]
    assert (address["city"], address["zip"], address["name"]) == ("Los Angeles", "94402", "Ada Doe")


def test_what_identifies_a_patient_cannot_be_updated(desk: Desk) -> None:
    body = {"last_name": "Roe", "gender": "male", "dob": "19691218", "city": "Rome"}
    status, document = desk.call("POST", f"/v1/patient/{desk.patient()}", body)
    assert status == 400
    assert {row["key"] for row in document["validation_errors"]} == {"last_name", "gender", "dob"}
    assert {row["message"] for row in document["validation_errors"]} == {"is not allowed"}


def test_a_patient_is_told_as_printed(desk: Desk) -> None:
    fields = dict.fromkeys(
        ("guardian", "mbi", "street1", "street2", "city", "state", "zip", "country", "phone", "email"), "x"
    )
    token = desk.patient(**fields, communications_opt_in=True)
    text = dict.fromkeys(
        ("name", "street1", "street2", "city", "state", "zip", "country", "phone", "email"), "str"
    )
    assert shape(desk.done("GET", f"/v1/patient/{token}")) == {
        **dict.fromkeys(
            ("first_name", "last_name", "guardian", "gender", "dob", "mbi", "patient_token"), "str"
        ),
        "address": {**text, "company": "NoneType", "communications_opt_in": "bool"},
    }


def test_a_patient_is_found_by_name_birth_and_gender(desk: Desk) -> None:
    token = desk.patient(guardian="John", communications_opt_in=True)
    found = desk.done("GET", "/v1/patient?first_name=Ada&last_name=Doe&dob=19820115&gender=female&zip=94402")
    assert found["patient_token"] == token
    assert found["species"] == "HUMAN"
    status, document = desk.call("GET", "/v1/patient?first_name=Eve&last_name=Doe&dob=19820115&gender=female")
    assert (status, document["message"]) == (404, "Unable to find Patient.")
    status, document = desk.call("GET", "/v1/patient?first_name=Eve")
    assert (status, len(document["validation_errors"])) == (400, 3)


@pytest.mark.parametrize("what", ["", "/prescriptions", "/patient_survey"])
def test_whose_patient_it_is_decides_the_answer(desk: Desk, what: str) -> None:
    token = desk.patient()
    status, document = desk.call("GET", f"/v1/patient/{token}{what}", key=OTHER_KEY)
    assert (status, document) == (
        400,
        {
            "statusCode": 400,
            "error": "Unauthorized",
            "message": "Patient does not belong to this customer.",
        },
    )
    missing = {"statusCode": 404, "error": "Not Found", "message": "Unable to find Patient."}
    # The live environment is another world.
    assert desk.call("GET", f"/v1/patient/{token}{what}", key=LIVE_KEY) == (404, missing)
    assert desk.call("GET", f"/v1/patient/nobody{what}") == (404, missing)


def test_simulated_prescriptions_are_notified_shortly_afterwards(desk: Desk) -> None:
    patient = desk.patient(True, SPECIAL, False)
    assert desk.callbacks == []
    desk.wait(1)
    events = {row["details"]["prescription_token"]: row for row in desk.callbacks}
    usual, special = desk.prescriptions(patient)
    assert set(events) == {usual, special}
    assert shape(events[usual]) == shape(printed("notify_rx.none.3.json"))
    assert events[usual]["details"]["prescriber"] == "Dr. P. Scribe"
    assert events[special]["details"]["prescriber"] == "Dr. Strange"
    assert events[special]["details"]["medication_name"] == "Generic Label 50mg Tablet"
    assert {row["details"]["patient_token"] for row in desk.callbacks} == {patient}


def test_a_list_and_a_single_read_tell_a_prescription(desk: Desk) -> None:
    patient = desk.patient(True, SPECIAL)
    usual, special = desk.done("GET", f"/v1/patient/{patient}/prescriptions")["prescriptions"]
    assert (usual["refills_remaining"], usual["quantity_remaining"], usual["is_refill"]) == (2, 84, 0)
    assert (special["refills_remaining"], special["quantity_remaining"], special["is_refill"]) == (4, 48, 1)
    assert special["fillable"] is True
    single = desk.done("GET", f"/v1/prescription/{special['prescription_token']}")["prescription"]
    assert (single["medication_sig"], single["days_supply"]) == ("Take one every two hours", "1")
    assert single["icd_codes"] == {"icd10": ["Z30.09"], "icd9": ["V85.30"]}


@pytest.mark.parametrize("name", ["fillable", "origin", "formulary", "expiration_date"])
def test_the_single_read_of_a_simulated_prescription_says_less_as_printed(desk: Desk, name: str) -> None:
    """That of one that came by a transfer says all that the fields of a prescription are."""
    patient = desk.patient(True)
    asked = {"pharmacy_name": "Example", "pharmacy_phone": "5555551234", "medications": ["Sprintec Tablet"]}
    desk.done("POST", "/v1/transfer_request", {"patient_token": patient, **asked, "simulation": {}})
    desk.wait(60)
    simulated, transferred = desk.prescriptions(patient)
    assert name not in desk.done("GET", f"/v1/prescription/{simulated}")["prescription"]
    assert name in desk.done("GET", f"/v1/prescription/{transferred}")["prescription"]


@pytest.mark.parametrize("key", [KEY, OTHER_KEY, LIVE_KEY])
def test_a_prescription_that_one_does_not_have_is_not_found(desk: Desk, key: str) -> None:
    (token,) = desk.prescriptions(desk.patient(True))
    answer = desk.call("GET", f"/v1/prescription/{token if key != KEY else 'none'}", key=key)
    assert answer == (
        404,
        {"statusCode": 404, "error": "Not Found", "message": "Unable to find Prescription."},
    )


@pytest.mark.parametrize("path", ["/v1/patient/{}/patient_survey", "/patient/{}/patient_survey"])
def test_the_survey_is_that_of_the_last_fill_at_both_printed_paths(desk: Desk, path: str) -> None:
    patient = desk.patient(True)
    before = desk.done("GET", path.format(patient))
    assert before["conditions"] is None
    survey: dict[str, Any] = {
        "allergies": "Hay Fever",
        "conditions": "COPD",
        "medications": [{"name": "A"}, {"name": "B"}],
    }
    body: dict[str, Any] = {
        "patient_token": patient,
        "patient_payment_type": "cash",
        "medications": [{"prescription_token": desk.prescriptions(patient)[0]}],
        **dict.fromkeys(
            ("address_to_name", "address_to_street1", "address_to_city", "address_to_state"), "x"
        ),
        "address_to_zip": "94402",
        "address_to_phone": "5555555555",
        "patient_survey": {**survey, "cancer": True},
    }
    desk.done("POST", "/v1/fill_request", body)
    after = desk.done("GET", path.format(patient))
    assert (after["conditions"], after["known_allergies"]) == ("COPD", "Hay Fever")
    assert (after["other_medications"], after["cancer"], after["stroke"]) == ("A, B", True, None)
    assert set(before) == set(after)
