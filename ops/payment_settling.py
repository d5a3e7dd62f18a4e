"""What a person found out about an intent of which nobody knows whether the partner took it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson
import psycopg

from ops.payment_sending import register_carrier
from partners.healnow.checkouts import eid_of, names_of
from store.ledger import entities
from store.ledger.facts import facts_of
from store.ledger.registration import register
from store.payments import intents
from store.payments.intents import Intent, What
from workers.apply.model import Tools
from workers.push.checkout import register_session

__all__ = ["NotOpen", "is_older", "is_settleable", "settle_intent"]


#: What comes of a call that was taken. A patient is no entity.
_MAKES: Mapping[What, str] = {
    "payment_block": "fill_request",
    "checkout": "checkout",
    "checkout_prescription": "payment",
}
#: By so many seconds a partner's clock may be behind ours.
CLOCKS_APART = 600


class NotOpen(Exception):
    """It was settled by somebody else, or its answer came after all."""


def is_settleable(intent: Intent) -> bool:
    """Whether a person may settle it: it is in doubt, or was settled as not seen, which may have been wrong.

    What was said to be seen is registered with all that follows, and stays.
    """
    return intent.lost or (intent.state == "refused" and intent.code == "not_seen")


def is_older(conn: psycopg.Connection[Any], intent: Intent, seen: str) -> bool:
    """Whether there was news of what has this id before the call was made, of which it then did not come."""
    kind = _MAKES.get(intent.subject.what)
    if kind is None or intent.sent_at is None:
        return False
    rows = facts_of(conn, entities.ids_of(conn, kind, [seen]))
    first = min((row.occurred_at for row in rows), default=None)
    return first is not None and first < intent.sent_at.timestamp() - CLOCKS_APART


def settle_intent(conn: psycopg.Connection[Any], tools: Tools, intent: Intent, seen: str | None) -> None:
    """The partner has it under the id `seen`, or not at all: then it may be sent once more. One transaction.

    What follows from it having been taken is registered as if the answer had come. Raises NotOpen,
    psycopg.Error.
    """
    if seen is None:
        if not intents.settle_unknown(conn, intent, "refused", code="not_seen"):
            raise NotOpen(f"intent {intent.id} is settled already")
        return
    subject = intent.subject
    answer = tools.sealer.seal(orjson.dumps({"id": seen}), intents.context(subject))
    with conn.transaction():
        if not intent.lost and not intents.reopen(conn, intent):
            raise NotOpen(f"intent {intent.id} was settled as not seen, and it was sent once more since")
        named = None if subject.what == "checkout_patient" else seen
        if not intents.settle_unknown(conn, intent, "done", code="seen", answer_id=named, answer=answer):
            raise NotOpen(f"intent {intent.id} is settled already")
        _register(conn, tools, intent, seen)


def _register(conn: psycopg.Connection[Any], tools: Tools, intent: Intent, seen: str) -> None:
    subject = intent.subject
    sent = orjson.loads(tools.sealer.unseal(intent.detail, intents.context(subject)))
    if subject.what == "payment_block":
        register_carrier(conn, tools, seen, sent, {})
    elif subject.what == "checkout":
        ids = [item["id"] for item in sent["items"]]
        register_session(conn, tools.keyed_hash, subject.key, seen, ids, tools.clock())
    elif subject.what == "checkout_prescription":
        eid = eid_of(subject.key, subject.part)
        links = names_of(sent, {"id": seen}, None)
        register(conn, tools.keyed_hash, "payment", seen, links=links, aliases=[eid], now=tools.clock())
