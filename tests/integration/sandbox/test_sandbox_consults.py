"""Consults: as printed in, as printed out, and the callbacks as printed."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from tests.support.sandbox import LIVE_KEY, OTHER_KEY, Desk, bare, printed, shape

DAY = 86_400
PATH = "/consults/v0/consult"
NO_ACCESS = {
    "status_code": 401,
    "error": "Unauthorized",
    "message": "User is not allowed to access this resource",
}


def wrapped(**fields: Any) -> dict[str, Any]:
    """A create as curl's sample has it: objects in arrays of one, names in snake case."""
    return {
        "metadata": "1234",
        "patient": [
            {
                "first_name": "Jane",
                "last_name": "Doe",
                "gender": "female",
                "dob": "2000-01-01",
                "home_zip": "94538",
                "preferred_contact": "email",
            }
        ],
        "contacts": [{"email": "test@truepill.com", "phone": "415-234-1234", "sms": "415-234-1234"}],
        "shipping_address": [
            {
                "line1": "Jane Doe",
                "street1": "123 Steiner St",
                "city": "San Francisco",
                "state": "CA",
                "zip": "94115",
            }
        ],
        "primary_care_provider": [
            {"name": "Dr. Primary Provider", "phone": "555-555-5555", "fax": "555-555-5555"}
        ],
        "payment_type": "cash",
        "preferred_treatment": {
            "rx": [
                {
                    "ndc": "ndc_code",
                    "days_supply": "90",
                    "quantity": "1",
                    "num_refills": "1",
                    "allow_substitutions": False,
                }
            ],
            "devices": [{"hcpcs": "hcpcs_billing_code", "quantity": "1"}],
        },
        "questionnaire": "603971f14e57401334aa16e0",
        "standard_questions": {
            "medications": "Xarelto",
            "allergies": "Penicillin",
            "conditions": "Diabetes",
        },
        "media": {"documents": [{"id": "04ac64eb-d914-44ef-b653-80170fcfc0e4"}]},
        "identification": [
            {"form": "PHOTO_IDENTIFICATION", "mediaId": "04ac64eb-d914-44ef-b653-80170fcfc0e4"},
            {"form": "SELF_PORTRAIT", "mediaId": "11259f82-a680-4021-a2ca-60e29523a7d3"},
        ],
        "answers": {
            "which_of_the_following_istrue": {
                "values": ["None of the above"],
                "answers": ["None of the above"],
            }
        },
        "appointment": {"duration": 3600, "appt_date": "2021-06-01T17:00:00.000Z"},
        **fields,
    }


def plain(**fields: Any) -> dict[str, Any]:
    """As the other sample has it: plain objects, the contacts within the patient, and no photos."""
    sent = wrapped()
    for name in ("patient", "shipping_address", "primary_care_provider"):
        sent[name] = sent[name][0]
    sent["patient"]["contacts"] = sent.pop("contacts")[0]
    for name in ("media", "identification", "preferred_treatment"):
        del sent[name]
    return {**sent, **fields}


def camel() -> dict[str, Any]:
    """With the names of the table of fields."""
    sent = plain()
    names = {
        "shipping_address": "shippingAddress",
        "questionnaire": "questionaire",
        "standard_questions": "standardQuestions",
        "payment_type": "paymentType",
        "primary_care_provider": "primaryCareProvider",
    }
    return {names.get(name, name): value for name, value in sent.items()}


def create(desk: Desk, sent: dict[str, Any] | None = None, *, key: str | None = None) -> str:
    """Its id."""
    return str(desk.done("POST", PATH, sent or plain(), **({"key": key} if key else {}))["consult"])


def simulate(desk: Desk, consult: str, **fields: Any) -> Any:
    return desk.done("PATCH", f"{PATH}/{consult}/simulate", fields)


def statuses(desk: Desk) -> list[str]:
    return [row["status"] for row in desk.told if row["callback_type"] == "CONSULT"]


@pytest.mark.parametrize("sent", [wrapped(), plain(), camel()], ids=["wrapped", "plain", "camel"])
def test_every_printed_way_of_asking_is_understood(desk: Desk, sent: dict[str, Any]) -> None:
    """The samples and the table disagree on names and on arrays: all of them are taken."""
    answer = desk.done("POST", PATH, sent)
    assert shape(answer) == {"consult": "str", "patient": {"patient_token": "str"}}
    assert len(answer["consult"]) == 24
    patient = desk.done("GET", f"/v1/patient/{answer['patient']['patient_token']}")
    assert (patient["first_name"], patient["dob"], patient["address"]["phone"]) == (
        "Jane",
        "20000101",
        "415-234-1234",
    )


