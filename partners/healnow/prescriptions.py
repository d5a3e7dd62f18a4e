"""One prescription, as HealNow prints it in callbacks and records: what it is called, and what it costs.

A payment is known by the prescription's id. A copy without one names it by its eid, or by order and rx number
together: never by the rx number alone, which is the same at every refill. Such names are aliases, of one
namespace.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from partners.fields import Hash, Json, key_of, name, text
from partners.reading import Link, Stated, Unreadable, own_domain
from statemachine.model import Fact

__all__ = [
    "Prescription",
    "amount",
    "links_of",
    "names_without_id",
    "prescription",
    "rivals",
    "stated",
    "whole",
]

PAYMENT = "payment"
#: The most that an amount or a quantity may be: more is no amount, and would not fit where it is added up.
MOST = 10**12

#: Other names under which a field was seen in callbacks, the surest first. What an id of a line is called
#: otherwise is surer than the id itself, which may be the line's own.
OTHER_NAMES = {
    "eid": ("external_id", "externalId"),
    "rx_number": ("rxNumber",),
    "refill_number": ("refillNumber",),
    "order_id": ("orderId",),
    "price_in_cents": ("priceInCents",),
    "amount_in_cents": ("amountInCents", "amount", "price_in_cents"),
}
IDS = ("prescription_id", "prescriptionId", "id")

_plain_eid = re.compile(r"[A-Za-z0-9_.:-]{1,128}").fullmatch
_digits = re.compile(r"[0-9]{1,13}").fullmatch


class Prescription(NamedTuple):
    """What a copy says of one prescription.

    `refill` is "0" for a first fill, and None where the copy says nothing of it. `detail` is to be sealed.
    `forms` are amounts that are written as no amount is: names, never values.
    """

    id: str | None
    eid: str | None
    rx_number: str | None
    refill: str | None
    order_id: str | None
    patient_id: str | None
    detail: dict[str, object]
    forms: tuple[str, ...]


def prescription(
    fields: Json, *, order_id: object = None, patient_id: object = None, price: str = "price_in_cents"
) -> Prescription:
    """Read one. `order_id` and `patient_id` are of the record around it; `price` is the amount's field.

    Raises Unreadable bad_key for an id that can be none.
    """
    own = next((found for field in IDS if (found := fields.get(field)) is not None), None)
    eid, rx_number = _words(_field(fields, "eid")), _words(_field(fields, "rx_number"))
    order = _words(_field(fields, "order_id") if order_id is None else order_id)
    refill = _refill(fields)
    words = {
        "eid": eid,
        "rx_number": rx_number,
        "refill_number": refill,
        "order_id": order,
        "name": text(fields.get("name")),
    }
    detail: dict[str, object] = {field: found for field, found in words.items() if found is not None}
    forms: list[str] = []
    for field, shown in ((price, "price_in_cents"), ("qty", "qty"), ("days_supply", "days_supply")):
        found = amount(_field(fields, field), field)
        if found.value is not None:
            detail[shown] = found.value
        forms += found.forms
    return Prescription(
        key_of(own) if own is not None else None,
        eid,
        rx_number,
        refill,
        order,
        name(patient_id),
        detail,
        tuple(forms),
    )


def stated(
    found: Prescription,
    signal: str,
    code: str | None,
    hash: Hash,
    unclaimed: frozenset[str] = frozenset(),
    *,
    apart: bytes = b"",
) -> Stated:
    """The fact that this is how its payment stands. Nothing that HealNow prints has a time.

    `unclaimed` are aliases that more than one prescription of the copy could claim (`rivals`): none does.
    `apart` tells it apart from another source's word. Raises Unreadable missing_key where nothing else names
    it.
    """
    aliases = [alias for alias in _aliases(found, hash) if alias not in unclaimed]
    if found.id is None and not aliases:
        raise Unreadable("missing_key")
    fact = Fact(0, signal, code, apart)
    others = tuple(sorted({*aliases} - {found.id}))
    links = frozenset(links_of(found))
    if found.id is not None:
        links |= {(own_domain(PAYMENT), found.id)}
        return Stated(PAYMENT, found.id, fact, found.detail, links, others, undated=True)
    return Stated(PAYMENT, None, fact, found.detail, links, others, undated=True, fallback=aliases[0])


def rivals(copies: Sequence[Prescription], hash: Hash) -> frozenset[str]:
    """The aliases that more than one prescription of a copy could claim."""
    counted = Counter(alias for one in copies for alias in _aliases(one, hash))
    return frozenset(alias for alias, times in counted.items() if times > 1)


def links_of(found: Prescription) -> Iterator[Link]:
    """The names that a prescription shares with others.

    Its eid is the customer's to choose: their own metadata, the key of a request of the pharmacy's, or the
    key and a prescription token with a colon between.
    """
    if found.eid is not None:
        yield "eid", found.eid
        yield "metadata", found.eid
        head, colon, tail = found.eid.partition(":")
        if colon and head:
            yield "metadata", head
        if request := name(head):
            yield "request", request
        if token := name(tail):
            yield "prescription", token
    if found.rx_number is not None:
        yield "rx_number", found.rx_number
    if order := name(found.order_id):
        yield "payment_order", order
    if found.patient_id is not None:
        yield "payer", found.patient_id


def _aliases(found: Prescription, hash: Hash) -> Sequence[str]:
    return names_without_id(found.eid, found.order_id, found.rx_number, hash)


def names_without_id(
    eid: str | None, order_id: str | None, rx_number: str | None, hash: Hash
) -> tuple[str, ...]:
    """What a prescription is called where its id is not told, the surest first."""
    names = []
    # Where the eid is the rx number, it is the same at every refill.
    if eid is not None and eid != rx_number:
        names.append(eid if _plain_eid(eid) else f"eid_{hash(PAYMENT, eid).hex()[:32]}")
    if order_id is not None and rx_number is not None:
        # Hashed as a whole: an rx number stands nowhere in the clear.
        both = f"{order_id}\0{rx_number}"
        names.append(f"rx_{hash(PAYMENT, both).hex()[:16]}")
    return tuple(names)


class _Amount(NamedTuple):
    value: int | None
    forms: tuple[str, ...]


def amount(value: object, field: str) -> _Amount:
    """A count of cents or of pieces, and how it is written where that is strange.

    Only a whole number is one, or its digits: what 12.99 means is not guessed at.
    """
    found = whole(value)
    if found is not None:
        return _Amount(found, () if type(value) is int else (f"{field}.text",))
    if value is None or value == "":
        return _Amount(None, ())
    return _Amount(None, (f"{field}.fraction" if type(value) in (float, str) else f"{field}.other",))


def whole(value: object) -> int | None:
    """A whole number from 0 on, or its digits; None for all else."""
    if type(value) is str and _digits(value.strip()):
        value = int(value)
    return value if type(value) is int and 0 <= value <= MOST else None


def _field(fields: Json, wanted: str) -> object:
    """A field by its name, or else by another one that it was seen under."""
    value = fields.get(wanted)
    if value is None:
        return _first(fields, OTHER_NAMES.get(wanted, ()))
    return value


def _first(fields: Json, names: Iterable[str]) -> object:
    return next((found for other in names if (found := fields.get(other)) is not None), None)


def _words(value: object) -> str | None:
    """A name as a whole, however long: cut, it would join what is not the same."""
    if type(value) is str:
        return value.strip() or None
    return str(value) if type(value) is int else None


def _refill(fields: Json) -> str | None:
    """Which refill, as one spelling: the first fill is printed as null, and its number is 0."""
    spellings = ("refill_number", *OTHER_NAMES["refill_number"])
    if not any(field in fields for field in spellings):
        return None
    value = _field(fields, "refill_number")
    number = whole(value)
    if number is not None:
        return str(number)
    return "0" if value is None or value == "" else _words(value)
