"""Taking in what was missed: a pull's own time beside the time that applying the same events takes."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from typing import NamedTuple

import orjson

from bench import backlog
from bench.stage import OURS, Stage, StageError
from ops.local.children import environment, module

__all__ = ["Pull", "Result", "Sizes", "measure"]

LONGEST = 300.0
#: As many as it can make: the budget is no part of the figure.
CALLS_PER_MINUTE = 1_000_000


class Sizes(NamedTuple):
    """How many events are missed: memory is compared between the two, the time is that of the many."""

    few: int = 20_000
    many: int = 100_000


class Pull(NamedTuple):
    """One run: seconds on the clock, seconds waited for the partner, of computing, and the most memory."""

    events: int
    wall: float
    waited: float
    cpu: float
    peak_mib: float

    @property
    def own(self) -> float:
        """Seconds in which it did not wait for the partner."""
        return self.wall - self.waited


class Result(NamedTuple):
    """A value a round."""

    few: list[Pull]
    many: list[Pull]
    applied: list[backlog.Applied]


def measure(stage: Stage, sizes: Sizes, rounds: int, say: Callable[[str], None]) -> Result:
    """Few, then many, then the many are applied. Raises StageError when something is not taken in."""
    result = Result([], [], [])
    backlog.make_tables(stage)
    for number in range(1, rounds + 1):
        result.few.append(_pull(stage, sizes.few))
        pull = _pull(stage, sizes.many)
        result.many.append(pull)
        conn = stage.connection()
        seqs = [seq for (seq,) in conn.execute("SELECT seq FROM queue ORDER BY seq")]
        conn.execute("VACUUM ANALYZE events, bodies")
        with stage.broker() as broker:
            broker.flushdb()  # the hints of the pull: its events are applied from the queue, on the clock
        with stage.running(OURS, backlog.WORKERS[OURS]):
            backlog.warm_up_ours(stage)
            backlog.requeue(conn, seqs)
            applied = backlog.apply(stage, seqs)
            backlog.check(conn, len(seqs))
        result.applied.append(applied)
        say(
            f"pull, round {number}: {pull.events:,} events in {pull.wall:.1f} s, {pull.waited:.1f} s of it "
            f"waiting; {pull.own / pull.events * 1e6:.0f} µs an event, beside "
            f"{applied.seconds / applied.events * 1e6:.0f} µs to apply it; "
            f"{pull.peak_mib:.0f} MiB, for {result.few[-1].events:,} {result.few[-1].peak_mib:.0f} MiB"
        )
    return result


def _pull(stage: Stage, events: int) -> Pull:
    """One pull into empty tables, in a process of its own."""
    stage.empty()
    with stage.running(OURS, ("partner", ("bench.book", "{port}", str(events)))) as (partner,):
        variables = {
            **stage.variables(OURS),
            "RXLEDGER_TRUEPILL_BASE_URL": f"http://127.0.0.1:{partner.port}",
            "RXLEDGER_TRUEPILL_API_KEY": "bench",
            "RXLEDGER_TRUEPILL_CALLS_PER_MINUTE": str(CALLS_PER_MINUTE),
            "RXLEDGER_TRUEPILL_LIVE_CONTRACT": "no",
        }
        done = subprocess.run(
            module("bench.puller"), env=environment(variables), capture_output=True, timeout=LONGEST
        )
    if done.returncode:
        raise StageError(f"the puller ended with {done.returncode}: {done.stderr.decode()[-500:]}")
    pull = Pull(**orjson.loads(done.stdout))
    if pull.events != events:
        raise StageError(f"of {events} events {pull.events} were taken in")
    return pull
