"""Two entities of one request become one: the name that its answer gave it, and the one of its callbacks.

A request that is registered under the name of its answer is an entity that no callback ever speaks of, while
the callbacks make another. Where the two carry the same names of certain domains (`partners` says which), and
there is one of each and no more, the one without callbacks is given up: its names, its registration and its
place in the feed are the heard one's from then on, and its key becomes an alias. Where there are several of
either, nothing is joined: a person says which (docs/decisions/0025).

Two that carry different metadata are two requests, and so is what was heard of before the partner accepted
the registered one, or what another answer's name was joined with.

Locks: whoever registers a request holds its names (`hold_names`) before it locks anything else. Whoever joins
two that others may use takes the name and both entities only where nobody has them, so that it waits for
nobody and no order matters; what is busy is left to the sweep.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from typing import Any, NamedTuple

import psycopg

from statemachine import MACHINES, deadline
from store.db import arrays
from store.db.locks import JOINS
from store.ledger import aliases, entities, feed, payments, postings, relations
from store.ledger.aliases import AliasRow
from store.ledger.derivations import CROWD
from store.ledger.model import EntityRow, summary_of

__all__ = ["Pair", "absorb", "accepted", "candidates", "hold_names", "join", "pairs"]

Connection = psycopg.Connection[Any]

#: How far the partner's clock may run ahead of ours.
CLOCKS = "10 minutes"


class Pair(NamedTuple):
    """Ids of a registered entity of which nothing was heard, and of a heard one that may be the same."""

    unheard: int
    heard: int


def hold_names(conn: Connection, kind: str, names: Iterable[str]) -> None:
    """Keep others from joining or registering under these names until the transaction ends."""
    conn.execute(
        "SELECT pg_advisory_xact_lock(%(class)s, hash) FROM ("
        "SELECT DISTINCT hashtext(%(kind)s || ' ' || name) AS hash "
        "FROM unnest(%(names)s::text[]) AS n (name) ORDER BY hash) held",
        {"class": JOINS, "kind": kind, "names": arrays.texts(names)},
    )


_ACCEPTED = """
INSERT INTO acceptances (entity_id, accepted_at) VALUES (%(id)s, to_timestamp(%(at)s))
ON CONFLICT (entity_id) DO UPDATE SET accepted_at = least(acceptances.accepted_at, excluded.accepted_at)
"""


def accepted(conn: Connection, entity_id: int, at: int) -> None:
    """Keep when the partner says that it accepted a request, in seconds of Unix time; the earliest counts."""
    conn.execute(_ACCEPTED, {"id": entity_id, "at": at})


# From the names of each to their other carriers, and only then to the further domains: as in
# `store.ledger.derivations`, what is behind OFFSET 0 or a LIMIT runs so whatever the statistics say.
_CANDIDATES = """
SELECT DISTINCT CASE WHEN own.last_at IS NULL THEN own.id ELSE other.id END,
                CASE WHEN own.last_at IS NULL THEN other.id ELSE own.id END
FROM unnest(%(ids)s::bigint[]) AS o (id)
CROSS JOIN LATERAL (SELECT * FROM entities WHERE id = o.id OFFSET 0) own
CROSS JOIN LATERAL (
    SELECT hash FROM postings WHERE entity_id = own.id AND domain = %(first)s OFFSET 0
) name
CROSS JOIN LATERAL (
    SELECT entity_id, count(*) OVER () AS size
    FROM (SELECT entity_id FROM postings WHERE hash = name.hash LIMIT {crowd} + 1) all_carriers
) carrier
CROSS JOIN LATERAL (SELECT * FROM entities WHERE id = carrier.entity_id OFFSET 0) other
WHERE carrier.size <= {crowd} AND other.kind = own.kind AND other.id <> own.id
  AND (own.last_at IS NULL AND own.registered_at IS NOT NULL AND {other_is_free}
       OR other.last_at IS NULL AND other.registered_at IS NOT NULL AND {own_is_free})
  {further}
  AND ({shares_metadata} OR NOT ({own_metadata} AND {other_metadata}))
  AND NOT EXISTS (
      SELECT FROM acceptances a WHERE a.entity_id IN (own.id, other.id)
      AND a.accepted_at - interval '{clocks}'
          > CASE WHEN own.last_at IS NULL THEN {other_heard} ELSE {own_heard} END
  )
