"""The table `intents`: what is to be sent once is recorded before it is, and its outcome after.

    intended ──▶ sent ──▶ done | refused | unknown          unknown ──▶ done | refused
                                                            done | refused ──▶ unknown, where more is heard

`intended` was surely not sent: whoever comes next takes it over, and who had it before can no longer send it.
`sent` is committed before the call begins, so a call that nobody recorded was not made. After ANSWER_SECONDS
without an outcome nobody waits for the answer any more, and what became of it is unknown. Only an answer, a
record that is found at the partner, or a person says more.

An intent that is not closed stands for its subject: a unique index lets no second one begin. `refused` closes
it, since nothing came of it. `done` does not.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal, NamedTuple, TypeAlias

import psycopg

from store.db.durability import DURABLE

__all__ = [
    "ANSWER_SECONDS",
    "Intent",
    "State",
    "Subject",
    "What",
    "by_id",
    "close",
    "context",
    "intend",
    "keep_late",
    "mark_sent",
    "open_intents",
    "reopen",
    "settle",
    "settle_unknown",
    "standing",
]

Connection = psycopg.Connection[Any]
What: TypeAlias = Literal["payment_block", "checkout", "checkout_patient", "checkout_prescription"]
State: TypeAlias = Literal["intended", "sent", "done", "refused", "unknown"]

#: Longer than a call may take with its wait for the budget.
ANSWER_SECONDS = 180


class Subject(NamedTuple):
    """What is sent, and for which entity: a kind and a key; `part` is a prescription's token, or empty."""

    what: What
    kind: str
    key: str
    part: str = ""


class Intent(NamedTuple):
    """A row. `lost`: it was sent, and nobody waits for its answer any more. Times are aware."""

    id: int
    subject: Subject
    state: State
    holder: str
    at: datetime
    sent_at: datetime | None
    closed: bool
    answer_id: str | None
    code: str | None
    detail: bytes
    answer: bytes | None
    lost: bool


_LOST = f"""(state = 'unknown' OR state = 'sent'
    AND sent_at < clock_timestamp() - interval '{ANSWER_SECONDS} seconds')"""
_INTENT = f"""id, what, subject_kind, subject_key, part, state, holder, at, sent_at, closed_at IS NOT NULL,
    answer_id, code, detail, answer, {_LOST}"""
_OF_SUBJECT = """what = %(what)s AND subject_kind = %(kind)s AND subject_key = %(key)s AND part = %(part)s
    AND closed_at IS NULL"""


def context(subject: Subject) -> bytes:
    """What a subject's detail and answer are sealed for."""
    return "\0".join(("intent", *subject)).encode()


_INTEND = f"""
INSERT INTO intents AS i (what, subject_kind, subject_key, part, state, holder, at, detail)
SELECT %(what)s, %(kind)s, %(key)s, %(part)s, 'intended', %(holder)s, clock_timestamp(), %(detail)s
WHERE {DURABLE}
ON CONFLICT (what, subject_kind, subject_key, part) WHERE closed_at IS NULL
DO UPDATE SET holder = excluded.holder, at = excluded.at, detail = excluded.detail
WHERE i.state = 'intended'
RETURNING id
"""


def intend(conn: Connection, subject: Subject, holder: str, detail: bytes) -> tuple[Intent, bool]:
    """The intent that stands for this subject, and whether it is `holder`'s to send now.

    It is made where none stands, and taken over where the one that stands was not sent. `detail` is sealed
    for `context(subject)`. One statement, durable once it returns. Raises psycopg.Error.
    """
    values = {**subject._asdict(), "holder": holder, "detail": detail}
    while True:  # one that stood in the way may be closed before it is read
        ours = conn.execute(_INTEND, values).fetchone()
        found = standing(conn, subject)
        if found is not None:
            return found, ours is not None and found.id == ours[0] and found.holder == holder


def standing(conn: Connection, subject: Subject) -> Intent | None:
    """The intent that stands for this subject."""
    query = f"SELECT {_INTENT} FROM intents WHERE {_OF_SUBJECT}"
    row = conn.execute(query, subject._asdict()).fetchone()
    return None if row is None else _intent(row)


def by_id(conn: Connection, intent_id: int) -> Intent | None:
    """An intent by its number, closed ones too."""
    row = conn.execute(f"SELECT {_INTENT} FROM intents WHERE id = %s", (intent_id,)).fetchone()
    return None if row is None else _intent(row)


_MARK_SENT = f"""
UPDATE intents SET state = 'sent', sent_at = clock_timestamp()
WHERE id = %(id)s AND holder = %(holder)s AND state = 'intended' AND {DURABLE}
"""


def mark_sent(conn: Connection, intent_id: int, holder: str) -> bool:
    """Say, durably and before the call, that it goes out. False: it is another's by now, do not send."""
    return conn.execute(_MARK_SENT, {"id": intent_id, "holder": holder}).rowcount == 1


