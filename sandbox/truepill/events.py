"""Pulled events, "Get Webhook Events".

Readings: the second `$lte` of the operators' table is `$gte`; `id` is the id by which an event's entity is
known (a request_id, or the prescription_token of a NOTIFY_RX), since no event has one of its own; a value
without an operator means equal. Only NOTIFY_RX can be pulled by its type; the live contract adds the others,
a pull without a type, `request_id` and `limit`.
"""

from __future__ import annotations

import operator as compare
from collections.abc import Callable
from typing import Any

import orjson
from pydantic import Field

from sandbox.endpoint import Answer, Call, Endpoint, Query
from sandbox.engine import Turn
from sandbox.ids import opaque
from sandbox.ledger import OPERATORS, Event
from sandbox.misbehave import is_whole
from sandbox.truepill.errors import invalid, not_found

__all__ = [
    "ENDPOINTS",
    "EventQuery",
    "LiveEventQuery",
    "Page",
    "comparison",
    "conditions",
    "holds",
    "page",
    "shifted",
]

PAGE = 100
LARGEST = 1 << 53
#: Types that the reference's table of webhook types lists.
LISTED = ("NOTIFY_RX",)
Condition = tuple[str, str, Any]
#: The sandbox keeps the events of all partners together.
OURS: Condition = ("partner", "$eq", "truepill")
COMPARE = {
    "$eq": compare.eq,
    "$lt": compare.lt,
    "$lte": compare.le,
    "$gt": compare.gt,
    "$gte": compare.ge,
}


class EventQuery(Query):
    """`{operator}:{value}`, several conditions on one field by saying it again."""

    id: list[str] = []
    timestamp: list[str] = []
    status: list[str] = []
    next: list[str] = []


class LiveEventQuery(EventQuery):
    request_id: list[str] = []
    limit: int = Field(PAGE, ge=1, le=PAGE)


class Delivery(Answer):
    status: str
    status_code: int | None


class PulledEvent(Answer):
    payload: dict[str, Any]
    delivery_data: Delivery


class Page(Answer):
    results: list[PulledEvent]
    next_page_token: str | None


def conditions(field: str, values: list[str], *, number: bool) -> list[Condition]:
    """Read `$gt:5`, `$eq:x` or `x`. Raises Refusal."""
    found = [comparison(field, value, _number if number else str) for value in values]
    if not number and any(operator != "$eq" for _, operator, _ in found):
        raise invalid((field, "can only be compared with $eq"))
    return found


def comparison(field: str, text: str, read: Callable[[str], Any]) -> Condition:
    """One condition; `read` raises ValueError for what is no value of the field. Raises Refusal."""
    operator, colon, value = text.partition(":")
    if not (text.startswith("$") and colon):
        operator, value = "$eq", text
    if operator not in OPERATORS:
        raise invalid((field, f"must use one of [{', '.join(OPERATORS)}]"))
    try:
        return field, operator, read(value)
    except ValueError:
        raise invalid((field, "must be a number" if read is _number else "is invalid")) from None


def holds(known: float, operator: str, value: float) -> bool:
    """Whether a number that is known fulfils a condition."""
    return bool(COMPARE[operator](known, value))


def _number(text: str) -> int:
    """What no time can be compares as the largest that can."""
    return max(-LARGEST, min(LARGEST, int(text)))


def _by_type(turn: Turn, call: Call) -> dict[str, Any]:
    type_ = call.path["webhook_type"].upper()
    if type_ not in LISTED:
        raise not_found()
    return page(turn, call.query, [("type", "$eq", type_)])


def _by_any_type(turn: Turn, call: Call) -> dict[str, Any]:
    return page(turn, call.query, [("type", "$eq", call.path["webhook_type"].upper())])


def _all(turn: Turn, call: Call) -> dict[str, Any]:
    return page(turn, call.query, [])


def page(turn: Turn, query: EventQuery, fixed: list[Condition]) -> dict[str, Any]:
    """A page of the events that match. A `next` brings its query along: what else is said is ignored."""
    wanted, limit = _wanted(turn, query, fixed)
    found = turn.ledger.find(turn.customer.name, [OURS, *wanted], limit + 1)
    token = None
    if len(found) > limit:
        last = found[shifted(turn, limit - 1, len(found))]
        rest = [*(row for row in wanted if row[0] != "after"), ("after", "$gt", (last.timestamp, last.id))]
        token = _promise(turn, [wanted if turn.strikes("repeat_page") else rest, limit])
    return {"results": [_pulled(turn, event) for event in found[:limit]], "next_page_token": token}


def shifted(turn: Turn, place: int, length: int) -> int:
    """Where a page really ends: a place or two before or behind, when the profile shifts pages."""
    if not turn.strikes("shift_page"):
        return place
    return max(0, min(length - 1, place + (1 if turn.draw("shift") < 0.5 else -2)))


def _wanted(turn: Turn, query: EventQuery, fixed: list[Condition]) -> tuple[list[Condition], int]:
    if query.next:
        if turn.strikes("expire_page"):
            raise invalid(("next", "is not a valid page token"))
        kept = turn.ledger.page(query.next[-1].removeprefix("$eq:"), turn.customer.name)
        if kept is None:
            raise invalid(("next", "is not a valid page token"))
        rows, limit = kept
        return [(field, operator, value) for field, operator, value in rows], limit
    asked = [
        *conditions("id", query.id, number=False),
        *conditions("timestamp", query.timestamp, number=True),
        *conditions("status", query.status, number=False),
    ]
    if not isinstance(query, LiveEventQuery):
        return [*fixed, *asked], PAGE
    ids = [
        ("id", operator, value)
        for _, operator, value in conditions("request_id", query.request_id, number=False)
    ]
    return [*fixed, *asked, *ids], query.limit


def _promise(turn: Turn, query: list[Any]) -> str:
    """The token of the next page; the same page has the same one."""
    token = opaque(turn.ids.seed, orjson.dumps([turn.customer.name, "events", query]))
    turn.ledger.keep_page(token, turn.customer.name, query, turn.now)
    return token


def _pulled(turn: Turn, event: Event) -> dict[str, Any]:
    whole = is_whole(turn.profile, turn.ids.seed, event.id)
    payload = orjson.loads(event.body if whole else event.pulled or event.body)
    if event.pulled is None and not whole:
        # As printed: pulled copies have neither.
        for name in ("request_id", "status"):
            payload.pop(name, None)
    return {
        "payload": payload,
        "delivery_data": {"status": event.status, "status_code": event.status_code},
    }


BY_TYPE = "/v1/webhook_events/{webhook_type}"
ENDPOINTS = (
    Endpoint("GET", BY_TYPE, "Pull events of one type", _by_type, Page, query=EventQuery),
    Endpoint("GET", BY_TYPE, "Pull events of one type", _by_any_type, Page, query=LiveEventQuery, live=True),
    Endpoint("GET", "/v1/webhook_events", "Pull events", _all, Page, query=LiveEventQuery, live=True),
)
