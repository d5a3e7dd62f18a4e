"""HealNow's records to facts: what a GET said about an order, a prescription, a cart or a checkout. Pure.

A copy is an envelope (`partners.healnow.envelopes`). An order that is paid says so of each of its items; of
any other the items' own status counts, as in a cart. A session may be paid in part, so that of a paid one
only an item which prints no status is taken to be paid with it; its payment may be printed as null. An item
that cannot be read is passed over and its status told as drift: the others are good, and it is read as a
prescription besides. Only where there is no other is the copy kept for later.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import NamedTuple

from partners.drift import Unseen, unseen_in
from partners.envelopes import callback_type_of, opened
from partners.fields import EMPTY, Hash, Json, key_of, label, name, text
from partners.healnow.assumed import CHECKOUT_STATES, NESTED_ITEM, ORDER_PAID, PAYMENT_STATES
from partners.healnow.contract import RECORDS
from partners.healnow.prescriptions import Prescription, amount, links_of, prescription, rivals, stated
from partners.reading import Link, Reading, Stated, Unreadable, own_domain
from statemachine.model import Fact

__all__ = ["read"]

#: More items than any order has; a longer list is refused before it costs anything.
MOST_ITEMS = 1000
CHECKOUT = "checkout"

#: Of statuses that lead to one state the rarer ones are told by a code, by label.
CODES = {
    "MOTO": "moto",
    "MANUALLYCANCELED": "manually_canceled",
    "MANUALLYCANCELLED": "manually_canceled",
}


class _Read(NamedTuple):
    """A record to be read: `id` is what it was asked for by, "" where that is not known."""

    resource: str
    id: str
    content: Json
    hash: Hash


class _Item(NamedTuple):
    """One prescription of a record, with the signals that it states, each with its code."""

    prescription: Prescription
    signals: tuple[tuple[str, str | None], ...]


def read(body: bytes, hash: Hash, url_id: str | None = None) -> Reading:
    """What an envelope's record states, without a time: of every prescription in it, and of a checkout.

    `hash` is a keyed hash of (domain, value). The envelope holds the id that was asked for, so `url_id` is
    not looked at. Raises Unreadable: bad_key where the record is another one's, missing_status or
    unknown_status where no part of it says how it stands, missing_key where nothing names it.
    """
    opened_envelope = opened(body)
    resource = opened_envelope.get("snapshot")
    shape = RECORDS.get(resource) if type(resource) is str else None
    if shape is None or type(resource) is not str:
        raise Unreadable("missing_type" if resource is None else "unknown_type")
    callback_type = callback_type_of(resource)
    content = opened_envelope.get("content")
    if type(content) is not dict:
        raise Unreadable("bad_details", callback_type)
    unseen = unseen_in(shape, callback_type, content)
    try:
        facts, forms = _read(_Read(resource, _asked_for(resource, opened_envelope, content), content, hash))
    except Unreadable as error:
        error.callback_type = callback_type
        error.unseen = unseen
        raise
    strange = tuple(dict.fromkeys(Unseen("form", callback_type, form) for form in forms))
    return Reading(callback_type, facts, unseen + strange)


def _asked_for(resource: str, envelope: Json, content: Json) -> str:
    """A record that names itself otherwise than it was asked for is not to be taken for the other one."""
    asked_for = envelope.get("id")
    patient = content.get("patient")
    own = _object(patient).get("id") if resource == "cart" else content.get("id")
    if asked_for is None or asked_for == "":
        return "" if own is None else key_of(own)
    known = key_of(asked_for)
    if own is not None and key_of(own) != known:
        raise Unreadable("bad_key")
    return known


def _read(copy: _Read) -> tuple[tuple[Stated, ...], list[str]]:
    """The facts, and what is written as it never was."""
    content = copy.content
    if copy.resource == "checkout_session":
        return _session(copy)
    if copy.resource == "prescription":
        items = [_item({**content, "id": copy.id or None}, copy, None, None)]
    elif copy.resource == "cart":
        items = _items(content.get("prescriptions"), copy, None, None)
    else:
        state = "paid" if label(content.get("status")) == ORDER_PAID else None
        items = _items(content.get("items"), copy, state, copy.id or None)
        for item in items:
            item.prescription.detail.update(_paid_by(content))
    # An order says what was paid then, with which card; the prescription's own record what it costs now.
    apart = copy.hash("order", copy.id) if copy.resource == "order" else b""
    facts = _payments(items, copy.hash, apart)
    if items and not facts:
        raise Unreadable("missing_key")
    return facts, _forms(items)


def _session(copy: _Read) -> tuple[tuple[Stated, ...], list[str]]:
    """A checkout, and its items where it is paid: before that they say nothing that a cart does not.

    It stands by itself, so that items which cannot be read take nothing from it.
    """
    content = copy.content
    status = content.get("status")
    state = CHECKOUT_STATES.get(label(status))
    if state is None:
        raise Unreadable("missing_status" if status is None else "unknown_status")
    if not copy.id:
        raise Unreadable("missing_key")
    total = amount(content.get("total_in_cents"), "total_in_cents")
    detail = _paid_by(content)
    if total.value is not None:
        detail["total_in_cents"] = total.value
    try:
        items = _items(content.get("items") or [], copy, None, None, unsaid="paid")
    except Unreadable:
        items = []
    links: set[Link] = {(own_domain(CHECKOUT), copy.id)}
    for item in items:
        links.update(links_of(item.prescription))
    if patient := name(_object(content.get("patient")).get("id")):
        links.add(("payer", patient))
    fact = Fact(0, f"seen:{state}", None, b"")
    checkout = Stated(CHECKOUT, copy.id, fact, detail, frozenset(links), undated=True)
    paid = _payments(items, copy.hash) if state == "paid" else ()
    return (checkout, *paid), [*total.forms, *_forms(items)]


def _paid_by(content: Json) -> dict[str, object]:
    """What a record says of the card that paid it, for the sealed detail; nothing where payment is null."""
    payment = _object(content.get("payment"))
    shown = {"payment_id": "id", "card_type": "card_type", "last4": "last4"}
    return {ours: found for ours, theirs in shown.items() if (found := text(payment.get(theirs)))}


def _items(
    listed: object, copy: _Read, state: str | None, order_id: str | None, unsaid: str | None = None
) -> list[_Item]:
    """Those of a list's prescriptions that can be read. Raises Unreadable where there are none that can.

    `state` is that of all of them, `unsaid` of those that print none.
    """
    if type(listed) is not list or len(listed) > MOST_ITEMS:
        raise Unreadable("bad_details")
    found: list[_Item] = []
    wrong: Unreadable | None = None
    for entry in listed:
        try:
            found.append(_item(_own(entry), copy, state, order_id, unsaid))
        except Unreadable as error:
            wrong = error
    if wrong is not None and not found:
        raise Unreadable(wrong.reason)
    return found


def _item(
    fields: Json, copy: _Read, state: str | None, order_id: str | None, unsaid: str | None = None
) -> _Item:
    """Raises Unreadable where `state` does not say how it stands, and neither does its own status.

    What was paid and then called off says both, or nobody would know of the payment.
    """
    status = fields.get("status")
    own, code = PAYMENT_STATES.get(label(status)), CODES.get(label(status))
    if state is None and status is None:
        state = unsaid
    if state is None and own is None:
        raise Unreadable("missing_status" if status is None else "unknown_status")
    signals: list[tuple[str, str | None]] = [] if state is None else [(f"seen:{state}", None)]
    if own is not None and (state is None or own == "cancelled"):
        signals.append((f"seen:{own}", code))
    patient_id = _object(copy.content.get("patient")).get("id")
    found = prescription(fields, order_id=order_id, patient_id=patient_id)
    return _Item(found, tuple(signals))


def _own(entry: object) -> Json:
    """An item's prescription, be it the item itself or within it. Raises Unreadable bad_details.

    The item's own price is that of its payment.
    """
    if type(entry) is not dict:
        raise Unreadable("bad_details")
    inner = entry.get(NESTED_ITEM)
    if type(inner) is not dict:
        return entry
    paid = {field: entry[field] for field in ("price_in_cents", "qty") if entry.get(field) is not None}
    return {**inner, **paid}


def _payments(items: Sequence[_Item], hash: Hash, apart: bytes = b"") -> tuple[Stated, ...]:
    """What each item states that has a name of its own."""
    unclaimed = rivals([item.prescription for item in items], hash) if len(items) > 1 else frozenset()
    found = []
    for item in items:
        for signal, code in item.signals:
            with suppress(Unreadable):  # an rx number alone, or a name that another item has too
                found.append(stated(item.prescription, signal, code, hash, unclaimed, apart=apart))
    return tuple(found)


def _forms(items: Sequence[_Item]) -> list[str]:
    return [form for item in items for form in item.prescription.forms]


def _object(value: object) -> Json:
    return value if type(value) is dict else EMPTY
