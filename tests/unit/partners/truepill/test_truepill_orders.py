"""ORDER callbacks: codes, inferred statuses, lines, and what of them is kept."""

from __future__ import annotations

from typing import Any

import pytest

from statemachine import Line
from tests.support.factories import (
    FilledMedication,
    OrderClaim,
    OrderError,
    OrderSuccess,
    OrderTriage,
    RefusedMedication,
    Shipment,
)
from tests.support.reading import keyed, reason, stated, without_status


@pytest.mark.parametrize(
    ("code", "signal", "line"),
    [
        ("R0", "order:cancelled", "cancelled"),
        ("r0", "order:cancelled", "cancelled"),
        (" R0 ", "order:cancelled", "cancelled"),
        ("R028", "order:unpaid", "cancelled"),
        ("R4", "order:returned", "returned"),
        ("R5", "order:transferred_out", "rejected"),
        ("R004", "order:rejected", "rejected"),
        ("R005", "order:rejected", "rejected"),
        ("R28", "order:rejected", "rejected"),
        ("NR", "order:rejected", "rejected"),
        ("09", "order:rejected", "rejected"),
        ("X999", "order:rejected", "rejected"),
        (79, "order:rejected", "rejected"),
        (None, "order:rejected", "rejected"),
    ],
)
def test_the_code_of_an_error_picks_its_signal(code: object, signal: str, line: str) -> None:
    one = stated(OrderError(details__error_code=code))
    assert one.fact.signal == signal
    assert {entry.status for entry in one.fact.lines} == {line}
    assert one.fact.code == (None if code is None else str(code).strip())


def test_an_errors_code_may_stand_under_the_triages_name() -> None:
    content = OrderError()
    content["details"]["code"] = content["details"].pop("error_code")
    assert stated(content).fact.code == "NR"


@pytest.mark.parametrize("code", [["R0"], {"code": "R0"}, True])
def test_an_error_whose_code_cannot_be_read_is_refused_since_the_code_decides(code: object) -> None:
    assert reason(OrderError(details__error_code=code)) == "bad_details"


@pytest.mark.parametrize("details", ["R0", ["R0"], 4, True])
def test_details_of_the_wrong_shape_are_tolerated_where_the_state_can_still_be_read(details: object) -> None:
    assert reason(OrderError(details=details)) == "bad_details"
    assert reason(Shipment(details=details)) == "bad_details"
    assert reason(OrderClaim(details=details)) == "bad_details"
    for content, signal in (
        (OrderSuccess(details=details), "order:success"),
        (OrderTriage(details=details), "order:triage"),
    ):
        one = stated(content)
        assert (one.fact.signal, one.fact.lines, one.fact.discriminator) == (signal, (), b"")
        assert one.detail == {}


def test_missing_details_are_as_good_as_empty_ones() -> None:
    assert stated(OrderSuccess(details=None)).fact.signal == "order:success"
    assert stated(OrderError(details=None)).fact.signal == "order:rejected"
    assert stated(OrderTriage(details=None)).fact.signal == "order:triage"


def test_free_text_as_a_code_is_hashed_and_kept_for_sealing() -> None:
    text = "Jane Doe, 12 Some Lane"
    for content in (OrderError(details__error_code=text), OrderTriage(details__code=text)):
        one = stated(content)
        assert one.fact.code == "#" + keyed("code", text).hex()[:16]
        assert one.detail["code"] == text
    long = "A" * 41
    assert stated(OrderError(details__error_code=long)).detail["code"] == long


@pytest.mark.parametrize("status", ["success", "Success", " SUCCESS "])
def test_a_status_is_read_whatever_its_case(status: str) -> None:
    assert stated(OrderSuccess(status=status)).fact.signal == "order:success"


@pytest.mark.parametrize("status", [None, ""])
def test_a_missing_status_is_inferred_from_the_details(status: object) -> None:
    assert stated(OrderSuccess(status=status)).fact.signal == "order:success"
    assert stated(OrderError(status=status)).fact.signal == "order:rejected"
    assert stated(OrderTriage(status=status)).fact.signal == "order:triage"
    assert stated(OrderTriage(status=status, details__message=None)).fact.signal == "order:triage"
    assert stated(OrderTriage(status=status, details__code="C7")).fact.signal == "order:triage"


