"""Rows of the ledger's tables as they are used, and what a machine makes of them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from hashlib import blake2b
from typing import NamedTuple

import orjson

from statemachine import Fact, Line, Summary

__all__ = [
    "ChangeRow",
    "EntityRow",
    "EventFactRow",
    "FactRow",
    "PostingRow",
    "fact_id",
    "fact_of",
    "lines_of",
    "lines_text",
    "summary_of",
]

_new = tuple.__new__


class EntityRow(NamedTuple):
    """A locked entity with its folded state; times are Unix seconds. `made` in this very transaction."""

    id: int
    kind: str
    key: str
    state: str
    since: int | None
    moved_by: str | None
    outcome: str | None
    review: str | None
    last_at: int | None
    due: int | None = None
    deadline: int | None = None
    registered_at: int | None = None
    made: bool = False


class FactRow(NamedTuple):
    """One stored fact. `lines` is JSON text; `preferred` names the copy whose content this is.

    `pushed_at` and `pulled_at`: when the first copy of each way was received, as far as that is known.
    """

    entity_id: int
    fact_id: bytes
    occurred_at: int
    signal: str
    code: str | None
    discriminator: bytes
    lines: str | None
    detail: bytes | None
    via: tuple[str, ...]
    events: tuple[bytes, ...]
    preferred: bytes
    preferred_via: str
    received_at: datetime
    due: int | None = None
    pushed_at: datetime | None = None
    pulled_at: datetime | None = None


class EventFactRow(NamedTuple):
    """An event states a fact."""

    seq: int
    entity_id: int
    fact_id: bytes
    callback_type: str


class PostingRow(NamedTuple):
    """An entity's bodies carry a name, given by its keyed hash (16 bytes)."""

    hash: bytes
    entity_id: int
    domain: str


class ChangeRow(NamedTuple):
    """An entity stands elsewhere than before; `before` is None for one that was not known."""

    entity_id: int
    before: str | None
    after: str
    outcome: str | None
    review: str | None
    since: int | None


def fact_id(fact: Fact) -> bytes:
    """16 bytes that stand for a fact's identity within its entity."""
    at, signal, code, discriminator = fact[:4]
    text = f"{at}\0{signal}\0{code or ''}\0".encode()
    return blake2b(text + discriminator, digest_size=16).digest()


def fact_of(row: FactRow) -> Fact:
    """The fact that a row keeps."""
    return Fact(row.occurred_at, row.signal, row.code, row.discriminator, lines_of(row.lines), row.due)


def summary_of(entity: EntityRow) -> Summary:
    """Where the fold of an entity's facts stands, as its row keeps it."""
    return _new(Summary, entity[3:10])


def lines_of(text: str | None) -> tuple[Line, ...]:
    """A fact's lines from their JSON text."""
    return tuple(Line(*line) for line in orjson.loads(text)) if text else ()


def lines_text(lines: Iterable[Line]) -> str | None:
    """A fact's lines as JSON text; None for none."""
    return orjson.dumps(lines, default=list).decode() if lines else None
