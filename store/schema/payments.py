"""The tables that say what payments are for, and what goes out over money."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    Identity,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    Table,
    Text,
    Uuid,
    text,
)

from store.schema.base import Key, Moment, metadata

__all__ = ["intents", "payment_joins", "payment_names", "payments_unplaced"]

#: Which fill, copay or transfer a payment is for, and which line of it: by position and token, null where
#: that is not known. `basis`: eid, rx_number, prescription or person. Made anew when what it follows from has
#: changed.
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

#: What is to be sent once: recorded before it is. `closed_at`: it no longer keeps another of its subject from
#: being sent. `detail` is what was to be sent, `answer` what came back, both sealed.
intents = Table(
    "intents",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("what", Text, nullable=False),
    Column("subject_kind", Text, nullable=False),
    Column("subject_key", Key, nullable=False),
    Column("part", Key, nullable=False),
    Column("state", Text, nullable=False),
    Column("holder", Text, nullable=False),
    Column("at", Moment, nullable=False),
    Column("sent_at", Moment),
    Column("settled_at", Moment),
    Column("closed_at", Moment),
    Column("answer_id", Key),
    Column("code", Text),
    Column("detail", LargeBinary, nullable=False),
    Column("answer", LargeBinary),
    Index(
        "intents_standing_idx",
        "what",
        "subject_kind",
        "subject_key",
        "part",
        unique=True,
        postgresql_where=text("closed_at IS NULL"),
    ),
    Index("intents_open_idx", "state", postgresql_where=text("state IN ('sent', 'unknown')")),
)

#: Payments that are for nothing that is known here, and since when they were paid.
payments_unplaced = Table(
    "payments_unplaced",
    metadata,
    Column("payment_id", BigInteger, primary_key=True, autoincrement=False),
    Column("since", Moment, nullable=False),
)
