"""Which entities have to do with each other: those whose bodies carry one name. Read only.

A link is never stored. Two entities are linked when they share a posting, whose domain says by what.
`metadata` is the customer's own text: it leads to entities, and never from one to another. A name that more
than CROWD entities carry (a payer's insurance, a test patient) says nothing about any two of them and is not
followed either; the answers tell of which domain it was.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Connection, text

__all__ = ["CROWD", "Found", "Linked", "Meeting", "Near", "carried", "linked_to", "named", "near", "sharing"]

CROWD = 500


class Linked(NamedTuple):
    """Another entity, and the domain of a name that both carry."""

    kind: str
    key: str
    by: str


class Near(NamedTuple):
    """The links of one entity, the rarest names first; how many more there are; domains of crowded names."""

    links: list[Linked]
    left_off: int
    crowded: list[str]


class Found(NamedTuple):
    """An entity that was come upon. `by` is `key`, `alias` or the domain of the name that led to it."""

    id: int
    kind: str
    key: str
    by: str


class Meeting(NamedTuple):
    """Entities come upon, at most as many as asked for; how many more there are; domains of crowded names."""

    found: list[Found]
    left_off: int
    crowded: list[str]


_NAMED = """
SELECT id, kind, key, 'key' FROM entities WHERE kind = ANY(:kinds) AND key = :name
UNION ALL
SELECT e.id, e.kind, e.key, 'alias' FROM aliases a JOIN entities e ON (e.kind, e.key) = (a.kind, a.key)
WHERE a.kind = ANY(:kinds) AND a.alias = :name
ORDER BY 2, 3
"""


def named(conn: Connection, kinds: Iterable[str], name: str) -> list[Found]:
    """The entities whose key or alias this is. An alias that several claim leads to all of them."""
    rows = conn.execute(text(_NAMED), {"kinds": list(kinds), "name": name})
    return list({row[0]: Found._make(row) for row in reversed(rows.all())}.values())[::-1]


_SHARING = """
SELECT e.id, e.kind, e.key, s.domain FROM (
    SELECT DISTINCT ON (p.entity_id) p.entity_id, p.domain
    FROM unnest(CAST(:hashes AS uuid[])) h
    CROSS JOIN LATERAL (
        SELECT entity_id, domain FROM postings WHERE hash = h ORDER BY entity_id LIMIT :cap
    ) p
    ORDER BY p.entity_id, p.domain
) s JOIN entities e ON e.id = s.entity_id
ORDER BY e.id LIMIT :cap
"""
_COUNT = "SELECT count(DISTINCT entity_id) FROM postings WHERE hash = ANY(CAST(:hashes AS uuid[]))"


def sharing(conn: Connection, hashes: Iterable[bytes], cap: int) -> Meeting:
    """The entities that carry any of these names, the first `cap` ever seen. Whoever asks for a name gets
    even a crowded one.
    """
    names = [UUID(bytes=name) for name in hashes]
    rows = conn.execute(text(_SHARING), {"hashes": names, "cap": cap})
    found = [Found._make(row) for row in rows]
    total = conn.execute(text(_COUNT), {"hashes": names}).scalar_one()
    return Meeting(found, total - len(found), [])


_CARRIED = """
SELECT EXISTS (
    SELECT FROM postings p WHERE p.hash = CAST(:hash AS uuid) AND p.entity_id <> :id
    AND NOT EXISTS (SELECT FROM facts f WHERE f.entity_id = p.entity_id AND upper(f.code) = :code)
)
"""


def carried(conn: Connection, name: bytes, entity_id: int, *, but_with: str) -> bool:
    """Whether another entity carries this name; one that has a fact of the code `but_with` does not count."""
    values = {"hash": UUID(bytes=name), "id": entity_id, "code": but_with}
    return bool(conn.execute(text(_CARRIED), values).scalar_one())


# One look into the index for each name, which reads no more rows than it takes to see that it is crowded.
_PAIRS = """
WITH own AS MATERIALIZED (
    SELECT DISTINCT hash, domain FROM postings
    WHERE entity_id = ANY(CAST(:ids AS bigint[])) AND domain <> 'metadata'
), met AS MATERIALIZED (
    SELECT own.hash, own.domain, p.entity_id, count(*) OVER (PARTITION BY own.hash) AS size
    FROM own CROSS JOIN LATERAL (SELECT entity_id FROM postings WHERE hash = own.hash LIMIT :crowd + 1) p
), pairs AS (
    SELECT entity_id, domain, min(size) AS size FROM met
    WHERE size <= :crowd AND entity_id <> ALL(CAST(:seen AS bigint[])) GROUP BY entity_id, domain
), crowded AS (
    SELECT array_agg(DISTINCT domain ORDER BY domain) AS domains FROM met WHERE size > :crowd
)
"""
_LINKS = f"""{_PAIRS}
, shown AS (
    SELECT e.id, e.kind, e.key, p.domain, p.size, count(*) OVER () AS total
    FROM pairs p JOIN entities e ON e.id = p.entity_id
    ORDER BY p.size, e.kind, e.key, p.domain LIMIT :cap
)
SELECT s.id, s.kind, s.key, s.domain, s.total, c.domains FROM crowded c LEFT JOIN shown s ON true
ORDER BY s.size, s.kind, s.key, s.domain
"""
_NEAR = f"""{_PAIRS}
, nearest AS (
    SELECT DISTINCT ON (entity_id) entity_id, domain, size FROM pairs ORDER BY entity_id, size, domain
), shown AS (
    SELECT e.id, e.kind, e.key, n.domain, n.size, count(*) OVER () AS total
    FROM nearest n JOIN entities e ON e.id = n.entity_id
    ORDER BY n.size, e.kind, e.key LIMIT :cap
)
SELECT s.id, s.kind, s.key, s.domain, s.total, c.domains FROM crowded c LEFT JOIN shown s ON true
ORDER BY s.size, s.kind, s.key
"""


def linked_to(conn: Connection, entity_id: int, cap: int = 50) -> Near:
    """What one entity is linked to: a link for each other entity and domain that they share a name of."""
    found, left_off, crowded = _near(conn, _LINKS, [entity_id], [entity_id], cap)
    return Near([Linked(one.kind, one.key, one.by) for one in found], left_off, crowded)


def near(conn: Connection, entity_ids: Collection[int], seen: Collection[int], cap: int) -> Meeting:
    """The entities one link away from any of these, less those seen; each once, by its rarest name."""
    return _near(conn, _NEAR, entity_ids, seen, cap)


def _near(
    conn: Connection, query: str, entity_ids: Collection[int], seen: Collection[int], cap: int
) -> Meeting:
    # At least one row is asked for, since the rows bring the total.
    parameters: dict[str, Any] = {
        "ids": list(entity_ids),
        "seen": list(seen),
        "crowd": CROWD,
        "cap": max(cap, 1),
    }
    rows = conn.execute(text(query), parameters).all()
    total = rows[0].total or 0
    found = [Found._make(row[:4]) for row in rows if row.id is not None][:cap]
    return Meeting(found, total - len(found), rows[0].domains or [])
