"""TRANSFER, TRANSFER_CONTACT and DIRECT_TRANSFER: what tolerance makes of them, what tells facts apart."""

from __future__ import annotations

import pytest

from statemachine import Line
from tests.support.factories import (
    DirectTransfer,
    Transfer,
    TransferContact,
    TransferError,
    TransferredMedication,
)
from tests.support.reading import keyed, reason, stated, without_status


@pytest.mark.parametrize(
    ("code", "signal"),
    [
        ("PATIENT_CANCELLED_RX", "transfer:cancelled"),
        ("patient_cancelled_rx", "transfer:cancelled"),
        ("RX_EXPIRED", "transfer:rejected"),
        ("SOMETHING_NEW", "transfer:rejected"),
        (None, "transfer:rejected"),
    ],
)
def test_the_code_of_an_error_picks_its_signal(code: str | None, signal: str) -> None:
    one = stated(TransferError(details__error_code=code, details__medications=[{"prescription_token": "a"}]))
    assert (one.kind, one.fact.signal, one.fact.code) == ("transfer", signal, code)
    assert one.fact.lines == (Line(0, "a", signal.partition(":")[2], None),)


@pytest.mark.parametrize("code", [["PATIENT_CANCELLED_RX"], {"code": 1}, True])
def test_an_error_whose_code_cannot_be_read_is_refused_since_the_code_decides(code: object) -> None:
    assert reason(TransferError(details__error_code=code)) == "bad_details"
    assert reason(TransferError(details="PATIENT_CANCELLED_RX")) == "bad_details"
    assert stated(Transfer(details="none")).fact.signal == "transfer:success"


@pytest.mark.parametrize(
    ("refusal", "code", "text"),
    [
        ({"rejection_message": "Only an expired one"}, None, "Only an expired one"),
        ({"rejection_reason": "Only an expired one"}, None, "Only an expired one"),
        ({"reject_reason_other": "Only an expired one"}, None, "Only an expired one"),
        ({"rejection_reason": "RX_EXPIRED"}, "RX_EXPIRED", "RX_EXPIRED"),
        ({"error_code": "RX_NONEXISTANT", "rejection_message": "None there"}, "RX_NONEXISTANT", "None there"),
        ({"status": "rejected"}, None, None),
    ],
)
def test_a_rejected_medication_of_a_success_has_a_code_only_where_one_stands(
    refusal: dict[str, object], code: str | None, text: str | None
) -> None:
    rejected = {"transfer_medication_token": "b", **refusal}
    one = stated(Transfer(details__medications=[TransferredMedication(prescription_token="a"), rejected]))
    assert one.fact.lines == (Line(0, "a", "transferred", None), Line(1, "b", "rejected", code))
    assert one.detail["lines"][1].get("reason") == text  # type: ignore[index]
    assert one.fact.signal == "transfer:success"


def test_a_free_text_code_of_a_medication_is_hashed() -> None:
    one = stated(
        Transfer(details__medications=[{"prescription_token": "a", "error_code": "see Dr. Mockdoc"}])
    )
    assert one.fact.lines[0].code == "#" + keyed("code", "see Dr. Mockdoc").hex()[:16]
    assert one.detail["lines"][0]["code"] == "see Dr. Mockdoc"  # type: ignore[index]


def test_a_transfer_is_told_apart_by_its_medications_in_any_order_and_by_nothing_else() -> None:
    first, second = TransferredMedication(), TransferredMedication()
    content = Transfer(details__medications=[first, second])
    told = stated(content).fact.discriminator

    def changed(**change: object) -> bytes:
        return stated({**content, "details": {**content["details"], **change}}).fact.discriminator

    assert len(told) == 16
    assert changed(medications=[second, first], message="other", metadata="m", patient_token="p") == told
    assert changed(medications=[first]) != told
    assert changed(medications=[first, {**second, "rejection_message": "no"}]) != told
    assert changed(medications=[]) == b""


def test_a_contact_is_told_apart_by_method_and_number() -> None:
    def told(**change: object) -> bytes:
        return stated(TransferContact(**change)).fact.discriminator

    fax = told(details__contact_method="fax", details__contact_number="1")
    assert len(fax) == 16
    assert told(details__contact_method="Fax", details__contact_number=1, details__contact_name="x") == fax
    assert told(details__contact_method="phone", details__contact_number="1") != fax
    assert told(details__contact_method="fax", details__contact_number="2") != fax
    assert told(details__contact_method=None, details__contact_number=None) == b""


def test_the_error_of_a_contact_keeps_its_code_and_is_not_the_transfers() -> None:
    one = stated(TransferContact(status="error", details__error_code="PATIENT_CANCELLED_RX"))
    assert (one.kind, one.fact.signal, one.fact.code) == ("transfer", "contact:error", "PATIENT_CANCELLED_RX")


def test_the_token_of_a_transfer_is_its_alias_where_it_looks_like_one() -> None:
    assert stated(TransferContact(details__transfer_token="59222e5807")).aliases == ("59222e5807",)
    assert stated(Transfer(details__transfer_token="59222e5807")).aliases == ("59222e5807",)
    for token in (None, "", "Jane Doe", ["a"], "a" * 129):
        assert stated(TransferContact(details__transfer_token=token)).aliases == ()
    assert stated(TransferContact(request_id="a", details__transfer_token="a")).aliases == ()


