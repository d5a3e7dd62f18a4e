"""Accepting: the receiver, durable, beside three other handlers of the same requests."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import NamedTuple

from bench import traffic
from bench.load import Load, drive
from bench.stage import OURS, TUTORIAL, Stage

__all__ = ["ONE_COMMIT", "RECEIVER", "REFERENCE", "TUTORIAL_WAY", "Cell", "measure"]

RECEIVER, REFERENCE, TUTORIAL_WAY, ONE_COMMIT = "receiver", "reference", "tutorial", "one COMMIT a request"
CONNECTIONS = (1, 64, 256)
WARM_UP = 0.7

WEB = ("receiver", ("ops.cli", "web", "--port", "{port}"))
COMMANDS = {
    RECEIVER: (OURS, WEB),
    REFERENCE: (OURS, ("reference", ("bench.serve", "reference", "{port}"))),
    TUTORIAL_WAY: (TUTORIAL, ("tutorial-web", ("bench.serve", "tutorial", "{port}"))),
    ONE_COMMIT: (OURS, ("one-commit", ("bench.serve", "one_commit", "{port}"))),
}
#: Requests a second, to know how many to prepare before a cell was measured once; who runs out ends early.
GUESSES = {RECEIVER: 12_000.0, REFERENCE: 15_000.0, TUTORIAL_WAY: 2_000.0, ONE_COMMIT: 2_000.0}


class Cell(NamedTuple):
    """One server at one number of connections."""

    server: str
    connections: int


def cells() -> list[Cell]:
    beside = [Cell(server, n) for n in CONNECTIONS for server in (RECEIVER, REFERENCE, TUTORIAL_WAY)]
    return [Cell(ONE_COMMIT, 1), *beside]


def measure(stage: Stage, rounds: int, seconds: float, say: Callable[[str], None]) -> dict[Cell, list[Load]]:
    """Every cell once a round, so that whatever else the machine does meets all alike.

    All four servers run throughout; those not asked do nothing. No worker runs, for either side. Raises
    LoadError and StageError.
    """
    results: dict[Cell, list[Load]] = {cell: [] for cell in cells()}
    with contextlib.ExitStack() as stack:
        ports = {
            server: stack.enter_context(stage.running(side, command))[0].port
            for server, (side, command) in COMMANDS.items()
        }
        for number in range(1, rounds + 1):
            for cell, before in results.items():
                rate = 1.3 * before[-1].rate if before else GUESSES[cell.server]
                name = f"{number}{cell.server[:2]}{cell.connections}"
                requests = traffic.many(int(rate * (WARM_UP + seconds)), name)
                stage.empty()
                load = drive(ports[cell.server], requests, cell.connections, seconds, warm_up=WARM_UP)
                before.append(load)
                say(
                    f"accept, {cell.server}, {cell.connections} connections, round {number}: "
                    f"{load.rate:,.0f}/s, p50 {load.at(0.5) * 1e3:.2f} ms, p99 {load.at(0.99) * 1e3:.2f} ms, "
                    f"load generator {load.cpu_share:.0%} of a core"
                )
    return results