def test_the_same_person_is_the_same_patient(desk: Desk) -> None:
    first, second = (desk.done("POST", PATH, plain())["patient"]["patient_token"] for _ in range(2))
    assert first == second
    assert desk.patient(first_name="Jane", last_name="Doe", dob="20000101") == first


def test_a_simulated_completion_tells_each_status_and_brings_the_prescription(desk: Desk) -> None:
    consult = create(desk)
    answer = simulate(
        desk,
        consult,
        status="completed",
        completionState=["rx_prescribed"],
        rx_ndc="00069-1085-30",
        icd10="U07.1",
        notes="Patient is not very healthy",
        providerAnswers={"TEST_RESULT": 0, "MEDICATION": 3},
    )
    assert answer == {
        "newStatus": "completed",
        "statusflowFromTo": ["unassigned", "assigned", "review", "completed"],
    }
    desk.wait(10)
    *moves, notice = desk.told
    assert [row["status"] for row in moves] == ["assigned", "review", "completed"]
    for row in moves:
        assert shape(row) == shape(printed(f"consult.{row['status']}.1.json"))
        assert (row["consult_id"], row["details"]["metadata"]) == (consult, "1234")
    assert len({row["timestamp"] for row in moves}) == 3
    assert moves[-1]["details"]["state"] == ["rx_prescribed"]
    # A provider's prescription comes in as any other does; no sample of a consult shows that.
    assert shape(notice) == shape(printed("notify_rx.none.2.json"))
    document = desk.done("GET", f"/v1/prescription/{notice['details']['prescription_token']}")["prescription"]
    assert document["prescribed_ndc"] == "00069108530"
    assert document["icd_codes"]["icd10"] == ["U07.1"]


def test_get_tells_prescriptions_and_provider_but_no_status(desk: Desk) -> None:
    consult = create(desk, wrapped())
    # Before anybody accepted it there is no provider; no sample shows that.
    assert desk.done("GET", f"{PATH}/{consult}") == {"id": consult, "prescriptions": [], "provider": None}
    simulate(desk, consult, status="completed")
    desk.wait(10)
    document = desk.done("GET", f"{PATH}/{consult}")
    assert shape(document) == {
        "id": "str",
        "prescriptions": [
            {
                "id": "str",
                "ndc": "str",
                "name": "str",
                "strength": "str",
                "days_supply": "int",
                "refills": "int",
                "sig": "str",
                "quantity": "int",
                "created_at": "str",
            }
        ],
        "provider": {"npi": "int", "first_name": "str", "last_name": "str"},
    }
    (written,) = document["prescriptions"]
    # What the request preferred.
    assert (written["ndc"], written["days_supply"], written["quantity"], written["refills"]) == (
        "ndc_code",
        90,
        1,
        1,
    )


def test_other_completion_states_bring_no_prescription(desk: Desk) -> None:
    states = ["advice_other", "sig_otc"]
    simulate(desk, create(desk), status="completed", completionState=states)
    desk.wait(10)
    assert statuses(desk) == ["assigned", "review", "completed"]
    assert desk.told[-1]["details"]["state"] == states


def test_a_simulated_issue_goes_on_to_completion(desk: Desk) -> None:
    """The answer has no flow, as printed; the events are those of the flow that the text names."""
    consult = create(desk)
    assert simulate(desk, consult, status="issue", issueReason="some reason") == {"newStatus": "issue"}
    answer = simulate(desk, consult, status="completed", completionState=["advice_911"])
    assert answer["statusflowFromTo"] == ["issue", "resolve", "review", "completed"]
    desk.wait(10)
    # `resolve` in the flow, `resolved` in the table of statuses.
    assert statuses(desk) == ["assigned", "issue", "resolved", "review", "completed"]
    issue = desk.told[1]
    # No sample of an issue is printed: as the others, with its reason.
    expected = printed("consult.rejected.1.json")
    expected["details"]["issue_reason"] = expected["details"].pop("reject_reason")
    assert shape(issue) == shape(expected)
    assert issue["details"]["issue_reason"] == "some reason"


def test_a_simulated_issue_and_completion_at_once(desk: Desk) -> None:
    """Here the answer spells `statusFlowFromTo`."""
    answer = simulate(
        desk,
        create(desk),
        status="issueCompleted",
        completionState=["sig_otc"],
        icd10="U07.1",
        issueReason="some reason",
    )
    assert answer == {
        "newStatus": "completed",
        "statusFlowFromTo": ["unassigned", "assigned", "issue", "resolve", "review", "completed"],
    }
    desk.wait(10)
    assert statuses(desk) == ["assigned", "issue", "resolved", "review", "completed"]


