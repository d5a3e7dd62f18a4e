"""What came, and what is still to be done about it."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Identity,
    Index,
    LargeBinary,
    SmallInteger,
    Table,
    Text,
    Uuid,
    text,
)

from store.schema.base import Moment, metadata

__all__ = ["bodies", "events", "quarantine", "queue"]

#: One row for each copy ever admitted. It outlives the body, so that a late copy is still recognised.
events = Table(
    "events",
    metadata,
    Column("seq", BigInteger, Identity(always=True), primary_key=True),
    Column("id", Uuid, nullable=False, unique=True),
    Column("partner", Text, nullable=False),
    Column("via", Text, nullable=False),
    Column("received_at", Moment, nullable=False),
)

#: The bodies, sealed, by month: a month can be dropped, though nothing drops one yet. No unique key, since
#: one would need the month.
bodies = Table(
    "bodies",
    metadata,
    Column("seq", BigInteger, nullable=False),
    Column("received_at", Moment, nullable=False),
    Column("id", Uuid, nullable=False),
    Column("partner", Text, nullable=False),
    Column("via", Text, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    # The request's id in the URL that a copy was pulled from: the copy itself may not have it.
    Column("url_id", Text),
    Index(None, "seq"),
    postgresql_partition_by="RANGE (received_at)",
)

#: What is still to be applied. Narrow, because every row is written, read and deleted within seconds.
queue = Table(
    "queue",
    metadata,
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("received_at", Moment, nullable=False),
    Column("due_at", Moment, nullable=False),
    Column("attempts", SmallInteger, nullable=False, server_default=text("0")),
    Column("last_error", Text),
    # An event of our own (`store.ledger.rechecks`), which is taken otherwise than a copy.
    Column("look", Boolean, nullable=False, server_default=text("false")),
    Index(None, "due_at"),
    # Of many that are queued few are rechecks.
    Index("queue_looks_idx", "seq", postgresql_where=text("look")),
)

#: What could not be applied, and why. `retry_at` is set when waiting alone may cure it.
quarantine = Table(
    "quarantine",
    metadata,
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("reason", Text, nullable=False),
    Column("detail", Text),
    Column("callback_type", Text),
    Column("since", Moment, nullable=False),
    Column("retry_at", Moment),
    Index(None, "reason"),
    Index("quarantine_retry_at_idx", "retry_at", postgresql_where=text("retry_at IS NOT NULL")),
)
