"""The blocks that carry a payment: every field is told by somebody, or asked for, and none is made up."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from partners.truepill.fill_create import BadRequest, payment_create
from partners.truepill.payment_block import Given, NotCovered, PaidLine, WantsMore, payment_blocks

AT = datetime(2023, 2, 25, 15, 17, 51, tzinfo=UTC)
LINE = PaidLine(
    "015f4cc7b065", 1700, 1700, 0, "10f410zj3018s2", "0789", "visa", ("sildenafil 10mg", "payment")
)
FREE = PaidLine("015f4cc7b066", 0, 0, 0, item=("metoprolol 25mg", "payment"))
GIVEN = Given(
    cardholder_name="Bruce Banner",
    transaction_date=AT,
    patient_name="Bruce Banner",
    consent_provided_by="Betty Ross",
    consent_method="online",
    consent_date=AT,
    consent_statement="Truepill may bill my insurance.",
)
REQUEST: dict[str, Any] = {
    "patient_token": "571ce37390db1316",
    "patient_payment_type": "insurance",
    "insurances": [{"insurance_token": "139jdk20s3"}],
    "address_to_name": "Bruce Banner",
    "address_to_street1": "3121 Diablo Ave",
    "address_to_city": "Hayward",
    "address_to_state": "AK",
    "address_to_zip": "94545",
    "address_to_phone": "111-222-3333",
    "patient_survey": None,
}


def test_the_blocks_are_those_of_the_reference() -> None:
    (block,) = payment_blocks([LINE], GIVEN)

    assert block.plain() == {
        "prescription_token": "015f4cc7b065",
        "copay_payment": {
            "cardholder_name": "Bruce Banner",
            "transaction_date": 1677338271,
            "payment_type": "CARD",
            "transaction_id": "10f410zj3018s2",
            "last_four_digits": "0789",
            "transaction_amount": "17.00",
            "card_type": "VISA",
        },
        "patient_consent": {
            "consent_statement": "Truepill may bill my insurance.",
            "patient_name": "Bruce Banner",
            "consent_provided_by": "Betty Ross",
            "item": "sildenafil 10mg",
            "consent_method": "ONLINE",
            "consent_date": "2023-02-25 15:17:51.000Z",
            "consent_type": "FILL",
        },
    }


def test_each_field_says_who_told_it() -> None:
    (block,) = payment_blocks([LINE], GIVEN)

    assert block.payment is not None
    sources = {name: field.source for name, field in {**block.payment, **block.consent}.items()}
    assert {name for name, source in sources.items() if source == "payment"} == {
        *("transaction_id", "last_four_digits", "transaction_amount", "card_type", "item"),
    }
    assert {name for name, source in sources.items() if source == "reference"} == {
        "payment_type",
        "consent_type",
    }
    assert set(sources.values()) == {"payment", "reference", "operator"}


def test_a_time_is_text_as_the_samples_print_it_where_that_is_asked_for() -> None:
    (block,) = payment_blocks([LINE], GIVEN, "text")

    assert block.payment is not None
    assert block.payment["transaction_date"].value == "2023-02-25 15:17:51.000Z"


def test_a_prescription_that_owes_nothing_carries_its_consent_alone() -> None:
    paid, free = payment_blocks([LINE, FREE], GIVEN)

    assert "copay_payment" in paid.plain()
    assert free.plain().keys() == {"prescription_token", "patient_consent"}


def test_all_that_nobody_told_is_asked_for_at_once_with_the_option_that_gives_it() -> None:
    with pytest.raises(WantsMore) as caught:
        payment_blocks([PaidLine("rx1", 500, 500, 0)], Given())

    assert caught.value.lines == (
        "copay_payment.cardholder_name: --cardholder-name",
        "copay_payment.transaction_date: --transaction-date",
        "copay_payment.transaction_id: --transaction-id or --last-four",
        "patient_consent.consent_statement: --consent statement=TEXT",
        "patient_consent.patient_name: --consent patient_name=NAME",
        "patient_consent.consent_provided_by: --consent provided_by=NAME",
        "patient_consent.consent_method: --consent method=VERBAL|TEXT|ONLINE|EMAIL",
        "patient_consent.consent_date: --consent date=WHEN",
        "patient_consent.item of rx1: --item rx1=NAME",
    )


@pytest.mark.parametrize("blank", ["", "  "])
def test_a_blank_is_nothing(blank: str) -> None:
    with pytest.raises(WantsMore, match="cardholder_name"):
        payment_blocks([LINE], GIVEN._replace(cardholder_name=blank))


def test_a_person_is_believed_before_the_payment() -> None:
    given = GIVEN._replace(transaction_id="t9", last_four_digits="1111", items={LINE.token: "Viagra 10mg"})
    (block,) = payment_blocks([LINE], given)

    assert block.payment is not None
    assert block.payment["transaction_id"] == ("t9", "operator")
    assert block.payment["last_four_digits"] == ("1111", "operator")
    assert block.consent["item"] == ("Viagra 10mg", "operator")


@pytest.mark.parametrize("digits", ["12", "123a", "12345", "٠٧٨٩"])
def test_four_digits_are_four_digits(digits: str) -> None:
    with pytest.raises(WantsMore, match="four digits"):
        payment_blocks([LINE], GIVEN._replace(last_four_digits=digits))


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (PaidLine("rx1", 1700, 500, 1200), "rx1: 1200 cents open (1700 owed, 500 paid)"),
        (PaidLine("rx1", None, 500, 0), "rx1: no claim says what it owes"),
        (PaidLine("rx1", 1700, 1800, 0), "rx1: paid 100 cents too much (1700 owed)"),
        (PaidLine("rx1", 0, 0, 0), "nothing is owed: there is no payment to carry"),
    ],
)
def test_what_the_payments_do_not_cover_exactly_is_told_in_cents(line: PaidLine, why: str) -> None:
    with pytest.raises(NotCovered, match=r"^the payments do not cover what is owed$") as caught:
        payment_blocks([line], GIVEN)

    assert caught.value.lines == (why,)


def test_the_create_has_the_given_fields_the_blocks_and_the_order_before() -> None:
    blocks = payment_blocks([LINE, FREE], GIVEN)

    body = payment_create({**REQUEST, "metadata": "cfe146"}, blocks, "fill_request_1")

    assert body == {
        **REQUEST,
        "metadata": "cfe146",
        "reference_order": "fill_request_1",
        "medications": [block.plain() for block in blocks],
    }


def test_what_else_is_said_of_a_medication_stays_with_it() -> None:
    blocks = payment_blocks([LINE, FREE], GIVEN)
    given: list[dict[str, Any]] = [
        {"prescription_token": FREE.token, "quantity": 30},
        {"prescription_token": LINE.token},
    ]

    body = payment_create({**REQUEST, "medications": given}, blocks, "f1")

    assert body["medications"] == [{**given[0], **blocks[1].plain()}, blocks[0].plain()]


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"patient_token": None}, "patient_token is required"),
        ({"insurances": []}, "insurances is required"),
        ({"patient_payment_type": "cash"}, "has to be insurance"),
        ({"reference_order": "f9"}, "reference_order names another fill"),
        ({"replacement_order": "f1"}, "replacement_order"),
        ({"medications": [{"prescription_token": "other"}]}, "not the prescriptions of the fill"),
        ({"medications": "rx1"}, "list of objects"),
        ({"medications": [{"prescription_token": LINE.token, "copay_payment": {}}]}, "ours to say"),
    ],
)
def test_a_create_that_the_partner_would_refuse_or_misread_is_not_made(
    change: dict[str, Any], why: str
) -> None:
    with pytest.raises(BadRequest, match=why):
        payment_create({**REQUEST, **change}, payment_blocks([LINE], GIVEN), "f1")


def test_all_that_is_wrong_with_a_create_is_said_at_once_and_no_value_of_it() -> None:
    with pytest.raises(BadRequest) as caught:
        payment_create({"address_to_name": "Jane Canary"}, payment_blocks([LINE], GIVEN), "f1")

    assert len(caught.value.lines) == 9
    assert "Canary" not in str(caught.value)
