"""The calls to a partner, shared by all workers: how many a minute, and when to leave it alone.

One row a partner, moved by single statements of their own. The server's clock alone counts. Calls are spaced
by their rate, of which a short burst may be used at once. The circuit opens after failures in a row: nobody
calls until its time is over; then one call goes through as a probe, and the others wait for how it goes. No
permit waits for the disk: a server that dies forgets some, which costs a few calls too many.
"""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

import psycopg

from store.db.durability import RELAXED

__all__ = [
    "BURST_SECONDS",
    "CLOCKS_AGREE_SECONDS",
    "OPENS_AFTER",
    "PROBE_SECONDS",
    "Permit",
    "failed",
    "note_skew",
    "pause",
    "take_calls",
    "went_well",
]

Connection = psycopg.Connection[Any]

#: So many seconds' worth of calls may be made at once after a quiet time.
BURST_SECONDS = 10
#: Failures in a row that open the circuit: for 30 s, then twice as long each time, up to 15 min; up to a
#: quarter less, since a partner that fails by a clock of its own would be met at its worst again and again.
OPENS_AFTER = 5
_FIRST_OPEN, _LONGEST_OPEN = 30, 900
#: How long others wait for a probe that never says how it went.
PROBE_SECONDS = 120
#: Clocks that differ by less are as good as one.
CLOCKS_AGREE_SECONDS = 60.0


class Permit(NamedTuple):
    """`wait` is 0 when the call may be made now, else seconds to wait, and why.

    `tell`: whether `went_well` has something to write, should the call be answered.
    """

    wait: float
    why: Literal["budget", "pause", "circuit"] | None
    tell: bool = False


_TAKE = f"""
INSERT INTO calls AS c (partner, next_at)
SELECT %(partner)s, clock_timestamp() + %(step)s * interval '1 s' WHERE {RELAXED}
ON CONFLICT (partner) DO UPDATE SET
    next_at = greatest(c.next_at, clock_timestamp() - %(burst)s * interval '1 s') + %(step)s * interval '1 s',
    open_until = CASE WHEN c.open_until IS NOT NULL
                      THEN clock_timestamp() + interval '{PROBE_SECONDS} seconds' END
WHERE c.next_at <= clock_timestamp()
  AND coalesce(c.paused_until, '-infinity') <= clock_timestamp()
  AND coalesce(c.open_until, '-infinity') <= clock_timestamp()
RETURNING failures > 0 OR open_until IS NOT NULL OR trouble IS NOT NULL
    OR coalesce(answered_at, '-infinity') < clock_timestamp() - interval '1 s'
"""
_WAIT = """
SELECT extract(epoch FROM next_at - t.now)::float8, extract(epoch FROM paused_until - t.now)::float8,
       extract(epoch FROM open_until - t.now)::float8
FROM calls, (SELECT clock_timestamp() AS now) t WHERE partner = %s
"""
#: Waits of nothing would be asked for in a tight loop.
_LEAST_WAIT = 0.01


def take_calls(conn: Connection, partner: str, per_minute: int, calls: int = 1) -> Permit:
    """Take so many calls out of the budget, or say how long to wait. One statement, committed at once."""
    step = 60 / per_minute * calls
    # A call may always be made when the last one is a step past.
    burst = max(0.0, BURST_SECONDS - step)
    taken = conn.execute(_TAKE, {"partner": partner, "step": step, "burst": burst}).fetchone()
    if taken is not None:
        return Permit(0.0, None, taken[0])
    row = conn.execute(_WAIT, (partner,)).fetchone()
    budget, pause, circuit = (float(value or 0.0) for value in (row or (0, 0, 0)))
    longest = max(budget, pause, circuit, _LEAST_WAIT)
    if circuit == longest:
        return Permit(longest, "circuit")
    return Permit(longest, "pause" if pause == longest else "budget")


_WENT_WELL = f"""
UPDATE calls SET failures = 0, open_until = NULL, trouble = NULL, trouble_at = NULL,
    answered_at = clock_timestamp()
WHERE partner = %s AND {RELAXED}
"""
_FAILED = """
UPDATE calls SET failures = failures + 1, trouble = %(trouble)s, trouble_at = clock_timestamp(),
    open_until = CASE WHEN %(at_once)s OR open_until IS NOT NULL OR failures + 1 >= %(opens)s
                 THEN clock_timestamp()
                      + least(%(longest)s, %(first)s * 2 ^ least(20, greatest(0, failures + 1 - %(opens)s)))
                        * (1 - 0.25 * random()) * interval '1 s' END
WHERE partner = %(partner)s
"""
_PAUSE = """
UPDATE calls SET paused_until = greatest(paused_until, clock_timestamp() + %(seconds)s * interval '1 s'),
    open_until = NULL, trouble = %(trouble)s, trouble_at = clock_timestamp()
WHERE partner = %(partner)s
"""


def went_well(conn: Connection, partner: str) -> None:
    """The partner answered: the circuit closes. To be told where the permit says so: else nothing changes."""
    conn.execute(_WENT_WELL, (partner,))


def failed(conn: Connection, partner: str, trouble: str, *, at_once: bool = False) -> None:
    """A call failed by a fault that any call would meet; `at_once` opens the circuit whatever came before.

    So does a failure while it is open: that of the probe, or of a call that was under way when it opened.
    """
    conn.execute(
        _FAILED,
        {
            "partner": partner,
            "trouble": trouble,
            "at_once": at_once,
            "opens": 1 if at_once else OPENS_AFTER,
            "first": _FIRST_OPEN,
            "longest": _LONGEST_OPEN,
        },
    )


def pause(conn: Connection, partner: str, seconds: float, trouble: str) -> None:
    """The partner asks to be left alone for so long: all workers do."""
    conn.execute(_PAUSE, {"partner": partner, "seconds": seconds, "trouble": trouble})


_NOTE_SKEW = f"""
UPDATE calls SET skew = %(skew)s, skew_at = clock_timestamp()
WHERE partner = %(partner)s AND {RELAXED}
  AND (skew IS NULL OR skew_at < clock_timestamp() - interval '1 minute' OR abs(skew - %(skew)s) > 1)
"""


def note_skew(conn: Connection, partner: str, skew: float) -> None:
    """Store by how many seconds the partner's clock is ahead of ours, once a minute or where it moved."""
    conn.execute(_NOTE_SKEW, {"partner": partner, "skew": skew})