"""
_SHARES = """EXISTS (
    SELECT FROM postings a JOIN postings b ON b.hash = a.hash AND b.entity_id = other.id
    WHERE a.entity_id = own.id AND a.domain = {domain}
)"""
# One that was registered under its own name, or not at all: what was joined carries the other name as well.
_IS_FREE = """({of}.last_at IS NOT NULL AND ({of}.registered_at IS NULL OR (
    SELECT count(*) FROM postings WHERE entity_id = {of}.id AND domain = 'request'
) < 2))"""
# When one was heard of; what only pulls brought may have happened long before.
_HEARD = """least({of}.first_seen, (
    SELECT min(occurred_at) FROM facts WHERE entity_id = {of}.id AND NOT via @> '{{push}}'
))"""
_CARRIES = "EXISTS (SELECT FROM postings WHERE entity_id = {of}.id AND domain = 'metadata')"


def candidates(conn: Connection, entity_ids: Collection[int], by: Sequence[str]) -> list[Pair]:
    """What may be one with any of these, by names of every domain of `by`, the rarest first.

    A name of the first domain that more than CROWD entities carry says nothing about any two of them.
    """
    first, *others = by
    query = _CANDIDATES.format(
        crowd=CROWD,
        clocks=CLOCKS,
        further="".join(
            "AND " + _SHARES.format(domain=f"%(further_{number})s") for number in range(len(others))
        ),
        shares_metadata=_SHARES.format(domain="'metadata'"),
        own_is_free=_IS_FREE.format(of="own"),
        other_is_free=_IS_FREE.format(of="other"),
        own_heard=_HEARD.format(of="own"),
        other_heard=_HEARD.format(of="other"),
        own_metadata=_CARRIES.format(of="own"),
        other_metadata=_CARRIES.format(of="other"),
    )
    parameters: dict[str, object] = {"ids": arrays.numbers(entity_ids), "first": first}
    parameters |= {f"further_{number}": domain for number, domain in enumerate(others)}
    # Planned each time, for tables as large as they are.
    return [Pair._make(row) for row in conn.execute(query.encode(), parameters, prepare=False)]


def pairs(conn: Connection, entity_ids: Collection[int], by: Sequence[str]) -> list[Pair]:
    """The pairs, each with one of these, of which each is the only one that the other may be.

    One statement where there is none.
    """
    found = candidates(conn, entity_ids, by)
    if not found:
        return []
    mine = set(entity_ids)
    both = {*found, *candidates(conn, {one for pair in found for one in pair} - mine, by)}
    number = Counter(one for pair in both for one in pair)
    return sorted(pair for pair in both if number[pair.unheard] == number[pair.heard] == 1)


_NAME = """
SELECT u.kind, u.key, h.key FROM entities u JOIN entities h ON h.id = %(heard)s AND h.kind = u.kind
WHERE u.id = %(unheard)s
  AND pg_try_advisory_xact_lock(%(class)s, hashtext(u.kind || ' ' || u.key))
"""


def join(conn: Connection, pair: Pair) -> EntityRow | None:
    """Make one of the two, in the caller's transaction, and return it as it is then.

    None where somebody else uses either of them, or where they have changed so that it is no pair any more.
    """
    named = conn.execute(_NAME, {**pair._asdict(), "class": JOINS}).fetchone()
    if named is None or entities.lock_free(conn, pair) != set(pair):
        return None
    kind, unheard_key, heard_key = named
    initial = MACHINES[kind].initial
    rows = entities.lock_entities(conn, [(kind, key, initial) for key in sorted((unheard_key, heard_key))])
    by_id = {row.id: row for row in rows}
    unheard, heard = by_id.get(pair.unheard), by_id.get(pair.heard)
    if unheard is None or heard is None or heard.last_at is None:
        return None
    if unheard.last_at is not None or unheard.registered_at is None:
        return None
    return absorb(conn, unheard, heard)


def absorb(conn: Connection, unheard: EntityRow, heard: EntityRow, *, told: bool = True) -> EntityRow:
    """Give up a locked entity of which nothing was heard for another locked one, which is returned.

    What that has stays; the earlier registration of both counts. `told` as for `feed.move_changes`.
    """
    known = [at for at in (unheard.registered_at, heard.registered_at) if at is not None]
    start = min(known, default=None)
    if start is not None and start != heard.registered_at:
        due = deadline(MACHINES[heard.kind], summary_of(heard), start)
        entities.register_entity(conn, heard.id, start, due)
        heard = heard._replace(registered_at=start, deadline=due)
    postings.move_postings(conn, unheard.id, heard.id)
    relations.move_relations(conn, unheard.id, heard.id)
    payments.move(conn, unheard.id, heard.id)
    feed.move_changes(conn, unheard.id, heard.id, unheard.state, told=told)
    aliases.move(conn, heard.kind, unheard.key, heard.key)
    aliases.add(conn, [AliasRow(heard.kind, unheard.key, heard.key)])
    conn.execute("DELETE FROM acceptances WHERE entity_id = %s", (unheard.id,))
    entities.delete_entity(conn, unheard.id)
    return heard