def test_a_pulled_copy_without_status_is_the_same_fact_as_the_pushed_one() -> None:
    for content in (OrderSuccess(), OrderError(), OrderTriage(), Shipment()):
        pulled = {name: value for name, value in content.items() if name != "status"}
        assert stated(pulled).fact == stated(content).fact


@pytest.mark.parametrize(
    "change",
    [
        {"details": {}},
        {"details": {"medications": [{"prescription_token": "a"}]}},
        {"details": {"message": "x", "order_token": "b392d", "otc_products": [{"sku": "TPIBPN20"}]}},
        {"details": {"code": "C7", "message": "moved"}},
        {"details": {"code": "C7", "message": "moved", "tracking_number": "1"}},
        {"details": {"description": "Rejected: Other Reason"}},
        {"details": {"error_code": "NR", "code": "T001"}},
        {"details": {"error_code": "T001"}},
        {"details": {"error_code": "NR", "message": "moved to Triage"}},
    ],
)
def test_a_status_that_could_be_two_things_is_not_guessed(change: dict[str, Any]) -> None:
    assert reason(OrderSuccess(status=None, **change)) == "missing_status"


OTC = {
    "metadata": "cfe146",
    "message": "Your fill request was processed and is pending shipment.",
    "date_filled": "Mon, 01 Jan 2021 20:16:06 GMT",
    "order_token": "t0k3n",
    "otc_products": [{"sku": "TPIBPN20", "quantity_ordered": 5}],
    "tracking_number": "11111111111111111111111111",
    "carrier": "usps",
}


def test_a_pulled_success_of_products_sold_over_the_counter_is_read() -> None:
    pushed = OrderSuccess(details=OTC)
    one = stated(without_status(pushed))
    assert (one.fact.signal, one.fact.lines) == ("order:success", ())
    assert one.fact == stated(pushed).fact


@pytest.mark.parametrize(
    ("code", "signal"),
    [("R4", "order:returned"), ("R5", "order:transferred_out"), ("R019", "order:rejected")],
)
def test_a_pulled_error_is_one_whatever_else_it_prints(code: str, signal: str) -> None:
    details = {**OTC, "error_code": code, "medications": [{"prescription_token": "a", "dispensed_ndc": "1"}]}
    assert stated(OrderSuccess(status=None, details=details)).fact.signal == signal


def test_a_pulled_triage_of_a_parcel_that_came_back_is_a_triage() -> None:
    details = {"code": "T001", "medications": [{}], "tracking_url": "u"}
    assert stated(OrderSuccess(status=None, details=details)).fact.signal == "order:triage"


@pytest.mark.parametrize(
    ("quantities", "status"),
    [
        ({"quantity": 30, "quantity_requested": 90}, "short"),
        ({"quantity": "30", "requested_quantity": "90"}, "short"),
        ({"quantity": 30, "quantity_ordered": 90.0}, "short"),
        ({"quantity": 90, "quantity_requested": 90}, "filled"),
        ({"quantity": 90}, "filled"),
        ({"quantity": "some", "quantity_requested": 90}, "filled"),
        ({"quantity": 30, "quantity_requested": 90, "reject_reason": "no"}, "rejected"),
    ],
)
def test_a_medication_of_which_less_was_sent_than_asked_for_is_short(
    quantities: dict[str, object], status: str
) -> None:
    one = stated(OrderSuccess(details__medications=[FilledMedication(**quantities)]))
    assert [line.status for line in one.fact.lines] == [status]
    shown = one.detail["lines"][0]  # type: ignore[index]
    assert shown["quantity"] == str(quantities["quantity"])


@pytest.mark.parametrize(
    "refusal",
    [
        {"reject_reason": "Refill too soon"},
        {"rejection_reason": "Refill too soon"},
        {"rejection_message": "Refill too soon"},
        {"reject_reason_other": "Refill too soon"},
        {"rejection_reason_other": "Refill too soon"},
        {"error_code": "79"},
        {"error_code": 79},
        {"status": "rejected"},
        {"status": "REJECTED"},
    ],
)
def test_a_medication_of_a_success_is_rejected_by_any_of_its_names(refusal: dict[str, object]) -> None:
    one = stated(OrderSuccess(details__medications=[FilledMedication(), FilledMedication(**refusal)]))
    assert [line.status for line in one.fact.lines] == ["filled", "rejected"]
    assert one.fact.lines[1].code == ("79" if "error_code" in refusal else None)
    if "error_code" not in refusal and "status" not in refusal:
        assert one.detail["lines"][1]["reason"] == "Refill too soon"  # type: ignore[index]


