"""How often a partner pushes, and whether it is silent: what is usual is learnt from its own pushes.

A worker reads what came in since the last time and keeps, for each day, the longest time between two pushes.
The usual gap is the upper quartile of these over two weeks: a partner's nights count, and of its outages as
many as fall on a quarter of the days do not. Nothing here reads more than `SAMPLE` events.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import psycopg

from store.db import arrays
from store.reports.recorded import Recording

__all__ = ["SAMPLE", "Silence", "learn", "silences"]

Connection = psycopg.Connection[Any]

SAMPLE = 50_000
#: Inbox ids are seen out of order when they are committed so: the last ones are read again.
_AGAIN = 1_000
DAYS = 14
#: Fewer days than this have taught nothing; until then a day without a push is as long as may be.
LEARNT_DAYS, UNLEARNT = 3, timedelta(days=1)
#: A push may take so long: what happened since is not missed yet.
DELAY = timedelta(minutes=10)
#: Rechecks are our own.
_OURS = "rxledger"

_NEWEST = f"""
SELECT seq, partner, via, received_at FROM events
WHERE seq > (SELECT coalesce(max(seq), 0) - {_AGAIN} FROM pushes) ORDER BY seq DESC LIMIT %(sample)s
"""
# Where the sample is cut, what lies between it and the last push is not known, and no gap.
_LEARN = f"""
WITH newest AS MATERIALIZED ({_NEWEST}), pushed AS (
    SELECT partner, received_at FROM newest WHERE via = 'push'
    UNION ALL
    SELECT partner, last_at FROM pushes
    WHERE last_at IS NOT NULL AND (SELECT count(*) FROM newest) < %(sample)s
), gaps AS (
    SELECT partner, received_at,
           received_at - lag(received_at) OVER (PARTITION BY partner ORDER BY received_at) AS gap
    FROM pushed
), learnt AS (
    INSERT INTO push_gaps AS g (partner, day, longest)
    SELECT partner, (received_at AT TIME ZONE 'UTC')::date AS day, max(gap) FROM gaps
    WHERE gap > interval '0' GROUP BY partner, day
    ON CONFLICT (partner, day) DO UPDATE SET longest = greatest(g.longest, excluded.longest)
)
INSERT INTO pushes AS p (partner, began_at, seq, last_seq, last_at)
SELECT partner, %(now)s, max(seq), coalesce(max(seq) FILTER (WHERE via = 'push'), 0),
       max(received_at) FILTER (WHERE via = 'push')
FROM newest WHERE partner <> '{_OURS}' GROUP BY partner
ON CONFLICT (partner) DO UPDATE SET seq = greatest(p.seq, excluded.seq),
    last_seq = greatest(p.last_seq, excluded.last_seq), last_at = greatest(p.last_at, excluded.last_at)
"""


_FORGET = "DELETE FROM push_gaps WHERE day < (%(now)s AT TIME ZONE 'UTC')::date - %(days)s"


def learn(conn: Connection, now: datetime) -> None:
    """Take in what was pushed since this was last called, in the caller's transaction."""
    conn.execute(_LEARN, {"sample": SAMPLE, "now": now})
    conn.execute(_FORGET, {"now": now, "days": DAYS})


class Silence(NamedTuple):
    """How a partner pushes. `last_at` is None when it never did since `began_at`.

    `usual` is how long it may be silent; `missed` how many facts pulls brought that no push did, of the time
    since the last push. They are only counted when it is silent for longer than usual.
    """

    partner: str
    began_at: datetime
    last_at: datetime | None
    usual: timedelta
    missed: int

    @property
    def since(self) -> datetime:
        return self.last_at or self.began_at


# The newest events too, so that what is said does not depend on when a worker last learnt.
_SILENCES = f"""
WITH newest AS MATERIALIZED ({_NEWEST})
SELECT p.partner, p.began_at, greatest(p.last_at, n.last_at), greatest(p.last_seq, n.last_seq),
       g.days, g.usual
FROM pushes p
LEFT JOIN (SELECT partner, max(received_at) AS last_at, max(seq) AS last_seq FROM newest
           WHERE via = 'push' GROUP BY partner) n USING (partner)
CROSS JOIN LATERAL (
    SELECT count(*) AS days, percentile_disc(0.75) WITHIN GROUP (ORDER BY longest) AS usual
    FROM push_gaps g WHERE g.partner = p.partner
) g
ORDER BY p.partner
"""
_MISSED = """
SELECT count(DISTINCT (f.entity_id, f.fact_id))
FROM (SELECT seq, partner, via FROM events WHERE seq > %(seq)s ORDER BY seq DESC LIMIT %(sample)s) e
JOIN event_facts s ON s.seq = e.seq
JOIN facts f ON f.entity_id = s.entity_id AND f.fact_id = s.fact_id
WHERE e.partner = %(partner)s AND e.via = 'pull' AND NOT 'push' = ANY(f.via)
  AND f.occurred_at > %(since)s AND f.occurred_at <= %(until)s
"""


# Of a partner that gives records: states that these tell and that no push has told.
_MISSED_RECORDS = """
SELECT count(DISTINCT (f.entity_id, f.signal))
FROM (SELECT seq, partner, via FROM events WHERE seq > %(seq)s ORDER BY seq DESC LIMIT %(sample)s) e
JOIN event_facts s ON s.seq = e.seq
JOIN facts f ON f.entity_id = s.entity_id AND f.fact_id = s.fact_id
WHERE e.partner = %(partner)s AND e.via = 'snapshot' AND f.signal = ANY(%(recorded)s::text[])
  AND f.occurred_at > %(since)s AND f.occurred_at <= %(until)s
  AND NOT EXISTS (
      SELECT FROM facts p JOIN unnest(%(signals)s::text[], %(recorded)s::text[]) AS r (signal, recorded)
                          ON r.signal = p.signal AND r.recorded = f.signal
      WHERE p.entity_id = f.entity_id AND 'push' = ANY(p.via)
  )
"""


def silences(
    conn: Connection, now: datetime, least: timedelta, recorded: Sequence[Recording] = ()
) -> list[Silence]:
    """Every partner that was heard of. A silence up to `least` is always usual. Raises psycopg.Error.

    `recorded`: what only records tell, of partners without events.
    """
    found = []
    for partner, began_at, last_at, last_seq, days, usual in conn.execute(_SILENCES, {"sample": SAMPLE}):
        allowed = max(least, usual or least, timedelta(0) if days >= LEARNT_DAYS else UNLEARNT)
        silence = Silence(partner, began_at, last_at, allowed, 0)
        if now - silence.since > allowed:
            silence = silence._replace(missed=_missed(conn, silence, last_seq, now - DELAY, recorded))
        found.append(silence)
    return found


def _missed(
    conn: Connection, silence: Silence, last_seq: int, until: datetime, recorded: Sequence[Recording]
) -> int:
    told = [one for one in recorded if one.partner == silence.partner and one.recorded_as is not None]
    of = {
        "seq": last_seq,
        "since": silence.since,
        "until": until,
        "partner": silence.partner,
        "sample": SAMPLE,
    }
    if told:
        of["signals"] = arrays.texts([one.signal for one in told])
        of["recorded"] = arrays.texts([one.recorded_as for one in told])
    row = conn.execute(_MISSED_RECORDS if told else _MISSED, of).fetchone()
    return row[0] if row else 0
