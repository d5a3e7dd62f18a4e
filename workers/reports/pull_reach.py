"""How far pulls could have confirmed what came by push alone, by the streams that were read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

import psycopg

from partners.families import Family
from statemachine import MACHINES
from statemachine.rules import SEEN
from store.pulls.streams import EVERYTHING, FILLS, REQUESTS
from store.reports import unconfirmed
from store.reports.recorded import Recording
from store.reports.unconfirmed import Confirming, Position, Reach
from workers.reports.callback_types import CallbackTypes

__all__ = ["confirming", "recordings"]

Connection = psycopg.Connection[Any]
Positions = Mapping[str, Position]


def confirming(conn: Connection, overlap: int, types: CallbackTypes) -> Confirming:
    """What an unconfirmed fact is judged by.

    `overlap`: seconds by which a partner may show events late.
    """
    applied_until = unconfirmed.applied_until(conn)
    read = _positions(conn, types)
    # Copies that name themselves and cannot be read confirm nothing, and accuse no push either. Of requests
    # that are asked about one by one there are few such, which must not excuse all others.
    unread = unconfirmed.unread_types(conn)
    families = [
        (partner, name, one)
        for partner, name, one in types.events()
        if not (one.names_itself and (partner, one.callback_type) in unread)
    ]
    passes = {(partner, name): _passes(one, read[partner]) for partner, name, one in families}
    whole = all(one.completed_at < applied_until for found in passes.values() for one in found)
    reaches = [
        _reach(
            partner, name, [one for one in passes[partner, name] if one.completed_at < applied_until], asked
        )
        for partner, name, family in families
        if (asked := _is_asked(family, read[partner])) or passes[partner, name]
    ]
    recorded = recordings(types, read, unconfirmed.applied_until(conn, "snapshot"))
    return Confirming(reaches, float(overlap), applied_until, whole, recorded, types.shared)


def recordings(
    types: CallbackTypes, read: Mapping[str, Positions] | None = None, applied_until: datetime | None = None
) -> list[Recording]:
    """What records confirm. Without `read` nothing is taken for read, so that nothing is missed in a list."""
    return [
        Recording(
            partner,
            signal,
            family.kind,
            family.recorded_as,
            _beyond(family),
            _read_until(family, (read or {}).get(partner, {}), applied_until),
        )
        for partner, signal, family in types.records()
    ]


def _positions(conn: Connection, types: CallbackTypes) -> dict[str, Positions]:
    partners = {partner for partner, _, _ in (*types.events(), *types.records())}
    return {
        partner: {position.stream: position for position in unconfirmed.positions(conn, partner)}
        for partner in partners
    }


def _beyond(family: Family) -> list[str]:
    """Records' signals of states that come after the family's, where its machine has an order of states."""
    ladder = MACHINES[family.kind].ladder
    state = (family.recorded_as or "").removeprefix(SEEN)
    later = ladder[ladder.index(state) + 1 :] if state in ladder else ()
    return [signal for signal in MACHINES[family.kind].rank if signal in {f"{SEEN}{one}" for one in later}]


def _read_until(family: Family, read: Positions, applied_until: datetime | None) -> datetime | None:
    found = read.get(family.listed_in or "")
    if found is None or applied_until is None or found.completed_at >= applied_until:
        return None
    return found.until


def _passes(family: Family, read: Positions) -> list[Position]:
    """The streams that were read by time and hold every callback of a family."""
    streams = (family.callback_type.lower(), EVERYTHING) if family.names_itself else ()
    return [read[stream] for stream in streams if stream in read]


def _is_asked(family: Family, read: Positions) -> bool:
    """Whether requests of a family's kind are asked about, and an answer has to hold the family.

    What names itself has no request_id to be asked for: an answer without it may have left it out.
    """
    if family.names_itself:
        return False
    return (FILLS if family.kind == FILLS else REQUESTS) in read


def _reach(partner: str, family: str, passes: Iterable[Position], asked: bool) -> Reach:
    by_time = [(one.until, one.since) for one in passes if one.until is not None and one.since is not None]
    until, since = max(by_time, default=(None, None))
    return Reach(family, since, until, asked, partner)
