"""How far pulls could have confirmed what came by push alone, by the streams that were read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import psycopg

from partners.truepill.families import FAMILIES, Family
from store.pulls.streams import EVERYTHING, FILLS, REQUESTS
from store.reports import unconfirmed
from store.reports.unconfirmed import Confirming, Position, Reach

__all__ = ["confirming"]

PARTNER = "truepill"


def confirming(conn: psycopg.Connection[Any], overlap: int) -> Confirming:
    """What an unconfirmed fact is judged by.

    `overlap`: seconds by which the partner may show events late.
    """
    applied_until = unconfirmed.applied_until(conn)
    read = {position.stream: position for position in unconfirmed.positions(conn, PARTNER)}
    # Copies that name themselves and cannot be read confirm nothing, and accuse no push either. Of requests
    # that are asked about one by one there are few such, which must not excuse all others.
    unread = unconfirmed.unread_types(conn)
    families = {
        name: one for name, one in FAMILIES.items() if not (one.names_itself and one.callback_type in unread)
    }
    passes = {name: _passes(family, read) for name, family in families.items()}
    whole = all(one.completed_at < applied_until for found in passes.values() for one in found)
    reaches = [
        _reach(name, [one for one in passes[name] if one.completed_at < applied_until], asked)
        for name, family in families.items()
        if (asked := _is_asked(family, read)) or passes[name]
    ]
    return Confirming(reaches, float(overlap), applied_until, whole)


def _passes(family: Family, read: Mapping[str, Position]) -> list[Position]:
    """The streams that were read by time and hold every callback of a family."""
    streams = (family.callback_type.lower(), EVERYTHING) if family.names_itself else ()
    return [read[stream] for stream in streams if stream in read]


def _is_asked(family: Family, read: Mapping[str, Position]) -> bool:
    """Whether requests of a family's kind are asked about, and an answer has to hold the family.

    What names itself has no request_id to be asked for: an answer without it may have left it out.
    """
    if family.names_itself:
        return False
    return (FILLS if family.kind == FILLS else REQUESTS) in read


def _reach(family: str, passes: Iterable[Position], asked: bool) -> Reach:
    by_time = [(one.until, one.since) for one in passes if one.until is not None and one.since is not None]
    until, since = max(by_time, default=(None, None))
    return Reach(family, since, until, asked)
