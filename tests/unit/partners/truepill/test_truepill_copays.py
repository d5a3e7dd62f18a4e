"""COPAY and PRIOR_AUTH: statuses, lines with their codes and amounts, dates, and what tells facts apart."""

from __future__ import annotations

import pytest

from statemachine import Line
from tests.support.factories import (
    CopayError,
    CopaySuccess,
    CopayTriage,
    PricedPrescription,
    PriorAuth,
    RefusedPrescription,
)
from tests.support.reading import keyed, reason, stated, without_status


@pytest.mark.parametrize(
    ("code", "signal"),
    [
        ("CUSTOMER_CANCELLATION_REQUEST", "copay:cancelled"),
        ("customer_cancellation_request", "copay:cancelled"),
        ("PA_REQUIRED", "copay:rejected"),
        ("SOMETHING_NEW", "copay:rejected"),
        (None, "copay:rejected"),
    ],
)
def test_the_code_of_an_error_picks_its_signal(code: str | None, signal: str) -> None:
    one = stated(CopayError(details__error_code=code))
    assert (one.kind, one.fact.signal, one.fact.code) == ("copay", signal, code)


@pytest.mark.parametrize("code", [["PA_REQUIRED"], {"code": 1}, True])
def test_an_error_whose_code_cannot_be_read_is_refused_since_the_code_decides(code: object) -> None:
    assert reason(CopayError(details__error_code=code)) == "bad_details"
    assert reason(CopayError(details="PA_REQUIRED")) == "bad_details"
    assert stated(CopaySuccess(details="none")).fact.signal == "copay:success"


def test_a_success_is_one_whatever_its_lines_say() -> None:
    one = stated(CopaySuccess(details__prescriptions=[RefusedPrescription(prescription_token="a")]))
    assert (one.fact.signal, one.fact.lines) == ("copay:success", (Line(0, "a", "rejected", "79"),))


@pytest.mark.parametrize(
    ("prescription", "status", "code"),
    [
        ({"status": "completed"}, "completed", None),
        ({"status": " Completed "}, "completed", None),
        ({"status": "rejected"}, "rejected", None),
        ({"copay_amount": "0"}, "completed", None),
        ({"claim_reject_codes": ["79", "75"]}, "rejected", "79"),
        ({"claim_reject_codes": [{"code": 75, "message": "x"}]}, "rejected", "75"),
        (
            {"status": "rejected", "claim_reject_codes": [], "error_code": "PA_REQUIRED"},
            "rejected",
            "PA_REQUIRED",
        ),
        ({"status": "rejected", "reject_reason": "RX_NOT_COVERED"}, "rejected", "RX_NOT_COVERED"),
        ({"status": "rejected", "reject_reason": "Methadone"}, "rejected", None),
        ({"status": "rejected", "reject_reason": "METHADONE"}, "rejected", None),
        (
            {"status": "rejected", "claims": [{"status": "Paid"}, {"claim_reject_codes": ["76"]}]},
            "rejected",
            "76",
        ),
        ({"status": "rejected", "claim_reject_codes": "79", "claims": {}}, "rejected", None),
        ({"status": "rejected", "claim_reject_codes": [None, {}, "70"]}, "rejected", "70"),
        ({"status": "pending"}, "unclear", None),
        ({"status": "pending", "copay_amount": "3"}, "unclear", None),
        ({}, "unclear", None),
    ],
)
def test_a_line_has_a_status_and_the_insurers_first_code(
    prescription: dict[str, object], status: str, code: str | None
) -> None:
    one = stated(CopaySuccess(details__prescriptions=[{"prescription_token": "a", **prescription}]))
    assert one.fact.lines == (Line(0, "a", status, code),)


