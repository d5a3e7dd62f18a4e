"""HealNow's callbacks to facts: pure. Each is about one prescription, and says how its payment stands.

No reference prints them: they are as integrators' public code reads them, `{"type": "prescription::paid",
"data": {...}}`, with names that differ from one to the other. None has a time or an id of its own.
"""

from __future__ import annotations

from partners.drift import Unseen, unseen_in
from partners.envelopes import opened
from partners.fields import Hash, Json, is_plain, label
from partners.healnow.contract import CALLBACK, CALLBACK_TYPES
from partners.healnow.prescriptions import prescription, stated
from partners.reading import Reading, Unreadable

__all__ = ["read"]

#: By the status in the type: the signal, and the code that tells apart what has the same one.
SIGNALS = {
    "pending": ("payment:pending", None),
    "paid": ("payment:paid", None),
    "moto": ("payment:moto", None),
    "canceled": ("payment:cancelled", None),
    "manually_canceled": ("payment:cancelled", "manually_canceled"),
    "removed": ("payment:removed", None),
}
_TYPES = {label(callback_type): callback_type for callback_type in CALLBACK_TYPES}
_TYPES |= {spelled.replace("CANCELED", "CANCELLED"): known for spelled, known in _TYPES.items()}


def read(body: bytes, hash: Hash, url_id: str | None = None) -> Reading:
    """What a callback's body states: one fact about a payment, without a time.

    `hash` is a keyed hash of (domain, value). Callbacks are never pulled, so there is no `url_id` to look at.
    Raises Unreadable; neither its text nor a chained exception holds anything of the body.
    """
    content = opened(body)
    stated_type = content.get("type")
    if stated_type is None or stated_type == "":
        raise Unreadable("missing_type")
    callback_type = _TYPES.get(label(stated_type))
    if callback_type is None:
        unknown = Unreadable("unknown_type")
        shown = stated_type if type(stated_type) is str and _is_plain_type(stated_type) else "?"
        unknown.unseen = (Unseen("type", shown, shown),)
        raise unknown
    unseen = unseen_in(CALLBACK, callback_type, content)
    try:
        found = prescription(_data(content), price="amount_in_cents")
        signal, code = SIGNALS[CALLBACK_TYPES[callback_type]]
        fact = stated(found, signal, code, hash)
    except Unreadable as error:
        error.callback_type = callback_type
        error.unseen = unseen
        raise
    forms = tuple(Unseen("form", callback_type, form) for form in found.forms)
    return Reading(callback_type, (fact,), unseen + forms)


def _data(content: Json) -> Json:
    data = content.get("data")
    if type(data) is not dict:
        raise Unreadable("bad_details")
    return data


def _is_plain_type(stated: str) -> bool:
    return is_plain(stated.replace(":", ""))