_SETTLE = f"""
UPDATE intents SET state = %(state)s, code = %(code)s, answer_id = %(answer_id)s, answer = %(answer)s,
    settled_at = clock_timestamp(),
    closed_at = CASE WHEN %(state)s = 'refused' THEN clock_timestamp() END
WHERE id = %(id)s AND holder = %(holder)s AND state IN ('sent', 'unknown') AND {DURABLE}
"""


def settle(
    conn: Connection,
    intent: Intent,
    state: Literal["done", "refused", "unknown"],
    *,
    code: str | None = None,
    answer_id: str | None = None,
    answer: bytes | None = None,
) -> bool:
    """What came of a call, by who made it; part of the caller's transaction, which is durable by it.

    An answer that comes after all settles what was taken for unknown. False: a person, or a record found at
    the partner, was first.
    """
    values = {"id": intent.id, "holder": intent.holder, "state": state}
    values |= {"code": code, "answer_id": answer_id, "answer": answer}
    return conn.execute(_SETTLE, values).rowcount == 1


#: Another stands for its subject: only one can.
_OTHER_STANDS = """EXISTS (SELECT FROM intents o WHERE o.what = i.what AND o.subject_kind = i.subject_kind
    AND o.subject_key = i.subject_key AND o.part = i.part AND o.closed_at IS NULL AND o.id <> i.id)"""
_LATE = f"""
UPDATE intents AS i SET state = 'unknown', code = 'late', settled_at = clock_timestamp(),
    answer_id = %(answer_id)s, answer = %(answer)s,
    closed_at = CASE WHEN {_OTHER_STANDS} THEN coalesce(closed_at, clock_timestamp()) END
WHERE id = %(id)s AND holder = %(holder)s AND state IN ('done', 'refused') AND {DURABLE}
"""


def keep_late(conn: Connection, intent: Intent, answer_id: str | None, answer: bytes) -> bool:
    """Keep the answer of a call that was settled otherwise before it came; part of the caller's transaction.

    It is in doubt again, and nothing more is sent for its subject. Where another was sent already, that one
    stands, and this one is to be settled all the same.
    """
    values = {"id": intent.id, "holder": intent.holder, "answer_id": answer_id, "answer": answer}
    return conn.execute(_LATE, values).rowcount == 1


def reopen(conn: Connection, intent: Intent) -> bool:
    """Have what a person settled as not seen be in doubt again; part of the caller's transaction.

    False: nobody settled it so, or another was begun since.
    """
    statement = f"""
        UPDATE intents AS i SET state = 'unknown', closed_at = NULL
        WHERE id = %s AND state = 'refused' AND code = 'not_seen' AND NOT {_OTHER_STANDS} AND {DURABLE}
    """
    return conn.execute(statement, (intent.id,)).rowcount == 1


_SETTLE_UNKNOWN = f"""
UPDATE intents AS i SET state = %(state)s, code = %(code)s, settled_at = clock_timestamp(),
    answer_id = %(answer_id)s, answer = %(answer)s,
    closed_at = CASE WHEN %(state)s = 'refused' OR {_OTHER_STANDS}
        THEN coalesce(closed_at, clock_timestamp()) END
WHERE id = %(id)s AND {_LOST} AND {DURABLE}
    AND sent_at <= clock_timestamp() - make_interval(secs => %(sent_for)s)
"""


def settle_unknown(
    conn: Connection,
    intent: Intent,
    state: Literal["done", "refused", "unknown"],
    *,
    code: str | None = None,
    answer_id: str | None = None,
    answer: bytes | None = None,
    sent_for: int = 0,
) -> bool:
    """What somebody else found out of a call that nobody waits for: a person, or whoever read the partner's
    records. Part of the caller's transaction. False: it is settled already, somebody waits for it, or it was
    sent less than `sent_for` seconds ago.
    """
    values = {"id": intent.id, "state": state, "code": code, "answer_id": answer_id, "answer": answer}
    values["sent_for"] = sent_for
    return conn.execute(_SETTLE_UNKNOWN, values).rowcount == 1


def close(conn: Connection, intent: Intent, code: str) -> bool:
    """What was done stands for its subject no longer, and another may be sent: a session that expired."""
    statement = (
        "UPDATE intents SET closed_at = clock_timestamp(), code = %s "
        f"WHERE id = %s AND state = 'done' AND closed_at IS NULL AND {DURABLE}"
    )
    return conn.execute(statement, (code, intent.id)).rowcount == 1


def open_intents(conn: Connection, kind: str | None, limit: int) -> list[Intent]:
    """Up to `limit` intents whose outcome is unknown, the oldest first; of one kind of subject, or of all."""
    query = (
        f"SELECT {_INTENT} FROM intents WHERE state IN ('sent', 'unknown') AND {_LOST} "
        "AND (%(kind)s::text IS NULL OR subject_kind = %(kind)s) ORDER BY at, id LIMIT %(limit)s"
    )
    return [_intent(row) for row in conn.execute(query, {"kind": kind, "limit": limit})]


def _intent(row: tuple[Any, ...]) -> Intent:
    id, what, kind, key, part, *rest = row
    return Intent(id, Subject(what, kind, key, part), *rest)
