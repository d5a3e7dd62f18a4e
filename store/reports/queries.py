"""What people ask about entities and their facts. Read only, by SQLAlchemy Core over `store.schema`."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import psycopg
from sqlalchemy import ColumnElement, Connection, FromClause, Text, and_, cast, select, text

from settings import Database
from store.db.engine import engine
from store.ledger.model import EntityRow, FactRow
from store.schema import entities, event_facts, facts

__all__ = [
    "columns",
    "driver",
    "entities_of",
    "entity",
    "entity_row",
    "facts_of",
    "facts_of_all",
    "facts_stated_by",
    "snapshot",
]

#: A question from a terminal may not hold a server for longer than this.
STATEMENT_TIMEOUT = "60s"


@contextmanager
def snapshot(database: Database | str) -> Iterator[Connection]:
    """A connection on which everything is read as of one moment, and nothing can be written.

    Raises sqlalchemy.exc.OperationalError when the server cannot be reached.
    """
    with engine(database).connect() as plain:
        conn = plain.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
        conn.execute(text(f"SET LOCAL statement_timeout = '{STATEMENT_TIMEOUT}'"))
        conn.execute(text("SET LOCAL jit = off"))  # most of these look into indexes, and run once
        yield conn


def driver(conn: Connection) -> psycopg.Connection[Any]:
    """The connection beneath, within the same transaction: for statements that are written out."""
    found: psycopg.Connection[Any] = conn.connection.driver_connection  # type: ignore[assignment]
    return found


def columns(
    fields: Iterable[str], *tables: FromClause, **computed: ColumnElement[Any]
) -> list[ColumnElement[Any]]:
    """What to select for a row of these fields: as computed, or the column of the first table that has it."""
    named: dict[str, ColumnElement[Any]] = {}
    for table in reversed(tables):
        named |= {column.name: column for column in table.c}
    named |= {name: column.label(name) for name, column in computed.items()}
    return [named[field] for field in fields]


def entity(conn: Connection, kind: str, key: str) -> EntityRow | None:
    """An entity as stored, not locked; None when there is none."""
    query = select(entities).where(entities.c.kind == kind, entities.c.key == key)
    row = conn.execute(query).one_or_none()
    return None if row is None else entity_row(row)


def entities_of(conn: Connection, entity_ids: Collection[int]) -> dict[int, EntityRow]:
    """These entities by their id, not locked."""
    rows = conn.execute(select(entities).where(entities.c.id.in_(entity_ids)))
    return {row.id: entity_row(row) for row in rows}


def facts_of(conn: Connection, entity_id: int) -> list[FactRow]:
    """Every fact of an entity, in no order."""
    rows = conn.execute(select(*_FACT).where(facts.c.entity_id == entity_id))
    return [_fact(row) for row in rows]


def facts_of_all(conn: Connection, entity_ids: Collection[int]) -> dict[int, list[FactRow]]:
    """Every fact of these entities by the entity's id, in no order."""
    found: dict[int, list[FactRow]] = {entity_id: [] for entity_id in entity_ids}
    for row in conn.execute(select(*_FACT).where(facts.c.entity_id.in_(entity_ids))):
        found[row.entity_id].append(_fact(row))
    return found


def facts_stated_by(conn: Connection, seq: int) -> list[tuple[str, str, FactRow]]:
    """The facts that an event states, each with the kind and key of its entity."""
    same = and_(facts.c.entity_id == event_facts.c.entity_id, facts.c.fact_id == event_facts.c.fact_id)
    query = (
        select(*_FACT, entities.c.kind, entities.c.key)
        .join(event_facts, same)
        .join(entities, entities.c.id == facts.c.entity_id)
        .where(event_facts.c.seq == seq)
        .order_by(facts.c.occurred_at, entities.c.kind, entities.c.key, facts.c.signal)
    )
    return [(row.kind, row.key, _fact(row)) for row in conn.execute(query)]


_FACT = (*(c for c in facts.c if c.name != "lines"), cast(facts.c.lines, Text).label("lines_text"))


def entity_row(row: Any) -> EntityRow:
    """A row of `entities` as it is used."""
    return EntityRow(
        row.id,
        row.kind,
        row.key,
        row.state,
        _seconds(row.since),
        row.moved_by,
        row.outcome,
        row.review,
        _seconds(row.last_at),
        _seconds(row.due),
        _seconds(row.waiting_since),
        _seconds(row.deadline),
        None if row.parcel is None else row.parcel.bytes,
        _seconds(row.registered_at),
        row.quantities,
    )


def _fact(row: Any) -> FactRow:
    return FactRow(
        row.entity_id,
        row.fact_id.bytes,
        int(row.occurred_at.timestamp()),
        row.signal,
        row.code,
        row.discriminator,
        row.lines_text,
        row.detail,
        tuple(row.via),
        tuple(event.bytes for event in row.events),
        row.preferred.bytes,
        row.preferred_via,
        row.received_at,
        _seconds(row.due),
        row.pushed_at,
        row.pulled_at,
        row.millisecond,
        row.undated,
    )


def _seconds(moment: datetime | None) -> int | None:
    return None if moment is None else int(moment.timestamp())
