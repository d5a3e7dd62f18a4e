"""Which requests the partner is to be polled about, and when it last was.

A request is due when it has been quiet for a while and something may have been missed: it was never polled,
it has changed since, it still waits for news, or it is under review. Each fruitless poll doubles the time to
the next one, up to a day; what has come to its end is polled once, and again only if it changes. Of that is
left out what the partner's other streams have confirmed: of which every fact was pulled too. A request that
another replaced has come to its end.

What is at its end and waits only because of a review is polled less and less: nothing but news lifts a
review, and most will never have any. The time doubles up to a week, and when it can grow no more the polls
end (`backoff`). News of it, also of a time before, starts them over (docs/decisions/0015).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import psycopg

from statemachine import MACHINES, Fact
from store.db import arrays
from store.ledger.relations import is_replaced
from store.pulls.backoff import LONGEST_SECONDS, review_polls, seconds_to_next
from store.pulls.others import is_of_others, others_of

__all__ = [
    "Due",
    "Left",
    "PollResult",
    "due",
    "find",
    "forget",
    "gaps",
    "left",
    "note",
    "put_off",
    "server_time",
]

Connection = psycopg.Connection[Any]

#: More fruitless polls are not counted.
_MOST_FRUITLESS = 100


class Due(NamedTuple):
    """A request to poll, as it stood then. `waits`: it is open, overdue or under review.

    `only_review`: nothing but its review is a reason to wait for news. `fruitless`: how many polls in a row
    have brought nothing; of what only waits for a review, since the last news of it.
    """

    id: int
    kind: str
    key: str
    state: str
    last_at: datetime | None
    waits: bool = True
    only_review: bool = False
    fruitless: int = 0


class PollResult(NamedTuple):
    """What a poll came to: how many events were new, or why there was no answer."""

    stored: int
    trouble: str | None = None


class Left(NamedTuple):
    """How many requests are due now, how many will be later, and when the first of these is."""

    due: int
    later: int
    next_at: datetime | None


#: Every entity as the schedule sees it: whether it is to be polled at all (`polled`), and from when on (`at`,
#: NULL for at once). A registered request of which nothing was heard is as old as its registration says. What
#: was put off (no state noted) has not changed by that; and news of an older time changes no state. What we
#: derived is stated anew by each recheck: it is news only if it changes the state.
_SCHEDULE = f"""
SELECT e.id, e.kind, e.key, e.state, e.last_at, e.first_seen, l.looked_at, w.waits, r.only_review,
       CASE WHEN n.news THEN 0 ELSE coalesce(l.fruitless, 0) END AS fruitless,
       w.waits OR c.changed AND (e.last_at IS NULL OR EXISTS (
           SELECT FROM facts f WHERE f.entity_id = e.id
           AND f.via && '{{push,snapshot}}' AND NOT f.via @> '{{pull}}')) AS polled,
       CASE WHEN c.changed AND least(e.first_seen, e.registered_at) <= %(as_of)s::timestamptz
                 AND (l.entity_id IS NULL OR l.looked_at < %(as_of)s OR l.trouble IS NOT NULL) THEN NULL
       ELSE greatest(
           CASE WHEN e.review IS NULL AND NOT o.overdue THEN
                CASE WHEN e.last_at IS NULL AND e.registered_at IS NOT NULL THEN e.registered_at
                     ELSE greatest(e.first_seen, e.last_at) END + %(quiet)s * interval '1 s' END,
           CASE WHEN n.news THEN least(l.next_at, l.looked_at + %(quiet)s * interval '1 s')
                ELSE l.next_at END) END AS at
