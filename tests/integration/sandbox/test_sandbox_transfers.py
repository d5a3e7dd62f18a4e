"""Transfers: as printed in, as printed out, and the callbacks as printed."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from tests.support.sandbox import KEY, LIVE_KEY, OTHER_KEY, Desk, bare, printed, shape

DAY = 86_400
PATH = "/v1/transfer_request"
CUSTOM = {
    "medication_sig": "Take one every two hours",
    "prescriber": "Dr. Strange",
    "days_supply": "1",
    "num_refills_filled": "2",
    "refills_remaining": 4,
    "quantity_remaining": 48,
    "number_of_refills_allowed": 4,
    "prescribed_drug_strength": "50 mg",
    "prescribed_ndc": "55555555555",
    "prescribed_quantity": 12,
    "prescribed_unit_text": "EA",
    "prescribed_label_type": "Generic",
    "prescribed_brand_name": "Generic Label",
    "prescribed_written_name": "Generic Label 50mg Tablet",
    "prescribed_generic_name": "Generic 50mg tablet",
    "dispensed_drug_strength": "50 mg",
    "dispensed_ndc": "55555555555",
    "dispensed_quantity": 12,
    "dispensed_days_supply": 1,
}
NO_SUCH_RX = {
    "error_code": "RX_NONEXISTANT",
    "rejection_reason": "No Prescription exists at pharmacy",
    "rejection_reason_other": "Patient only has expired prescription",
}
ACCEPTED = {
    "request_id": "str",
    "timestamp": "int",
    "status": "str",
    "details": {
        "message": "str",
        "transfer_token": "str",
        "transfer_medications": [{"transfer_medication_token": "str", "medication_name": "str"}],
        "patient_token": "str",
    },
}


def body(patient: str, **fields: Any) -> dict[str, Any]:
    """A create as the simulation's samples have it."""
    return {
        "patient_token": patient,
        "pharmacy_name": "Example Pharmacy",
        "pharmacy_phone": "5555551234",
        "prescriber_name": "Dr. Prescriber",
        "prescriber_phone": "5555554567",
        "metadata": "metadata",
        "notes": "test notes",
        "medications": ["Sprintec Tablet", "Spironolactone 10mg tablet"],
        **fields,
    }


def told(desk: Desk, type_: str) -> list[Any]:
    return [row for row in desk.told if row["callback_type"] == type_]


@pytest.mark.parametrize("path", [PATH, "/v1/transfer", "/v1/direct_transfer"])
def test_an_empty_simulation_completes_at_every_path_that_a_sample_has(desk: Desk, path: str) -> None:
    """The documented path is `/v1/transfer_request`; the samples of the simulation post to two others."""
    patient = desk.patient()
    answer = desk.done("POST", path, body(patient, simulation={}))
    assert shape(answer) == ACCEPTED
    desk.wait(10)
    (event,) = told(desk, "TRANSFER")
    expected = printed("transfer.success.2.json")
    assert shape(event) == shape(expected)
    assert event["request_id"] == answer["request_id"]
    assert event["details"]["metadata"] == "metadata"
    for medication, sample in zip(
        event["details"]["medications"], expected["details"]["medications"], strict=True
    ):
        assert shape(medication) == shape(sample)
        same = ("requested_medication_name", "medication_name", "prescriber", "quantity", "days_supply")
        assert [medication[name] for name in same] == [sample[name] for name in same]
        assert medication["num_refills_remaining"] == sample["num_refills_remaining"]
    asked = answer["details"]["transfer_medications"]
    came = event["details"]["medications"]
    assert [row["transfer_medication_token"] for row in asked] == [
        row["transfer_medication_token"] for row in came
    ]
    # The samples say both "Take one Daily" and "Take one daily.": the table of defaults is taken.
    assert {row["medication_sig"] for row in came} == {"Take one Daily"}


def test_each_prescription_that_comes_over_is_announced_and_listed(desk: Desk) -> None:
    patient = desk.patient()
    desk.done("POST", PATH, body(patient, simulation={}))
    desk.wait(10)
    announced = told(desk, "NOTIFY_RX")
    assert [shape(row) for row in announced] == [shape(printed("notify_rx.none.2.json"))] * 2
    tokens = [row["prescription_token"] for row in told(desk, "TRANSFER")[0]["details"]["medications"]]
    assert {row["details"]["prescription_token"] for row in announced} == set(tokens)
    assert desk.prescriptions(patient) == tokens


