"""HealNow's records, put into the form in which they are stored. Pure.

    {"snapshot": "order" | "prescription" | "checkout_session", "id": ID, "content": {...}}
    {"snapshot": "cart", "id": PATIENT_ID, "content": {"patient": {"id": ID}, "prescriptions": [...]}}

No time is in it, neither the partner's, who prints none, nor that of the reading: a record that stands still
is one event, however often it is read. What says who and where the patient is, and what only a person on the
way to pay needs, is cut off, as nobody here reads it.
"""

from __future__ import annotations

from collections.abc import Mapping

import orjson

from partners.envelopes import Envelope
from partners.fields import name
from partners.healnow.assumed import NESTED_ITEM
from partners.healnow.contract import RECORDS

__all__ = ["RESOURCES", "envelope"]

#: The resources that can be read.
RESOURCES = tuple(RECORDS)

CUT = frozenset(
    {
        *("first_name", "last_name", "dob", "phone", "email", "address", "addresses", "cards", "shipment"),
        *("signature", "answers", "checkout_url", "success_url", "cancel_url"),
    }
)
KEPT = {
    "patient": ("id", "eid"),
    "payment": ("id", "amount_in_cents", "card_type", "last4"),
}
LISTS = ("items", "prescriptions")
#: What a cart's record is stored with: its totals change with every fee.
CART = ("prescriptions", "patient")
DEPTH = 2  # a record's items, and a prescription in one of them


def envelope(
    resource: str, record: object, *, asked_for: str | None = None, patient_id: str | None = None
) -> Envelope:
    """One record, decoded, as a body to be stored.

    `asked_for` is the id in its URL, a cart's is its patient's; None for one of a list. `patient_id` is of
    the patient whose list it stands in, where it does not say so itself. A record of an unexpected shape is
    kept too, and `records.read` says what is wrong with it. Raises TypeError for one that is nested more than
    250 deep.
    """
    content = record
    if isinstance(record, dict):
        content = _cut(record, DEPTH)
        if resource == "cart":
            content = {field: content[field] for field in CART if field in content}
        if patient_id is not None and not isinstance(content.get("patient"), dict):
            content["patient"] = {"id": patient_id}
    own = name(record.get("id")) if isinstance(record, dict) else None
    id = asked_for or own or ""
    document = {"snapshot": resource, "id": id, "content": content}
    return Envelope(id, orjson.dumps(document, option=orjson.OPT_SORT_KEYS))


def _cut(record: Mapping[str, object], depth: int) -> dict[str, object]:
    return {field: _part(field, value, depth) for field, value in record.items() if field not in CUT}


def _part(field: str, value: object, depth: int) -> object:
    if isinstance(value, dict):
        if field in KEPT:
            return {inner: value[inner] for inner in KEPT[field] if inner in value}
        return _cut(value, depth - 1) if field == NESTED_ITEM and depth else value
    if isinstance(value, list) and field in LISTS and depth:
        return [_cut(one, depth - 1) if isinstance(one, dict) else one for one in value]
    return value