@pytest.mark.parametrize(
    "nothing", [{"reject_reason": None}, {"reject_reason": ""}, {"error_code": None}, {"status": "ok"}]
)
def test_an_empty_sign_of_refusal_rejects_nothing(nothing: dict[str, object]) -> None:
    (line,) = stated(OrderSuccess(details__medications=[FilledMedication(**nothing)])).fact.lines
    assert line.status == "filled"


def test_a_lines_free_text_code_is_hashed_and_kept_beside_its_line() -> None:
    one = stated(OrderSuccess(details__medications=[RefusedMedication(error_code="see Dr. Mockdoc")]))
    assert one.fact.lines[0].code == "#" + keyed("code", "see Dr. Mockdoc").hex()[:16]
    assert one.detail["lines"][0]["code"] == "see Dr. Mockdoc"  # type: ignore[index]


@pytest.mark.parametrize(
    ("medication", "token", "raw"),
    [
        ({"prescription_token": "a", "medication_token": "b"}, "a", None),
        ({"prescription_token": None, "medication_token": "b"}, "b", None),
        ({"prescription_token": "a b", "medication_token": "b"}, "b", None),
        ({"prescription_token": 12}, "12", None),
        ({"prescription_token": "Jane Doe"}, None, "Jane Doe"),
        ({"prescription_token": "a" * 65}, None, "a" * 65),
        ({"prescription_token": ["a"]}, None, '["a"]'),
        ({}, None, None),
        ("a1", "a1", None),
    ],
)
def test_only_a_plain_token_stands_on_a_line(medication: object, token: str | None, raw: str | None) -> None:
    one = stated(OrderSuccess(details__medications=[medication]))
    assert one.fact.lines == (Line(0, token, "filled", None),)
    lines = one.detail.get("lines", [{}])
    assert lines[0].get("token") == raw  # type: ignore[index]


def test_a_bare_word_among_medications_may_be_what_somebody_takes_and_stays_sealed() -> None:
    one = stated(OrderSuccess(details__medications=["Methadone", "z3q2jr"]))
    assert one.fact.lines == (Line(0, None, "filled", None), Line(1, "z3q2jr", "filled", None))
    assert one.detail["lines"] == [{"name": "Methadone"}, {}]


def test_junk_among_medications_is_skipped_and_positions_stay() -> None:
    one = stated(OrderSuccess(details__medications=[None, {"prescription_token": "a"}, 1.5, [], "b c"]))
    assert one.fact.lines == (Line(1, "a", "filled", None),)


@pytest.mark.parametrize("medications", [None, {}, "a", 7, {"prescription_token": "a"}])
def test_medications_that_are_no_list_are_no_lines(medications: object) -> None:
    assert stated(OrderSuccess(details__medications=medications)).fact.lines == ()


def test_a_list_longer_than_any_order_is_refused() -> None:
    assert len(stated(OrderSuccess(details__medications=[{}] * 500)).fact.lines) == 500
    assert reason(OrderSuccess(details__medications=[{}] * 501)) == "bad_details"


def test_the_detail_holds_what_is_worth_showing_and_nothing_empty() -> None:
    content = OrderSuccess(
        details__metadata=7,
        details__patient_token="838a906bcc6e7671",
        details__tracking_number="92001902453595000012688153",
        details__medications=[
            FilledMedication(rx_number=452793000, patient_copay_amount="21.02", patient_cash_amount=10)
        ],
    )
    assert stated(content).detail == {
        "message": "Your fill request was processed and is pending shipment.",
        "tracking_number": "92001902453595000012688153",
        "carrier": "usps",
        "metadata": "7",
        "patient_token": "838a906bcc6e7671",
        "lines": [
            {
                "name": "Brand Label 10mg Tablet",
                "rx_number": "452793000",
                "copay_amount": "21.02",
                "cash_amount": "10",
                "quantity": "42",
                "days_supply": "28",
                "fill_number": "0",
            }
        ],
    }


def test_a_text_of_the_detail_is_cut() -> None:
    assert stated(OrderSuccess(details__message="x" * 5000)).detail["message"] == "x" * 1000
