"""Fills that do not go straight to the door, by the sandbox's own `simulation.order`, and their records."""

from __future__ import annotations

from typing import Any

import pytest

from sandbox.journeys.troubled_fill import CONTRADICTIONS, COURSES
from tests.integration.sandbox.billing import card
from tests.integration.sandbox.test_sandbox_fills import create, fill_body, two_prescriptions
from tests.support.sandbox import Desk, bare, printed, shape

HOUR = 3600
TRIAGED = {"triage": [{"code": "T001"}]}
OUT_OF_STOCK = {"triage": [{"code": "T005"}]}


def simulated(desk: Desk, **order: Any) -> str:
    return create(desk, *two_prescriptions(desk), simulation={"order": order})


def news(desk: Desk) -> list[tuple[str, str, str | None]]:
    """Type, status, and code or the parcel's status of each callback."""
    return [
        (
            row["callback_type"],
            row["status"],
            next(
                (row["details"][name] for name in ("error_code", "code", "status") if name in row["details"]),
                None,
            ),
        )
        for row in desk.told
    ]


def read(desk: Desk, fill: str) -> dict[str, Any]:
    found: dict[str, Any] = desk.done("GET", f"/v1/fill_request/{fill}")
    return found


def truth(desk: Desk, fill: str) -> dict[str, Any]:
    found: dict[str, Any] = desk.done("GET", f"/_sandbox/truth/fill_request/{fill}", key=None)
    return found


# Triage.


def test_an_order_in_triage_is_told_as_printed_and_resolved_by_its_success(desk: Desk) -> None:
    fill = simulated(desk, **TRIAGED)
    desk.wait(HOUR)
    triage, order, *scans = desk.told
    expected = printed("order.triage.1.json")
    assert shape(triage) == shape(expected)
    assert [triage["details"][name] for name in ("code", "description", "additional_information")] == [
        "T001",
        "Invalid Address",
        None,
    ]
    assert (order["status"], len(scans)) == ("success", 3)
    assert truth(desk, fill)["state"] == "delivered"


def test_a_triage_for_stock_carries_the_date_on_which_there_will_be_some(desk: Desk) -> None:
    simulated(desk, **OUT_OF_STOCK)
    desk.wait(HOUR)
    triage = desk.told[0]
    assert shape(triage) == shape(printed("order.triage.2.json"))
    assert triage["details"]["additional_information"] == "2026-02-05"


def test_several_reasons_may_follow_each_other_and_end_in_an_error(desk: Desk) -> None:
    reasons = [{"code": "T004", "additional_information": "Which flavor?"}, {"code": "T006"}]
    fill = simulated(desk, triage=reasons, error="R3")
    desk.wait(HOUR)
    assert news(desk) == [
        ("ORDER", "triage", "T004"),
        ("ORDER", "triage", "T006"),
        ("ORDER", "error", "R3"),
    ]
    assert truth(desk, fill)["state"] == read(desk, fill)["status"] == "rejected"


def test_only_the_status_of_the_record_says_where_an_order_stands(desk: Desk) -> None:
    """Reasons of earlier moments stay, as the printed record has them all under `pending`."""
    fill = simulated(desk, **OUT_OF_STOCK, parcels=[["TRANSIT", "RETURNED"]], afterwards=[{"error": "R4"}])
    told = [
        (row["status"], row["triage_reason"], row["error_code"], row["carrier"]) for row in watch(desk, fill)
    ]
    assert told == [
        ("pending", None, None, None),
        ("triage", "Out of Stock", None, None),
        ("pending", "Out of Stock", None, None),
        ("completed", "Out of Stock", None, "fedex"),
        ("returned", "Out of Stock", "R4", "fedex"),
    ]
    assert read(desk, fill)["rejection_reason"] == "Returned to sender"


def watch(desk: Desk, fill: str) -> list[dict[str, Any]]:
    """The record each time that its status was another."""
    found = [read(desk, fill)]
    for _ in range(40):
        desk.wait(10)
        now = read(desk, fill)
        if now["status"] != found[-1]["status"]:
            found.append(now)
    return found


def test_the_record_keeps_the_error_of_a_line_while_the_order_goes_on(desk: Desk) -> None:
    claims = [{"copay_amount": 5}, {"error_code": "70", "error_message": "Not covered"}]
    fill = simulated(desk, claims=claims)
    desk.wait(40)
    record = read(desk, fill)
    assert (record["status"], record["error_code"], record["rejection_reason"]) == (
        "pending",
        "70",
        "Not covered",
    )


# Parcels.


@pytest.mark.parametrize("course", COURSES, ids=str)
def test_each_course_of_a_load_is_told_as_described_and_contradicts_nothing(desk: Desk, course: Any) -> None:
    fill = simulated(desk, **course)
    desk.wait(HOUR)
    assert scans(desk) == [parcel for parcel in course["parcels"] if parcel]
    assert errors(desk) == [row["error"] for row in course.get("afterwards", ())]
    found = truth(desk, fill)
    assert [event["contradicts"] for event in found["events"]] == [False] * len(desk.told)
    assert found["contradicted"] is False


def scans(desk: Desk) -> list[list[str]]:
    """What was scanned of each parcel, in the order of their first scans."""
    found: dict[str, list[str]] = {}
    for row in desk.told:
        if row["callback_type"] == "SHIPMENT":
            found.setdefault(row["details"]["tracking_number"], []).append(row["details"]["status"])
    return list(found.values())


