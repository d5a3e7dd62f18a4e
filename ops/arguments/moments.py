"""Times as people type them: a moment, how long ago, how long."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import typer

__all__ = ["parse_moment", "parse_span"]

_ago = re.compile(r"([0-9]{1,6})(s|m|h|d|w)").fullmatch
_span = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*(s|m|min|h|)").fullmatch
_SECONDS = {"": 1.0, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0}
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


def parse_span(text: str) -> float:
    """`60s`, `5m`, `1h` or `90`, in seconds and more than none. Raises typer.BadParameter."""
    found = _span(text.strip())
    if not found or not float(found[1]):
        raise typer.BadParameter("a time is a number of seconds, or such as 60s, 5m, 1h")
    return float(found[1]) * _SECONDS[found[2]]