def test_medications_are_overridden_defaulted_and_rejected_one_by_one(desk: Desk) -> None:
    """The quantity: what remains where that is overridden, else what is prescribed, as in both samples."""
    patient = desk.patient()
    scenarios = [
        {**CUSTOM, "prescriber_npi": "1497742761", "date_written": "20200101"},
        True,
        {"error": NO_SUCH_RX},
    ]
    names = ["Sprintec Tablet", "Spironolactone 10mg tablet", "Ibuprofen"]
    answer = desk.done("POST", PATH, body(patient, medications=names, simulation={"medications": scenarios}))
    desk.wait(10)
    (event,) = told(desk, "TRANSFER")
    expected = printed("transfer.success.3.json")
    assert event["status"] == "success"
    found, samples = event["details"]["medications"], expected["details"]["medications"]
    assert [shape(row) for row in found] == [shape(row) for row in samples]
    custom = {name: value for name, value in samples[0].items() if "token" not in name and "_id" not in name}
    assert {name: found[0][name] for name in custom} == custom
    assert found[2]["rejection_message"] == "Patient only has expired prescription"
    assert found[2]["requested_medication_name"] == "Ibuprofen"
    document = desk.done("GET", f"/v1/prescription/{found[0]['prescription_token']}")["prescription"]
    assert document["date_written"] == "20200101"
    assert document["prescribed_ndc"] == "55555555555"
    (transfer,) = desk.done("GET", f"{PATH}/{answer['details']['transfer_token']}")
    rejected = transfer["transfer_medications"][2]
    assert (rejected["rejection_reason"], rejected["rejection_reason_other"], rejected["prescription"]) == (
        "No Prescription exists at pharmacy",
        "Patient only has expired prescription",
        None,
    )


def test_both_spellings_of_a_medications_rejection_are_understood(desk: Desk) -> None:
    error = {"reject_reason": "Reason", "reject_reason_other": "Other"}
    simulation = {"medications": [{"error": error}]}
    desk.done("POST", PATH, body(desk.patient(), medications=["A"], simulation=simulation))
    desk.wait(10)
    (event,) = told(desk, "TRANSFER")
    assert event["status"] == "success"
    assert event["details"]["medications"][0]["rejection_message"] == "Other"
    assert not told(desk, "NOTIFY_RX")


def test_a_simulated_rejection_is_told_as_printed(desk: Desk) -> None:
    """The sample has no `error_code`, so it is not wanted."""
    error = {"reject_reason": "Test Rejecting Transfer", "reject_reason_other": None}
    answer = desk.done("POST", PATH, body(desk.patient(), simulation={"error": error}))
    desk.wait(10)
    (event,) = desk.told
    expected = printed("transfer.error.2.json")
    assert shape(event) == shape(expected)
    assert event["details"]["message"] == "Test Rejecting Transfer"
    (transfer,) = desk.done("GET", f"{PATH}/{answer['details']['transfer_token']}")
    assert (transfer["status"], transfer["cancel_reason"]) == ("rejected", "Test Rejecting Transfer")


def test_a_simulated_rejections_code_is_propagated(desk: Desk) -> None:
    """The prose wants an `error_code` and says that it comes back."""
    error = {"error_code": "PHARMACY_DECLINED", "reject_reason": "Declined", "reject_reason_other": "Closed"}
    desk.done("POST", PATH, body(desk.patient(), simulation={"error": error}))
    desk.wait(10)
    details = desk.told[0]["details"]
    assert (details["error_code"], details["description"], details["message"]) == (
        "PHARMACY_DECLINED",
        "Declined",
        "Closed",
    )


def test_a_cancelled_transfer_says_so_when_it_is_read(desk: Desk) -> None:
    error = {"error_code": "PATIENT_CANCELLED_RX"}
    answer = desk.done("POST", PATH, body(desk.patient(), simulation={"error": error}))
    token = answer["details"]["transfer_token"]
    assert desk.done("GET", f"{PATH}/{token}")[0]["status"] == "pending"
    desk.wait(10)
    (transfer,) = desk.done("GET", f"{PATH}/{token}")
    assert (transfer["status"], transfer["cancel_reason"]) == ("cancelled", "PATIENT_CANCELLED_RX")


