"""Registering a request that the partner accepted, so that its clock runs before the first news of it."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Any, NamedTuple

import psycopg

from statemachine import DERIVATIONS, MACHINES, Summary, deadline
from store.crypto.keyed_hash import Lookup
from store.db import arrays
from store.ledger import aliases as alias_store
from store.ledger import derivations, entities, facts, rechecks
from store.ledger.aliases import Claim

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


# The earliest registration starts the clock, whichever of two was committed first.
_REGISTER = """
UPDATE entities SET registered_at = to_timestamp(%s), deadline = to_timestamp(%s) WHERE id = %s
"""


def register(
    conn: Connection,
    lookup: Lookup,
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
        if names := [Claim(kind, alias, key) for alias in set(aliases) - {key}]:
            alias_store.add(conn, names)  # what waited for it is due at once: the sweeper sends the hint
        (row,) = entities.claim_entities(conn, [(kind, key, machine.initial)])
        known = row.last_at is not None or row.registered_at is not None
        at = int(now.timestamp())
        start = at if row.registered_at is None else min(at, row.registered_at)
        summary = Summary(row.state, row.since, row.moved_by, row.outcome, row.review, row.last_at, row.due)
        due = deadline(machine, summary, start)
        if (start, due) != (row.registered_at, row.deadline):
            conn.execute(_REGISTER, (start, due, row.id))
        if postings := sorted({(lookup.link(*link), row.id, link[0]) for link in links}):
            facts.add_postings(conn, [facts.PostingRow._make(posting) for posting in postings])
            _look(conn, lookup, row)
        if not known:
            facts.add_changes(conn, [facts.ChangeRow(row.id, None, row.state, None, None, None)])
    return Registered(kind, key, row.state, row.registered_at is None, known, due)


def unknown(conn: Connection, kind: str, keys: Collection[str]) -> set[str]:
    """Those of these keys under which there is no entity."""
    rows = conn.execute(
        "SELECT key FROM unnest(%s::text[]) AS n (key) "
        "WHERE NOT EXISTS (SELECT FROM entities e WHERE e.kind = %s AND e.key = n.key)",
        (arrays.texts(sorted(keys)), kind),
    )
    return {key for (key,) in rows}


def _look(conn: Connection, lookup: Lookup, row: entities.EntityRow) -> None:
    """Queue looks at what others may mean for it, and it for others, by the names that it got."""
    found = derivations.causes_of(conn, {row.kind: [row.id]}) if row.kind in derivations.EFFECTS else set()
    stands = Summary(*row[3:10])
    for one in DERIVATIONS:
        if one.cause == row.kind and one.implies(stands):
            found.add(rechecks.Look(one.name, row.kind, row.key))
    if found:
        rechecks.queue_known(conn, [rechecks.id_of(lookup, look) for look in found])
