"""The blocks of a fill's create that carry its payment: `copay_payment` and `patient_consent`.

"Insurance Fulfillment" lists their fields; its samples print a time where its table says an integer, and the
last four digits as text where it says an integer, which would lose leading zeros. Here the time is a whole
second of Unix time unless text is asked for, digits are text, and an amount is text with two decimals, as the
sample prints it that names the order before. Everything is known, or given by a person, or missing: a field
that nobody told is never made up.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Literal, NamedTuple, TypeAlias

__all__ = [
    "CONSENT_METHODS",
    "Blocks",
    "DateForm",
    "Given",
    "Known",
    "NotCovered",
    "PaidLine",
    "Sourced",
    "WantsMore",
    "payment_blocks",
]

CONSENT_METHODS = ("VERBAL", "TEXT", "ONLINE", "EMAIL")
DateForm: TypeAlias = Literal["integer", "text"]
Source: TypeAlias = Literal["operator", "payment", "pharmacy", "claim", "reference"]
#: A text that somebody told, and who.
Known: TypeAlias = tuple[str, Source]

_last_four = re.compile(r"[0-9]{4}").fullmatch


class PaidLine(NamedTuple):
    """One prescription of a fill, in cents, and what is known of its payment.

    `owed` is None where no claim says it. `transaction_id` is the payment's own id, `card_last_four` and
    `card_type` are its card's. `item` is the medication's name, as far as it is known.
    """

    token: str
    owed: int | None
    paid: int
    open: int
    transaction_id: str | None = None
    card_last_four: str | None = None
    card_type: str | None = None
    item: Known | None = None


class Given(NamedTuple):
    """What a person gave. Times are aware. `items` are names of medications by prescription token."""

    cardholder_name: str | None = None
    transaction_date: datetime | None = None
    transaction_id: str | None = None
    last_four_digits: str | None = None
    patient_name: str | None = None
    consent_provided_by: str | None = None
    consent_method: str | None = None
    consent_date: datetime | None = None
    consent_statement: str | None = None
    items: Mapping[str, str] = {}


class Sourced(NamedTuple):
    """A field's value, and who told it."""

    value: str | int
    source: Source


Fields: TypeAlias = dict[str, Sourced]


class Blocks(NamedTuple):
    """The two blocks of one prescription, by the names of their fields.

    `payment` is None where nothing is owed; consent is wanted all the same.
    """

    token: str
    payment: Fields | None
    consent: Fields

    def plain(self) -> dict[str, object]:
        """The medication as a create has it."""
        medication: dict[str, object] = {"prescription_token": self.token}
        medication["patient_consent"] = {name: field.value for name, field in self.consent.items()}
        if self.payment is not None:
            medication["copay_payment"] = {name: field.value for name, field in self.payment.items()}
        return medication


class NotCovered(Exception):
    """The payments do not cover what is owed. `lines` say in cents what is open, by prescription token: to
    be shown, and no part of its text.
    """

    def __init__(self, lines: Sequence[str]) -> None:
        super().__init__("the payments do not cover what is owed")
        self.lines = tuple(lines)


class WantsMore(Exception):
    """Fields that nobody told. `lines` name each, with the option that gives it; none has a value."""

    def __init__(self, lines: Sequence[str]) -> None:
        super().__init__("\n".join(lines))
        self.lines = tuple(lines)


def payment_blocks(
    lines: Sequence[PaidLine], given: Given, date_form: DateForm = "integer"
) -> tuple[Blocks, ...]:
    """The blocks of each prescription, in the order of the lines.

    Raises NotCovered, and WantsMore with every field that is missing, or is not what the table says.
    """
    _check_cover(lines)
    wanted: dict[str, None] = {}
    blocks = []
    for line in lines:
        payment = _payment(line, given, date_form, wanted) if line.owed else None
        blocks.append(Blocks(line.token, payment, _consent(line, given, wanted)))
    if wanted:
        raise WantsMore(tuple(wanted))
    return tuple(blocks)