def test_what_comes_over_again_takes_the_place_of_the_old_prescription(desk: Desk) -> None:
    patient = desk.patient()
    for _ in range(2):
        desk.done("POST", PATH, body(patient, medications=["Sprintec Tablet"], simulation={}))
        desk.wait(10)
    old, new = desk.prescriptions(patient)
    first, second = told(desk, "NOTIFY_RX")
    assert shape(second) == shape(printed("notify_rx.none.1.json"))
    assert first["details"]["prescription_token"] == old
    assert (second["details"]["prescription_token"], second["details"]["transfer_prescription_token"]) == (
        old,
        new,
    )
    listed = desk.done("GET", f"/v1/patient/{patient}/prescriptions")["prescriptions"]
    assert [row["fillable"] for row in listed] == [False, True]
    assert listed[0]["current_rx_status_text"] == "Transferred"


@pytest.mark.parametrize(
    ("change", "keys"),
    [
        ({"patient_token": None}, ["patient_token"]),
        (
            {"pharmacy_name": None, "pharmacy_phone": None, "prescriber_name": None},
            ["prescriber_name"],
        ),
        ({"pharmacy_phone": "", "prescriber_phone": ""}, ["pharmacy_phone", "prescriber_phone"]),
        ({"medications": "Sprintec"}, ["medications"]),
        ({"medications": [1]}, ["medications.0"]),
        ({"simulation": {"medications": [True] * 3}}, ["simulation.medications"]),
        ({"simulation": {"medications": [False]}}, ["simulation.medications.0"]),
        ({"simulation": {"medications": ["x"]}}, ["simulation.medications.0"]),
        (
            {"simulation": {"medications": [{"refills_remaining": "many"}]}},
            ["simulation.medications.0.refills_remaining"],
        ),
        (
            {"simulation": {"medications": [{"error": {"error_code": 5}}]}},
            ["simulation.medications.0.error.error_code"],
        ),
    ],
)
def test_a_field_that_cannot_be_is_named(desk: Desk, change: dict[str, Any], keys: list[str]) -> None:
    status, document = desk.call("POST", PATH, body("p", **change))
    assert (status, document["statusCode"], document["error"]) == (400, 400, "Bad Request")
    assert [row["key"] for row in document["validation_errors"]] == keys


def test_of_nobody_to_ask_the_pharmacy_is_missed(desk: Desk) -> None:
    status, document = desk.call("POST", PATH, {"patient_token": "p"})
    assert status == 400
    assert document["validation_errors"] == [
        {"key": name, "message": "is required"} for name in ("pharmacy_name", "pharmacy_phone")
    ]


def test_a_transfer_is_for_a_patient_of_ones_own(desk: Desk) -> None:
    mine, theirs = desk.patient(), desk.patient(key=OTHER_KEY)
    assert desk.call("POST", PATH, body("unknown"))[1]["message"] == "Unable to find Patient."
    status, document = desk.call("POST", PATH, body(theirs))
    assert (status, document["error"]) == (400, "Unauthorized")
    assert desk.call("POST", PATH, body(mine), key=None)[0] == 401


def test_simulations_are_for_the_sandbox_environment_alone(desk: Desk) -> None:
    patient = desk.patient(key=LIVE_KEY)
    status, document = desk.call("POST", PATH, body(patient, simulation={}), key=LIVE_KEY)
    assert status == 400
    assert document["validation_errors"] == [{"key": "simulation", "message": "is not allowed"}]


def test_a_printed_form_and_the_other_name_of_the_list_are_understood(desk: Desk) -> None:
    """Both printed requests: a form without medications, and `medication_name` for `medications`."""
    patient = desk.patient()
    form = f"patient_token={patient}&pharmacy_name=Walmart Pharmacy&pharmacy_phone=3018897765"
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    status, document = desk.call("POST", PATH, form.encode(), headers=headers)
    assert (status, document["details"]["transfer_medications"]) == (200, [])
    sent = body(patient, medication_name=["Finasteride, 1 mg", "Sucralfate"], medications=[])
    answer = desk.done("POST", PATH, sent)
    assert answer["request_id"].startswith("transfer_request_")
    assert shape(answer) == ACCEPTED
    names = [row["medication_name"] for row in answer["details"]["transfer_medications"]]
    assert names == ["Finasteride, 1 mg", "Sucralfate"]


