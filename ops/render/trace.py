"""The story of a name: every entity that it touches, and their facts merged in time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection

from ops.refused import Refused
from ops.render.details import Details, code_of
from ops.render.history import crowd_notes
from ops.render.tables import seconds
from partners import fields
from partners.reading import DOMAINS
from settings import Database, SealKey
from statemachine import MACHINES, Summary
from store.crypto.keyed_hash import KeyedHash
from store.ledger import links
from store.ledger.links import Meeting
from store.ledger.model import EntityRow, FactRow, fact_of
from store.reports import queries

__all__ = ["CAP", "Trace", "trace"]

CAP = 200  # entities of one story


class Trace(NamedTuple):
    """What `trace` prints: the document, and what to say beside it."""

    document: dict[str, Any]
    notes: list[str]


def trace(
    database: Database | str, keys: Sequence[SealKey], keyed_hash: KeyedHash, token: str, cap: int = CAP
) -> Trace:
    """Find what a token, request id, rx number or metadata value touches, as of one moment.

    Raises Refused, without the token, when nothing is known of it.
    """
    with queries.snapshot(database) as conn:
        reach = _reach(conn, keyed_hash, token, cap)
        if not reach.found:
            raise Refused("nothing carries this name")
        ids = [one.id for one in reach.found]
        rows = queries.entities_of(conn, ids)
        facts = queries.facts_of_all(conn, ids)
    sealed = Details(keys)
    entities: list[dict[str, Any]] = []
    story: list[tuple[tuple[Any, ...], dict[str, Any]]] = []
    for one in reach.found:
        summary, entries = _told(rows[one.id], facts[one.id], sealed)
        entities.append(_entity(rows[one.id], summary, one.by))
        story += entries
    document = {
        "token_found": True,
        "entities": entities,
        "story": [entry for _, entry in sorted(story, key=lambda pair: pair[0])],
        "left_off": reach.left_off,
    }
    notes = [*sealed.problems, *crowd_notes(reach.crowded)]
    if reach.left_off:
        notes.append(f"the story is cut after {cap} entities: there are at least {reach.left_off} more")
    return Trace(document, notes)


def _reach(conn: Connection, keyed_hash: KeyedHash, token: str, cap: int) -> Meeting:
    """The entities that the token leads to, and from there all that are linked, breadth first.

    Metadata is looked up like every other domain, and not followed. When the cap is met, what was reached by
    then is counted, and nothing is followed any further.
    """
    name = token.strip()  # as the values of bodies are
    found = {one.id: one for one in (links.named(conn, MACHINES, name) if fields.name(name) else ())}
    start = links.sharing(conn, [keyed_hash.link(domain, name) for domain in DOMAINS], cap)
    for one in start.found:
        found.setdefault(one.id, one)
    seen = dict(list(found.items())[:cap])
    left_off = start.left_off + len(found) - len(seen)
    crowded: set[str] = set()
    edge = list(seen)
    while edge and not left_off:
        met = links.near(conn, edge, list(seen), cap - len(seen))
        seen |= {one.id: one for one in met.found}
        left_off = met.left_off
        crowded.update(met.crowded)
        edge = [one.id for one in met.found]
    return Meeting(list(seen.values()), left_off, sorted(crowded))


def _told(
    entity: EntityRow, rows: Sequence[FactRow], sealed: Details
) -> tuple[Summary, list[tuple[tuple[Any, ...], dict[str, Any]]]]:
    """An entity's own story, each entry with its place among those of all others."""
    machine = MACHINES[entity.kind]
    known = {machine.order(fact): (fact, row) for row in rows for fact in (fact_of(row),)}
    summary, steps = machine.fold([fact for fact, _ in known.values()])
    entries = []
    for position, step in enumerate(steps):
        fact = step.fact
        row = known[machine.order(fact)][1]
        entry = {
            "at": seconds(fact.occurred_at),
            "dated_by": "receipt" if row.undated else "partner",
            "kind": entity.kind,
            "key": entity.key,
            "signal": fact.signal,
            "code": code_of(fact, row, sealed),
            "verdict": str(step.verdict),
            "from": step.before,
            "to": step.after,
            "events": [event.hex() for event in row.events],
        }
        entries.append(((fact.occurred_at, entity.kind, entity.key, position), entry))
    return summary, entries


def _entity(entity: EntityRow, summary: Summary, by: str) -> dict[str, Any]:
    return {
        "kind": entity.kind,
        "key": entity.key,
        "state": summary.state,
        "since": None if summary.since is None else seconds(summary.since),
        "review": summary.review,
        "deadline": None if entity.deadline is None else seconds(entity.deadline),
        "by": by,
    }