@pytest.mark.parametrize("name", ["DIRECT_TRANSFER", "DIRECT_TRANSFER_V2", "direct-transfer-v2"])
def test_both_versions_of_a_direct_transfer_are_one_kind(name: str) -> None:
    one = stated(DirectTransfer(callback_type=name, details__prescription_token="a"))
    assert (one.kind, one.fact.signal) == ("direct_transfer", "direct_transfer:success")
    assert one.fact.lines == (Line(0, "a", "transferred", None),)
    listed = stated(DirectTransfer(callback_type=name, details__medications=[{"prescription_token": "b"}]))
    assert listed.fact.lines == (Line(0, "b", "transferred", None),)


def test_a_direct_transfers_token_has_two_names() -> None:
    assert stated(DirectTransfer(details__direct_transfer_token="a")).aliases == ("a",)
    content = DirectTransfer(details__direct_transfer_token=None, details__direct_transfer_id="b")
    assert stated(content).aliases == ("b",)


def test_a_direct_transfer_is_told_apart_by_its_prescription() -> None:
    def told(**change: object) -> bytes:
        return stated(DirectTransfer(**change)).fact.discriminator

    assert told(details__prescription_token="a") == told(
        details__prescription_token="a", details__message="m"
    )
    assert told(details__prescription_token="a") != told(details__prescription_token="b")
    assert told(details__prescription_token=None) == b""
    error = stated(
        DirectTransfer(status="error", details__prescription_token=None, details__error_code="DUP")
    )
    assert (error.fact.code, error.fact.lines) == ("DUP", ())


@pytest.mark.parametrize("status", [None, ""])
def test_a_missing_status_is_inferred_from_the_details(status: object) -> None:
    for content, signal in (
        (Transfer(status=status), "transfer:success"),
        (TransferError(status=status, details__error_code="RX_EXPIRED"), "transfer:rejected"),
        (Transfer(status=status, details__error_code="RX_EXPIRED"), "transfer:rejected"),
        (TransferError(status=status), "transfer:rejected"),
        (TransferError(status=status, details__message="Test Rejecting Transfer"), "transfer:rejected"),
        (Transfer(status=status, details__medications=[{"rejection_message": "no"}]), "transfer:success"),
        (TransferContact(status=status), "contact:success"),
        (TransferContact(status=status, details__error_code="RX_NO_REFILLS"), "contact:error"),
        (DirectTransfer(status=status), "direct_transfer:success"),
        (
            DirectTransfer(status=status, details__message="Direct Transfer Rejected. x"),
            "direct_transfer:error",
        ),
    ):
        assert stated(content).fact.signal == signal


def test_a_pulled_copy_without_status_is_the_same_fact_as_the_pushed_one() -> None:
    for content in (Transfer(), TransferContact(), DirectTransfer()):
        assert stated(without_status(content)).fact == stated(content).fact


@pytest.mark.parametrize(
    "content",
    [
        TransferError(status=None, details__message=None),
        Transfer(status=None, details__message=None, details__medications=[{"rejection_message": "no"}]),
        TransferContact(status=None, details__contact_number=None),
        DirectTransfer(status=None, details__message="Direct Transfer"),
        DirectTransfer(status=None, details__message="accepted, not rejected"),
        DirectTransfer(status=None, details__message=None),
    ],
)
def test_a_status_that_could_be_two_things_is_not_guessed(content: dict[str, object]) -> None:
    assert reason(content) == "missing_status"


def test_what_is_worth_showing_is_for_the_sealed_detail() -> None:
    contact = stated(TransferContact(details__metadata="m", details__patient_token="p"))
    assert contact.detail == {
        "metadata": "m",
        "patient_token": "p",
        "contact_name": "A pharmacy",
        "contact_method": "fax",
        "contact_number": "6235474583",
    }
    one = stated(Transfer(details__medications=[TransferredMedication()]))
    assert one.detail["lines"] == [
        {"name": "Sprintec Tablet", "prescriber": "Dr. Mockdoc", "last_filled_date": "No Data"}
    ]


def test_a_transfer_without_its_request_id_is_known_by_its_token_alone() -> None:
    for content in (
        Transfer(request_id=None, details__transfer_token="tok1"),
        TransferContact(request_id=None, details__transfer_token="tok1"),
        TransferContact(request_id=None, details__transfer_token=None, url_token="tok1"),
    ):
        one = stated(content)
        assert (one.kind, one.key, one.aliases) == ("transfer", None, ("tok1",))
        assert [value for domain, value in one.links if domain == "request"] == []
    direct = stated(DirectTransfer(request_id=None, details__direct_transfer_token="dir1"))
    assert (direct.kind, direct.key, direct.aliases) == ("direct_transfer", None, ("dir1",))


def test_by_whatever_name_a_transfer_goes_its_news_is_the_same_fact() -> None:
    by_key = Transfer(details__transfer_token="tok1")
    assert stated({**by_key, "request_id": None}).fact == stated(by_key).fact


def test_without_any_name_there_is_nothing_to_wait_for() -> None:
    assert reason(Transfer(request_id=None)) == "missing_key"
    assert reason(Transfer(request_id=None, details__transfer_token="Jane Doe")) == "missing_key"
    assert reason(Transfer(request_id="Jane Doe", details__transfer_token="tok1")) == "bad_key"
    # A copay's token in a body about something else names no request.
    assert reason(Transfer(request_id=None, details__copay_token="tok1")) == "missing_key"
