"""The checks of `doctor` about silence, and how a partner's is told."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

import psycopg

from ops.doctor.checks import Check
from ops.render.tables import age
from settings import Settings
from store.db.connections import connect
from store.pulls import poll_schedule
from store.reports import pushes, silence
from store.reports.pushes import Silence
from workers.reports.callback_types import callback_types
from workers.reports.pull_reach import recordings

__all__ = ["of_partner", "silences"]

_PARTNER_TODO = (
    "Ask the partner whether its callbacks still go to this receiver, and see whether the receiver refuses "
    "them (`rxledger_unverified` in /metrics); meanwhile pulls bring what they can."
)
_ENTITY_TODO = "`rxledger worklist` lists them; `rxledger pull --entity KIND KEY` asks about one."


def silences(settings: Settings) -> Iterator[Check]:
    """Whether partners push as they use to, and whether anything has been waited for too long."""
    if settings.database_url is None:
        return
    recorded = recordings(callback_types(settings.partner_folders))
    try:
        with connect(settings.database, "ops") as conn:
            now = poll_schedule.server_time(conn)
            partners = pushes.silences(conn, now, timedelta(seconds=settings.silence.push), recorded)
            counted = silence.counts(conn, now, settings.silence.after)
    except (psycopg.OperationalError, psycopg.errors.UndefinedTable):
        return  # the checks of the database say what is wrong with it
    if not partners:
        todo = "Beat has a worker look by itself, every five minutes."
        yield Check("pushes", "ok", "nobody has looked yet how partners push", todo)
    for one in partners:
        yield Check(
            f"pushes of {one.partner}",
            "warn" if one.missed else "ok",
            of_partner(one, now),
            _PARTNER_TODO if one.missed else None,
        )
    if not counted:
        yield Check("silence", "ok", "nothing has been silent for too long")
        return
    means = {(shift.kind, shift.state): shift.means for shift in silence.shifts({})}
    told = [
        f"{one.entities:,} {one.kind} {one.state}, the first for {age((now - one.since).total_seconds())} "
        f"({means[one.kind, one.state]})"
        for one in counted
    ]
    yield Check("silence", "warn", "; ".join(told), _ENTITY_TODO)


def of_partner(one: Silence, now: datetime) -> str:
    """A partner's pushes in a line."""
    usual, silent = age(one.usual.total_seconds()), now - one.since
    for_long = age(max(silent.total_seconds(), 0.0))
    if silent <= one.usual:
        last = "none yet" if one.last_at is None else f"the last one {for_long} ago"
        return f"{last}; up to {usual} without one is usual"
    # Before that nobody looked: an older one may be there, too deep among pulled copies to be found.
    none = f"none in the {for_long} that this is watched" if one.last_at is None else f"none for {for_long}"
    facts = f"{one.missed:,} {'fact' if one.missed == 1 else 'facts'}"
    shown = f"pulls brought {facts} of that time" if one.missed else "pulls brought none of that time"
    return f"{none}, up to {usual} is usual; {shown}"
