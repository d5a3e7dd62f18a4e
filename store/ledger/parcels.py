"""The table `parcels`: where each parcel is, of entities that have several, which the caller has locked.

One parcel alone is where its entity is, so nothing is kept of it but its number, as a keyed hash, beside
the entity: by that a second one is noticed.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import psycopg

from store.db import arrays
from store.db.columns import BIGINT, SECOND, UUID, WORD, Columns
from store.ledger.model import ParcelRow

__all__ = ["replace_parcels"]

PARCELS = Columns(
    "parcels",
    {"entity_id": BIGINT, "number": UUID, "state": WORD, "since": SECOND, "due": SECOND, "deadline": SECOND},
)
_INSERT = f"INSERT INTO parcels ({PARCELS.names}) SELECT {PARCELS.values} FROM {PARCELS.rows}"


def replace_parcels(
    conn: psycopg.Connection[Any], entity_ids: Collection[int], rows: Sequence[ParcelRow]
) -> None:
    """These are the parcels of these entities, and no others."""
    conn.execute("DELETE FROM parcels WHERE entity_id = ANY(%s::bigint[])", (arrays.numbers(entity_ids),))
    conn.execute(_INSERT, PARCELS.parameters(rows))
