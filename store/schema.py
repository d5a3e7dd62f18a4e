"""The schema, as SQLAlchemy sees it: what the migrations must arrive at, and what people query.

What stands in the clear is listed in docs/decisions: ids, tokens, kinds, states, signals, times and codes.
`sealed` and `detail` columns hold AES-GCM values.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    Column,
    Date,
    DateTime,
    Double,
    Identity,
    Index,
    Integer,
    Interval,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

__all__ = [
    "alias_names",
    "alias_news",
    "aliases",
    "audit",
    "bodies",
    "calls",
    "changes",
    "changes_unplaced",
    "deliveries",
    "drift",
    "entities",
    "events",
    "facts",
    "gauges",
    "lookups",
    "losses",
    "losses_counted",
    "metadata",
    "outcomes",
    "postings",
    "push_gaps",
    "pushes",
    "quarantine",
    "queue",
    "streams",
    "surfaces",
]

metadata = MetaData(
    naming_convention={
        "ix": "%(table_name)s_%(column_0_name)s_idx",
        "uq": "%(table_name)s_%(column_0_N_name)s_key",
    }
)

Moment = DateTime(timezone=True)
# Bytewise order, so that Python's sort and the server's lock rows in one order.
Key = Text(collation="C")

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

#: The bodies, sealed, by month: retention drops a partition. No unique key, since one would need the month.
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
    # An event of our own (`store.looks`), which is taken otherwise than a copy.
    Column("look", Boolean, nullable=False, server_default=text("false")),
    Index(None, "due_at"),
    # Of many that are queued few are looks.
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

#: One row for each thing that has a state: the fold of its facts, kept so that most facts are one step.
entities = Table(
    "entities",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("kind", Key, nullable=False),
    Column("key", Key, nullable=False),
    Column("state", Text, nullable=False),
    Column("since", Moment),
    Column("moved_by", Text),
    Column("outcome", Text),
    Column("review", Text),
    Column("last_at", Moment),
    Column("first_seen", Moment, nullable=False, server_default=text("now()")),
    Column("due", Moment),
    Column("deadline", Moment),
    Column("registered_at", Moment),
    UniqueConstraint("kind", "key"),
    Index(
        "entities_deadline_idx", "deadline", postgresql_using="brin", postgresql_with={"pages_per_range": 32}
    ),
    Index("entities_review_idx", "kind", postgresql_where=text("review IS NOT NULL")),
)

#: What the partners stated. A row is written once; only another copy of the same fact touches it again.
#: `pushed_at` and `pulled_at` are when the first copy of each way was received: null where none was, and for
#: facts that are older than these columns.
facts = Table(
    "facts",
    metadata,
    Column("entity_id", BigInteger, nullable=False),
    Column("fact_id", Uuid, nullable=False),
    Column("occurred_at", Moment, nullable=False),
    Column("signal", Text, nullable=False),
    Column("code", Text),
    Column("discriminator", LargeBinary, nullable=False),
    Column("lines", JSONB),
    Column("detail", LargeBinary),
    Column("via", ARRAY(Text), nullable=False),
    Column("events", ARRAY(Uuid), nullable=False),
    Column("preferred", Uuid, nullable=False),
    Column("preferred_via", Text, nullable=False),
    Column("received_at", Moment, nullable=False),
    Column("due", Moment),
    Column("pushed_at", Moment),
    Column("pulled_at", Moment),
    PrimaryKeyConstraint("entity_id", "fact_id"),
    Index(
        "facts_occurred_at_idx",
        "occurred_at",
        postgresql_using="brin",
        postgresql_with={"pages_per_range": 32},
    ),
)

#: What each event came to: the facts it states. Lists of events and replays read it.
outcomes = Table(
    "outcomes",
    metadata,
    Column("seq", BigInteger, nullable=False),
    Column("entity_id", BigInteger, nullable=False),
    Column("fact_id", Uuid, nullable=False),
    Column("callback_type", Text, nullable=False),
    PrimaryKeyConstraint("seq", "entity_id", "fact_id"),
)

#: What people did: looked at sealed content, or changed something. `who` is their name on their machine.
audit = Table(
    "audit",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("at", Moment, nullable=False, server_default=text("now()")),
    Column("who", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("reason", Text),
)

#: Which entity's bodies carry a name, by the name's keyed hash. Entities that share a posting are linked;
#: pairs are never stored, so a name that thousands share costs a row for each of them.
postings = Table(
    "postings",
    metadata,
    Column("hash", Uuid, nullable=False),
    Column("entity_id", BigInteger, nullable=False),
    Column("domain", Text, nullable=False),
    PrimaryKeyConstraint("hash", "entity_id"),
    Index(None, "entity_id"),
)

#: Other names of an entity. A name that two keys claim resolves to neither.
aliases = Table(
    "aliases",
    metadata,
    Column("kind", Key, nullable=False),
    Column("alias", Key, nullable=False),
    Column("key", Key, nullable=False),
    PrimaryKeyConstraint("kind", "alias", "key"),
)

#: One row for each alias that was learned or asked for, written by both sides: it is their lock. `asked` says
#: that there is news under it.
alias_names = Table(
    "alias_names",
    metadata,
    Column("kind", Key, nullable=False),
    Column("alias", Key, nullable=False),
    Column("asked", Boolean, nullable=False),
    PrimaryKeyConstraint("kind", "alias"),
)

#: The events that name an entity by aliases alone, a row for each name, and the key that they were taken for;
#: none while the event waits as `unmatched`. `stale`: a name was claimed since, so it is to be read anew.
alias_news = Table(
    "alias_news",
    metadata,
    Column("seq", BigInteger, nullable=False),
    Column("kind", Key, nullable=False),
    Column("alias", Key, nullable=False),
    Column("key", Key),
    Column("stale", Boolean, nullable=False, server_default=text("false")),
    PrimaryKeyConstraint("kind", "alias", "seq"),
    Index(None, "seq"),
    Index("alias_news_stale_idx", "seq", postgresql_where=text("stale")),
)


def _change_columns() -> tuple[Column[Any], ...]:
    return (
        Column("entity_id", BigInteger, nullable=False),
        Column("from_state", Text),
        Column("to_state", Text, nullable=False),
        Column("outcome", Text),
        Column("review", Text),
        Column("since", Moment),
    )


#: Changes as they are committed, before they have a place in the feed.
changes_unplaced = Table(
    "changes_unplaced",
    metadata,
    Column("seq", BigInteger, Identity(always=True), primary_key=True),
    *_change_columns(),
    Column("changed_at", Moment, nullable=False, server_default=text("now()")),
)

#: The feed. A cursor is given when a change is visible to all, so none is ever skipped by a late COMMIT.
changes = Table(
    "changes",
    metadata,
    Column("cursor", BigInteger, Identity(always=True), primary_key=True),
    *_change_columns(),
    Column("changed_at", Moment, nullable=False),
    Index(None, "entity_id"),
)

#: What the partner's contract does not say: types, fields and codes never seen before. Names, no values.
drift = Table(
    "drift",
    metadata,
    Column("partner", Text, nullable=False),
    Column("what", Text, nullable=False),
    Column("callback_type", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("count", BigInteger, nullable=False),
    Column("first_at", Moment, nullable=False),
    Column("last_at", Moment, nullable=False),
    PrimaryKeyConstraint("partner", "what", "callback_type", "name"),
)

#: What is pulled, each stream by one runner at once: who holds the lease writes with its epoch or not at all.
#: `watermark`: everything before it is stored, back to `covered_from`. The pass under way reads since
#: `pass_from` and goes on with `next_page`, the partner's token, sealed.
streams = Table(
    "streams",
    metadata,
    Column("partner", Text, primary_key=True),
    Column("name", Text, primary_key=True),
    Column("holder", Text),
    Column("epoch", BigInteger, nullable=False, server_default=text("0")),
    Column("leased_until", Moment),
    Column("watermark", Moment),
    Column("pass_from", Moment),
    Column("pass_began", Moment),
    Column("pass_newest", Moment),
    Column("pass_sorted", Boolean, nullable=False, server_default=text("true")),
    Column("pass_idle", Integer, nullable=False, server_default=text("0")),
    Column("next_page", LargeBinary),
    Column("pages", BigInteger, nullable=False, server_default=text("0")),
    Column("seen", BigInteger, nullable=False, server_default=text("0")),
    Column("stored", BigInteger, nullable=False, server_default=text("0")),
    Column("nameless", BigInteger, nullable=False, server_default=text("0")),
    Column("read_at", Moment),
    Column("completed_at", Moment),
    Column("trouble", Text),
    Column("trouble_at", Moment),
    # Single things that were asked for and not given: how often, when last, and what was said.
    Column("refused", BigInteger, nullable=False, server_default=text("0")),
    Column("refused_at", Moment),
    Column("refusal", Text),
    Column("covered_from", Moment),
)

#: One row a partner, shared by all workers: when the next call may be made, and the circuit.
calls = Table(
    "calls",
    metadata,
    Column("partner", Text, primary_key=True),
    Column("next_at", Moment, nullable=False, server_default=text("'-infinity'")),
    Column("paused_until", Moment),
    Column("failures", Integer, nullable=False, server_default=text("0")),
    Column("open_until", Moment),
    Column("trouble", Text),
    Column("trouble_at", Moment),
    Column("answered_at", Moment),
)

#: What a partner was found to have, or not, beyond its reference.
surfaces = Table(
    "surfaces",
    metadata,
    Column("partner", Text, primary_key=True),
    Column("surface", Text, primary_key=True),
    Column("offered", Boolean, nullable=False),
    Column("checked_at", Moment, nullable=False),
)

#: The partner's own record of whether its push of a pulled event was answered.
deliveries = Table(
    "deliveries",
    metadata,
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("status", Text),
    Column("status_code", SmallInteger),
    Column("noted_at", Moment, nullable=False),
    Index("deliveries_failed_idx", "seq", postgresql_where=text("status IS DISTINCT FROM 'success'")),
)

#: When the partner was last asked about an entity, and what was known of it after that.
lookups = Table(
    "lookups",
    metadata,
    Column("entity_id", BigInteger, primary_key=True, autoincrement=False),
    Column("looked_at", Moment, nullable=False),
    Column("next_at", Moment, nullable=False),
    Column("state", Text, nullable=False),
    Column("last_at", Moment),
    Column("fruitless", SmallInteger, nullable=False),
    Column("trouble", Text),
)

#: A partner's pushes as they were last looked at: up to which inbox id, the newest push, and since when.
pushes = Table(
    "pushes",
    metadata,
    Column("partner", Text, primary_key=True),
    Column("began_at", Moment, nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("last_seq", BigInteger, nullable=False),
    Column("last_at", Moment),
)

#: The longest time between two pushes, by the day (UTC) on which it ended.
push_gaps = Table(
    "push_gaps",
    metadata,
    Column("partner", Text, primary_key=True),
    Column("day", Date, primary_key=True),
    Column("longest", Interval, nullable=False),
)

#: Figures that a worker takes from time to time, so that no scrape of /metrics has to.
gauges = Table(
    "gauges",
    metadata,
    Column("name", Text, primary_key=True),
    Column("labels", JSONB, primary_key=True),
    Column("value", Double, nullable=False),
)

#: The loss ledger by day (UTC) and type, as it was last counted: for scrapes and `doctor`, which may not cost
#: a look at the facts. `rxledger loss` counts anew.
losses = Table(
    "losses",
    metadata,
    Column("day", Date, primary_key=True),
    Column("callback_type", Text, primary_key=True),
    Column("pushed", BigInteger, nullable=False),
    Column("pulled_only", BigInteger, nullable=False),
    Column("both_ways", BigInteger, nullable=False),
    Column("unconfirmed", BigInteger, nullable=False),
    Column("flagged", BigInteger, nullable=False),
)

#: When each day was counted; a day without any fact too.
losses_counted = Table(
    "losses_counted",
    metadata,
    Column("day", Date, primary_key=True),
    Column("counted_at", Moment, nullable=False),
)
