"""Every advisory lock of ours, and the order in which a transaction takes what others wait for.

The order, for whoever takes several: rows of `queue` that are copies', rechecks (each by its inbox id), the
barrier of derivations, names that requests are registered under, names (`alias_names`), entities by (kind,
key), the shared side of the barrier, rows of `events` and `queue` for what is queued anew, a recheck's own
row of `queue` with them. Silence is taken before the gauges; the feed, partitions and migrations alone. Who
joins two entities takes only what nobody else has, whenever it is (`store.ledger.joins`).

Ids are the ASCII of a word that says what they are for, so that `pg_locks` can be read.
"""

from __future__ import annotations

from typing import Any

import psycopg

__all__ = [
    "DERIVATIONS",
    "FEED",
    "GAUGES",
    "JOINS",
    "MIGRATIONS",
    "PARTITIONS",
    "RECHECKS",
    "SILENCE",
    "try_lock",
]

#: "look": the class of the locks of single rechecks, each under its inbox id. Transactions end it.
RECHECKS = 0x6C6F6F6B
#: "join": the class of the locks of names that requests are registered under, each by its hash.
JOINS = 0x6A6F696E
#: "rxdriv": between effects that get names (shared) and rechecks of their causes (exclusive, for a moment).
DERIVATIONS = 0x727864726976
#: "rxfeed": whoever gives changes their place in the feed. Transactions end it.
FEED = 0x727866656564
#: "gauge": whoever replaces kept figures. Transactions end it.
GAUGES = 0x6761756765
#: "watch": whoever learns how partners push and counts what is silent. Transactions end it.
SILENCE = 0x7761746368
#: Names that the server hashes: whoever migrates and whoever makes partitions. Transactions end them.
MIGRATIONS, PARTITIONS = "rxledger.migrations", "rxledger.partitions"


def try_lock(conn: psycopg.Connection[Any], lock: int) -> bool:
    """Take a lock for the rest of the transaction, unless somebody else has it."""
    return bool(conn.execute("SELECT pg_try_advisory_xact_lock(%s)", (lock,)).fetchall()[0][0])
