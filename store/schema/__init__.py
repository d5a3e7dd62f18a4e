"""The schema, as SQLAlchemy sees it: what the migrations must arrive at, and what people query.

What stands in the clear is listed in docs/decisions: ids, tokens, kinds, states, signals, times and codes.
`sealed` and `detail` columns hold AES-GCM values.
"""

from __future__ import annotations

from store.schema.base import metadata
from store.schema.inbox import bodies, events, quarantine, queue
from store.schema.ledger import (
    acceptances,
    alias_names,
    alias_news,
    aliases,
    audit,
    changes,
    changes_unplaced,
    drift,
    entities,
    event_facts,
    facts,
    parcels,
    postings,
    relations,
)
from store.schema.payments import intents, payment_joins, payment_names, payments_unplaced
from store.schema.pulls import (
    calls,
    deliveries,
    gauges,
    lookups,
    losses,
    losses_counted,
    push_gaps,
    pushes,
    streams,
    surfaces,
    wanted_records,
)
from store.schema.record_reads import record_reads

__all__ = [
    "acceptances",
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
    "event_facts",
    "events",
    "facts",
    "gauges",
    "intents",
    "lookups",
    "losses",
    "losses_counted",
    "metadata",
    "parcels",
    "payment_joins",
    "payment_names",
    "payments_unplaced",
    "postings",
    "push_gaps",
    "pushes",
    "quarantine",
    "queue",
    "record_reads",
    "relations",
    "streams",
    "surfaces",
    "wanted_records",
]