def test_a_code_that_is_a_description_stands_hashed_where_there_is_no_other() -> None:
    text = "Refill too soon"
    one = stated(
        CopaySuccess(details__prescriptions=[RefusedPrescription(claim_reject_codes=[], error_code=text)])
    )
    assert one.fact.lines[0].code == "#" + keyed("code", text).hex()[:16]
    assert one.detail["lines"][0]["code"] == text  # type: ignore[index]
    assert one.detail["lines"][0]["reason"] == text  # type: ignore[index]


@pytest.mark.parametrize("name", ["reject_reason", "rejection_message", "reject_reason_other"])
def test_a_reason_of_one_word_is_text_and_stays_sealed(name: str) -> None:
    refused = {"prescription_token": "a", "status": "rejected", name: "Methadone"}
    one = stated(CopaySuccess(details__prescriptions=[refused]))
    assert one.fact.lines == (Line(0, "a", "rejected", None),)
    assert one.detail["lines"] == [{"reason": "Methadone"}]


def test_amounts_dates_and_all_reject_codes_are_for_the_sealed_detail() -> None:
    refused = RefusedPrescription(claim_reject_codes=["79", {"code": "75"}], next_fill_date="2020-05-10")
    one = stated(CopaySuccess(details__prescriptions=[PricedPrescription(copay_amount=10), refused]))
    assert one.detail["lines"] == [
        {
            "copay_amount": "10",
            "next_fill_date": "2020-06-29T00:00:00.000Z",
            "days_supply": "28",
            "fill_number": "1",
        },
        {"next_fill_date": "2020-05-10", "reason": "Refill too soon", "reject_codes": ["79", "75"]},
    ]


def test_what_is_not_said_of_a_prescription_follows_from_what_is_said_of_the_request() -> None:
    bare = [{"prescription_token": "a"}, "b2"]
    for content, status in (
        (CopayTriage(details__prescriptions=bare), "triage"),
        (CopayError(details__prescriptions=bare), "rejected"),
        (
            CopayError(details__prescriptions=bare, details__error_code="CUSTOMER_CANCELLATION_REQUEST"),
            "cancelled",
        ),
        (CopaySuccess(details__prescriptions=bare), "unclear"),
    ):
        assert stated(content).fact.lines == (Line(0, "a", status, None), Line(1, "b2", status, None))


def test_a_copay_is_told_apart_by_its_prescriptions_in_any_order_and_by_nothing_else() -> None:
    first, second = PricedPrescription(), PricedPrescription()
    content = CopaySuccess(details__prescriptions=[first, second])
    told = stated(content).fact.discriminator

    def changed(**change: object) -> bytes:
        return stated({**content, "details": {**content["details"], **change}}).fact.discriminator

    assert len(told) == 16
    assert changed(prescriptions=[second, {**first, "copay_amount": "3"}], message="other") == told
    assert changed(prescriptions=[first, {**second, "status": "rejected"}]) != told
    assert changed(prescriptions=[first]) != told
    assert stated(CopayTriage()).fact.discriminator == b""


def test_the_tokens_of_a_copay_are_its_aliases() -> None:
    assert stated(CopayTriage(details__copay_token="a")).aliases == ("a",)
    both = CopayTriage(details__copay_token="b", details__copay_request_token="a")
    assert stated(both).aliases == ("a", "b")
    assert stated(CopayTriage(details__copay_token="Jane Doe")).aliases == ()


@pytest.mark.parametrize("name", ["rejection_reason_other", "reject_reason_other", "reject_reason"])
def test_a_reason_is_kept_under_each_of_its_names(name: str) -> None:
    one = stated(CopayError(**{f"details__{name}": "Invalid BIN"}))
    assert one.detail[name] == "Invalid BIN"


@pytest.mark.parametrize("status", [None, ""])
def test_a_missing_status_is_inferred_from_the_details(status: object) -> None:
    assert stated(CopaySuccess(status=status)).fact.signal == "copay:success"
    assert stated(CopayError(status=status)).fact.signal == "copay:rejected"
    assert stated(CopayTriage(status=status)).fact.signal == "copay:triage"
    assert stated(CopayTriage(status=status, details__code="C7")).fact.signal == "copay:triage"