@pytest.mark.parametrize("before", [[], ["issue"]])
def test_a_simulated_rejection(desk: Desk, before: list[str]) -> None:
    consult = create(desk)
    for status in before:
        simulate(desk, consult, status=status)
    answer = simulate(desk, consult, status="rejected", rejectReason="some rejection reason")
    assert answer == {"newStatus": "rejected"}
    desk.wait(10)
    rejected = desk.told[-1]
    assert shape(rejected) == shape(printed("consult.rejected.1.json"))
    assert rejected["details"]["reject_reason"] == "some rejection reason"
    assert statuses(desk) == ["assigned", *before, "rejected"]


def test_a_consult_that_has_ended_is_not_simulated(desk: Desk) -> None:
    consult = create(desk)
    simulate(desk, consult, status="rejected")
    for status in ("completed", "issue", "rejected", "issueCompleted"):
        code, document = desk.call("PATCH", f"{PATH}/{consult}/simulate", {"status": status})
        assert (code, shape(document)) == (400, {"status_code": "int", "error": "str", "message": "str"})
    desk.wait(10)
    assert statuses(desk) == ["assigned", "rejected"]


@pytest.mark.parametrize(
    ("sent", "message"),
    [
        ({}, '"status" is required'),
        ({"status": "happy"}, '"status" must be one of'),
        ({"status": "completed", "completionState": ["cured"]}, '"completionState.0" must be one of'),
        ({"status": "completed", "completionState": []}, '"completionState" does not contain enough items'),
    ],
)
def test_a_simulation_that_cannot_be_is_refused(desk: Desk, sent: dict[str, Any], message: str) -> None:
    status, document = desk.call("PATCH", f"{PATH}/{create(desk)}/simulate", sent)
    assert (status, document["status_code"]) == (400, 400)
    assert document["message"].startswith(message)


def test_a_phone_that_is_none_is_refused_as_printed(desk: Desk) -> None:
    sent = plain()
    sent["patient"]["contacts"]["phone"] = "12314512"
    status, document = desk.call("POST", PATH, sent)
    assert status == 400
    assert document == {
        "status_code": 400,
        "error": "Bad Request",
        "message": '"patient.contacts.phone" with value "12314512" fails to match the required pattern: '
        r"/^\s*(?:\+?(\d{1,3}))?[-. (]*(\d{3})[-. )]*(\d{3})[-. ]*(\d{4})(?: *x(\d+))?\s*$/",
    }


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("patient", None, '"patient" is required'),
        ("patient", {"first_name": "Jane"}, '"patient.last_name" is required'),
        ("patient", [], '"patient" must be of type object'),
        ("shipping_address", None, '"shipping_address" is required'),
        ("questionnaire", None, '"questionnaire" is required'),
        ("standard_questions", None, '"standard_questions" is required'),
        ("payment_type", "barter", "\"payment_type\" must be one of ['cash', 'insurance']"),
        ("payment_type", "insurance", '"insurances" is required'),
        ("contacts", [{"phone": "1"}], '"contacts.phone" with value "1" fails'),
        ("identification", [{"form": "SELFIE"}], '"identification.0.mediaId" is required'),
    ],
)
def test_the_first_field_that_cannot_be_is_named(desk: Desk, name: str, value: Any, message: str) -> None:
    sent = plain()
    sent.pop(name, None)
    status, document = desk.call("POST", PATH, sent if value is None else {**sent, name: value})
    assert (status, document["status_code"], document["error"]) == (400, 400, "Bad Request")
    assert document["message"].startswith(message)


def test_an_unknown_questionnaire_is_not_found(desk: Desk) -> None:
    status, document = desk.call("POST", PATH, plain(questionnaire="mine"))
    assert status == 404
    assert document == {
        "status_code": 404,
        "error": "Not Found",
        "message": "Questionaire not found (You may not be authorized to it).",
    }


def test_what_is_another_customers_may_not_be_touched(desk: Desk) -> None:
    """A consult, and a photo that a consult names. Only 401 is printed: what nobody has is a 404."""
    consult = create(desk)
    media = desk.done("POST", "/api/v2/media", {"name": "me.jpg"})["id"]
    photo = plain(identification=[{"form": "SELF_PORTRAIT", "mediaId": media}])
    assert desk.call("GET", f"{PATH}/{consult}", key=OTHER_KEY) == (401, NO_ACCESS)
    assert desk.call("POST", PATH, photo, key=OTHER_KEY) == (401, NO_ACCESS)
    body = {"status": "issue"}
    assert desk.call("PATCH", f"{PATH}/{consult}/simulate", body, key=OTHER_KEY) == (401, NO_ACCESS)
    assert desk.call("GET", f"{PATH}/unknown")[0] == 404
    assert desk.call("GET", f"{PATH}/{consult}", key=LIVE_KEY)[0] == 404