def errors(desk: Desk) -> list[str]:
    return [row["details"]["error_code"] for row in desk.told if row["details"].get("error_code")]


@pytest.mark.parametrize(
    ("scan", "status"), [("FAILURE", "error"), ("RETURNED", "success"), ("UNKNOWN", "success")]
)
def test_a_scan_has_the_printed_shape_and_a_failed_delivery_the_error_status(
    desk: Desk, scan: str, status: str
) -> None:
    simulated(desk, parcels=[["TRANSIT", scan]])
    desk.wait(HOUR)
    last = desk.told[-1]
    assert shape(last) == shape(printed("shipment.success.1.json"))
    assert (last["status"], last["details"]["status"]) == (status, scan)


def test_what_came_back_names_its_parcel_in_the_body_and_in_the_pulled_copy(desk: Desk) -> None:
    fill = simulated(desk, parcels=[["TRANSIT", "RETURNED"]], afterwards=[{"error": "R4"}])
    desk.wait(HOUR)
    order, *_, error = desk.told
    assert error["details"]["error_code"] == "R4"
    assert error["details"]["tracking_number"] == order["details"]["tracking_number"]
    pulled = desk.done("GET", f"/v1/fill_request/{fill}/webhook_events")["results"]
    assert pulled[-1]["payload"] == bare(error)


def test_an_order_that_was_transferred_out_after_its_success_is_rejected(desk: Desk) -> None:
    fill = simulated(desk, parcels=[[]], afterwards=[{"error": "R5"}])
    desk.wait(HOUR)
    found = truth(desk, fill)
    assert (found["state"], found["outcome"], read(desk, fill)["status"]) == ("rejected", "none", "rejected")


@pytest.mark.parametrize("course", CONTRADICTIONS, ids=str)
def test_a_contradiction_is_marked_in_the_truth_and_leaves_the_state(desk: Desk, course: Any) -> None:
    fill = simulated(desk, **course)
    desk.wait(HOUR)
    found = truth(desk, fill)
    marks = [event["contradicts"] for event in found["events"]]
    assert marks == [False] * (len(marks) - 1) + [True]
    before = course["parcels"][0] if course.get("afterwards") else course["parcels"][0][:-1]
    states = {"TRANSIT": "in_transit", "DELIVERED": "delivered", "RETURNED": "returned"}
    assert found["state"] == (states[before[-1]] if before else "completed")
    assert read(desk, fill)["status"] == "completed"


@pytest.mark.parametrize(
    ("parcels", "key"),
    [
        ([["DELIVERED", "TRANSIT"]], "simulation.order.parcels.0"),
        ([["TRANSIT"], ["TRANSIT", "UNKNOWN", "PRE_TRANSIT"]], "simulation.order.parcels.1"),
        ([["LOST"]], "simulation.order.parcels.0.0"),
        ([[], [], []], "simulation.order.parcels"),
    ],
)
def test_a_course_that_no_carrier_tells_is_refused(desk: Desk, parcels: Any, key: str) -> None:
    patient, tokens = two_prescriptions(desk)
    body = {"medications": [{"prescription_token": tokens[0]}], "simulation": {"order": {"parcels": parcels}}}
    status, document = desk.call("POST", "/v1/fill_request", fill_body(patient, tokens, **body))
    assert (status, [row["key"] for row in document["validation_errors"]]) == (400, [key])


# Products without medications.


@pytest.mark.parametrize("guest", [True, False])
def test_an_order_of_products_alone_is_pushed_and_pulled(desk: Desk, guest: bool) -> None:
    patient, _ = two_prescriptions(desk)
    who = (
        {"patient_first_name": "Tony", "patient_last_name": "Stark"} if guest else {"patient_token": patient}
    )
    products = [{"sku": "TPIBPN20", "quantity": 5}, {"item": "Vitamin C", "quantity": 1}]
    changes: dict[str, Any] = {
        "patient_token": None,
        "otc_products": products,
        "patient_survey": None,
        "simulation": {},
        **who,
    }
    fill = create(desk, patient, [], **changes)
    desk.wait(HOUR)
    order = desk.told[0]
    assert (order["details"]["medications"], order["details"]["patient_token"]) == (
        [],
        None if guest else patient,
    )
    assert order["details"]["otc_products"] == [
        {"sku": "TPIBPN20", "quantity_ordered": 5},
        {"item_name": "Vitamin C", "sku": None, "quantity_ordered": 1},
    ]
    pulled = desk.done("GET", f"/v1/fill_request/{fill}/webhook_events")["results"]
    assert pulled[0]["payload"] == bare(order)
    found = truth(desk, fill)
    assert (found["state"], found["outcome"]) == ("delivered", None)
    assert all(event["offered"] for event in found["events"])


# Claims.


def test_the_claims_of_an_order_that_is_rejected_are_reversed(desk: Desk) -> None:
    patient, tokens = two_prescriptions(desk)
    insured = {
        "insurances": [{"insurance_token": card(desk, patient)}],
        "patient_survey": {"allergies": None},
    }
    create(desk, patient, tokens[:1], **insured)
    desk.wait(30 * 24 * HOUR)
    assert errors(desk)[-1] in ("R019", "R028")
    claims = desk.done("GET", f"/v1/prescription/{tokens[0]}/fill/1/claims")
    assert [row["claim_type"] for row in claims] == ["BILLING", "REVERSAL"]
    times = [row["transmission_date"] for row in claims]
    assert times == sorted(times)
