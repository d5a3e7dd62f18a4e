"""What the steps of applying hand on: a copy read, what it states, what follows, what was written."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from partners.reading import Link
from statemachine import Fact
from store.crypto.keyed_hash import KeyedHash
from store.crypto.sealing import Sealer
from store.inbox.model import ClaimedCopy, QuarantineRow
from store.ledger.model import EntityRow, FactRow, Recheck

__all__ = [
    "Applied",
    "Change",
    "ClaimedRecheck",
    "Moved",
    "Name",
    "ReadBatch",
    "Replayed",
    "Resolved",
    "StatedFact",
    "StatedFacts",
    "Tools",
    "Unaddressed",
    "Withdrawn",
]

#: An entity, as (kind, key); or another name of it, as (kind, alias).
Name = tuple[str, str]
#: By entity: which events no longer count as having stated which facts.
Withdrawn = Mapping[int, Mapping[bytes, set[bytes]]]


class Tools(NamedTuple):
    """What applying needs besides a connection. `clock` gives the aware time of now, in UTC;
    `partner_folders` hold partners beside those that come along.
    """

    sealer: Sealer
    keyed_hash: KeyedHash
    clock: Callable[[], datetime]
    partner_folders: tuple[Path, ...] = ()


class StatedFact(NamedTuple):
    """One copy states one fact about an entity. `lines` is JSON text, `detail` is sealed for `fact_id`.

    `links` are the names in its body, among them the entity's own key where the body gives it. `parcel` is
    the keyed hash of the tracking number that it is about. `undated`: its time is that of the receipt.
    """

    seq: int
    event_id: bytes
    via: str
    received_at: datetime
    callback_type: str
    fact: Fact
    fact_id: bytes
    lines: str | None
    detail: bytes | None
    links: frozenset[Link] = frozenset()
    aliases: tuple[str, ...] = ()
    parcel: bytes | None = None
    undated: bool = False


StatedFacts = Mapping[Name, Sequence[StatedFact]]


class Unaddressed(NamedTuple):
    """A stated fact about an entity that only its `aliases` name, of which there is at least one.

    `fallback`: what the entity is called where none of them leads to a key.
    """

    kind: str
    stated_fact: StatedFact
    fallback: str | None = None


class ClaimedRecheck(NamedTuple):
    """A recheck among the events of a batch."""

    copy: ClaimedCopy
    recheck: Recheck


class ReadBatch(NamedTuple):
    """A batch, read: stated facts by (kind, key), those about entities that no key names, what is to be
    quarantined, and the inbox ids of what cannot be unsealed yet.

    `drifted` counts, by partner, what its contract does not say. `rechecks` are events of our own: what they
    state, the ledger has to be asked for. `wanted` are requests of which a pulled copy leaves open what it
    says.
    """

    stated_facts: dict[Name, list[StatedFact]]
    unaddressed: list[Unaddressed]
    quarantined: list[QuarantineRow]
    keyless: list[int]
    drifted: dict[str, Counter[tuple[str, str, str]]]
    rechecks: list[ClaimedRecheck]
    wanted: set[Name]

    @classmethod
    def empty(cls) -> ReadBatch:
        return cls({}, [], [], [], {}, [], set())


class Resolved(NamedTuple):
    """A batch, each stated fact by its entity: `quarantined` are events that have none.

    `woken` are others, queued again since they waited for a name that this batch tells.
    """

    stated_facts: dict[Name, list[StatedFact]]
    quarantined: list[QuarantineRow]
    woken: list[int]


class Change(NamedTuple):
    """What to write for one entity, and whether its row differs.

    `counted` are the stated facts whose event had not stated its fact before.
    """

    entity: EntityRow
    inserted: list[FactRow]
    updated: list[FactRow]
    deleted: list[bytes]
    counted: list[StatedFact]
    changed: bool


class Moved(NamedTuple):
    """One entity before and after; `known` says whether it existed before.

    `named` says whether it got a name that it did not have.
    """

    before: EntityRow
    change: Change
    known: bool
    named: bool = False


class Applied(NamedTuple):
    """What one batch came to. `keyless` are events whose seal key is not in the ring yet.

    `woken` are others, queued again because a name that they waited for is known now; `rechecks` are events
    of our own that it queued (`workers.apply.batch.apply_rechecks`). `left` stand in the queue as before: it
    was too much at once.
    """

    applied: int
    quarantined: int
    keyless: tuple[int, ...]
    woken: tuple[int, ...] = ()
    rechecks: tuple[int, ...] = ()
    left: tuple[int, ...] = ()


class Replayed(NamedTuple):
    """What reading events anew came to, or would come to. `pending` could not be read now."""

    moved: list[Moved]
    quarantined: int
    pending: tuple[int, ...]
