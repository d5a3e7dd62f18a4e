"""Event ids as people type them: whole, or their first hex digits as far as they are unique."""

from __future__ import annotations

import re

import typer
from sqlalchemy import Connection

from ops.refused import Refused
from store.reports import events

__all__ = ["clean_id", "find_event"]

SHORTEST = 8
_hex = re.compile(r"[0-9a-f]{8,32}").fullmatch


def clean_id(value: str) -> str:
    """The id's digits in lower case, without dashes. Raises typer.BadParameter for what is no id."""
    found = value.strip().lower().replace("-", "")
    if not _hex(found):
        raise typer.BadParameter(f"an event's ID has 32 hex digits, or the first {SHORTEST} or more of them")
    return found


def find_event(conn: Connection, digits: str) -> int:
    """The inbox id of the event. Raises Refused when there is none, or more than one."""
    found = events.find(conn, digits)
    if not found:
        raise Refused(f"there is no event {digits}")
    if len(found) > 1:
        raise Refused(f"more than one event begins with {digits}: give more digits")
    return found[0]
