"""Figures that a worker takes every few minutes for /metrics: a scrape reads some rows and counts nothing."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

import orjson
import psycopg

from store.db import arrays, locks
from store.db.columns import FLOAT, JSON, WORD, Columns

__all__ = [
    "HELP",
    "LAST_PUSH",
    "LOSS_CALLBACKS",
    "LOSS_COUNTED",
    "MISSED_FACTS",
    "SILENT_ENTITIES",
    "SILENT_PARTNER",
    "USUAL_GAP",
    "WATCHED",
    "Gauge",
    "read",
    "replace",
]

SILENT_ENTITIES = "rxledger_silent_entities"
SILENT_PARTNER = "rxledger_partner_silent"
MISSED_FACTS = "rxledger_partner_missed_facts"
LAST_PUSH = "rxledger_partner_last_push_timestamp_seconds"
USUAL_GAP = "rxledger_partner_usual_gap_seconds"
LOSS_CALLBACKS = "rxledger_loss_callbacks"
LOSS_COUNTED = "rxledger_loss_counted_timestamp_seconds"
WATCHED = "rxledger_watched_timestamp_seconds"

HELP = {
    SILENT_ENTITIES: "Entities whose silence means a lost callback or a dead request.",
    SILENT_PARTNER: "1 while a partner pushes nothing for longer than usual and pulls show events.",
    MISSED_FACTS: "Facts that pulls brought and no push, of the time since a silent partner's last push.",
    LAST_PUSH: "When the partner's last push was received.",
    USUAL_GAP: "How long the partner may push nothing, as learnt from its own pushes.",
    LOSS_CALLBACKS: "Callbacks of 30 days by type and how they came: pushed, pulled_only (lost by the push), "
    "both_ways, unconfirmed (pushed alone), flagged (and not given when asked for).",
    LOSS_COUNTED: "When a worker last counted callbacks by type and how they came.",
    WATCHED: "When a worker last looked for silence.",
}


class Gauge(NamedTuple):
    """One figure. Names and labels are our own: nothing of a body becomes one."""

    name: str
    labels: Mapping[str, str]
    value: float


#: As the fields of a Gauge, whose labels are JSON text here.
GAUGES = Columns("gauges", {"name": WORD, "labels": JSON, "value": FLOAT})


def replace(conn: psycopg.Connection[Any], names: Collection[str], gauges: Collection[Gauge]) -> None:
    """Put these gauges in the place of all under these names, in the caller's transaction."""
    # What another puts there meanwhile the DELETE would not see, and the INSERT would meet.
    conn.execute("SELECT pg_advisory_xact_lock(%s)", (locks.GAUGES,))
    conn.execute("DELETE FROM gauges WHERE name = ANY(%s::text[])", (arrays.texts(names),))
    GAUGES.copy(
        conn, [(gauge.name, orjson.dumps(dict(gauge.labels)).decode(), gauge.value) for gauge in gauges]
    )


async def read(conn: psycopg.AsyncConnection[Any]) -> list[Gauge]:
    """Every gauge, by name and labels."""
    cursor = await conn.execute(f"SELECT {GAUGES.names} FROM gauges ORDER BY name, labels")
    return [Gauge._make(row) for row in await cursor.fetchall()]
