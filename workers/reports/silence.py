"""Watching for silence: of partners that push nothing, and of entities of which nothing is heard."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import psycopg

from settings import SilenceSettings
from store.db.locks import SILENCE, try_lock
from store.reports import gauges, pushes, silence
from store.reports.gauges import Gauge
from store.reports.recorded import Recording

__all__ = ["watch"]

_OF_PARTNERS = (gauges.SILENT_PARTNER, gauges.MISSED_FACTS, gauges.USUAL_GAP, gauges.LAST_PUSH)
_OF_ENTITIES = (gauges.SILENT_ENTITIES, gauges.WATCHED)


def watch(
    conn: psycopg.Connection[Any],
    now: datetime,
    settings: SilenceSettings,
    recorded: Sequence[Recording] = (),
) -> None:
    """Learn what is usual and write the gauges; does nothing while another does. Raises psycopg.Error.

    `recorded`: what only records tell, of partners without events.

    Partners and entities each in a transaction: counting the entities of a large table takes a while.
    """
    with conn.transaction():
        if try_lock(conn, SILENCE):
            pushes.learn(conn, now)
            gauges.replace(
                conn, _OF_PARTNERS, list(_partners(conn, now, timedelta(seconds=settings.push), recorded))
            )
    with conn.transaction():
        if try_lock(conn, SILENCE):
            gauges.replace(conn, _OF_ENTITIES, list(_entities(conn, now, settings.after)))


def _partners(
    conn: psycopg.Connection[Any], now: datetime, least: timedelta, recorded: Sequence[Recording]
) -> Iterator[Gauge]:
    for one in pushes.silences(conn, now, least, recorded):
        labels = {"partner": one.partner}
        yield Gauge(gauges.SILENT_PARTNER, labels, float(one.missed > 0))
        yield Gauge(gauges.MISSED_FACTS, labels, one.missed)
        yield Gauge(gauges.USUAL_GAP, labels, one.usual.total_seconds())
        if one.last_at is not None:
            yield Gauge(gauges.LAST_PUSH, labels, one.last_at.timestamp())


def _entities(
    conn: psycopg.Connection[Any], now: datetime, after: Mapping[tuple[str, str], float]
) -> Iterator[Gauge]:
    found = {(one.kind, one.state): one.entities for one in silence.counts(conn, now, after)}
    for kind, state, *_ in silence.shifts(after):
        yield Gauge(gauges.SILENT_ENTITIES, {"kind": kind, "state": state}, found.get((kind, state), 0))
    yield Gauge(gauges.WATCHED, {}, now.timestamp())
