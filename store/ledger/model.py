"""Rows of the ledger's tables as they are used, what a machine makes of them, and rechecks. No database."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from hashlib import blake2b
from typing import NamedTuple

import orjson

from statemachine import DERIVATIONS, Fact, Line, Summary
from store.crypto.keyed_hash import KeyedHash

__all__ = [
    "CAUSES",
    "COVER",
    "DERIVED",
    "JOIN",
    "OURS",
    "SEVERAL",
    "ChangeRow",
    "EntityRow",
    "EventFactRow",
    "FactRow",
    "ParcelRow",
    "PostingRow",
    "Recheck",
    "SealedRecheck",
    "fact_id",
    "fact_of",
    "lines_of",
    "lines_text",
    "quantities_name",
    "recheck_body",
    "recheck_id",
    "recheck_of",
    "summary_of",
    "undated_fact_id",
]

_new = tuple.__new__

#: Stands for the number of a parcel where there are several, or may be.
SEVERAL = bytes(16)
#: Rechecks are their own partner's, ours, and come their own way.
OURS, DERIVED = "rxledger", "derived"
#: What a payment is for, and whether a fill's payments cover what it owes, are decided anew.
JOIN, COVER = "payment_join", "payment_cover"
#: What rechecks look at, by their derivation.
CAUSES = {one.name: one.cause for one in DERIVATIONS} | {JOIN: "payment", COVER: "fill_request"}


class EntityRow(NamedTuple):
    """A locked entity with its folded state; times are Unix seconds. `made` in this very transaction.

    `parcel`: the number of its only parcel as a keyed hash, or what stands for several (SEVERAL).
    From `state` to `waiting_since` it is the fold's Summary. `quantities`: how much its registered request
    asked for, as `partners.truepill.quantities` has it, sealed for `quantities_name`.
    """

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
    waiting_since: int | None = None
    deadline: int | None = None
    parcel: bytes | None = None
    registered_at: int | None = None
    quantities: bytes | None = None
    made: bool = False


class FactRow(NamedTuple):
    """One stored fact. `lines` is JSON text; `preferred` names the copy whose content this is.

    `pushed_at` and `pulled_at`: when the first copy of each way was received, as far as that is known.
    `millisecond` is None where the preferred copy prints seconds. `undated` is true where the source prints
    no time: then `occurred_at` is when the first copy was received; else None.
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
    millisecond: int | None = None
    undated: bool | None = None


class ParcelRow(NamedTuple):
    """One of several parcels. `number` is a keyed hash; times are Unix seconds.

    `due` is the carrier's date, `deadline` that date or when the clock of the state ends.
    """

    entity_id: int
    number: bytes
    state: str
    since: int | None
    due: int | None
    deadline: int | None


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


def undated_fact_id(fact: Fact) -> bytes:
    """As `fact_id` for a fact whose source prints no time: when it was received is no part of it."""
    return fact_id(fact._replace(occurred_at=0))


def fact_of(row: FactRow) -> Fact:
    """The fact that a row keeps."""
    lines = lines_of(row.lines)
    identity = (row.occurred_at, row.signal, row.code, row.discriminator)
    return _new(Fact, (*identity, lines, row.due, row.millisecond or 0))


def summary_of(entity: EntityRow) -> Summary:
    """Where the fold of an entity's facts stands, as its row keeps it."""
    return _new(Summary, entity[3:11])


def quantities_name(kind: str, key: str) -> bytes:
    """16 bytes that what an entity's request asked for is sealed for."""
    return blake2b(f"quantities\0{kind}\0{key}".encode(), digest_size=16).digest()


def lines_of(text: str | None) -> tuple[Line, ...]:
    """A fact's lines from their JSON text."""
    return tuple(Line(*line) for line in orjson.loads(text)) if text else ()


def lines_text(lines: Iterable[Line]) -> str | None:
    """A fact's lines as JSON text; None for none."""
    return orjson.dumps(lines, default=_parts).decode() if lines else None


def _parts(line: Line) -> list[object]:
    """Most lines carry no date of their own, and are stored without."""
    return list(line if line[4] is not None else line[:4])


class Recheck(NamedTuple):
    """See what the entity (kind, key) means by the derivation of this name, for others or itself."""

    derivation: str
    kind: str
    key: str


class SealedRecheck(NamedTuple):
    """A recheck ready to be stored: its event's id (16 bytes) and its sealed body."""

    id: bytes
    sealed: bytes


def recheck_body(recheck: Recheck) -> bytes:
    """The body of the event, the same every time."""
    return orjson.dumps({"derivation": recheck.derivation, "cause": [recheck.kind, recheck.key]})


def recheck_of(body: bytes) -> Recheck | None:
    """The recheck of a body; None for a derivation that this version does not know."""
    content = orjson.loads(body)
    found = Recheck(content["derivation"], *content["cause"])
    return found if CAUSES.get(found.derivation) == found.kind else None


def recheck_id(keyed_hash: KeyedHash, recheck: Recheck) -> bytes:
    """The id of the event: the digest of its body, as every event's."""
    return keyed_hash.event_id(OURS, DERIVED, "", recheck_body(recheck))
