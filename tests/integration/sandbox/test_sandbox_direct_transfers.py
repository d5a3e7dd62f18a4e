"""Direct transfers: as printed in, as printed out, and the callbacks as printed."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest

from tests.support.sandbox import LIVE_KEY, OTHER_KEY, Desk, bare, printed, shape

DAY = 86_400
PATH = "/v1/direct_transfer"
ADDRESS = {"street1": "123 Some Lane", "city": "San Mateo", "state": "CA", "zip": "94538"}


def real(patient: str, **fields: Any) -> dict[str, Any]:
    """A create as printed. `original_refills`, which the table requires, is in neither printed request."""
    return {
        "prescriber": {
            "first_name": "Stephen",
            "last_name": "Strange",
            "npi": "123123123",
            "prescriber_type": "OD",
            "address": {"name": "Stephen Strange Practice", **ADDRESS},
        },
        "patient_token": patient,
        "transfer_from": {
            "name": "Walmart Pharmacy",
            # Empty in a sample.
            "address": {"name": "", **ADDRESS},
            # A number in one sample, a string in the other.
            "id_number": 490382308,
            "pharmacist": "Dr. Storm",
        },
        "transfer_to": {"name": "Truepill", "id_number": "1295182590", "pharmacist": "Quynh Do"},
        "prescription": {
            "medication_name": "Finasteride",
            "prescribed_ndc": "12345678912",
            "days_supply": 30,
            "quantity_written": "60",
            "quantity_dispensed": "60",
            "medication_sig": "Apply Daily.",
            "written_date": "20190101",
            "expiration_date": "20191231",
            "last_fill_date": "20190201",
            "first_fill_date": "20190115",
            "fills_left": 5,
            "fills_transferred": 5,
            "number": "4567",
            "can_substitute": True,
            "direct_transfer_url": "https://user:securelogin@www.assets.com/rx/saijhofiasjfoasoi2f.png",
            "icd10_code": "G43.909",
            "notes": "A note here",
            "diagnosis": "Male pattern baldness",
        },
        "metadata": "5fc6c6",
        **fields,
    }


def simulated(patient: str) -> dict[str, Any]:
    """As the simulation's sample: without days_supply, and refills where the table has fills."""
    sent = real(patient, simulation={})
    sent["transfer_from"] |= {"id_number": "134123941", "dea": "DEA1234"}
    sent["prescription"] = {
        "medication_name": "COLD HEAD CONGESTION",
        "quantity_written": "50",
        "quantity_dispensed": "50",
        "medication_sig": "50",
        "written_date": "20200527",
        "original_refills": 12,
        "quantity_transferred": 11,
        "refills_left": 11,
        "refills_transferred": 11,
        "number": "12345",
        "can_substitute": True,
        "prescribed_ndc": "12345678912",
        "direct_transfer_url": "https://user:securelogin@www.assets.com/rx/saijhofiasjfoasoi2f.png",
    }
    return sent


def test_a_simulated_one_completes_as_printed(desk: Desk) -> None:
    patient = desk.patient()
    answer = desk.done("POST", PATH, simulated(patient))
    assert shape(answer) == {
        "request_id": "str",
        "timestamp": "int",
        "status": "str",
        "details": {"direct_transfer_id": "str"},
    }
    desk.wait(10)
    event, notice = desk.told
    assert shape(event) == shape(printed("direct_transfer.success.2.json"))
    assert shape(notice) == shape(printed("notify_rx.none.2.json"))
    assert event["request_id"] == answer["request_id"]
    assert event["details"]["direct_transfer_token"] == answer["details"]["direct_transfer_id"]
    assert event["details"]["patient_token"] == patient
    assert desk.prescriptions(patient) == [event["details"]["prescription_token"]]
    (listed,) = desk.done("GET", f"/v1/patient/{patient}/prescriptions")["prescriptions"]
    assert (listed["medication_name"], listed["refills_remaining"], listed["prescriber"]) == (
        "COLD HEAD CONGESTION",
        11,
        "Stephen Strange",
    )


def test_the_same_one_again_is_the_printed_error(desk: Desk) -> None:
    """No text says how the error is had. It speaks of a duplicate, and names a prescription: the first's."""
    patient = desk.patient()
    for _ in range(2):
        desk.done("POST", PATH, simulated(patient))
        desk.wait(10)
    first, _, error = desk.told
    assert shape(error) == shape(printed("direct_transfer.error.2.json"))
    assert error["details"]["message"] == "Direct Transfer Rejected. duplicate"
    assert error["details"]["prescription_token"] == first["details"]["prescription_token"]


def test_a_real_one_takes_days(desk: Desk) -> None:
    patient = desk.patient()
    answer = desk.done("POST", PATH, real(patient))
    desk.wait(DAY - 1)
    assert not desk.told
    desk.wait(2 * DAY + 3601)
    event, notice = desk.told
    assert shape(event) == shape(printed("direct_transfer.success.1.json"))
    assert shape(notice) == shape(printed("notify_rx.none.2.json"))
    assert DAY <= event["timestamp"] - answer["timestamp"] <= 3 * DAY
    assert event["details"]["metadata"] == "5fc6c6"


