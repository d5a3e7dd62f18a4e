"""Which of the records that were read are worth storing.

The fold leaves out snapshots that add nothing, whatever is stored: without this the ledger would grow with
each reading of a record that stands still and has no time of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import psycopg

from partners.envelopes import Envelope
from partners.reading import Stated, Unreadable
from partners.truepill import snapshots
from partners.truepill.envelopes import of_its_day
from statemachine import Fact
from statemachine.model import adds_nothing, is_snapshot
from store.crypto.keyed_hash import KeyedHash
from store.ledger import aliases
from store.pulls.record_schedule import last_facts

__all__ = ["filter_snapshots"]


def filter_snapshots(
    conn: psycopg.Connection[Any], found: Sequence[Envelope], keyed_hash: KeyedHash
) -> list[Envelope]:
    """The envelopes to store, in their order.

    Left out is what states no fact, and what would directly follow an equal snapshot that is applied already.
    What cannot be read is stored once a day, so that quarantine tells of it without filling up. Two
    statements at most, whatever the number of records. Raises psycopg.Error.
    """
    read: list[tuple[Envelope, tuple[Stated, ...]]] = []
    for envelope in found:
        try:
            stated = snapshots.read(envelope.body, keyed_hash.hash).stated
        except Unreadable:
            read.append((of_its_day(envelope), ()))
            continue
        if stated:
            read.append((envelope, stated))
    said = [one for _, stated in read for one in stated]
    names = {(one.kind, name) for one in said if one.key is None for name in one.aliases}
    claimed = aliases.keys_by_alias(conn, names) if names else {}
    keys = {name: next(iter(owners)) for name, owners in claimed.items() if len(owners) == 1}
    entities = {name for one in said if (name := _entity(one, keys))}
    last = last_facts(conn, entities) if entities else {}

    def repeats(one: Stated) -> bool:
        before = last.get(_entity(one, keys))
        return before is not None and _repeats(one.fact, before)

    return [envelope for envelope, stated in read if not (stated and all(map(repeats, stated)))]


def _repeats(fact: Fact, before: Fact) -> bool:
    return (
        is_snapshot(before.signal) and fact.occurred_at >= before.occurred_at and adds_nothing(fact, before)
    )


def _entity(stated: Stated, keys: dict[tuple[str, str], str]) -> tuple[str, str] | None:
    """(kind, key) of the entity that it is about, as far as that is known now."""
    if stated.key is not None:
        return stated.kind, stated.key
    found = {keys[stated.kind, name] for name in stated.aliases if (stated.kind, name) in keys}
    return (stated.kind, found.pop()) if len(found) == 1 else None
