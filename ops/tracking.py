"""Registering a request from Python, as `rxledger track` does."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

import orjson
import psycopg

from partners.fields import name
from partners.truepill.aliases import ALIASES
from partners.truepill.answers import (
    JOINED_BY,
    accepted_at,
    changes_another,
    is_refusal,
    names_of,
    of_another,
    relations_of,
)
from partners.truepill.quantities import asked_quantities
from statemachine import MACHINES
from store.crypto.keyed_hash import KeyedHash
from store.ledger import entities, event_facts
from store.ledger.model import quantities_name
from store.ledger.registration import Registered, register
from store.pulls import poll_schedule
from workers.apply.model import Tools
from workers.apply.replay import replay

__all__ = ["NotACreate", "NotAccepted", "OfAnother", "check_answer", "track"]


class NotAccepted(Exception):
    """The partner's answer says that it refused the request: there is nothing to wait for."""


class NotACreate(Exception):
    """An update or a cancellation names itself and no request: nothing will ever be heard under that name."""


class OfAnother(Exception):
    """The answer is that of another request."""


def check_answer(kind: str, key: str, answer: Mapping[str, object]) -> None:
    """Whether what the partner answered lets a request be registered under this name.

    Raises NotAccepted, NotACreate, OfAnother.
    """
    if is_refusal(answer):
        raise NotAccepted("by its answer the partner did not accept the request")
    if changes_another(key, answer):
        raise NotACreate("an update or a cancellation is no request of its own: register what it changes")
    if of_another(kind, key, answer):
        raise OfAnother("the answer is that of another request: it has another request_id")


def track(
    conn: psycopg.Connection[Any],
    keyed_hash: KeyedHash,
    kind: str,
    key: str,
    *,
    metadata: str | None = None,
    aliases: Iterable[str] = (),
    answer: Mapping[str, object] | None = None,
    request: Mapping[str, object] | None = None,
    now: datetime,
    tools: Tools | None = None,
) -> Registered:
    """Register a request that the partner accepted; one transaction, which may stand in one of the caller's.

    With `tools` the quantities that a request asks for are kept, sealed, and what is known already of it is
    read again beside them, in a transaction behind that one.

    `answer` is what the partner answered, decoded; the names in it lead to the entity, and the tokens that
    name the request itself become its aliases. `request` is what was sent, decoded: it alone says which order
    it replaces or refers to. `now` is aware. Raises ValueError for an unknown kind, and for a key or alias
    that is not 1 to 128 characters of [A-Za-z0-9_.-]; NotAccepted, NotACreate, OfAnother; Unreadable when
    request and answer hold thousands of names; psycopg.Error. None of their texts repeats what was given.
    """
    aliases = tuple(aliases)
    if kind not in MACHINES:
        raise ValueError("the kind has no machine")
    if any(name(given) is None for given in (key, *aliases)):
        raise ValueError("a key or alias wants 1 to 128 characters of [A-Za-z0-9_.-]")
    check_answer(kind, key, answer or {})
    links, names = names_of(kind, key, answer or {}, request or {}, metadata, aliases)
    with conn.transaction():
        done = register(
            conn,
            keyed_hash,
            kind,
            key,
            links=links,
            aliases=names,
            relations=relations_of(kind, key, request or {}),
            joined_by=JOINED_BY.get(kind, ()),
            renamed=kind in JOINED_BY or kind in ALIASES,
            accepted_at=accepted_at(kind, answer or {}, int(now.timestamp())),
            now=now,
        )
        if done.joined:
            poll_schedule.forget(conn, done.joined)
        asked = asked_quantities(kind, request or {}) if tools is not None else {}
        if tools is not None and asked:
            sealed = tools.sealer.seal(orjson.dumps(asked), quantities_name(kind, done.key))
            entities.keep_quantities(conn, kind, done.key, sealed)
    if tools is not None and asked and done.known:
        # Not in that transaction: it would lock what replays lock, in another order.
        _refold(conn, kind, done.key, tools)
    return done


def _refold(conn: psycopg.Connection[Any], kind: str, key: str, tools: Tools) -> None:
    seqs = event_facts.events_stating(conn, entities.ids_of(conn, kind, [key]))
    if seqs:
        replay(conn, seqs, tools, dry_run=False)
