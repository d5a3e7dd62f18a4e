"""Coverage requests: as printed in, as printed out, and COVERAGE as printed."""

from __future__ import annotations

from typing import Any

import pytest

from tests.integration.sandbox.billing import HOUR, news, patient_with
from tests.support.sandbox import LIVE_KEY, OTHER_KEY, Desk, bare, printed, shape

PATH = "/v1/coverage_request"
CUSTOM = {
    "cardholder_id": "123456789",
    "group_number": "DEF9876543",
    "bin": "555555",
    "pcn": "PCN456",
    "payer_name": "Custom Benefits",
    "plan_type": "government",
    "effective_date": "20200120",
    "termination_date": "20201231",
}


def ask(desk: Desk, patient: str, **fields: Any) -> Any:
    return desk.done("POST", PATH, {"patient_token": patient, "metadata": "cfe146", **fields})


def answered(desk: Desk, simulation: Any) -> Any:
    """The callback of a simulated request."""
    ask(desk, desk.patient(), simulation=simulation)
    desk.wait(1)
    (callback,) = desk.callbacks
    return callback


def test_a_request_is_answered_as_printed_with_one_token_for_both_names(desk: Desk) -> None:
    answer = ask(desk, desk.patient())
    assert shape(answer) == {
        "details": {"coverage_request_token": "str", "message": "str"},
        "request_id": "str",
        "status": "str",
        "timestamp": "int",
    }
    assert answer["request_id"] == answer["details"]["coverage_request_token"]


def test_an_empty_simulation_finds_the_default_insurance(desk: Desk) -> None:
    callback = answered(desk, {})
    assert shape(callback) == shape(printed("coverage.success.2.json"))
    (found,) = callback["details"]["insurances"]
    token = found.pop("insurance_token")
    assert found == {
        "cardholder_id": "9151014609",
        "group_number": "ABC123456789",
        "bin": "999999",
        "pcn": "ABC1234567",
        "payer_name": "Omni Benefits",
        "plan_type": "commercial",
        "effective_date": "2020-01-20T00:00:00.000Z",
        "termination_date": "2020-12-31T00:00:00.000Z",
    }
    # What was found can be billed from now on.
    assert desk.done("GET", f"/v1/insurance/{token}") == {
        "cardholder_id": "9151014609",
        "rx_group": "ABC123456789",
        "rx_bin": "999999",
        "pcn": "ABC1234567",
    }


def test_custom_insurances_are_found_and_lack_nothing_but_what_they_override(desk: Desk) -> None:
    callback = answered(desk, {"insurance": [CUSTOM, {"bin": "111111"}]})
    first, second = callback["details"]["insurances"]
    assert shape(callback) == shape(printed("coverage.success.2.json"))
    assert (first["payer_name"], first["plan_type"]) == ("Custom Benefits", "government")
    assert (second["bin"], second["payer_name"]) == ("111111", "Omni Benefits")
    assert first["insurance_token"] != second["insurance_token"]


@pytest.mark.parametrize(
    "message",
    ["Patient insurance is not found", "Patient social security number is not available", "simulated error"],
)
def test_a_simulated_error_comes_back_in_the_words_of_the_request(desk: Desk, message: str) -> None:
    """Its sample asks with one of the two printed messages and shows the other: what was asked is taken."""
    callback = answered(desk, {"error": message})
    for name in ("coverage.error.1.json", "coverage.error.2.json", "coverage.error.3.json"):
        assert shape(callback) == shape(printed(name))
    assert (callback["status"], callback["message"]) == ("error", message)
    assert callback["details"]["insurances"] is None


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"ssn": "123456789"}, None),
        ({"ssn_serial": "6789"}, "Patient insurance is not found"),
        ({}, "Patient social security number is not available"),
    ],
)
def test_without_a_simulation_the_social_security_number_decides(
    desk: Desk, fields: dict[str, str], message: str | None
) -> None:
    answer = ask(desk, desk.patient(**fields))
    desk.wait(60)
    assert desk.callbacks == []
    desk.wait(HOUR)
    (callback,) = desk.callbacks
    sample = "coverage.success.1.json" if message is None else "coverage.error.1.json"
    assert shape(callback) == shape(printed(sample))
    assert callback.get("message") == message
    assert callback["request_id"] == answer["request_id"] == callback["details"]["coverage_request_token"]


@pytest.mark.parametrize(
    ("change", "key"),
    [
        ({"patient_token": None}, "patient_token"),
        # The table requires it.
        ({"metadata": None}, "metadata"),
        ({"simulation": {"error": 5}}, "simulation.error"),
        ({"simulation": {"insurance": {}}}, "simulation.insurance"),
        (
            {"simulation": {"insurance": [{"effective_date": "20201399"}]}},
            "simulation.insurance.0.effective_date",
        ),
        (
            {"simulation": {"insurance": [{"termination_date": "2020-01-20"}]}},
            "simulation.insurance.0.termination_date",
        ),
    ],
)
def test_a_field_that_cannot_be_is_named(desk: Desk, change: dict[str, Any], key: str) -> None:
    status, document = desk.call("POST", PATH, {"patient_token": "p", "metadata": "m", **change})
    assert status == 400
    assert [row["key"] for row in document["validation_errors"]] == [key]


def test_a_patient_must_be_known_and_yours_and_live_customers_cannot_simulate(desk: Desk) -> None:
    patient = desk.patient()
    body = {"patient_token": patient, "metadata": "cfe146"}
    status, document = desk.call("POST", PATH, {**body, "patient_token": "unknown"})
    assert (status, document["message"]) == (404, "Unable to find Patient.")
    status, document = desk.call("POST", PATH, body, key=OTHER_KEY)
    assert (status, document["error"]) == (400, "Unauthorized")
    status, document = desk.call("POST", PATH, {**body, "simulation": {}}, key=LIVE_KEY)
    assert (status, document["validation_errors"][0]["key"]) == (400, "simulation")


def test_they_can_be_pulled_among_all_events_of_the_live_contract_alone(desk: Desk, live: Desk) -> None:
    assert desk.call("GET", "/v1/webhook_events/coverage")[0] == 404
    patient, _ = patient_with(live)
    ask(live, patient, simulation={})
    live.wait(1)
    assert news(live) == [("COVERAGE", "success")]
    (row,) = live.done("GET", "/v1/webhook_events")["results"]
    assert row["payload"] == bare(live.callbacks[0])
