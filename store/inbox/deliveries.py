"""The table `deliveries`: what the partner says of its own pushes (`delivery_data` of a pulled event)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import psycopg

from store.db.columns import BIGINT, TEXT, UUID, Columns

__all__ = ["DeliveryRow", "note_deliveries"]


class DeliveryRow(NamedTuple):
    """What the partner says of its push of an event; `id` is the pulled copy's (16 bytes)."""

    id: bytes
    status: str | None
    status_code: int | None


#: As the fields of a DeliveryRow.
DELIVERIES = Columns("deliveries", {"id": UUID, "status": TEXT, "status_code": BIGINT})
_NOTE = f"""
INSERT INTO deliveries AS d (seq, status, status_code, noted_at)
SELECT e.seq, n.status, n.status_code, clock_timestamp()
FROM {DELIVERIES.rows} JOIN events e ON e.id = n.id ORDER BY e.seq
ON CONFLICT (seq) DO UPDATE SET status = excluded.status, status_code = excluded.status_code,
    noted_at = excluded.noted_at
WHERE (d.status, d.status_code) IS DISTINCT FROM (excluded.status, excluded.status_code)
"""


def note_deliveries(conn: psycopg.Connection[Any], rows: Sequence[DeliveryRow]) -> None:
    """Keep the partner's last word on its pushes of events that are known (others: `inbox.admit_pulled`)."""
    conn.execute(_NOTE, DELIVERIES.parameters(rows))
