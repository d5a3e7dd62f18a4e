"""Registering a request that the partner accepted, so that its clock runs before the first news of it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import psycopg

from statemachine import DERIVATIONS, MACHINES, deadline
from store.crypto.keyed_hash import KeyedHash
from store.db import arrays
from store.ledger import aliases as alias_store
from store.ledger import derivations, entities, feed, joins, payment_names, payments, postings, rechecks
from store.ledger.aliases import AliasRow
from store.ledger.model import JOIN, ChangeRow, EntityRow, PostingRow, Recheck, recheck_id, summary_of
from store.ledger.relations import Relation, add_relations

__all__ = ["Registered", "register", "unknown"]

Connection = psycopg.Connection[Any]


class Registered(NamedTuple):
    """Where the entity stands; `deadline` is in Unix seconds.

    `key` is the entity's, which may have another name than it was registered by. `registered` says that this
    call did it, `known` that the entity was there before, by whatever means. `joined` are the ids of entities
    that turned out to be this one and are gone.
    """

    kind: str
    key: str
    state: str
    registered: bool
    known: bool
    deadline: int | None
    joined: tuple[int, ...] = ()


def register(
    conn: Connection,
    keyed_hash: KeyedHash,
    kind: str,
    key: str,
    *,
    links: Iterable[tuple[str, str]] = (),
    aliases: Iterable[str] = (),
    relations: Collection[tuple[Relation, str]] = (),
    joined_by: Sequence[str] = (),
    renamed: bool = False,
    accepted_at: int | None = None,
    now: datetime,
) -> Registered:
    """Make the entity in its machine's first state, or add to what is known of it; one transaction.

    `links` are (domain, value) of every name that is known of it, its own key among them; `aliases` are its
    other names; `relations` what it is to earlier requests of its kind, by their keys. All have been checked
    by whoever calls. `renamed`: requests of this kind go by several names, so what was registered under
    another of them, and of which nothing was heard, is this one.

    `joined_by` are domains of names, where callbacks name a request otherwise than its answer does: it is the
    heard entity that carries a name of each (`store.ledger.joins`). `accepted_at`: when the partner says that
    it accepted it, in seconds of Unix time.

    `now` is aware. Again with the same changes nothing. Raises KeyError for a kind without a machine, and
    psycopg.Error, after which nothing has happened.
    """
    machine = MACHINES[kind]
    with conn.transaction():
        others = set(aliases) - {key}
        if others or joined_by:
            joins.hold_names(conn, kind, {key, *others})
        if joined_by and (own := _joined_to(conn, kind, key)) is not None:
            key, others = own, others - {own}
        if others:  # what waited for it is due at once: the sweeper sends the hint
            alias_store.add(conn, [AliasRow(kind, alias, key) for alias in others])
        # Where a request has one name only, to give another's by mistake takes nothing away.
        given_up = entities.unheard(conn, kind, others) if others and renamed else []
        named = {name for _, name in given_up}
        rows = entities.lock_entities(conn, [(kind, name, machine.initial) for name in sorted({key, *named})])
        row = next(row for row in rows if row.key == key)
        known = _is_known(row)
        registered = all(row.registered_at is None for row in rows)
        joined = []
        for other in rows:
            if other.key != key and other.last_at is None:
                row = joins.absorb(conn, other, row, told=known)
                known = known or _is_known(other)
                joined.append(other.id)
        row = _dated(conn, row, int(now.timestamp()))
        names = sorted({PostingRow(keyed_hash.link(*link), row.id, link[0]) for link in links})
        if names:
            postings.add_postings(conn, names)
        if relations:
            add_relations(conn, row.id, relations)
        if joined_by and (heard := _heard(conn, row, joined_by, accepted_at)) is not None:
            joined.append(row.id)
            row, known = heard, True
        if names or relations:
            _queue_rechecks(conn, keyed_hash, row)
        if not known:
            feed.add_changes(conn, [ChangeRow(row.id, None, row.state, None, None, None)])
    return Registered(kind, row.key, row.state, registered, known, row.deadline, tuple(joined))


def _is_known(row: EntityRow) -> bool:
    return row.last_at is not None or row.registered_at is not None


def _joined_to(conn: Connection, kind: str, name: str) -> str | None:
    """The key of the one entity that goes by this name and is not known by it."""
    keys = alias_store.keys_by_alias(conn, [(kind, name)]).get((kind, name), set())
    return keys.pop() if len(keys) == 1 and name in unknown(conn, kind, [name]) else None


def _dated(conn: Connection, row: EntityRow, at: int) -> EntityRow:
    """The earliest registration starts the clock, whichever of two was committed first."""
    start = at if row.registered_at is None else min(at, row.registered_at)
    due = deadline(MACHINES[row.kind], summary_of(row), start)
    if (start, due) != (row.registered_at, row.deadline):
        entities.register_entity(conn, row.id, start, due)
    return row._replace(registered_at=start, deadline=due)


def _heard(
    conn: Connection, row: EntityRow, joined_by: Sequence[str], accepted_at: int | None
) -> EntityRow | None:
    """The entity that its callbacks have made already, which it is from now on; None for none or several."""
    if row.last_at is not None:
        return None
    if accepted_at is not None:
        joins.accepted(conn, row.id, accepted_at)
    found = joins.pairs(conn, [row.id], joined_by)
    return joins.join(conn, found[0]) if found else None


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
    if row.kind in payment_names.PAID_FOR:
        concerned = payment_names.concerned(conn, [row.id])
        keys = {*concerned.payments, *payments.payments_to(conn, row.id)}
        found |= {Recheck(JOIN, payment_names.PAYMENT, key) for key in keys}
    if found:
        rechecks.queue_again(conn, [recheck_id(keyed_hash, one) for one in found])
