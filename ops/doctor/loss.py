"""The checks of `doctor` about what was pushed and is not among what the partner gives."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg

from ops.doctor.checks import Check
from ops.render.tables import age
from settings import Settings
from store.db.connections import connect
from store.pulls import poll_schedule
from store.reports import loss_days
from store.reports.loss_days import DAYS

__all__ = ["unconfirmed_pushes"]

#: Workers count every ten minutes.
STALE_SECONDS = 3600.0
_STALE_TODO = (
    "Beat or the workers do not run, or what was pulled is not applied: see the other lines. "
    "`rxledger loss` counts anew."
)
_TODO = (
    "`rxledger loss --evidence FILE` lists them: ask the partner whether it sent them. If not, give the "
    "webhook a new secret and look at where these callbacks led."
)


def unconfirmed_pushes(settings: Settings) -> Iterator[Check]:
    """What was counted last: a scan of all facts is no part of a check-up."""
    if settings.database_url is None:
        return
    try:
        with connect(settings.database, "ops") as conn:
            now = poll_schedule.server_time(conn)
            counted_at = loss_days.last_counted(conn)
            found = loss_days.totals(conn, DAYS)
    except psycopg.Error:  # the checks of the database say what is wrong with it
        return
    if counted_at is None:
        todo = "Beat has a worker count by itself, every ten minutes."
        yield Check("unconfirmed", "ok", "nobody has counted yet what came by push alone", todo)
        return
    since = (now - counted_at).total_seconds()
    if since > STALE_SECONDS:
        text = f"it was last counted {age(since)} ago: what came since is not in it"
        yield Check("loss ledger", "warn", text, _STALE_TODO)
    flagged = sum(row.flagged for row in found)
    if flagged:
        types = ", ".join(
            f"{row.partner} {row.callback_type} {row.flagged:,}" for row in found if row.flagged
        )
        text = f"{flagged:,} came by push alone, and not where the partner had to tell them too: {types}"
        yield Check("unconfirmed", "warn", text, _TODO)
        return
    waiting = sum(row.unconfirmed for row in found)
    lost = sum(row.pulled_only for row in found)
    yield Check(
        "unconfirmed", "ok", f"none is doubtful, {waiting:,} wait to be confirmed; {lost:,} were lost"
    )