def test_who_names_no_medication_gets_one(desk: Desk) -> None:
    desk.done("POST", PATH, body(desk.patient(), medications=[], simulation={}))
    desk.wait(10)
    assert len(told(desk, "TRANSFER")[0]["details"]["medications"]) == 1
    assert len(told(desk, "NOTIFY_RX")) == 1


def test_transfers_are_listed_by_fifty_the_earliest_first(desk: Desk) -> None:
    patient = desk.patient()
    made = [
        desk.done("POST", PATH, body(patient, medications=[f"M{n}"]))["details"]["transfer_token"]
        for n in range(51)
    ]
    first, second = desk.done("GET", PATH), desk.done("GET", f"{PATH}?page=1")
    assert [row["url_token"] for row in first] == made[:50]
    assert [row["url_token"] for row in second] == made[50:]
    assert desk.done("GET", f"{PATH}?page=0") == first
    assert shape(first[0]) == {
        "created_at": "str",
        "url_token": "str",
        "status": "str",
        "transfer_medications": [{"url_token": "str", "medication_name": "str"}],
    }
    assert first[0]["created_at"] == "2026-02-02T02:40:00.000Z"
    for page in (2, 10**30):
        assert desk.done("GET", f"{PATH}?page={page}") == []
    for wrong in ("-1", "x"):
        status, document = desk.call("GET", f"{PATH}?page={wrong}")
        assert (status, document["validation_errors"][0]["key"]) == (400, "page")
    assert desk.done("GET", PATH, key=OTHER_KEY) == []


def test_get_answers_an_array_of_one(desk: Desk) -> None:
    sent = body(desk.patient(), medications=["Prednisone"], simulation={}, prescriber_name=None)
    token = desk.done("POST", PATH, sent)["details"]["transfer_token"]
    desk.wait(10)
    (transfer,) = desk.done("GET", f"{PATH}/{token}")
    assert shape(transfer) == {
        "created_at": "str",
        "url_token": "str",
        "status": "str",
        "cancel_reason": "NoneType",
        "cancel_reason_other": "NoneType",
        "pharmacy_name": "str",
        "pharmacy_phone": "str",
        "prescriber_name": "str",
        "prescriber_phone": "str",
        "notes": "str",
        "metadata": "str",
        "transfer_medications": [
            {
                "url_token": "str",
                "rejection_reason": "NoneType",
                "rejection_reason_other": "NoneType",
                "medication_name": "str",
                "prescription": {
                    "num_refills_remaining": "int",
                    "medication_name": "str",
                    # Null in the sample: here they are told.
                    "prescription_date": "str",
                    "prescriber": "str",
                    "url_token": "str",
                    # A date in the sample: this one was never filled.
                    "last_filled_date": "NoneType",
                    "days_supply": "str",
                    "num_refills_filled": "str",
                    "prescribed_quantity": "int",
                    "prescribed_written_name": "str",
                    "prescribed_generic_name": "str",
                },
            }
        ],
        "messages": [],
    }
    assert (transfer["url_token"], transfer["status"], transfer["prescriber_name"]) == (
        token,
        "completed",
        "",
    )


def test_a_transfer_that_is_not_ones_own_is_not_found(desk: Desk) -> None:
    token = desk.done("POST", PATH, body(desk.patient()))["details"]["transfer_token"]
    for path, key in (("unknown", KEY), (token, OTHER_KEY), (token, LIVE_KEY)):
        status, document = desk.call("GET", f"{PATH}/{path}", key=key)
        assert status == 404
        assert document == {"statusCode": 404, "error": "Not Found", "message": "Transfer not found."}


def many(desk: Desk, count: int, **fields: Any) -> dict[str, list[Any]]:
    """The events of so many transfers that are not simulated, by request; each with when it was asked for."""
    asked = {}
    for number in range(count):
        patient = desk.patient(first_name=f"P{number}")
        answer = desk.done("POST", PATH, body(patient, metadata=str(number), **fields))
        asked[answer["request_id"]] = [answer["timestamp"]]
    for _ in range(14):
        desk.wait(DAY / 2)
    for row in desk.told:
        if "request_id" in row:
            asked[row["request_id"]].append(row)
    return asked