FROM entities e
LEFT JOIN lookups l ON l.entity_id = e.id
CROSS JOIN LATERAL (
    SELECT (e.kind, e.state) IN (SELECT * FROM unnest(%(kinds)s::text[], %(states)s::text[])) AS open,
           coalesce(e.deadline <= clock_timestamp(), false) AS overdue
) s
CROSS JOIN LATERAL (
    SELECT CASE WHEN s.open OR s.overdue OR e.review IS NOT NULL
                THEN {is_replaced("e")} ELSE false END AS replaced OFFSET 0
) p
CROSS JOIN LATERAL (SELECT s.open AND NOT p.replaced AS open, s.overdue AND NOT p.replaced AS overdue) o
CROSS JOIN LATERAL (
    SELECT l.entity_id IS NULL OR (l.state, l.last_at) IS DISTINCT FROM (e.state, e.last_at) AS changed
) c
CROSS JOIN LATERAL (
    SELECT e.review IS NOT NULL AND NOT o.open AND NOT o.overdue AND NOT p.replaced AS only_review
) r
CROSS JOIN LATERAL (
    SELECT r.only_review AND l.entity_id IS NOT NULL AND (
        l.state <> '' AND c.changed
        OR EXISTS (SELECT FROM facts f WHERE f.entity_id = e.id AND f.received_at > l.looked_at
                   AND f.via <> '{{derived}}')) AS news
) n
CROSS JOIN LATERAL (
    SELECT o.open OR o.overdue
           OR r.only_review AND (l.entity_id IS NULL OR l.fruitless < %(review_polls)s OR n.news) AS waits
) w
"""
# Waiting ones first, each group by its last poll.
_DUE = f"""
SELECT id, kind, key, state, last_at, waits, only_review, fruitless FROM ({_SCHEDULE}) schedule
WHERE kind = ANY(%(of)s::text[]) AND polled AND NOT {is_of_others("schedule")}
  AND coalesce(at <= clock_timestamp(), true) AND coalesce(looked_at < %(before)s, true)
ORDER BY NOT waits, coalesce(looked_at, '-infinity'), first_seen, id
LIMIT %(limit)s
"""
_LEFT = f"""
SELECT count(*) FILTER (WHERE coalesce(at <= clock_timestamp(), true)),
       count(*) FILTER (WHERE at > clock_timestamp()),
       min(at) FILTER (WHERE at > clock_timestamp())
FROM ({_SCHEDULE}) schedule
WHERE kind = ANY(%(of)s::text[]) AND polled AND NOT {is_of_others("schedule")}
"""
_FIND = f"""
SELECT id, kind, key, state, last_at, waits, only_review, fruitless FROM ({_SCHEDULE}) schedule
WHERE kind = %(kind)s AND key = %(key)s
"""
_FACTS = """
SELECT entity_id, extract(epoch FROM occurred_at)::bigint, signal, code, discriminator,
       extract(epoch FROM due)::bigint, coalesce(millisecond, 0)
