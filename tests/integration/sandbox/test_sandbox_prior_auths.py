"""Prior authorizations: asked for, or started by a copay request, and what follows their decision."""

from __future__ import annotations

from typing import Any

import pytest

from tests.integration.sandbox.billing import DAY, HOUR, branded, card, copay, news, patient_with, told
from tests.support.sandbox import LIVE_KEY, OTHER_KEY, Desk, bare, printed, shape

PHONES = {"prescriber_phone": "1-800-123-4567", "prescriber_fax": "1-800-234-5678"}
PATH = "/v1/prior_authorization"
#: Rejects each prescription for want of a prior authorization.
NEEDED: dict[str, Any] = {"error": {"reject_codes": ["75"]}}


def ask(desk: Desk, patient: str, insurance: str, prescription: str, **fields: Any) -> Any:
    body = {
        "patient_token": patient,
        "insurance_token": insurance,
        "prescription_token": prescription,
        "metadata": "cfe146",
        **PHONES,
        **fields,
    }
    return desk.done("POST", PATH, body)


def test_a_request_is_answered_as_printed_and_its_callbacks_have_another_id(desk: Desk) -> None:
    """A `prior_auth_…` is answered and a bare id comes back: both are printed so."""
    patient, (token,) = patient_with(desk, True)
    insurance = card(desk, patient)
    answer = ask(desk, patient, insurance, token)
    assert shape(answer) == {
        "details": {
            "insurance_token": "str",
            "message": "str",
            "metadata": "str",
            "patient_token": "str",
            "prescriber_fax": "str",
            "prescriber_phone": "str",
            "prescription_token": "str",
        },
        "request_id": "str",
        "status": "str",
        "timestamp": "int",
    }
    assert answer["request_id"].startswith("prior_auth_")
    assert {**answer["details"], **PHONES} == answer["details"]
    desk.wait(1)
    (callback,) = desk.callbacks
    assert shape(callback) == shape(printed("prior_auth.new.1.json"))
    assert "_" not in callback["request_id"]
    assert callback["request_id"] not in answer["request_id"]
    assert callback["details"]["prior_auth_type"] == "traditional"
    assert callback["details"]["prescriber_phone"] == PHONES["prescriber_phone"]
    # Printed as milliseconds.
    assert callback["timestamp"] == int(desk.time[0] * 1000)
    joined = ("patient_token", "insurance_token", "prescription_token", "metadata")
    assert [callback["details"][name] for name in joined] == [answer["details"][name] for name in joined]


def test_a_traditional_one_is_submitted_and_approved_within_days(desk: Desk) -> None:
    patient, (token,) = patient_with(desk, True)
    ask(desk, patient, card(desk, patient), token)
    desk.wait(3 * DAY)
    assert news(desk) == [("PRIOR_AUTH", status) for status in ("new", "submitted", "approved")]
    assert len({row["request_id"] for row in desk.callbacks}) == 1


def test_without_numbers_the_answer_has_none_and_the_callbacks_have_the_prescribers(desk: Desk) -> None:
    patient, (token,) = patient_with(desk, True)
    answer = ask(desk, patient, card(desk, patient), token, prescriber_phone=None, prescriber_fax=None)
    assert answer["details"]["prescriber_phone"] is None
    desk.wait(1)
    assert shape(desk.callbacks[0]) == shape(printed("prior_auth.new.1.json"))


def test_the_sandboxs_own_simulation_takes_any_flow_in_minutes(desk: Desk) -> None:
    patient, (token,) = patient_with(desk, True)
    flow = ["new", "submitted", "pending", "declined", "appealed", "approved", "cancelled"]
    simulation = {"flow": flow, "prior_auth_type": "ePA"}
    ask(desk, patient, card(desk, patient), token, simulation=simulation)
    desk.wait(181)
    assert news(desk) == [("PRIOR_AUTH", status) for status in flow]
    new, *rest = told(desk)
    assert shape(new) == shape(printed("prior_auth.new.2.json"))
    assert {str(shape(row)) for row in rest} == {str(shape(printed("prior_auth.pending.1.json")))}


