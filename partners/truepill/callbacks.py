"""Truepill callbacks to facts: pure, and on the hot path of every event.

Every type of the reference has one function that says what a copy of it states. What cannot be read raises
Unreadable with a reason, so that the body is kept in quarantine and read again once we understand it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from partners.drift import Unseen
from partners.envelopes import opened
from partners.fields import EMPTY, Hash, Json, has_strange_form, key_of, label, moment_of
from partners.reading import Reading, Stated, Unreadable
from partners.truepill import claims, consults, copays, coverages, orders, prescriptions, transfers
from partners.truepill.aliases import aliases_of
from partners.truepill.build_facts import Copy, details_of
from partners.truepill.drift import unseen
from partners.truepill.envelopes import RESOURCE_OF

__all__ = ["read"]

_new = tuple.__new__


def read(body: bytes, hash: Hash, url_id: str | None = None) -> Reading:
    """What a callback's body states, with its time in whole seconds of Unix time and the milliseconds.

    `hash` is a keyed hash of (domain, value), used for discriminators and for codes that are free text.
    `url_id` is the request's id in the URL that a copy was pulled from: pulled copies lack it in their body.
    Raises Unreadable; neither its text nor a chained exception holds anything of the body.
    """
    content = opened(body)
    stated_type = content.get("callback_type")
    if stated_type is None or stated_type == "":
        raise Unreadable("page" if "results" in content else "missing_type")
    callback_type = _TYPES.get(label(stated_type))
    if callback_type is None:
        unknown = Unreadable("unknown_type")
        unknown.unseen = unseen(None, content)
        raise unknown
    reader = _READERS.get(callback_type)
    if reader is None:
        raise Unreadable("no_machine", callback_type)
    try:
        details = details_of(content)
        key = reader.key(content, details or EMPTY, url_id)
        # Without a key any other name of the request will do, where its kind has such names.
        known = None if key is None and aliases_of(reader.kind, content) else key_of(key)
        timestamp = content.get("timestamp")
        at, millisecond = moment_of(timestamp)
        copy = _new(Copy, (content, details, known, at, hash, millisecond))
        news = unseen(callback_type, content)
        if forms := has_strange_form(timestamp, key):
            news += tuple(Unseen("form", callback_type, form) for form in forms)
        return _new(Reading, (callback_type, reader.read(copy), news))
    except Unreadable as error:
        error.callback_type = callback_type
        if error.reason == "missing_status" and url_id is not None and reader.kind in RESOURCE_OF:
            error.wanted = (reader.kind, url_id)
        # A renamed field matters most where it keeps us from reading.
        error.unseen = unseen(callback_type, content)
        raise


def _request(content: Json, details: Json, url_id: str | None) -> object:
    found = content.get("request_id")
    return url_id if found is None else found


def _coverage(content: Json, details: Json, url_id: str | None) -> object:
    return _first(content.get("request_id"), details.get("coverage_request_token"), url_id)


def _consult(content: Json, details: Json, url_id: str | None) -> object:
    return _first(content.get("consult_id"), details.get("consult_id"), url_id)


def _prescription(content: Json, details: Json, url_id: str | None) -> object:
    return details.get("prescription_token")  # there is no request, so an id in the URL is another thing's


def _first(*names: object) -> object:
    return next((found for found in names if found is not None), None)


class _Reader(NamedTuple):
    """What a type is about, where the key of that stands, and what a copy of it states."""

    kind: str
    key: Callable[[Json, Json, str | None], object]
    read: Callable[[Copy], tuple[Stated, ...]]


_READERS = {
    "ORDER": _Reader("fill_request", _request, orders.order),
    "SHIPMENT": _Reader("fill_request", _request, orders.shipment),
    "ORDER_CLAIM": _Reader("fill_request", _request, claims.order_claim),
    "TRANSFER": _Reader("transfer", _request, transfers.transfer),
    "TRANSFER_CONTACT": _Reader("transfer", _request, transfers.transfer_contact),
    "DIRECT_TRANSFER": _Reader("direct_transfer", _request, transfers.direct_transfer),
    "DIRECT_TRANSFER_V2": _Reader("direct_transfer", _request, transfers.direct_transfer),
    "COPAY": _Reader("copay", _request, copays.copay),
    "PRIOR_AUTH": _Reader("prior_auth", _request, copays.prior_auth),
    "COVERAGE": _Reader("coverage", _coverage, coverages.coverage),
    "CONSULT": _Reader("consult", _consult, consults.consult),
    "FILE": _Reader("consult", _consult, consults.file),
    "NOTIFY_RX": _Reader("prescription", _prescription, prescriptions.notify_rx),
}

# Known from the partner's live contract alone, where they can be pulled; no machine is about them.
_WITHOUT_A_MACHINE = ("CONSULT_TASK", "CONTACT", "TRANSFER_OUT", "VISIT")

# Spelled as `label` gives it: the name of the order claim is printed nowhere, so near names are accepted.
_TYPES = {
    **{label(name): name for name in (*_READERS, *_WITHOUT_A_MACHINE)},
    "ORDERCLAIMS": "ORDER_CLAIM",
}
