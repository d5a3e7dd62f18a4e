"""From push to applied: load, receiver, workers, PostgreSQL and broker on the same cores, for both sides."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import psycopg

from bench import backlog, memory, traffic
from bench.accept import COMMANDS, RECEIVER, TUTORIAL_WAY
from bench.load import drive
from bench.memory import Memory
from bench.paced import Paced, watch
from bench.stage import OURS, TUTORIAL, Process, Stage, StageError

__all__ = ["RATE", "Durations", "Result", "Sustained", "measure"]

CONNECTIONS = 64
#: The load waits while so many events are accepted and not yet applied: what is sustained leaves no queue.
MOST_WAITING = 1_000
#: Events a second, where latency is measured.
RATE = 50.0
STALLED = 120.0
BEAT = ("beat", ("ops.cli", "beat", "--loglevel", "warning"))
GUESSES = {OURS: 8_000.0, TUTORIAL: 1_500.0}

VISIBLE = {
    OURS: "SELECT key, extract(epoch FROM last_at)::bigint FROM entities "
    "WHERE kind = 'fill_request' AND key = ANY(%s::text[])",
    TUTORIAL: "SELECT key, extract(epoch FROM updated_at)::bigint FROM orders WHERE key = ANY(%s::text[])",
}


class Durations(NamedTuple):
    """Seconds of load in each round."""

    sustained: float = 8.0
    paced: float = 20.0


class Sustained(NamedTuple):
    """`events` were pushed and applied within `seconds`; the load's share of a core is of the time it ran."""

    events: int
    seconds: float
    cpu_share: float

    @property
    def rate(self) -> float:
        return self.events / self.seconds


class Result(NamedTuple):
    """Of one side, a value a round; memory is that of the last round, by process."""

    sustained: list[Sustained]
    paced: list[Paced]
    memory: dict[str, Memory]


def measure(stage: Stage, durations: Durations, rounds: int, say: Callable[[str], None]) -> dict[str, Result]:
    """Both sides in turn, each with its own processes only. Raises LoadError and StageError."""
    backlog.make_tables(stage)
    results = {side: Result([], [], {}) for side in (OURS, TUTORIAL)}
    for number in range(1, rounds + 1):
        for side, result in results.items():
            stage.empty()
            stage.connection(TUTORIAL).execute("TRUNCATE orders, order_events")
            with stage.running(side, *_commands(side)) as processes:
                _one_round(stage, side, processes, durations, result, number)
            sustained, paced = result.sustained[-1], result.paced[-1]
            say(
                f"push to applied, {side}, round {number}: {sustained.rate:,.0f}/s sustained; "
                f"at {RATE:.0f}/s p50 {paced.at(0.5) * 1e3:.1f} ms, p99 {paced.at(0.99) * 1e3:.1f} ms"
            )
    return results


def _commands(side: str) -> list[tuple[str, Sequence[str]]]:
    web = COMMANDS[RECEIVER if side == OURS else TUTORIAL_WAY][1]
    return [web, backlog.WORKERS[side], *([BEAT] if side == OURS else [])]


def _one_round(
    stage: Stage, side: str, processes: Sequence[Process], durations: Durations, result: Result, number: int
) -> None:
    port, conn = processes[0].port, stage.connection(side)
    stage.rest()
    # Warms both worker processes, and has the first change of each page after a checkpoint logged whole.
    watch(port, traffic.calm(360, f"{side}{number}w"), 180.0, conn, VISIBLE[side])
    result.paced.append(
        watch(port, traffic.calm(int(durations.paced * RATE), f"{side}{number}"), RATE, conn, VISIBLE[side])
    )
    stage.rest()
    guess = 1.5 * result.sustained[-1].rate if result.sustained else GUESSES[side]
    requests = traffic.many(int(guess * durations.sustained), f"{side[0]}{number}")
    result.sustained.append(_sustain(stage, side, port, requests, durations.sustained))
    result.memory.clear()
    for process in processes:
        result.memory.update(memory.of_family(process.name, process.pid))


def _sustain(stage: Stage, side: str, port: int, requests: Sequence[bytes], seconds: float) -> Sustained:
    """A closed loop that stops while too much waits; the time ends when everything sent is applied."""
    conn = stage.connection(side)
    applied = "SELECT count(*) FROM order_events"
    with stage.broker(side) as broker:

        def waiting() -> int:
            if side == TUTORIAL:
                return int(broker.llen("celery"))
            return _number(conn, "SELECT count(*) FROM queue")

        before = _number(conn, applied) if side == TUTORIAL else 0
        started = time.perf_counter()
        load = drive(port, requests, CONNECTIONS, seconds, gate=lambda: waiting() < MOST_WAITING)
        deadline = time.perf_counter() + STALLED
        # What we accepted is queued or applied; the tutorial's worker also holds what no list shows.
        while waiting() or (side == TUTORIAL and _number(conn, applied) < before + load.sent):
            if time.perf_counter() > deadline:
                raise StageError(f"{side}: not all events were applied")
            time.sleep(0.01)
        wall = time.perf_counter() - started
    return Sustained(load.sent, wall, load.cpu_share)


def _number(conn: psycopg.Connection[Any], query: str) -> int:
    row = conn.execute(query).fetchone()
    assert row is not None
    return int(row[0])