@pytest.mark.parametrize("name", ["patient_token", "insurance_token", "prescription_token"])
def test_each_of_its_three_tokens_is_required_and_must_be_known(desk: Desk, name: str) -> None:
    patient, (token,) = patient_with(desk, True)
    body = {
        "patient_token": patient,
        "insurance_token": card(desk, patient),
        "prescription_token": token,
    }
    status, document = desk.call("POST", PATH, {**body, name: "unknown"})
    assert (status, document["statusCode"], document["error"]) == (404, 404, "Not Found")
    del body[name]
    status, document = desk.call("POST", PATH, body)
    assert (status, document["validation_errors"]) == (400, [{"key": name, "message": "is required"}])


@pytest.mark.parametrize(
    "simulation", [{"flow": []}, {"flow": ["maybe"]}, {"prior_auth_type": "telepathic"}, "all"]
)
def test_a_simulation_that_cannot_be_is_refused(desk: Desk, simulation: Any) -> None:
    body = {"patient_token": "p", "insurance_token": "i", "prescription_token": "r", "simulation": simulation}
    status, document = desk.call("POST", PATH, body)
    assert status == 400
    assert document["validation_errors"][0]["key"].startswith("simulation")


def test_another_customer_and_a_live_simulation_are_refused(desk: Desk) -> None:
    patient, (token,) = patient_with(desk, True)
    body = {"patient_token": patient, "insurance_token": card(desk, patient), "prescription_token": token}
    status, document = desk.call("POST", PATH, body, key=OTHER_KEY)
    assert (status, document["error"]) == (400, "Unauthorized")
    status, document = desk.call("POST", PATH, {**body, "simulation": {}}, key=LIVE_KEY)
    assert (status, document["validation_errors"][0]["key"]) == (400, "simulation")


# Started by a copay request.


def test_a_copay_that_starts_one_is_answered_seconds_after_the_approval_and_not_before(desk: Desk) -> None:
    """The printed course: new, pending, approved, then the copay's success without claims."""
    patient, (token,) = patient_with(desk, branded)
    request = copay(desk, patient, [card(desk, patient)], [token], initiate_prior_auth=True)["request_id"]
    desk.wait(5 * DAY)
    assert news(desk) == [
        ("PRIOR_AUTH", "new"),
        ("PRIOR_AUTH", "pending"),
        ("PRIOR_AUTH", "approved"),
        ("COPAY", "success"),
    ]
    assert [shape(row) for row in told(desk)] == [
        shape(printed(name))
        for name in (
            "prior_auth.new.2.json",
            "prior_auth.pending.1.json",
            "prior_auth.approved.1.json",
            "copay.success.4.json",
        )
    ]
    new, _, approved, success = told(desk)
    assert success["request_id"] == request != new["request_id"]
    assert 0 < success["timestamp"] - approved["timestamp"] < 60_000
    (line,) = success["details"]["prescriptions"]
    names = ("prescription_token", "insurance_token")
    assert [line[name] for name in names] == [new["details"][name] for name in names]
    # The next request for it needs none.
    desk.recorder.received.clear()
    copay(desk, patient, [line["insurance_token"]], [token])
    desk.wait(HOUR)
    assert told(desk)[0]["details"]["prescriptions"][0]["status"] == "completed"


def test_without_starting_one_the_prescription_is_rejected_for_want_of_it(desk: Desk) -> None:
    patient, (token,) = patient_with(desk, branded)
    insurance = card(desk, patient)
    copay(desk, patient, [insurance], [token])
    desk.wait(5 * DAY)
    (callback,) = told(desk)
    (line,) = callback["details"]["prescriptions"]
    assert (line["status"], line["error_code"]) == ("rejected", "Prior Authorization Required")
    assert [code["code"] for code in line["claim_reject_codes"]] == ["75"]
    # One that is asked for by itself helps it too.
    ask(desk, patient, insurance, token)
    desk.wait(3 * DAY)
    assert news(desk)[-2:] == [("PRIOR_AUTH", "approved"), ("COPAY", "success")]
    assert told(desk)[-1]["request_id"] == callback["request_id"]


