"""Registering a request that the partner accepted, so that its clock runs before the first news of it."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Any, NamedTuple

import psycopg

from statemachine import DERIVATIONS, MACHINES, deadline
from store.crypto.keyed_hash import KeyedHash
from store.db import arrays
from store.ledger import aliases as alias_store
from store.ledger import derivations, entities, feed, postings, rechecks
from store.ledger.aliases import AliasRow
from store.ledger.model import ChangeRow, EntityRow, PostingRow, Recheck, recheck_id, summary_of

__all__ = ["Registered", "register", "unknown"]

Connection = psycopg.Connection[Any]


class Registered(NamedTuple):
    """Where the entity stands; `deadline` is in Unix seconds.

    `registered` says that this call did it, `known` that the entity was there before, by whatever means.
    """

    kind: str
    key: str
    state: str
    registered: bool
    known: bool
    deadline: int | None


def register(
    conn: Connection,
    keyed_hash: KeyedHash,
    kind: str,
    key: str,
    *,
    links: Iterable[tuple[str, str]] = (),
    aliases: Iterable[str] = (),
    now: datetime,
) -> Registered:
    """Make the entity in its machine's first state, or add to what is known of it; one transaction.

    `links` are (domain, value) of every name that is known of it, its own key among them; `aliases` are its
    other names; both have been checked by whoever calls. `now` is aware. Again with the same changes nothing.
    Raises KeyError for a kind without a machine, and psycopg.Error, after which nothing has happened.
    """
    machine = MACHINES[kind]
    with conn.transaction():
        if others := [AliasRow(kind, alias, key) for alias in set(aliases) - {key}]:
            alias_store.add(conn, others)  # what waited for it is due at once: the sweeper sends the hint
        (row,) = entities.lock_entities(conn, [(kind, key, machine.initial)])
        known = row.last_at is not None or row.registered_at is not None
        at = int(now.timestamp())
        start = at if row.registered_at is None else min(at, row.registered_at)
        due = deadline(machine, summary_of(row), start)
        if (start, due) != (row.registered_at, row.deadline):
            # The earliest registration starts the clock, whichever of two was committed first.
            entities.register_entity(conn, row.id, start, due)
        if names := sorted({PostingRow(keyed_hash.link(*link), row.id, link[0]) for link in links}):
            postings.add_postings(conn, names)
            _queue_rechecks(conn, keyed_hash, row)
        if not known:
            feed.add_changes(conn, [ChangeRow(row.id, None, row.state, None, None, None)])
    return Registered(kind, key, row.state, row.registered_at is None, known, due)


def unknown(conn: Connection, kind: str, keys: Collection[str]) -> set[str]:
    """Those of these keys under which there is no entity."""
    rows = conn.execute(
        "SELECT key FROM unnest(%(keys)s::text[]) AS n (key) "
        "WHERE NOT EXISTS (SELECT FROM entities e WHERE e.kind = %(kind)s AND e.key = n.key)",
        {"keys": arrays.texts(sorted(keys)), "kind": kind},
    )
    return {key for (key,) in rows}


def _queue_rechecks(conn: Connection, keyed_hash: KeyedHash, row: EntityRow) -> None:
    """Queue rechecks of what others may mean for it, and it for others, by the names that it got."""
    found = derivations.causes_of(conn, {row.kind: [row.id]}) if row.kind in derivations.EFFECTS else set()
    stands = summary_of(row)
    for one in DERIVATIONS:
        if one.cause == row.kind and one.implies(stands):
            found.add(Recheck(one.name, row.kind, row.key))
    if found:
        rechecks.queue_again(conn, [recheck_id(keyed_hash, one) for one in found])