FROM facts WHERE entity_id = ANY(%s::bigint[])
"""


def due(
    conn: Connection,
    kinds: Collection[str],
    waiting: Sequence[tuple[str, str]],
    quiet: float,
    before: datetime,
    limit: int,
    as_of: datetime | None = None,
    others: Collection[str] = (),
) -> list[Due]:
    """The most urgent requests of these kinds that were not polled since `before`.

    `waiting` are the (kind, state) in which news is expected; `quiet` is seconds without news. `as_of`: what
    was known or made by then, and gave no answer since, is due without being quiet. `others` are partners of
    whose requests this one is not asked.
    """
    of = {"of": arrays.texts(sorted(kinds)), "before": before, "limit": limit, **others_of(others)}
    return [Due._make(row) for row in conn.execute(_DUE, {**_schedule(waiting, quiet, as_of), **of})]


def left(
    conn: Connection,
    kinds: Collection[str],
    waiting: Sequence[tuple[str, str]],
    quiet: float,
    as_of: datetime | None = None,
    others: Collection[str] = (),
) -> Left:
    """What is still to be polled of these kinds, now and later; all as for `due`."""
    of = {"of": arrays.texts(sorted(kinds)), **others_of(others)}
    row = conn.execute(_LEFT, {**_schedule(waiting, quiet, as_of), **of}).fetchone()
    return Left(*(row or (0, 0, None)))


def find(
    conn: Connection, kind: str, key: str, waiting: Sequence[tuple[str, str]], quiet: float
) -> Due | None:
    """One entity, due or not; `waiting` and `quiet` as for `due`."""
    row = conn.execute(_FIND, {**_schedule(waiting, quiet, None), "kind": kind, "key": key}).fetchone()
    return None if row is None else Due._make(row)


def _schedule(waiting: Sequence[tuple[str, str]], quiet: float, as_of: datetime | None) -> dict[str, object]:
    return {
        "kinds": arrays.texts([kind for kind, _ in waiting]),
        "states": arrays.texts([state for _, state in waiting]),
        "quiet": quiet,
        "as_of": as_of,
        "review_polls": review_polls(quiet),
    }


def gaps(conn: Connection, entities: Collection[Due]) -> set[int]:
    """The ids of those whose history jumps over states of which no news came."""
    told: dict[int, list[Fact]] = {}
    for entity_id, at, signal, code, discriminator, due_at, millisecond in conn.execute(
        _FACTS, (arrays.numbers([entity.id for entity in entities]),)
    ):
        fact = Fact(at, signal, code, bytes(discriminator), (), due_at, millisecond)
        told.setdefault(entity_id, []).append(fact)
    machines = {entity.id: MACHINES[entity.kind] for entity in entities}
    return {one for one, facts in told.items() if any(step.gap for step in machines[one].fold(facts)[1])}


def server_time(conn: Connection) -> datetime:
    """The server's time of now."""
    return conn.execute("SELECT clock_timestamp()").fetchall()[0][0]  # type: ignore[no-any-return]


_NOTE = """
INSERT INTO lookups (entity_id, looked_at, next_at, state, last_at, fruitless, trouble)
VALUES (%(id)s, clock_timestamp(), clock_timestamp() + %(next)s * interval '1 s', %(state)s, %(last_at)s,
        %(fruitless)s, %(trouble)s)
ON CONFLICT (entity_id) DO UPDATE SET looked_at = excluded.looked_at, next_at = excluded.next_at,
    state = excluded.state, last_at = excluded.last_at, fruitless = excluded.fruitless,
    trouble = excluded.trouble
"""
_PUT_OFF = """
INSERT INTO lookups (entity_id, looked_at, next_at, state, last_at, fruitless, trouble)
VALUES (%(id)s, clock_timestamp(), clock_timestamp() + %(next)s * interval '1 s', '', NULL, 0, %(trouble)s)
ON CONFLICT (entity_id) DO UPDATE SET looked_at = excluded.looked_at, next_at = excluded.next_at,
    state = excluded.state, last_at = excluded.last_at, trouble = excluded.trouble
"""


def note(conn: Connection, entity: Due, result: PollResult, quiet: float) -> None:
    """Store what a poll came to, in the transaction that stores the last of what it found."""
    fruitless = 0 if result.stored else min(entity.fruitless + 1, _MOST_FRUITLESS)
    conn.execute(
        _NOTE,
        {
            "id": entity.id,
            "next": seconds_to_next(fruitless, quiet, only_review=entity.only_review),
            "state": entity.state,
            "last_at": entity.last_at,
            "fruitless": fruitless,
            "trouble": result.trouble,
        },
    )


def put_off(conn: Connection, entity: Due, trouble: str, quiet: float) -> None:
    """Store that a poll came to nothing by the partner's fault, so that the others are polled first.

    It stays due, also where its state is an end: what was known of it then is noted as nothing.
    """
    conn.execute(_PUT_OFF, {"id": entity.id, "next": min(quiet, LONGEST_SECONDS), "trouble": trouble})


def forget(conn: Connection, entity_ids: Iterable[int]) -> None:
    """Forget when these were polled: another entity stands for them now."""
    conn.execute("DELETE FROM lookups WHERE entity_id = ANY(%s::bigint[])", (arrays.numbers(entity_ids),))
