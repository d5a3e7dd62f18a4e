"""The check of `doctor` about what was pushed and is not among what the partner gives."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg

from ops.checks import Check
from settings import Settings
from store import losses
from store.database import connect
from store.losses import DAYS

__all__ = ["unconfirmed_pushes"]

_TODO = (
    "`rxledger loss --evidence FILE` lists them: ask the partner whether it sent them. If not, give the "
    "webhook a new secret and look at where these callbacks led."
)


def unconfirmed_pushes(settings: Settings) -> Iterator[Check]:
    """What was counted last: a scan of all facts is no part of a check-up."""
    if settings.database_url is None:
        return
    try:
        with connect(settings.database_url, "ops") as conn:
            found = losses.totals(conn, DAYS)
    except psycopg.Error:  # the checks of the database say what is wrong with it
        return
    flagged = sum(row.flagged for row in found)
    if flagged:
        types = ", ".join(f"{row.callback_type} {row.flagged:,}" for row in found if row.flagged)
        text = f"{flagged:,} came by push alone, and not where the partner had to tell them too: {types}"
        yield Check("unconfirmed", "warn", text, _TODO)
        return
    waiting = sum(row.unconfirmed for row in found)
    lost = sum(row.pulled_only for row in found)
    yield Check(
        "unconfirmed", "ok", f"none is doubtful, {waiting:,} wait to be confirmed; {lost:,} were lost"
    )
