"""`make bench`, or `python -m bench`: one run, side by side, and one table.

Figures that are missed are marked and change nothing else: the exit code is 0 whenever everything could be
measured, 1 when something could not.
"""

from __future__ import annotations

import argparse
import platform
import signal
import sys
import time
from pathlib import Path
from typing import NamedTuple

import orjson
import psutil
from rich.console import Console

from bench import accept, applied, backlog, pulled, report
from bench.load import LoadError
from bench.stage import Stage, StageError, stage
from ops.local.embedded import EmbeddedError

PARTS = ("accept", "apply", "latency", "pulled")

notes = Console(stderr=True, highlight=False)
screen = Console(highlight=False)


class Plan(NamedTuple):
    """How long everything takes: rounds, seconds of load in a cell, and the sizes of the other parts."""

    rounds: int
    accept_seconds: float
    sizes: backlog.Sizes
    durations: applied.Durations
    pulls: pulled.Sizes


FULL = Plan(3, 3.0, backlog.Sizes(), applied.Durations(), pulled.Sizes())
QUICK = Plan(
    1, 1.0, backlog.Sizes(2_000, 8_000, 600), applied.Durations(3.0, 5.0), pulled.Sizes(2_000, 10_000)
)


def main() -> int:
    arguments = _arguments()
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    started = time.monotonic()
    plan = QUICK if arguments.quick else FULL
    try:
        with stage(arguments.data) as servers:
            machine = _machine(servers)
            notes.print(", ".join(f"{name} {value}" for name, value in machine.items()))
            results = _measure(servers, plan, arguments.only or PARTS)
    except KeyboardInterrupt:
        notes.print("stopped")
        return 130
    except (EmbeddedError, LoadError, StageError) as error:
        notes.print(f"bench: {error}", markup=False)
        return 1
    rows = report.rows(results)
    if not screen.is_terminal:
        screen.width = 180  # nobody's log is 80 columns wide
    screen.print(report.table(rows))
    screen.print(f"{plan.rounds} round(s), {time.monotonic() - started:.0f} s")
    if arguments.json:
        content = report.document(results, rows, machine)
        arguments.json.write_bytes(orjson.dumps(content, option=orjson.OPT_INDENT_2))
    return 0


def _measure(servers: Stage, plan: Plan, parts: tuple[str, ...]) -> report.Results:
    def say(text: str) -> None:
        notes.print(text, soft_wrap=True)

    results = report.Results({}, {}, {})
    if "accept" in parts:
        results.accept = accept.measure(servers, plan.rounds, plan.accept_seconds, say)
    if "apply" in parts:
        results.backlog = backlog.measure(servers, plan.sizes, plan.rounds, say)
    if "latency" in parts:
        results.applied = applied.measure(servers, plan.durations, plan.rounds, say)
    if "pulled" in parts:
        results.pulled = pulled.measure(servers, plan.pulls, plan.rounds, say)
    return results


def _machine(servers: Stage) -> dict[str, object]:
    version = servers.connection().info.server_version
    return {
        "cores": psutil.cpu_count(),
        "busy before": f"{psutil.cpu_percent(0.5):.0f}%",
        "Python": platform.python_version(),
        "PostgreSQL": f"{version // 10_000}.{version % 10_000}",
        "system": f"{platform.system()} {platform.machine()}",
    }


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description="Measure, side by side.")
    parser.add_argument("--quick", action="store_true", help="one short round: to see that it runs")
    parser.add_argument("--only", action="append", choices=PARTS, help="this part alone; may be given again")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every round's figures there too")
    parser.add_argument(
        "--data", type=Path, default=Path("var"), metavar="DIR", help="where the servers' files go meanwhile"
    )
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