def _check_cover(lines: Sequence[PaidLine]) -> None:
    found = []
    for line in lines:
        if line.owed is None:
            found.append(f"{line.token}: no claim says what it owes")
        elif line.open > 0:
            found.append(f"{line.token}: {line.open} cents open ({line.owed} owed, {line.paid} paid)")
        elif line.paid > line.owed:
            # The table has one amount: to report more than the copay is for a person to decide.
            found.append(f"{line.token}: paid {line.paid - line.owed} cents too much ({line.owed} owed)")
    if found:
        raise NotCovered(found)
    if not any(line.owed for line in lines):
        raise NotCovered(["nothing is owed: there is no payment to carry"])


def _payment(line: PaidLine, given: Given, date_form: DateForm, wanted: dict[str, None]) -> Fields:
    fields: Fields = {}
    _told(fields, "cardholder_name", given.cardholder_name, "operator")
    if given.transaction_date is not None:
        fields["transaction_date"] = Sourced(_time(given.transaction_date, date_form), "operator")
    fields["payment_type"] = Sourced("CARD", "reference")
    _told(fields, "transaction_id", given.transaction_id, "operator")
    if "transaction_id" not in fields:
        _told(fields, "transaction_id", line.transaction_id, "payment")
    _told(fields, "last_four_digits", given.last_four_digits, "operator")
    if "last_four_digits" not in fields and line.card_last_four and _last_four(line.card_last_four):
        fields["last_four_digits"] = Sourced(line.card_last_four, "payment")
    fields["transaction_amount"] = Sourced(_dollars(line.paid), "payment")
    if line.card_type:
        fields["card_type"] = Sourced(line.card_type.upper(), "payment")
    for name in ("cardholder_name", "transaction_date"):
        if name not in fields:
            wanted[f"copay_payment.{name}: --{name.replace('_', '-')}"] = None
    if not fields.keys() & {"transaction_id", "last_four_digits"}:
        wanted["copay_payment.transaction_id: --transaction-id or --last-four"] = None
    if given.last_four_digits is not None and not _last_four(given.last_four_digits):
        wanted["copay_payment.last_four_digits: --last-four wants four digits"] = None
    return fields


def _consent(line: PaidLine, given: Given, wanted: dict[str, None]) -> Fields:
    fields: Fields = {}
    _told(fields, "consent_statement", given.consent_statement, "operator")
    _told(fields, "patient_name", given.patient_name, "operator")
    _told(fields, "consent_provided_by", given.consent_provided_by, "operator")
    _told(fields, "item", given.items.get(line.token), "operator")
    if "item" not in fields and line.item is not None:
        _told(fields, "item", *line.item)
    method = (given.consent_method or "").upper()
    if method in CONSENT_METHODS:
        fields["consent_method"] = Sourced(method, "operator")
    if given.consent_date is not None:
        fields["consent_date"] = Sourced(_time(given.consent_date, "text"), "operator")
    fields["consent_type"] = Sourced("FILL", "reference")
    for name, option in _CONSENT_OPTIONS.items():
        if name not in fields:
            wanted[f"patient_consent.{name}: {option}"] = None
    if "item" not in fields:
        wanted[f"patient_consent.item of {line.token}: --item {line.token}=NAME"] = None
    return fields


#: The option that gives each field of a consent.
_CONSENT_OPTIONS = {
    "consent_statement": "--consent statement=TEXT",
    "patient_name": "--consent patient_name=NAME",
    "consent_provided_by": "--consent provided_by=NAME",
    "consent_method": f"--consent method={'|'.join(CONSENT_METHODS)}",
    "consent_date": "--consent date=WHEN",
}


def _told(fields: Fields, name: str, value: str | None, source: Source) -> None:
    if value is not None and value.strip():
        fields[name] = Sourced(value.strip(), source)


def _dollars(cents: int) -> str:
    """Exactly: 1700 is "17.00"."""
    return f"{cents // 100}.{cents % 100:02d}"


def _time(moment: datetime, form: DateForm) -> int | str:
    """As an integer in seconds of Unix time, or as the samples print it."""
    if form == "integer":
        return int(moment.timestamp())
    at = moment.astimezone(UTC)
    return f"{at:%Y-%m-%d %H:%M:%S}.{at.microsecond // 1000:03d}Z"
