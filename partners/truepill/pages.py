"""Pages of pulled events, as "Get Webhook Events" and "Get Fill Request Webhook Events" give them.

A payload is written out again with sorted keys: a copy that is pulled twice then has the same bytes, whatever
the order in which the partner's server wrote its fields.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import orjson

from partners.fields import Json, date, is_plain, label, name, when
from partners.reading import Unreadable

__all__ = ["Delivery", "Page", "Pulled", "listing_of", "page_of"]

_MOST_STATUS = 599
_new = tuple.__new__
# The live contract does not show what its lists of fills call their rows.
_ROWS = ("results", "fill_requests", "data")


class Delivery(NamedTuple):
    """The partner's own record of its push: both only as far as they may stand in the clear."""

    status: str | None
    status_code: int | None


class Pulled(NamedTuple):
    """One event of a page: its payload as bytes, its time in Unix seconds where it has one, its delivery.

    `named`: the payload itself says which request, consult or prescription it is about.
    """

    body: bytes
    at: int | None
    delivery: Delivery | None
    named: bool


class Page(NamedTuple):
    """Events in the partner's order, and the token of the next page; None on the last one."""

    events: tuple[Pulled, ...]
    next: str | None


def page_of(document: object) -> Page | None:
    """The page that a document is; None for a document of another shape.

    What stands among the results without being an event is kept as it is: the door quarantines it. Raises
    orjson.JSONEncodeError for one that is nested more than 250 deep.
    """
    if type(document) is not dict:
        return None
    results, token = document.get("results"), document.get("next_page_token")
    if type(results) is not list or not (token is None or type(token) is str):
        return None
    return Page(tuple(_pulled(row) for row in results), token or None)


def listing_of(document: object) -> Page | None:
    """The page of a list of fill requests; None for a document of another shape.

    Each row is kept as it is, at the time at which its request was made; `named` says whether it prints the
    request's id.
    """
    if type(document) is not dict:
        return None
    rows = next((found for field in _ROWS if type(found := document.get(field)) is list), None)
    token = document.get("next_page_token")
    if rows is None or not (token is None or type(token) is str):
        return None
    return Page(tuple(_listed(row) for row in rows), token or None)


def _listed(row: object) -> Pulled:
    if type(row) is not dict:
        return Pulled(_bytes(row), None, None, False)
    return Pulled(_bytes(row), date(row.get("created_at")), None, name(row.get("request_id")) is not None)


def _pulled(row: object) -> Pulled:
    payload = row.get("payload") if type(row) is dict else None
    if type(row) is not dict or type(payload) is not dict:
        return Pulled(_bytes(row), None, None, True)
    delivery = _delivery(row.get("delivery_data"))
    return _new(Pulled, (_bytes(payload), _at(payload), delivery, _is_named(payload)))


def _bytes(value: object) -> bytes:
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)


def _at(payload: Json) -> int | None:
    try:
        return when(payload.get("timestamp"))
    except Unreadable:
        return None


def _delivery(value: object) -> Delivery | None:
    if type(value) is not dict:
        return None
    status, code = value.get("status"), value.get("status_code")
    return _said(status if type(status) is str else None, code if type(code) is int else None)


@lru_cache(maxsize=64)  # of the few that there are, one comes with every event
def _said(status: str | None, code: int | None) -> Delivery | None:
    plain = status if status is not None and is_plain(status) else None
    known = code if code is not None and 0 < code <= _MOST_STATUS else None
    return Delivery(plain, known) if plain or known else None


def _is_named(payload: Json) -> bool:
    """Whether a copy that was pulled by no request's URL can be told whose it is.

    In doubt it can, as is every type that no request's events would bring again: what cannot be read is then
    quarantined, where it is seen.
    """
    details = payload.get("details")
    if type(details) is not dict or label(payload.get("callback_type")) not in _OF_A_REQUEST:
        return True
    return any(place.get(name) for place in (payload, details) for name in _NAMES)


#: Types, by label, whose copies come with the events of their request, by its URL.
_OF_A_REQUEST = frozenset(
    {
        "ORDER",
        "SHIPMENT",
        "ORDERCLAIM",
        "ORDERCLAIMS",
        "TRANSFER",
        "TRANSFERCONTACT",
        "DIRECTTRANSFER",
        "DIRECTTRANSFERV2",
        "COPAY",
        "PRIORAUTH",
        "COVERAGE",
        "CONSULT",
        "FILE",
    }
)
#: What a callback's readers take as its entity's name, or as another name of it.
_NAMES = (
    "request_id",
    "consult_id",
    "transfer_token",
    "url_token",
    "direct_transfer_token",
    "direct_transfer_id",
    "copay_token",
    "copay_request_token",
    "coverage_request_token",
)
