"""Where each parcel of an entity is that has several. Rare, so it is worked out from all facts every time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import orjson
import psycopg

from statemachine import MACHINES
from statemachine.parcels import SCAN, parcels
from store.crypto.sealing import BrokenSeal, UnknownSealKey
from store.ledger import facts
from store.ledger.model import SEVERAL, EntityRow, FactRow, ParcelRow, fact_of
from store.ledger.parcels import replace_parcels
from workers.apply.model import Tools

__all__ = ["keep_parcels"]


def keep_parcels(conn: psycopg.Connection[Any], entities: Sequence[EntityRow], tools: Tools) -> None:
    """Write where the parcels of these entities are, whose facts are written already."""
    several = {row.id: row for row in entities if row.parcel == SEVERAL}
    if not several:
        return
    by_entity: dict[int, list[FactRow]] = {}
    for row in facts.facts_of(conn, several):
        by_entity.setdefault(row.entity_id, []).append(row)
    rows = [
        made
        for entity_id, entity in several.items()
        for made in _rows(entity, by_entity.get(entity_id, ()), tools)
    ]
    replace_parcels(conn, several, rows)


def _rows(entity: EntityRow, known: Sequence[FactRow], tools: Tools) -> Iterator[ParcelRow]:
    machine = MACHINES[entity.kind]
    scans = (
        (number, fact_of(row))
        for row in known
        if row.signal.startswith(SCAN) and (number := _number(row, tools))
    )
    for number, (state, since, due, on_date) in parcels(machine, scans).items():
        name = tools.keyed_hash.hash("parcel", number)
        yield ParcelRow(entity.id, name, state, since, due if on_date else None, due)


def _number(row: FactRow, tools: Tools) -> str | None:
    """The tracking number that a scan gives; None where it has none, or its key is gone from the ring."""
    if row.detail is None:
        return None
    try:
        found = orjson.loads(tools.sealer.unseal(row.detail, row.fact_id)).get("tracking_number")
    except (UnknownSealKey, BrokenSeal):
        return None  # `show` says so of each fact; the other parcels are known all the same
    return found if isinstance(found, str) else None
