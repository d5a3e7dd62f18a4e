"""What is known of each thing that has a state."""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    Column,
    Identity,
    Index,
    LargeBinary,
    PrimaryKeyConstraint,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from store.schema.base import Key, Moment, metadata

__all__ = [
    "acceptances",
    "alias_names",
    "alias_news",
    "aliases",
    "audit",
    "changes",
    "changes_unplaced",
    "drift",
    "entities",
    "event_facts",
    "facts",
    "parcels",
    "postings",
    "relations",
]

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
    Column("parcel", Uuid),
    Column("waiting_since", Moment),
    Column("quantities", LargeBinary),
    UniqueConstraint("kind", "key"),
    Index(
        "entities_deadline_idx", "deadline", postgresql_using="brin", postgresql_with={"pages_per_range": 32}
    ),
    Index("entities_waiting_since_idx", "waiting_since", postgresql_where=text("waiting_since IS NOT NULL")),
    Index("entities_paid_idx", "since", postgresql_where=text("moved_by = 'payment:known'")),
    Index("entities_review_idx", "kind", postgresql_where=text("review IS NOT NULL")),
    Index(
        "entities_unheard_idx",
        "kind",
        postgresql_where=text("registered_at IS NOT NULL AND last_at IS NULL"),
    ),
)

#: Where each parcel is, of entities that have several. `number` is a keyed hash of its tracking number.
parcels = Table(
    "parcels",
    metadata,
    Column("entity_id", BigInteger, nullable=False),
    Column("number", Uuid, nullable=False),
    Column("state", Text, nullable=False),
    Column("since", Moment),
    Column("due", Moment),
    Column("deadline", Moment),
    PrimaryKeyConstraint("entity_id", "number"),
)

#: What the partners stated. A row is written once; only another copy of the same fact touches it again.
#: `pushed_at` and `pulled_at` are when the first copy of each way was received: null where none was, and for
#: facts that are older than these columns. `undated` is true where the source prints no time, else null: then
#: `occurred_at` is when the fact was first received.
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
    Column("millisecond", SmallInteger),
    Column("undated", Boolean),
    PrimaryKeyConstraint("entity_id", "fact_id"),
    Index(
        "facts_occurred_at_idx",
        "occurred_at",
        postgresql_using="brin",
        postgresql_with={"pages_per_range": 32},
    ),
    Index(
        "facts_received_at_idx",
        "received_at",
        postgresql_using="brin",
        postgresql_with={"pages_per_range": 32},
    ),
)

#: What each event came to: the facts it states. Lists of events and replays read it.
event_facts = Table(
    "event_facts",
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


#: Which earlier request of its kind a registered one replaces or refers to, by that one's key, which may be
#: unknown here.
relations = Table(
    "relations",
    metadata,
    Column("entity_id", BigInteger, nullable=False),
    Column("relation", Text, nullable=False),
    Column("key", Key, nullable=False),
    PrimaryKeyConstraint("entity_id", "relation", "key"),
    Index(None, "key"),
)

#: When the partner says that it accepted a registered request which its callbacks name otherwise than its
#: answer does: no callback of it was heard before that. A row goes when the two names are joined.
acceptances = Table(
    "acceptances",
    metadata,
    Column("entity_id", BigInteger, primary_key=True, autoincrement=False),
    Column("accepted_at", Moment, nullable=False),
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
