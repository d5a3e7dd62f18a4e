"""What was asked of the partner, and what that says of its pushes."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Date,
    Double,
    Index,
    Integer,
    Interval,
    LargeBinary,
    SmallInteger,
    Table,
    Text,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from store.schema.base import Key, Moment, metadata

__all__ = [
    "calls",
    "deliveries",
    "gauges",
    "lookups",
    "losses",
    "losses_counted",
    "push_gaps",
    "pushes",
    "streams",
    "surfaces",
    "wanted_records",
]

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
    # By how many seconds the partner's clock is ahead of ours, and when that was last measured.
    Column("skew", Double),
    Column("skew_at", Moment),
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

#: Records that are to be read in the next round, whatever their entity waits for. `tries_left`: how many more
#: answers that do not bring it are put up with; at 0 it is kept for a while, so as not to be wanted anew.
wanted_records = Table(
    "wanted_records",
    metadata,
    Column("kind", Key, primary_key=True),
    Column("key", Key, primary_key=True),
    Column("since", Moment, nullable=False),
    Column("next_at", Moment, nullable=False),
    Column("tries_left", SmallInteger, nullable=False),
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
    Column("partner", Text, primary_key=True, server_default=text("'truepill'")),
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
