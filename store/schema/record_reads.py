"""The table of what is read of a partner one by one and is no entity of ours."""

from __future__ import annotations

from sqlalchemy import (
    Boolean,
    Column,
    Index,
    LargeBinary,
    PrimaryKeyConstraint,
    SmallInteger,
    Table,
    Text,
    Uuid,
)

from store.schema.base import Moment, metadata

__all__ = ["record_reads"]

#: One row a thing, such as a patient, by the keyed hash of its id, which itself is sealed. `changed_at`: when
#: a reading last brought news; `is_open`: it said that more is to come. `trouble`: why it was not read.
record_reads = Table(
    "record_reads",
    metadata,
    Column("partner", Text, nullable=False),
    Column("stream", Text, nullable=False),
    Column("hash", Uuid, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    Column("changed_at", Moment, nullable=False),
    Column("read_at", Moment),
    Column("next_at", Moment, nullable=False),
    Column("fruitless", SmallInteger, nullable=False),
    Column("is_open", Boolean, nullable=False),
    Column("trouble", Text),
    PrimaryKeyConstraint("partner", "stream", "hash"),
    Index("record_reads_next_at_idx", "partner", "stream", "next_at"),
)