def test_simulations_are_for_the_sandbox_environment_alone(desk: Desk) -> None:
    consult = create(desk, key=LIVE_KEY)
    body = {"status": "issue"}
    assert desk.call("PATCH", f"{PATH}/{consult}/simulate", body, key=LIVE_KEY) == (401, NO_ACCESS)


def test_photos_are_told_by_a_file_callback(desk: Desk) -> None:
    """The printed request names media that this sandbox never saw: they count as uploaded."""
    consult = create(desk, wrapped(metadata="METADATA"))
    desk.wait(10)
    (event,) = desk.told
    assert shape(event) == shape(printed("file.none.1.json"))
    assert event["consult_id"] == consult
    assert [row["tags"] for row in event["details"]["documents"]] == [["PHOTO_ID"], ["SELFIE"]]


def test_a_photo_that_is_uploaded_later_is_told_later(desk: Desk) -> None:
    media = desk.done("POST", "/api/v2/media", {"name": "me.jpg"})
    create(desk, plain(identification=[{"form": "SELF_PORTRAIT", "mediaId": media["id"]}]))
    desk.wait(60)
    assert not desk.told
    desk.upload(media["upload_Url"], b"a photo")
    desk.wait(60)
    desk.upload(media["upload_Url"], b"a photo")
    desk.wait(60)
    (event,) = desk.told
    assert event["callback_type"] == "FILE"
    assert [row["tags"] for row in event["details"]["documents"]] == [["SELFIE"]]


def test_in_the_sandbox_environment_nobody_takes_a_consult(desk: Desk) -> None:
    """Until it is simulated, an unassigned consult stays one."""
    create(desk)
    desk.wait(10 * DAY)
    assert not desk.told


def test_in_the_live_environment_providers_take_them(desk: Desk) -> None:
    made = [create(desk, key=LIVE_KEY) for _ in range(60)]
    for _ in range(8):
        desk.wait(DAY / 2)
    ends: Counter[str] = Counter()
    seen: Counter[str] = Counter()
    for consult in made:
        events = [row for row in desk.told if row.get("consult_id") == consult]
        assert events[0]["status"] == "assigned"
        times = [row["timestamp"] for row in events]
        assert len(set(times)) == len(times)
        ends[events[-1]["status"]] += 1
        seen.update(row["status"] for row in events)
    assert set(ends) <= {"completed", "rejected", "cancelled"}
    assert ends["completed"] > 40
    assert {"unassigned", "issue", "resolved", "review"} <= set(seen)
    for row in desk.told:
        if row["callback_type"] == "CONSULT" and row["status"] in ("unassigned", "resolved"):
            assert shape(row) == shape(printed("consult.assigned.1.json"))


def test_the_live_contract_lists_consults_with_their_status(live: Desk) -> None:
    made = [create(live) for _ in range(5)]
    for consult in made[::2]:
        simulate(live, consult, status="issue")
    live.wait(10)
    pages = [live.done("GET", f"/consults/v0?page_number={n}&limit=2") for n in (1, 2, 3, 4)]
    assert [row["id"] for page in pages for row in page["consults"]] == made
    found = live.done("GET", "/consults/v0?status=issue")["consults"]
    assert [row["id"] for row in found] == made[::2]
    assert {row["status"] for row in found} == {"issue"}
    assert live.done("GET", "/consults/v0", key=OTHER_KEY)["consults"] == []
    for query in ("status=happy", "page_number=0", f"page_number={10**20}", "limit=101"):
        status, document = live.call("GET", f"/consults/v0?{query}")
        assert (status, document["status_code"]) == (400, 400)


def test_the_live_contract_pulls_consults_and_files_by_their_types(live: Desk) -> None:
    simulate(live, create(live, wrapped()), status="completed", completionState=["sig_otc"])
    live.wait(10)
    for type_, count in (("consult", 3), ("file", 1)):
        page = live.done("GET", f"/v1/webhook_events/{type_}")
        pushed = [row for row in live.told if row["callback_type"] == type_.upper()]
        assert len(pushed) == count
        assert [row["payload"] for row in page["results"]] == [bare(row) for row in pushed]
        assert {row["delivery_data"]["status_code"] for row in page["results"]} == {200}


def test_the_reference_has_no_such_lists(desk: Desk) -> None:
    for path in ("/consults/v0", "/v1/webhook_events/consult", "/v1/webhook_events/file"):
        assert desk.call("GET", path)[0] == 404
