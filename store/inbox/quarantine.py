"""The table `quarantine`: events that state nothing yet, each with the reason why."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import psycopg

from store.db import arrays
from store.db.columns import BIGINT, SECOND, TEXT, WORD, Columns
from store.inbox.model import LEASE_SECONDS, QuarantineRow
from store.inbox.queue import BATCH_ATTEMPTS, SOLO_ATTEMPTS

__all__ = ["dead_letter", "quarantine", "release", "requeue_early"]

Connection = psycopg.Connection[Any]

#: As the fields of a QuarantineRow.
QUARANTINE = Columns(
    "quarantine",
    {"seq": BIGINT, "reason": WORD, "detail": TEXT, "callback_type": WORD, "retry_at": SECOND},
)

_ADD = f"""
INSERT INTO quarantine ({QUARANTINE.names}, since) SELECT {QUARANTINE.values}, now() FROM {QUARANTINE.rows}
ON CONFLICT (seq) DO UPDATE SET reason = excluded.reason, detail = excluded.detail,
    callback_type = excluded.callback_type, retry_at = excluded.retry_at
"""


def quarantine(conn: Connection, rows: Sequence[QuarantineRow]) -> None:
    """Put events into quarantine, or give those that are there their newest reason."""
    conn.execute(_ADD, QUARANTINE.parameters(rows))


def release(conn: Connection, seqs: Iterable[int]) -> None:
    """Take events out of quarantine, where they are in it."""
    conn.execute("DELETE FROM quarantine WHERE seq = ANY(%s::bigint[])", (arrays.numbers(seqs),))


_DEAD_LETTER = f"""
WITH dead AS (
    DELETE FROM queue WHERE seq IN (
        SELECT seq FROM queue WHERE due_at <= now() AND attempts >= {BATCH_ATTEMPTS + SOLO_ATTEMPTS}
        FOR UPDATE SKIP LOCKED
    ) RETURNING seq, last_error
)
INSERT INTO quarantine (seq, reason, detail, since)
SELECT seq, 'poison', coalesce(last_error, 'the worker died'), now() FROM dead
ON CONFLICT (seq) DO UPDATE SET reason = excluded.reason, detail = excluded.detail
RETURNING seq
"""


def dead_letter(conn: Connection) -> list[int]:
    """Move what failed its last solo attempt into quarantine; their inbox ids."""
    return [seq for (seq,) in conn.execute(_DEAD_LETTER)]


_REQUEUE = f"""
WITH back AS (
    DELETE FROM quarantine WHERE seq IN (
        SELECT seq FROM quarantine WHERE retry_at <= now() ORDER BY retry_at LIMIT %s FOR UPDATE SKIP LOCKED
    ) RETURNING seq
)
INSERT INTO queue (seq, received_at, due_at)
SELECT e.seq, e.received_at, now() + interval '{LEASE_SECONDS} seconds' FROM back JOIN events e USING (seq)
ON CONFLICT (seq) DO NOTHING
RETURNING seq
"""


def requeue_early(conn: Connection, limit: int) -> list[int]:
    """Queue again what was only early: quarantined events whose time has come; their inbox ids."""
    return [seq for (seq,) in conn.execute(_REQUEUE, (limit,))]
