"""A fill's create that carries its payment, sent to the pharmacy once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

import psycopg

from partners.fields import name
from partners.truepill.answers import changes_another, is_refusal
from store.crypto.sealing import Sealer
from store.payments.intents import Intent, Subject
from workers.push.once import Outgoing, PartnerRefused, send_once

__all__ = ["SURFACE", "Posts", "Register", "send_payment_block", "subject_of"]

SURFACE, PATH = "fill_request", "/v1/fill_request"

#: Registers the new fill, given its key, the request and the answer; part of the caller's transaction.
Register = Callable[[psycopg.Connection[Any], str, Mapping[str, Any], Mapping[str, Any]], None]


class Posts(Protocol):
    """A partner that is written to: `partners.wire.Wire.post`."""

    def post(self, surface: str, path: str, document: object, idempotency_key: str | None = None) -> Any: ...


def subject_of(fill: str) -> Subject:
    """What stands for the payment of the fill of this key."""
    return Subject("payment_block", "fill_request", fill)


def send_payment_block(
    conn: psycopg.Connection[Any],
    sealer: Sealer,
    partner: Posts,
    fill: str,
    request: Mapping[str, Any],
    register: Register,
) -> Intent:
    """Send the create `request`, which refers to `fill`, unless that was done before. The intent is done.

    Its `answer_id` is the key of the new fill, registered in the transaction that records the answer. Raises
    PushFailed and psycopg.Error.
    """
    return send_once(
        conn,
        sealer,
        Outgoing(
            subject_of(fill),
            request,
            lambda _: partner.post(SURFACE, PATH, request),
            _new_fill,
            lambda conn, key, answer: register(conn, key, request, answer),
        ),
    )


def _new_fill(answer: Any) -> str | None:
    """The new fill's key. Raises PartnerRefused where the answer, though of success by HTTP, says error."""
    if not isinstance(answer, dict):
        return None
    if is_refusal(answer):
        raise PartnerRefused("by its answer the partner did not accept the request")
    key = name(answer.get("request_id"))
    # The id of a change to a fill is no fill: of it nothing is ever heard.
    return None if key is None or changes_another(key, answer) else key
