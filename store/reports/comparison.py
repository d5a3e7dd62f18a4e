"""What a comparison with a partner's truth reads: many entities and events at a time. Read only."""

from __future__ import annotations

from collections.abc import Collection
from uuid import UUID

from sqlalchemy import Connection, exists, select

from store.ledger.model import EntityRow
from store.reports.queries import entity_row
from store.schema import aliases, entities, event_facts, events, payment_joins, quarantine, queue

__all__ = ["entities_named", "joins_of", "known_by_alias", "statuses"]


def entities_named(conn: Connection, kind: str, keys: Collection[str]) -> list[EntityRow]:
    """Those of one kind with these keys, not locked; what is not there is left out."""
    rows = conn.execute(select(entities).where(entities.c.kind == kind, entities.c.key.in_(keys)))
    return [entity_row(row) for row in rows]


def known_by_alias(conn: Connection, kind: str, keys: Collection[str]) -> set[str]:
    """Those of the keys that have another name."""
    query = select(aliases.c.key).where(aliases.c.kind == kind, aliases.c.key.in_(keys))
    return set(conn.scalars(query))


def joins_of(
    conn: Connection, payment_ids: Collection[int]
) -> dict[int, list[tuple[str, str, str | None, str]]]:
    """What payments are for, by their ids: kind and key, the line's token, and how that is known."""
    query = (
        select(payment_joins.c.payment_id, entities.c.kind, entities.c.key)
        .add_columns(payment_joins.c.token, payment_joins.c.basis)
        .join(entities, entities.c.id == payment_joins.c.target_id)
        .where(payment_joins.c.payment_id.in_(payment_ids))
        .order_by(payment_joins.c.payment_id, entities.c.kind, entities.c.key)
    )
    found: dict[int, list[tuple[str, str, str | None, str]]] = {}
    for payment_id, kind, key, token, basis in conn.execute(query):
        found.setdefault(payment_id, []).append((kind, key, token, basis))
    return found


def statuses(conn: Connection, event_ids: Collection[bytes]) -> dict[bytes, str]:
    """What became of each event, by its id: `applied`, `queued`, `nothing`, or why it is in quarantine.

    What is not in the inbox is left out.
    """
    applied = exists().where(event_facts.c.seq == events.c.seq)
    query = (
        select(events.c.id, quarantine.c.reason, queue.c.seq, applied)
        .outerjoin(quarantine, quarantine.c.seq == events.c.seq)
        .outerjoin(queue, queue.c.seq == events.c.seq)
        .where(events.c.id.in_([UUID(bytes=event_id) for event_id in event_ids]))
    )
    return {
        found.bytes: reason or ("queued" if queued else "applied" if stated else "nothing")
        for found, reason, queued, stated in conn.execute(query)
    }
