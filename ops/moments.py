"""Moments as people type them: a time, or how long ago."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import typer

__all__ = ["parse_moment"]

_ago = re.compile(r"([0-9]{1,6})(s|m|h|d|w)").fullmatch
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def parse_moment(value: str | datetime) -> datetime:
    """`15m`, `2h`, `3d`, `1w` ago, or ISO 8601 (UTC unless it says otherwise). Raises typer.BadParameter."""
    if isinstance(value, datetime):
        return value
    try:
        if found := _ago(value):
            return datetime.now(UTC) - timedelta(**{_UNITS[found[2]]: int(found[1])})
        at = datetime.fromisoformat(value)
    except (ValueError, OverflowError):
        raise typer.BadParameter("wants 15m, 2h, 3d or 1w ago, or a time such as 2026-01-31T08:00") from None
    return at if at.tzinfo else at.replace(tzinfo=UTC)