def test_a_pulled_copy_without_status_is_the_same_fact_as_the_pushed_one() -> None:
    for content in (CopaySuccess(), CopayError(), CopayTriage()):
        assert stated(without_status(content)).fact == stated(content).fact


@pytest.mark.parametrize(
    "details",
    [
        {},
        {"prescriptions": [{"prescription_token": "a"}]},
        {"error_code": "PA_REQUIRED", "code": "CT003"},
        {"error_code": "CT003", "code": "CT003"},
        {"code": "C7", "message": "moved"},
    ],
)
def test_a_status_that_could_be_two_things_is_not_guessed(details: dict[str, object]) -> None:
    assert reason(CopaySuccess(status=None, details=details)) == "missing_status"


@pytest.mark.parametrize(
    ("status", "signal"),
    [
        ("new", "pa:new"),
        ("Submitted", "pa:submitted"),
        ("pending", "pa:pending"),
        (" approved ", "pa:approved"),
        ("declined", "pa:declined"),
        ("appealed", "pa:appealed"),
        ("cancelled", "pa:cancelled"),
        ("canceled", "pa:cancelled"),
    ],
)
def test_the_status_of_an_authorization_is_its_state(status: str, signal: str) -> None:
    one = stated(PriorAuth(status=status))
    assert (one.kind, one.fact.signal, one.fact.lines, one.fact.discriminator) == (
        "prior_auth",
        signal,
        (),
        b"",
    )
    assert stated(PriorAuth(status=status, details="none")).fact.signal == signal


@pytest.mark.parametrize("status", ["success", "denied", 1, ["new"]])
def test_an_authorization_without_a_known_status_is_refused(status: object) -> None:
    assert reason(PriorAuth(status=status)) == "unknown_status"


@pytest.mark.parametrize(
    ("message", "kind", "signal"),
    [
        ("The PA has been created, but not yet submitted to plan", "ePA", "pa:new"),
        ("The PA has been submitted to the payer for approval", "ePA", "pa:pending"),
        ("The PA has been submitted to the payer for approval", "traditional", "pa:submitted"),
        ("The PA has been approved by the payer", "ePA", "pa:approved"),
        ("The PA has been declined by the payer", None, "pa:declined"),
        ("The decision that was declined has been appealed", None, "pa:appealed"),
        ("The appeal was denied", None, "pa:declined"),
        ("The PA has been cancelled", None, "pa:cancelled"),
    ],
)
def test_a_pulled_authorization_is_read_by_its_message(message: str, kind: str | None, signal: str) -> None:
    content = PriorAuth(status=None, details__message=message, details__prior_auth_type=kind)
    assert stated(content).fact.signal == signal


@pytest.mark.parametrize("message", [None, "", "The PA is on its way", "declined, then approved", 7])
def test_an_authorization_whose_message_tells_no_status_is_not_guessed(message: object) -> None:
    assert reason(PriorAuth(status=None, details__message=message)) == "missing_status"


def test_the_two_printed_times_of_an_authorization_are_one_second_and_keep_their_order() -> None:
    content = PriorAuth()
    facts = [
        stated({**content, "timestamp": at}).fact
        for at in (1_563_916_377, 1_563_916_377_515, 1_563_916_377.9, "1563916377515")
    ]
    assert len({fact[:4] for fact in facts}) == 1
    assert [fact.millisecond for fact in facts] == [0, 515, 900, 515]


def test_a_copay_without_its_request_id_is_known_by_its_token_alone() -> None:
    one = stated(CopayTriage(request_id=None, details__copay_token="a"))
    assert (one.kind, one.key, one.aliases) == ("copay", None, ("a",))
    assert reason(PriorAuth(request_id=None, details__copay_token="a")) == "missing_key"
