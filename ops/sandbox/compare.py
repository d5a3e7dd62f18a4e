"""Compares what is known with the sandbox's truth. Pure: two descriptions in, differences out.

It is exact. Every event that was delivered must be a fact, or in quarantine where its type is none of the
reference's; every fact must be an event; and an entity all of whose events are facts must have the true
state and outcome, a copay the true lines, and a review where one was meant and nowhere else. What was never
delivered is missing, and nothing else may be: where a surface of the partner still offers it, it can be had;
where none does, it is unrecoverable.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ops.render.tables import seconds
from ops.sandbox.truth import Entity, Evidence, Name, Truth, by_id
from sandbox.outcome import Standing

__all__ = ["Known", "Report", "compare", "is_short"]

#: Facts that no callback states: read off a snapshot, derived from another fact, made by a person.
OTHER_SOURCES = frozenset({"snapshot", "derived", "manual"})
UNKNOWN_TYPE = "unknown_type"
#: What is wrong with a delivered copy that stands like this; every other standing is a reason of quarantine.
WHAT = {"not received": "lost", "queued": "lost", "nothing": "lost", "applied": "misread"}
#: The state in which a copay's lines are compared: an error says nothing of them.
LINES_IN = frozenset({"completed"})
#: Where an entity's state can be read. Each needs the live contract or not, and our knowing another name.
STATES: Mapping[str, tuple[str, bool, bool]] = {
    "fill_request": ("/v1/fill_request/{id}", False, False),
    "prescription": ("/v1/webhook_events/notify_rx", False, False),
    "transfer": ("/v1/transfer_request/{transfer_token}", False, True),
    "direct_transfer": ("/v1/direct_transfer/{token}", True, True),
    "copay": ("/v1/copay_request/{request_id}", True, False),
    "consult": ("/consults/v0", True, False),
    "payment": ("/v1/patients/{patient_id}/prescriptions", False, False),
}
#: What lists give that we need not have heard of.
LISTED = frozenset({"payment"})


@dataclass
class Known:
    """What we know of one entity: the sources of each of its facts, by name.

    `lines`: of a copay, what is said of each prescription, by its token.
    """

    state: str
    review: str | None
    facts: dict[Name, frozenset[str]]
    has_alias: bool = False
    outcome: str | None = None
    lines: Mapping[str, str] = field(default_factory=dict)


@dataclass
class Report:
    """`wrong` is ours to explain; `recoverable`, `joins`, and `states` with surfaces are for a pull to close.

    `joined`: payments that are for what they are truly for; `untold`: for a fill, and nobody said for which.
    `left_out`: fills whose sums cannot be right as what they rest on is not known as it is; of `to_be_had` it
    still can be.
    """

    agree: int = 0
    wrong: list[dict[str, Any]] = field(default_factory=list)
    recoverable: list[dict[str, Any]] = field(default_factory=list)
    unrecoverable: list[dict[str, Any]] = field(default_factory=list)
    states: list[dict[str, Any]] = field(default_factory=list)
    loss: list[dict[str, Any]] = field(default_factory=list)
    joins: list[dict[str, Any]] = field(default_factory=list)
    joined: int = 0
    untold: int = 0
    left_out: int = 0
    to_be_had: int = 0

    @property
    def differs(self) -> bool:
        """Whether anything differs that is wrong or still to be had."""
        states = any(row["surfaces"] for row in self.states)
        return bool(self.wrong or self.recoverable or self.joins or self.to_be_had or states)

    def entity(
        self,
        kind: str,
        key: str,
        truth: Entity,
        known: Known | None,
        live_contract: bool,
        *,
        rests: bool = False,
        unread: bool = False,
    ) -> None:
        """Compare one entity. `rests`: what follows from payments cannot be known yet, as they are not.
        `unread`: it is a payment that no record has told yet as it is.
        """
        facts = known.facts if known else {}
        found = len(self.wrong)
        missing: dict[Name, Evidence] = {}
        for name, evidence in truth.said.items():
            if name in facts:
                continue
            missing[name] = evidence
            if evidence.delivered:
                self.wrong.append({"what": "lost", **_named(kind, key, name)})
            elif not evidence.waiting:
                self._missing(kind, key, name, _to_be_had(evidence, known))
        for name, sources in facts.items():
            if name not in truth.said and not sources <= OTHER_SOURCES:
                self.wrong.append({"what": "invented", **_named(kind, key, name)})
        if len(self.wrong) > found:
            return
        state = known.state if known else None
        if state != truth.state:
            self._state(kind, key, truth, known, missing, live_contract, rests=rests)
        elif known is not None:
            row = {"kind": kind, "key": key, "state": state, "true": truth.state}
            same = self._same_state(row, truth, known, missing, rests=rests or bool(missing and unread))
            self.agree += same and not missing
        else:
            self.agree += not missing

    def _same_state(
        self,
        row: Mapping[str, Any],
        truth: Entity,
        known: Known,
        missing: Mapping[Name, Evidence],
        *,
        rests: bool,
    ) -> bool:
        """Compare what else there is of an entity whose state is true; whether nothing differs."""
        if rests:
            # A pull of its payments has to come first.
            if _review_differs(truth.standing, known):
                self.states.append({**row, "review": known.review, "surfaces": [STATES["payment"][0]]})
                return False
            return True
        if not missing or row["kind"] in LISTED:
            return not self._details(row, truth.standing, known)
        # What is missing may be what contradicts, or what it contradicts: but for what payments tell.
        if truth.stranded and not known.review and not _is_decided(known):
            self.wrong.append({"what": "no review", **row})
            return False
        return True

    def _missing(self, kind: str, key: str, name: Name, surfaces: set[str]) -> None:
        row = {**_named(kind, key, name), "surfaces": sorted(surfaces)}
        (self.recoverable if surfaces else self.unrecoverable).append(row)

    def _state(
        self,
        kind: str,
        key: str,
        truth: Entity,
        known: Known | None,
        missing: Mapping[Name, Evidence],
        live_contract: bool,
        *,
        rests: bool,
    ) -> None:
        """Note a state that is not the true one."""
        row = {"kind": kind, "key": key, "state": known.state if known else None, "true": truth.state}
        if missing:
            if not any(evidence.waiting for evidence in missing.values()):
                surfaces = {each for evidence in missing.values() for each in _to_be_had(evidence, known)}
                surfaces |= _state_surfaces(kind, truth, known, live_contract)
                self.states.append({**row, "surfaces": sorted(surfaces)})
        elif rests:
            # Its own history is whole: a pull of its payments has to come first.
            self.states.append({**row, "surfaces": [STATES["payment"][0]]})
        else:
            self.wrong.append({"what": "state", **row})

    def _details(self, row: Mapping[str, Any], truth: Standing, known: Known) -> bool:
        """Compare review, outcome and lines of an entity whose state is true; whether anything differs."""
        found = len(self.wrong)
        if _review_differs(truth, known):
            told = {"what": "review", "review": known.review} if known.review else {"what": "no review"}
            self.wrong.append({**row, **told})
        named = {"kind": row["kind"], "key": row["key"]}
        if known.outcome != truth.outcome:
            self.wrong.append({"what": "outcome", **named, "outcome": known.outcome, "true": truth.outcome})
        if row["kind"] == "copay" and truth.state in LINES_IN and dict(known.lines) != dict(truth.lines):
            told, true = dict(known.lines), dict(truth.lines)
            self.wrong.append({"what": "lines", **named, "lines": told, "true": true})
        return len(self.wrong) > found

    def losses(self, dropped: Mapping[str, int], to_come: Mapping[str, int], ours: Mapping[str, int]) -> None:
        """Compare the loss ledger, by type, with the pushes that the sandbox lost and still gives to pulls.

        While something can be had the ledger lacks it; what has attempts left may be pulled before its push.
        """
        for name in sorted({*dropped, *ours}):
            truth, known, later = dropped.get(name, 0), ours.get(name, 0), to_come.get(name, 0)
            row = {"type": name, "dropped": truth, "to_come": later, "pulled_only": known}
            self.loss.append(row)
            if known > truth + later or (known < truth and not self.recoverable):
                self.wrong.append({"what": "loss", **row})

    def copies(self, truth: Truth, standings: Mapping[bytes, str]) -> None:
        """Compare what became of every delivered copy."""
        for event_id, is_strange in truth.copies.items():
            standing = standings.get(event_id, "not received")
            if standing != (UNKNOWN_TYPE if is_strange else "applied"):
                what = WHAT.get(standing, "quarantined")
                self.wrong.append({"what": what, "event": event_id.hex(), "standing": standing})


def is_short(truth: Truth, known: Mapping[tuple[str, str], Known], name: tuple[str, str]) -> bool:
    """Whether a thing is not known as it is: of a fill its history; of a payment its state, and its names,
    which its record tells.
    """
    found, entity = known.get(name), truth.entities.get(name)
    if found is None or entity is None:
        return True
    if name[0] not in LISTED:
        return not entity.said.keys() <= found.facts.keys()
    return found.state != entity.state or not any(fact.signal.startswith("seen:") for fact in found.facts)


def _to_be_had(evidence: Evidence, known: Known | None) -> set[str]:
    """The surfaces that give it to us: nobody asks for the events of a request that he has never heard of."""
    return {surface for surface in evidence.offered if known is not None or not by_id(surface)}


def _review_differs(truth: Standing, known: Known) -> bool:
    return not truth.contradicted if known.review else truth.contradicted and not _is_decided(known)


def _is_decided(known: Known) -> bool:
    """Whether a person has had a say: a review may then be over."""
    return any("manual" in sources for sources in known.facts.values())


def _named(kind: str, key: str, name: Name) -> dict[str, Any]:
    when = seconds(name.second) if name.second else None
    return {"kind": kind, "key": key, "signal": name.signal, "occurred_at": when}


def _state_surfaces(kind: str, truth: Entity, known: Known | None, live_contract: bool) -> set[str]:
    """Where the state alone can be read: only what is ours, and what we have the name for."""
    path, live, by_alias = STATES.get(kind, ("", True, True))
    if not path or not truth.own or (known is None and kind not in LISTED):
        return set()
    if known is None:
        return {path}
    reachable = (live_contract or not live) and (known.has_alias or not by_alias)
    return {path} if reachable else set()


def compare(
    truth: Truth,
    known: Mapping[tuple[str, str], Known],
    standings: Mapping[bytes, str],
    live_contract: bool,
    lost: Mapping[str, int],
) -> Report:
    """`standings`: how each copy stands, by its id. `live_contract`: what the partner offers. `lost`: by
    type, how many callbacks our loss ledger has as pulled only.
    """
    report = Report()
    for (kind, key), entity in truth.entities.items():
        rests = any(is_short(truth, known, name) for name in entity.rests_on)
        unread = kind in LISTED and is_short(truth, known, (kind, key))
        found = known.get((kind, key))
        report.entity(kind, key, entity, found, live_contract, rests=rests, unread=unread)
    report.copies(truth, standings)
    report.losses(truth.dropped(standings, known), truth.to_come, lost)
    return report
