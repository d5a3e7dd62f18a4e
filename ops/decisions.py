"""What a person decides becomes a fact: admitted, audited, applied at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import psycopg

from settings import Database
from store.inbox.admit import admit_now
from store.inbox.model import Arrival
from store.ledger import audit
from store.ledger.model import OURS
from workers.apply.batch import apply_queued, apply_rechecks
from workers.apply.decisions import MANUAL, decision_body
from workers.apply.model import Tools

__all__ = ["decide"]


def decide(
    conn: psycopg.Connection[Any],
    database: Database,
    tools: Tools,
    *,
    signal: str,
    kind: str,
    key: str,
    by: str,
    reason: str,
    detail: Mapping[str, object],
) -> bytes:
    """Say this of an entity; the event's id (16 bytes).

    It is durable before anything is applied, so what is left undone by a crash the workers do. Raises
    psycopg.Error, and ValueError for a signal that is nobody's to say.
    """
    now = tools.clock()
    body = decision_body(signal, kind, key, at=int(now.timestamp()), by=by, reason=reason, detail=detail)
    event_id = tools.keyed_hash.event_id(OURS, MANUAL, "", body)
    arrival = Arrival(event_id, OURS, MANUAL, now, tools.sealer.seal(body, event_id))
    audit.record(database, by, signal, f"{kind} {key}", reason)
    seqs = admit_now(conn, [arrival])
    _apply(conn, list(seqs.values()), tools)
    return event_id


def _apply(conn: psycopg.Connection[Any], seqs: Sequence[int], tools: Tools) -> None:
    due = apply_queued(conn, seqs, tools).rechecks
    while due:
        due = apply_rechecks(conn, due, tools).rechecks
