"""The sandbox's truth, as a comparison needs it: what it says of each entity, and what arrived of that."""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import orjson

from sandbox.outcome import NEW, Standing, standing_after
from sandbox.partners import truth_of
from sandbox.truth import BY_ID, Line, Said
from store.crypto.keyed_hash import KeyedHash

__all__ = ["Entity", "Evidence", "Name", "Truth", "by_id", "name_of"]


class Name(NamedTuple):
    """Which fact of an entity: facts that differ in lines or texts alone are one here.

    But for those of a copay: two of its answers in one second may speak of different prescriptions. `second`
    is 0 where callbacks carry no time: a fact is then dated by when it was first received.
    """

    signal: str
    second: int
    lines: tuple[Line, ...] = ()


def name_of(kind: str, signal: str, second: int, lines: Iterable[Line]) -> Name:
    """The name of a fact of an entity of this kind. `lines`: token and status of each."""
    when = second if truth_of(kind).dated else 0
    return Name(signal, when, tuple(sorted(lines)) if kind == "copay" else ())


@dataclass
class Evidence:
    """How the events arrived that say one thing. `offered`: surfaces that still give one of them to us."""

    delivered: int = 0
    perhaps: bool = False
    waiting: int = 0
    offered: set[str] = field(default_factory=set)


@dataclass
class Entity:
    """One thing of the partner's: where it truly stands, and all that was ever said of it.

    `rests_on`: what else must be known as it is for that to be known. `stranded`: it came to nothing, and is
    paid for.
    """

    standing: Standing = NEW
    own: bool = False
    said: dict[Name, Evidence] = field(default_factory=dict)
    rests_on: list[tuple[str, str]] = field(default_factory=list)
    stranded: bool = False

    @property
    def state(self) -> str:
        return self.standing.state or ""


@dataclass(frozen=True)
class Undelivered:
    """An event of a known type that a surface still gives us, and no attempt of which was answered.

    `copies` are the ids of bodies that may have arrived all the same. `entity`: kind and key of what must be
    known for the event to be asked for; None where it can be had without.
    """

    type: str
    copies: tuple[bytes, ...]
    entity: tuple[str, str] | None


@dataclass
class Truth:
    """`copies`: the ids of all delivered bodies, and whether each is of an unknown type.

    `undelivered` are events whose push has failed, `to_come` counts by type those with attempts left.

    The counts of events add up: those of an unknown type are `strange`, however they were delivered.
    Once `closed`, events are only noted: what came while we looked may or may not have arrived.
    """

    entities: dict[tuple[str, str], Entity] = field(default_factory=dict)
    copies: dict[bytes, bool] = field(default_factory=dict)
    undelivered: list[Undelivered] = field(default_factory=list)
    to_come: Counter[str] = field(default_factory=Counter)
    strange: int = 0
    events: int = 0
    delivered: int = 0
    perhaps: int = 0
    waiting: int = 0
    last: int = 0
    closed: bool = False

    @property
    def never_delivered(self) -> int:
        return self.events - self.strange - self.delivered - self.perhaps - self.waiting

    def add(self, event: Mapping[str, Any], keyed_hash: KeyedHash, customer: str) -> None:
        """Take in one event, in the order in which they were generated."""
        self.last = event["id"]
        delivered, waiting = event["delivered"], event["waiting"]
        if self.closed:
            delivered, waiting = 0, 1
        else:
            self._count(event)
            self._copies(event, keyed_hash)
            self._losses(event, keyed_hash, customer)
        for row in event["says"]:
            said = _said(row)
            entity = self.entities.setdefault((said.kind, said.key), Entity())
            entity.standing = standing_after(
                entity.standing,
                said,
                surprise=event["surprise"] is not None,
                contradicts=event["contradicts"],
            )
            entity.own = entity.own or event["customer"] == customer
            name = name_of(said.kind, said.signal, event["timestamp"], said.lines)
            evidence = entity.said.setdefault(name, Evidence())
            evidence.delivered += delivered
            evidence.perhaps = evidence.perhaps or event["perhaps"]
            evidence.waiting += waiting
            if event["customer"] == customer:
                evidence.offered.update(event["offered"])

    def _count(self, event: Mapping[str, Any]) -> None:
        self.events += 1
        if event["surprise"] == "type":
            self.strange += 1
        elif event["delivered"]:
            self.delivered += 1
        elif event["waiting"]:
            self.waiting += 1
        elif event["perhaps"]:
            self.perhaps += 1

    def _copies(self, event: Mapping[str, Any], keyed_hash: KeyedHash) -> None:
        for attempt in event["attempts"]:
            if attempt["status_code"] and 200 <= attempt["status_code"] < 300:
                # As it was sent: what was written by orjson is written by it alike once more.
                body = orjson.dumps(attempt.get("body", event["body"]))
                event_id = keyed_hash.event_id(event["partner"], "push", "", body)
                self.copies[event_id] = event["surprise"] == "type"

    def _losses(self, event: Mapping[str, Any], keyed_hash: KeyedHash, customer: str) -> None:
        if event["delivered"] or event["surprise"] == "type":
            return
        if event["customer"] != customer or not event["offered"]:
            return
        if event["waiting"]:
            self.to_come[event["type"]] += 1
            return
        bodies = (orjson.dumps(attempt.get("body", event["body"])) for attempt in event["attempts"])
        copies = {keyed_hash.event_id(event["partner"], "push", "", body) for body in bodies}
        entity = (event["kind"], event["key"]) if all(map(by_id, event["offered"])) else None
        self.undelivered.append(Undelivered(event["type"], tuple(sorted(copies)), entity))

    def dropped(self, received: Container[bytes], known: Container[tuple[str, str]]) -> Counter[str]:
        """By type: the events that a surface still gives us and that never arrived.

        `received` are the ids of copies that arrived without the partner's hearing of it; `known`, kind and
        key of what we know of.
        """
        return Counter(
            event.type
            for event in self.undelivered
            if (event.entity is None or event.entity in known)
            and not any(copy in received for copy in event.copies)
        )


def by_id(surface: str) -> bool:
    """Whether a surface gives the events of one request alone, whose id only its callbacks tell."""
    return BY_ID in surface


def _said(row: Mapping[str, Any]) -> Said:
    lines = tuple((line["token"], line["status"]) for line in row["lines"])
    return Said(row["kind"], row["key"], row["signal"], lines)