def test_a_real_duplicate_and_a_foreign_pharmacy_are_accepted_and_rejected_later(desk: Desk) -> None:
    """`transfer_to` must be the partner's; a printed request has another, and its answer is a success."""
    patient = desk.patient()
    foreign = {"name": "Truepill", "id_number": 490382377, "pharmacist": "Dr. Strange"}
    desk.done("POST", PATH, real(patient, transfer_to=foreign))
    desk.done("POST", PATH, real(patient))
    desk.done("POST", PATH, real(patient))
    desk.wait(4 * DAY)
    told = {row["request_id"]: row for row in desk.told if "request_id" in row}
    errors = [row for row in told.values() if row["status"] == "error"]
    assert [shape(row) for row in errors] == [shape(printed("direct_transfer.error.1.json"))] * 2
    assert {row["details"]["message"] for row in errors} == {
        "Direct Transfer Rejected. duplicate",
        "Direct Transfer Rejected. transfer_to does not match",
    }


@pytest.mark.parametrize(
    ("path", "value", "key"),
    [
        (("patient_token",), None, "patient_token"),
        (("prescriber", "npi"), None, "prescriber.npi"),
        (("prescriber", "prescriber_type"), "WIZARD", "prescriber.prescriber_type"),
        (("transfer_from", "address", "zip"), None, "transfer_from.address.zip"),
        (("transfer_to", "id_number"), "", "transfer_to.id_number"),
        (("prescription", "days_supply"), None, "prescription.days_supply"),
        (("prescription", "fills_left"), None, "prescription.fills_left"),
        (("prescription", "quantity_written"), "many", "prescription.quantity_written"),
        (("prescription", "written_date"), "2019-01-01", "prescription.written_date"),
        (("prescription", "direct_transfer_url"), "no url", "prescription.direct_transfer_url"),
        (("prescription",), None, "prescription"),
    ],
)
def test_a_field_that_cannot_be_is_named(desk: Desk, path: tuple[str, ...], value: Any, key: str) -> None:
    sent = deepcopy(real("p"))
    place = sent
    for name in path[:-1]:
        place = place[name]
    if value is None:
        del place[path[-1]]
    else:
        place[path[-1]] = value
    status, document = desk.call("POST", PATH, sent)
    assert (status, document["statusCode"], document["error"]) == (400, 400, "Bad Request")
    assert [row["key"] for row in document["validation_errors"]] == [key]


def test_a_patient_of_ones_own_is_wanted_and_a_simulation_only_in_the_sandbox(desk: Desk) -> None:
    theirs, real_one = desk.patient(key=OTHER_KEY), desk.patient(key=LIVE_KEY)
    assert desk.call("POST", PATH, real("unknown"))[0] == 404
    assert desk.call("POST", PATH, real(theirs))[1]["error"] == "Unauthorized"
    assert desk.call("POST", PATH, real(theirs), key=None)[0] == 401
    document = desk.call("POST", PATH, simulated(real_one), key=LIVE_KEY)[1]
    assert document["validation_errors"] == [{"key": "simulation", "message": "is not allowed"}]


def test_a_transfer_without_a_simulation_is_no_direct_transfer(desk: Desk) -> None:
    """Only the samples of simulated transfers stray to this path."""
    sent = {"patient_token": desk.patient(), "pharmacy_name": "A", "pharmacy_phone": "1"}
    status, document = desk.call("POST", PATH, sent)
    assert status == 400
    assert [row["key"] for row in document["validation_errors"]] == [
        "prescriber",
        "transfer_from",
        "transfer_to",
        "prescription",
    ]
    faulty = {**sent, "pharmacy_phone": "", "simulation": {}}
    document = desk.call("POST", PATH, faulty)[1]
    assert [row["key"] for row in document["validation_errors"]] == ["pharmacy_phone"]


def test_the_live_contract_reads_one_back_and_pulls_its_events(live: Desk) -> None:
    patient = live.patient()
    token = live.done("POST", PATH, simulated(patient))["details"]["direct_transfer_id"]
    assert live.done("GET", f"{PATH}/{token}")["status"] == "pending"
    live.wait(10)
    document = live.done("GET", f"{PATH}/{token}")
    event = live.told[0]
    assert (document["status"], document["prescription_token"]) == (
        "completed",
        event["details"]["prescription_token"],
    )
    (pulled,) = live.done("GET", f"{PATH}/{token}/webhook_events")["results"]
    assert pulled == {"payload": bare(event), "delivery_data": {"status": "success", "status_code": 200}}
    for path in (f"{PATH}/unknown", f"{PATH}/{token}"):
        assert live.call("GET", path, key=OTHER_KEY)[0] == 404


def test_the_live_contracts_second_version_has_a_type_of_its_own(live: Desk) -> None:
    live.done("POST", "/v2/direct_transfer", simulated(live.patient()))
    live.wait(10)
    assert live.told[0]["callback_type"] == "DIRECT_TRANSFER_V2"


def test_the_reference_has_neither(desk: Desk) -> None:
    token = desk.done("POST", PATH, simulated(desk.patient()))["details"]["direct_transfer_id"]
    for method, path in (("GET", f"{PATH}/{token}"), ("POST", "/v2/direct_transfer")):
        assert desk.call(method, path, {} if method == "POST" else None)[0] == 404
