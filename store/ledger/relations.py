"""The table `relations`: which earlier request a registered one replaces or refers to.

Only a request says that, so it is known where the request was registered with `rxledger track --request`. A
relation is stored with the later request and names the earlier one by its key, which may be unknown here. Two
requests that are related are linked as well: a relation says in which direction.

What was replaced is over for whoever watches it: nobody waits for it, and its state stays what its facts say.
That holds while one request stands in its place that was neither rejected nor cancelled, over however many
that were: what replaces the replacement replaces it too. It is read from where these stand each time, so
nothing has to be done when the replacement is rejected. Requests that replace each other in a circle replace
nothing. One that was paid for is over as well once another refers to it: that one carries the payment on.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal, NamedTuple, TypeAlias

import psycopg

from store.db import arrays

__all__ = [
    "REFERS_TO",
    "REPLACES",
    "Related",
    "Relation",
    "add_relations",
    "is_replaced",
    "move_relations",
    "related_to",
]

#: What a later request is to an earlier one.
Relation: TypeAlias = Literal["replaces", "refers_to"]
REPLACES: Relation = "replaces"
REFERS_TO: Relation = "refers_to"
#: The same, seen from the earlier one.
BACKWARDS = {REPLACES: "replaced_by", REFERS_TO: "referred_to_by"}

#: A replacement in one of these states came to nothing.
CAME_TO_NOTHING = ("cancelled", "rejected")


class Related(NamedTuple):
    """Another request of the same kind, and what it is to this one. `known`: there is an entity of it."""

    key: str
    relation: str
    known: bool


_ADD = """
INSERT INTO relations (entity_id, relation, key)
SELECT %(id)s, relation, key FROM unnest(%(relations)s::text[], %(keys)s::text[]) AS n (relation, key)
ON CONFLICT DO NOTHING
"""


def add_relations(
    conn: psycopg.Connection[Any], entity_id: int, rows: Iterable[tuple[Relation, str]]
) -> None:
    """What an entity's request says of earlier ones, as (relation, key); what is known stays as it is."""
    listed = sorted(rows)
    parameters = {
        "relations": arrays.texts([relation for relation, _ in listed]),
        "keys": arrays.texts([key for _, key in listed]),
    }
    conn.execute(_ADD, {"id": entity_id, **parameters})


_MOVE = """
WITH moved AS (DELETE FROM relations WHERE entity_id = %(source)s RETURNING relation, key)
INSERT INTO relations (entity_id, relation, key) SELECT %(target)s, relation, key FROM moved
ON CONFLICT DO NOTHING
"""


def move_relations(conn: psycopg.Connection[Any], source: int, target: int) -> None:
    """Give what one entity's request says to another, by their ids."""
    conn.execute(_MOVE, {"source": source, "target": target})


def is_replaced(of: str) -> str:
    """A condition in SQL: whether an entity was replaced, or another has its payment and carries it on. `of`
    names what has its kind and key.

    Most have no row here, which one look into the index tells.
    """
    replaced = _stands_for(of, f"r.relation = '{REPLACES}'")
    carried = f"{_stands_for(of, 'true')} AND {_is_paid(of)}"
    return f"""(
        EXISTS (SELECT FROM relations WHERE relations.key = {of}.key) AND ({replaced} OR ({carried}))
    )"""


def _stands_for(of: str, related: str) -> str:
    """Whether one stands in its place that came to something, over however many that did not."""
    failed = ", ".join(f"'{state}'" for state in CAME_TO_NOTHING)
    return f"""EXISTS (
        WITH RECURSIVE later (kind, key, state) AS (
            SELECT n.kind, n.key, n.state FROM relations r JOIN entities n ON n.id = r.entity_id
            WHERE r.key = {of}.key AND {related} AND n.kind = {of}.kind
            UNION
            SELECT n.kind, n.key, n.state FROM later l
            JOIN relations r ON r.key = l.key AND {related}
            JOIN entities n ON n.id = r.entity_id AND n.kind = l.kind
        )
        SELECT FROM later HAVING bool_or(state NOT IN ({failed})) AND NOT bool_or(key = {of}.key)
    )"""


def _is_paid(of: str) -> str:
    """Whether there is a payment for it, which another may carry on."""
    return f"""EXISTS (
        SELECT FROM entities paid JOIN payment_joins j ON j.target_id = paid.id
        JOIN entities p ON p.id = j.payment_id AND p.state = 'paid'
        WHERE (paid.kind, paid.key) = ({of}.kind, {of}.key)
          AND NOT EXISTS (SELECT FROM facts f WHERE f.entity_id = p.id AND f.signal = 'payment:refunded')
    )"""


_RELATED = f"""
SELECT r.key, r.relation, EXISTS (SELECT FROM entities o WHERE (o.kind, o.key) = (e.kind, r.key))
FROM entities e JOIN relations r ON r.entity_id = e.id WHERE e.id = %(id)s
UNION ALL
SELECT n.key, CASE r.relation WHEN '{REPLACES}' THEN '{BACKWARDS[REPLACES]}'
              ELSE '{BACKWARDS[REFERS_TO]}' END, true
FROM entities e JOIN relations r ON r.key = e.key JOIN entities n ON n.id = r.entity_id AND n.kind = e.kind
WHERE e.id = %(id)s
ORDER BY 2, 1
"""
_IS_REPLACED = f"SELECT {is_replaced('e')} FROM entities e WHERE e.id = %(id)s"


def related_to(conn: psycopg.Connection[Any], entity_id: int) -> tuple[list[Related], bool]:
    """What an entity's relations are, both ways, and whether it is over because it was replaced."""
    related = [Related._make(row) for row in conn.execute(_RELATED, {"id": entity_id})]
    replaced = any(one.relation in BACKWARDS.values() for one in related)
    if replaced:
        ((replaced,),) = conn.execute(_IS_REPLACED, {"id": entity_id}).fetchall()
    return related, replaced
