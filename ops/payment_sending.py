"""Sending a fill's payment from Python, as `rxledger payment-block --send` does."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any, NamedTuple

import orjson
import psycopg

from ops.tracking import track
from partners.faults import NotGranted
from partners.truepill.answers import names_of
from partners.truepill.client import Client
from partners.wire import Wire
from store.payments import intents
from store.payments.intents import Intent
from workers.apply.model import Tools
from workers.push.once import stands
from workers.push.payment_block import Posts, send_payment_block, subject_of

__all__ = ["Sent", "ask_first", "register_carrier", "send_payment", "sent_before"]

Connection = psycopg.Connection[Any]
Json = Mapping[str, Any]


class Sent(NamedTuple):
    """`fill` is the key of the new fill; `before`: it was sent by an earlier run."""

    fill: str
    intent: int
    before: bool


def ask_first(wire: Wire, fill: str) -> None:
    """Read the fill, so that what may be made once is not what a partner that failed is tried again by.

    That it does not give the fill is an answer. Raises CallFailed, NotNow.
    """
    with suppress(NotGranted):
        Client(wire).fill_request(fill)


def sent_before(conn: Connection, tools: Tools, fill: str) -> Sent | None:
    """The create that carried the payment of this fill; None where none was sent.

    Raises PushFailed where it may have been sent, or is being sent.
    """
    found = intents.standing(conn, subject_of(fill))
    if found is None or found.state == "intended":
        return None
    return _done(conn, tools, stands(conn, found), before=True)


def send_payment(conn: Connection, tools: Tools, partner: Posts, fill: str, request: Json) -> Sent:
    """Send the create `request`, which carries the payment of `fill`, once; the new fill is registered.

    Raises PushFailed; Unreadable where the request holds more names than one can have; psycopg.Error.
    """
    names_of("fill_request", fill, {}, request)

    def register(conn: Connection, key: str, request: Json, answer: Json) -> None:
        register_carrier(conn, tools, key, request, answer)

    before = sent_before(conn, tools, fill)
    if before is not None:
        return before
    intent = send_payment_block(conn, tools.sealer, partner, fill, request, register)
    return _done(conn, tools, intent, before=False)


def register_carrier(conn: Connection, tools: Tools, key: str, request: Json, answer: Json) -> None:
    """Register the fill that carries a payment: it refers to the one before, as its request says.

    What it asks for is kept by `_done`, in a transaction of its own (`ops.tracking.track`).
    """
    track(conn, tools.keyed_hash, "fill_request", key, answer=answer, request=request, now=tools.clock())


def _done(conn: Connection, tools: Tools, intent: Intent, *, before: bool) -> Sent:
    """Keep what the new fill asks for, also where the run before died on its way there."""
    key = intent.answer_id or ""
    request = orjson.loads(tools.sealer.unseal(intent.detail, intents.context(intent.subject)))
    track(conn, tools.keyed_hash, "fill_request", key, request=request, now=tools.clock(), tools=tools)
    return Sent(key, intent.id, before)
