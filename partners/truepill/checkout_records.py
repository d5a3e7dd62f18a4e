"""What a checkout needs of a patient's and a prescription's record: who, and what of which medication.

"Get a Patient" prints a date of birth as YYYYMMDD, "Get a Prescription" days as text and quantities as a
number. Whoever takes the money wants whole numbers and YYYY-MM-DD.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date
from typing import Any, NamedTuple

from partners.fields import EMPTY, Json, first_text, text

__all__ = ["Lacking", "Medication", "Person", "medication_of", "person_of"]

NAMES = ("prescribed_written_name", "prescribed_generic_name", "prescribed_brand_name", "medication_name")

_compact = re.compile(r"([0-9]{4})-?([0-9]{2})-?([0-9]{2})(?:[T ].*)?", re.DOTALL).fullmatch
_whole = re.compile(r"([0-9]{1,9})(?:\.0{1,6})?").fullmatch


class Person(NamedTuple):
    """A patient. `born` is YYYY-MM-DD."""

    first_name: str
    last_name: str
    born: str
    phone: str | None
    email: str | None


class Medication(NamedTuple):
    """What is paid for. `days_supply` and `quantity` are whole numbers from 1 on."""

    name: str
    provider: str
    rx_number: str
    days_supply: int
    quantity: int
    is_refill: bool


class Lacking(Exception):
    """A record has not what is needed: `fields` names it, and nothing of what the record has."""

    def __init__(self, record: str, fields: Sequence[str]) -> None:
        super().__init__(f"the pharmacy's record of the {record} has no usable {', '.join(fields)}")
        self.fields = tuple(fields)


def person_of(record: Any) -> Person:
    """The patient of a record as "Get a Patient" gives it. Raises Lacking."""
    known: Json = record if isinstance(record, dict) else EMPTY
    address = known.get("address")
    reached: Json = address if isinstance(address, dict) else EMPTY
    first, last, born = text(known.get("first_name")), text(known.get("last_name")), _date(known.get("dob"))
    if first is None or last is None or born is None:
        given = {"first_name": first, "last_name": last, "dob": born}
        raise Lacking("patient", [name for name, value in given.items() if value is None])
    phone, email = (text(reached.get(name)) or text(known.get(name)) for name in ("phone", "email"))
    return Person(first, last, born, phone, email)


def medication_of(record: Any, days_supply: object = None, quantity: object = None) -> Medication:
    """The medication of a record as "Get a Prescription" gives it.

    `days_supply` and `quantity` are those that the price is for, as the copay tells them; where it does not,
    what was prescribed. Raises Lacking.
    """
    inner = record.get("prescription") if isinstance(record, dict) else None
    known: Json = inner if isinstance(inner, dict) else record if isinstance(record, dict) else EMPTY
    name, provider = first_text(known, NAMES), text(known.get("prescriber"))
    rx_number = text(known.get("rx_number"))
    days = _count(known.get("days_supply") if days_supply is None else days_supply)
    pieces = _count(known.get("prescribed_quantity") if quantity is None else quantity)
    if name is None or provider is None or rx_number is None or days is None or pieces is None:
        given: dict[str, str | int | None] = {"medication name": name, "prescriber": provider}
        given |= {"rx_number": rx_number, "days_supply": days, "quantity": pieces}
        raise Lacking("prescription", [name for name, value in given.items() if value is None])
    return Medication(name, provider, rx_number, days, pieces, known.get("is_refill") in (1, True))


def _date(value: object) -> str | None:
    """A day as YYYY-MM-DD, of YYYYMMDD or ISO 8601; None for what is no day."""
    found = _compact(value.strip()) if isinstance(value, str) else None
    if found is None:
        return None
    try:
        return date(int(found[1]), int(found[2]), int(found[3])).isoformat()
    except ValueError:
        return None


def _count(value: object) -> int | None:
    """A whole number from 1 on, however it is written: 28, "28", 28.0."""
    found = _whole(text(value) or "")
    return int(found[1]) or None if found else None