def test_a_real_transfer_is_sought_for_days_and_ends_in_every_documented_way(desk: Desk) -> None:
    ends: Counter[str] = Counter()
    for start, *events in many(desk, 60).values():
        *contacts, outcome = events
        assert outcome["callback_type"] == "TRANSFER"
        assert {row["callback_type"] for row in contacts} == {"TRANSFER_CONTACT"}
        assert all(row["timestamp"] < outcome["timestamp"] for row in contacts)
        days = (outcome["timestamp"] - start) / DAY
        code = outcome["details"].get("error_code")
        ends[code or "success"] += 1
        if code == "PHARMACY_NO_RESPONSE":
            assert days == 6
            assert [row["status"] for row in contacts] == ["error"] * 6
        else:
            assert 1 <= days <= 3
            assert contacts[0]["status"] == "success"
        if outcome["status"] == "success":
            came = [row for row in outcome["details"]["medications"] if "prescription_token" in row]
            ends["refused medications"] += len(outcome["details"]["medications"]) - len(came)
            expected = printed("transfer.success.1.json")
            assert shape({**outcome, "details": {**outcome["details"], "medications": came}}) == shape(
                expected
            )
        else:
            expected = printed("transfer.error.1.json")
            # Promised by the prose for every rejection, though no sample has them.
            expected["details"] |= {"error_code": "x", "description": "x"}
            assert shape(outcome) == shape(expected)
    assert ends["success"] > 30
    assert ends["PHARMACY_NO_RESPONSE"] > 0
    assert ends["refused medications"] > 0
    assert len(ends) > 4


def test_contacts_have_the_printed_shapes_and_say_whom_they_reached(desk: Desk) -> None:
    fields = {"pharmacy_fax": "6235474583"}
    contacts = [
        row
        for _, *events in many(desk, 20, **fields).values()
        for row in events
        if row["callback_type"] != "TRANSFER"
    ]
    for status in ("success", "error"):
        of_status = [row for row in contacts if row["status"] == status]
        assert of_status
        assert {str(shape(row)) for row in of_status} == {
            str(shape(printed(f"transfer_contact.{status}.1.json")))
        }
    reached = next(row["details"] for row in contacts if row["status"] == "success")
    assert (reached["contact_name"], reached["contact_method"], reached["contact_number"]) == (
        "Example Pharmacy",
        "fax",
        "6235474583",
    )
    listed = desk.done("GET", PATH)
    assert {row["details"]["transfer_token"] for row in contacts} <= {row["url_token"] for row in listed}


def test_a_prescriber_is_asked_where_no_pharmacy_is_named(desk: Desk) -> None:
    asked = many(desk, 25, pharmacy_name=None, pharmacy_phone=None)
    events = [row for _, *rows in asked.values() for row in rows]
    names = {row["details"]["contact_name"] for row in events if "contact_name" in row["details"]}
    codes = {row["details"].get("error_code") for row in events}
    assert names == {"Dr. Prescriber"}
    assert "PRESCRIBER_NO_RESPONSE" in codes
    assert not any(code and code.startswith("PHARMACY") for code in codes)


def test_asking_again_for_what_is_pending_is_a_duplicate(desk: Desk) -> None:
    patient = desk.patient()
    first = desk.done("POST", PATH, body(patient))["request_id"]
    second = desk.done("POST", PATH, body(patient, medications=["sprintec tablet"]))["request_id"]
    for _ in range(14):
        desk.wait(DAY / 2)
    (error,) = [row for row in desk.told if row.get("request_id") == second]
    assert (error["callback_type"], error["details"]["error_code"]) == ("TRANSFER", "TRANSFER_DUPLICATE")
    assert [row["status"] for row in told(desk, "TRANSFER") if row["request_id"] == first] != []


def test_the_live_contract_gives_a_transfers_events_by_its_request_id(live: Desk) -> None:
    answer = live.done("POST", PATH, body(live.patient(), simulation={}))
    live.wait(10)
    page = live.done("GET", f"/v1/webhook_events/transfer?request_id={answer['request_id']}")
    assert [row["payload"] for row in page["results"]] == [bare(row) for row in told(live, "TRANSFER")]
