"""The ways in which partners write a time."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import format_datetime

__all__ = ["day", "iso", "rfc1123"]


def iso(seconds: float) -> str:
    """2020-02-05T00:00:00.000Z"""
    return _utc(seconds).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def rfc1123(seconds: float) -> str:
    """Mon, 01 Jun 2020 17:45:06 GMT"""
    return format_datetime(_utc(seconds).replace(microsecond=0), usegmt=True)


def day(seconds: float) -> str:
    """2020-04-12"""
    return _utc(seconds).date().isoformat()


def _utc(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