@pytest.mark.parametrize(
    ("simulation", "first"),
    [
        (NEEDED, ("COPAY", "success")),
        ({"error": {"error_code": "PA_REQUIRED"}}, ("COPAY", "error")),
        ({"triage": {"code": "CT003"}}, ("COPAY", "triage")),
    ],
)
def test_whatever_was_said_first_the_approval_brings_the_success(
    desk: Desk, simulation: Any, first: tuple[str, str]
) -> None:
    patient, tokens = patient_with(desk, True, True)
    copay(desk, patient, [card(desk, patient)], tokens, simulation=simulation, initiate_prior_auth=True)
    desk.wait(120)
    first_told, *rest = news(desk)
    assert first_told == first
    # Each prescription has its own, and its own success.
    assert sorted(rest) == sorted(
        [
            ("COPAY", "success"),
            ("PRIOR_AUTH", "approved"),
            ("PRIOR_AUTH", "new"),
            ("PRIOR_AUTH", "pending"),
        ]
        * 2
    )
    successes = [row for row in told(desk)[1:] if row["callback_type"] == "COPAY"]
    lines = [row["details"]["prescriptions"] for row in successes]
    assert sorted(line["prescription_token"] for (line,) in lines) == sorted(tokens)
    assert {line["status"] for (line,) in lines} == {"completed"}


def test_a_decline_rejects_the_prescription_and_an_appeal_may_still_win(desk: Desk) -> None:
    patient, (token,) = patient_with(desk, True)
    flow = ["new", "submitted", "declined", "appealed", "approved"]
    simulation = {**NEEDED, "prior_auth": flow}
    copay(desk, patient, [card(desk, patient)], [token], simulation=simulation, initiate_prior_auth=True)
    desk.wait(200)
    assert news(desk) == [
        ("COPAY", "success"),
        ("PRIOR_AUTH", "new"),
        ("PRIOR_AUTH", "submitted"),
        ("PRIOR_AUTH", "declined"),
        ("COPAY", "success"),
        ("PRIOR_AUTH", "appealed"),
        ("PRIOR_AUTH", "approved"),
        ("COPAY", "success"),
    ]
    denied, won = (told(desk)[place]["details"]["prescriptions"][0] for place in (4, 7))
    assert (denied["status"], denied["error_code"]) == ("rejected", "Prior Authorization Denied")
    assert won["status"] == "completed"


def test_a_copay_that_does_not_want_one_starts_none(desk: Desk) -> None:
    patient, (token,) = patient_with(desk, True)
    copay(desk, patient, [card(desk, patient)], [token], simulation=NEEDED)
    desk.wait(5 * DAY)
    assert news(desk) == [("COPAY", "success")]


def test_a_cancelled_copay_calls_off_what_it_has_started(desk: Desk) -> None:
    patient, (token,) = patient_with(desk, True)
    request = copay(
        desk, patient, [card(desk, patient)], [token], simulation=NEEDED, initiate_prior_auth=True
    )["request_id"]
    desk.wait(10)
    desk.done("POST", "/v1/copay_request/cancel", {"request_id": request})
    desk.wait(DAY)
    assert news(desk) == [
        ("COPAY", "success"),
        ("PRIOR_AUTH", "new"),
        ("PRIOR_AUTH", "cancelled"),
        ("COPAY", "error"),
    ]
    assert shape(told(desk)[2]) == shape(printed("prior_auth.approved.1.json"))


def test_they_can_be_pulled_among_all_events_of_the_live_contract_alone(desk: Desk, live: Desk) -> None:
    assert desk.call("GET", "/v1/webhook_events/prior_auth")[0] == 404
    assert desk.call("GET", "/v1/webhook_events")[0] == 404
    patient, (token,) = patient_with(live, True)
    ask(live, patient, card(live, patient), token)
    live.wait(1)
    pulled = [row["payload"] for row in live.done("GET", "/v1/webhook_events")["results"]]
    assert bare(live.callbacks[-1]) in pulled
