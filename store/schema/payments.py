"""The tables that say what payments are for."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, Integer, PrimaryKeyConstraint, Table, Text, Uuid

from store.schema.base import Key, metadata

__all__ = ["payment_joins", "payment_names"]

#: Which fill, copay or transfer a payment is for, and which line of it: by position and token, null where
#: that is not known. `basis`: eid, rx_fill, token or person. Made anew when what it follows from has changed.
payment_joins = Table(
    "payment_joins",
    metadata,
    Column("payment_id", BigInteger, nullable=False),
    Column("target_id", BigInteger, nullable=False),
    Column("position", Integer),
    Column("token", Key),
    Column("basis", Text, nullable=False),
    PrimaryKeyConstraint("payment_id", "target_id"),
    Index(None, "target_id"),
)

#: The names of payments that what they are for may carry, by their keyed hashes: whoever gets one of them has
#: these payments looked at.
payment_names = Table(
    "payment_names",
    metadata,
    Column("hash", Uuid, nullable=False),
    Column("payment_id", BigInteger, nullable=False),
    PrimaryKeyConstraint("hash", "payment_id"),
    Index(None, "payment_id"),
)
