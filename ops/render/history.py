"""The history of an entity: its stored facts, folded by its machine each time it is looked at.

History is never stored: it is a function of the facts, so there is nothing that could drift from them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

from ops.payments import of_entity
from ops.refused import Refused
from ops.render.details import Details, as_written, code_of, is_hashed, line_detail
from ops.render.duplicate_orders import unresolved
from ops.render.keys import own_key
from ops.render.parcels import parcels_of
from ops.render.tables import seconds
from settings import Settings
from statemachine import MACHINES, Line, Machine, Step, Summary, lines_told
from statemachine.parcels import SCAN
from store.crypto.keyed_hash import KeyedHash
from store.crypto.sealing import Sealer
from store.ledger import links, relations
from store.ledger.links import Linked
from store.ledger.model import EntityRow, FactRow, fact_of, summary_of
from store.ledger.relations import Related
from store.reports import queries, recorded, unconfirmed
from workers.apply.model import Tools
from workers.reports.callback_types import callback_types
from workers.reports.pull_reach import confirming

__all__ = ["History", "crowd_notes", "history"]


#: None: it is confirmed, or nothing could confirm it; else whether the partner ought to have told it since.
_UNCONFIRMED = {None: None, False: "waiting", True: "flagged"}


class History(NamedTuple):
    """What `show` prints: the document, and what to say beside it."""

    document: dict[str, Any]
    notes: list[str]


def history(settings: Settings, kind: str, name: str, *, details: bool = False) -> History:
    """Read and fold the entity whose key or other name this is. Raises Refused when there is none."""
    machine = MACHINES[kind]
    sealed = Details(settings.seal_keys)
    with queries.snapshot(settings.database) as conn:
        key = own_key(conn, kind, name)
        entity = queries.entity(conn, kind, key)
        if entity is None:
            raise Refused(f"there is no {kind} {key}")
        rows = queries.facts_of(conn, entity.id)
        linked = links.linked_to(conn, entity.id)
        related, replaced = relations.related_to(queries.driver(conn), entity.id)
        alone: dict[bytes, bool] = {}
        if any(row.via == ("push",) for row in rows):
            driver = queries.driver(conn)
            by = confirming(driver, settings.pull.overlap, callback_types(settings.partner_folders))
            alone = unconfirmed.of_entity(driver, entity.id, by)
            if recordings := [one for one in by.recordings if one.kind == kind]:
                alone |= recorded.of_entity(driver, entity.id, recordings, by.grace)
        keyed_hash = KeyedHash(settings.lookup_key or b"")
        duplicates = unresolved(conn, keyed_hash, entity.id, rows, sealed) if settings.lookup_key else []
        money: Mapping[str, Any] = {}
        if settings.seal_keys:  # amounts are sealed
            tools = Tools(Sealer(settings.seal_keys), keyed_hash, _now)
            money = of_entity(queries.driver(conn), tools, entity, rows)
    known = {machine.order(fact): row for row in rows for fact in (fact_of(row),)}
    summary, steps = machine.fold([fact_of(row) for row in rows])
    facts = []
    for step in steps:
        row = known[machine.order(step.fact)]
        flagged = alone.get(row.fact_id)
        facts.append(_fact(step, row, sealed, details) | {"unconfirmed": _UNCONFIRMED[flagged]})
    lines = _lines(machine, steps, known, sealed, details)
    notes = crowd_notes(linked.crowded)
    if summary != summary_of(entity):
        notes.append(
            f"the stored state ({entity.state}) differs from what its facts fold to ({summary.state}): "
            f"rxledger replay --entity {kind} {key} puts it right"
        )
    shown = [*_directed(kind, linked.links, related), *duplicates]
    document = _document(entity, summary, facts, lines, shown) | {"replaced": replaced, **money}
    if linked.left_off:
        document["links_left_off"] = linked.left_off
    if any(signal.startswith(SCAN) for signal in machine.rank):
        document["parcels"] = parcels_of(machine, rows, sealed, details)
    return History(document, [*sealed.problems, *notes])


def _now() -> datetime:
    return datetime.now(UTC)


def crowd_notes(domains: Sequence[str]) -> list[str]:
    """What to say of names that were not followed."""
    return [
        f"more than {links.CROWD} entities carry the same name of domain {domain}: it is not followed"
        for domain in domains
    ]


def _directed(kind: str, linked: Sequence[Linked], related: Sequence[Related]) -> list[dict[str, Any]]:
    """The links, with their direction where they have one; also of requests that are not known here."""
    by_key = {one.key: one for one in related}
    shown = []
    for link in linked:
        one = by_key.pop(link.key, None) if (link.kind, link.by) == (kind, "request") else None
        shown.append(link._asdict() | ({"relation": one.relation} if one else {}))
    for one in by_key.values():
        known = kind if one.known else None
        shown.append({"kind": known, "key": one.key, "by": "request", "relation": one.relation})
    return shown


def _document(
    entity: EntityRow,
    summary: Summary,
    facts: list[Any],
    lines: list[Any],
    shown_links: list[dict[str, Any]],
) -> dict[str, Any]:
    return {
        "kind": entity.kind,
        "key": entity.key,
        "state": summary.state,
        "since": None if summary.since is None else seconds(summary.since),
        "outcome": summary.outcome,
        "review": summary.review,
        "deadline": None if entity.deadline is None else seconds(entity.deadline),
        "facts": facts,
        "lines": lines,
        "links": shown_links,
    }


def _fact(step: Step, row: FactRow, sealed: Details, details: bool) -> dict[str, Any]:
    found: dict[str, Any] = {
        "signal": step.fact.signal,
        "occurred_at": seconds(step.fact.occurred_at),
        "dated_by": "receipt" if row.undated else "partner",
        "received_at": row.received_at,
        "via": list(row.via),
        "verdict": str(step.verdict),
        "from": step.before,
        "to": step.after,
        "gap": list(step.gap),
        "code": code_of(step.fact, row, sealed),
        "events": [event.hex() for event in row.events],
    }
    if details:
        found["detail"] = sealed.of(row)
    return found


def _lines(
    machine: Machine, steps: Sequence[Step], known: dict[Any, FactRow], sealed: Details, details: bool
) -> list[dict[str, Any]]:
    result: list[dict[str, Any]] = []
    for line, source, place in lines_told(machine, steps):
        detail: dict[str, Any] = {}
        if details or _is_partly_sealed(line):
            detail = line_detail(known[machine.order(source)], place, sealed)
        position, token, status, code, _ = as_written(line, detail)
        result.append({"position": position, "token": token, "status": status, "code": code})
        if details:
            result[-1]["detail"] = detail
    return result


def _is_partly_sealed(line: Line) -> bool:
    return line.token is None or is_hashed(line.code)
