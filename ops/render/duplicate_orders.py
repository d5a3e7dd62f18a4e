"""Duplicate orders: where an order was refused as one, its error names the other by that order's number (R1).

No printed callback carries an order's own number, so mostly nothing is known under it, and the number itself
is what a person can ask the partner about. It comes from a text, so it is kept sealed and printed from there.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy import Connection

from ops.render.details import Details
from partners.truepill.orders import DUPLICATE, duplicate_of
from store.crypto.keyed_hash import KeyedHash
from store.ledger import links
from store.ledger.model import FactRow

__all__ = ["unresolved"]


def unresolved(
    conn: Connection, keyed_hash: KeyedHash, entity_id: int, rows: Iterable[FactRow], sealed: Details
) -> list[dict[str, Any]]:
    """Links to orders of which only the number is known: `kind` is None, since no entity stands there."""
    numbers = {
        number
        for row in rows
        if (row.code or "").upper() == DUPLICATE and (number := duplicate_of(sealed.of(row).get("message")))
    }
    return [
        {"kind": None, "key": number, "by": "order_number"}
        for number in sorted(numbers)
        if not links.carried(conn, keyed_hash.link("order_number", number), entity_id, but_with=DUPLICATE)
    ]
