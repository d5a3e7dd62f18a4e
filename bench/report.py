"""From measurements to rows: what was measured, what it is compared with, and the figure asked for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from rich.table import Table

from bench import accept, applied, backlog, pulled
from bench.accept import ONE_COMMIT, RECEIVER, REFERENCE, Cell
from bench.load import Load
from bench.memory import Memory
from bench.mixed import MANY
from bench.stage import OURS, TUTORIAL

__all__ = ["Results", "Row", "document", "rows", "table"]

RECEIVER_MIB, CHILD_MIB = 90.0, 110.0
LOW_P99_MS = 30.0
#: Five times as many events may take so much more memory: so much garbage a worker's collector lets wait.
GROWTH = 1.1


@dataclass
class Results:
    """What was measured; a part that was left out is empty."""

    accept: Mapping[Cell, Sequence[Load]]
    backlog: Mapping[str, Sequence[backlog.Applied]]
    applied: Mapping[str, applied.Result]
    pulled: pulled.Result | None = None


@dataclass(frozen=True)
class Row:
    """`met` is None where no figure is asked for; `load` is the load generator's share of a core."""

    part: str
    what: str
    ours: str
    beside: str = ""
    theirs: str = ""
    ratio: float | None = None
    asked: str = ""
    met: bool | None = None
    load: str = ""


def rows(results: Results) -> list[Row]:
    return [
        *_accept(results.accept),
        *_backlog(results.backlog),
        *_applied(results.applied),
        *_pulled(results.pulled),
    ]


def _accept(cells: Mapping[Cell, Sequence[Load]]) -> Iterator[Row]:
    if not cells:
        return
    asked = {(ONE_COMMIT, 1): 0.7, (REFERENCE, 64): 0.45, (accept.TUTORIAL_WAY, 64): 6.0}
    for opponent, connections in cells:
        if opponent == RECEIVER:
            continue
        ours, theirs = cells[Cell(RECEIVER, connections)], cells[Cell(opponent, connections)]
        ratio = median(x.rate for x in ours) / median(x.rate for x in theirs)
        least = asked.get((opponent, connections))
        yield Row(
            "accept",
            f"{connections} connection{'s' * (connections > 1)}",
            _served(ours),
            opponent,
            _served(theirs),
            ratio,
            *_at_least(ratio, least),
            load=_shares(ours, theirs),
        )


def _backlog(results: Mapping[str, Sequence[backlog.Applied]]) -> Iterator[Row]:
    if not results:
        return
    pairs = [
        (backlog.EVEN, backlog.LIMIT, 0.35),
        (backlog.EVEN, backlog.TUTORIAL_WAY, 25.0),
        (backlog.SKEWED, backlog.EVEN, 0.5),
        (backlog.MIXED, backlog.EVEN, 0.7),
        (backlog.PAID, backlog.EVEN, 0.95),
    ]
    for name, opponent, least in pairs:
        ours, theirs = results[name], results[opponent]
        ratio = median(x.rate for x in ours) / median(x.rate for x in theirs)
        yield Row(
            "apply",
            name.removeprefix("apply, "),
            _rate(ours),
            opponent.removeprefix("apply, "),
            _rate(theirs),
            ratio,
            *_at_least(ratio, least),
            load=_shares(ours, theirs),
        )
    lines = median(x.rate for x in results[backlog.WIDE]) * MANY
    shown = f"{_rate(results[backlog.WIDE])}, {lines:,.0f} lines/s"
    yield Row("apply", backlog.WIDE.removeprefix("apply, "), shown)


def _applied(results: Mapping[str, applied.Result]) -> Iterator[Row]:
    if not results:
        return
    ours, theirs = results[OURS], results[TUTORIAL]
    ratio = median(x.rate for x in ours.sustained) / median(x.rate for x in theirs.sustained)
    part = "push to applied"
    yield Row(
        part,
        "sustained",
        _rate(ours.sustained),
        "tutorial",
        _rate(theirs.sustained),
        ratio,
        *_at_least(ratio, 12.0),
        load=_shares(ours.sustained, theirs.sustained),
    )
    for name, share in (("p50", 0.5), ("p99", 0.99)):
        mine = median(x.at(share) for x in ours.paced) * 1e3
        other = median(x.at(share) for x in theirs.paced) * 1e3
        ratio = mine / other
        if name == "p50":
            asked, met = "≤ 1", ratio <= 1
        else:
            asked, met = f"≤ 0.5 or ≤ {LOW_P99_MS:.0f} ms", ratio <= 0.5 or mine <= LOW_P99_MS
        what = f"{name} at {applied.RATE:.0f}/s"
        load = _shares(ours.paced, theirs.paced)
        yield Row(part, what, f"{mine:.1f} ms", "tutorial", f"{other:.1f} ms", ratio, asked, met, load)
    yield from _memory(ours.memory, theirs.memory)


def _memory(ours: Mapping[str, Memory], theirs: Mapping[str, Memory]) -> Iterator[Row]:
    for name, used in ours.items():
        limit = RECEIVER_MIB if name == "receiver" else CHILD_MIB if "child" in name else None
        other = theirs.get("tutorial-web" if name == "receiver" else f"tutorial-{name}")
        yield Row(
            "memory",
            name,
            _mib(used),
            "tutorial" if other else "",
            _mib(other) if other else "",
            used.rss / other.rss if other else None,
            f"≤ {limit:.0f} MiB" if limit else "",
            used.rss <= limit if limit else None,
        )


def _pulled(result: pulled.Result | None) -> Iterator[Row]:
    """The time an event takes that is not spent waiting, and how memory grows with their count."""
    if result is None:
        return
    ours = median(pull.own / pull.events for pull in result.many) * 1e6
    theirs = median(applied.seconds / applied.events for applied in result.applied) * 1e6
    part, asked = "pull", 0.6
    yield Row(
        part,
        f"{result.many[0].events:,} missed events",
        f"{ours:.0f} µs each",
        "applying them",
        f"{theirs:.0f} µs each",
        ours / theirs,
        f"≤ {asked:g}",
        ours / theirs <= asked,
    )
    few, many = (median(pull.peak_mib for pull in pulls) for pulls in (result.few, result.many))
    yield Row(
        part,
        "most memory",
        f"{many:.0f} MiB",
        f"{result.few[0].events:,} events",
        f"{few:.0f} MiB",
        many / few,
        f"≤ {GROWTH:g}",
        many / few <= GROWTH,
    )


def _at_least(ratio: float, least: float | None) -> tuple[str, bool | None]:
    return ("", None) if least is None else (f"≥ {least:g}", ratio >= least)


def _served(loads: Sequence[Load]) -> str:
    p50, p99 = (median(load.at(share) for load in loads) * 1e3 for share in (0.5, 0.99))
    return f"{median(load.rate for load in loads):,.0f}/s, {p50:.2f} / {p99:.2f} ms"


def _rate(values: Sequence[Any]) -> str:
    return f"{median(x.rate for x in values):,.0f}/s"


def _shares(ours: Sequence[Any], theirs: Sequence[Any]) -> str:
    return " / ".join(f"{median(x.cpu_share for x in values):.0%}" for values in (ours, theirs))


def _mib(memory: Memory) -> str:
    return f"{memory.rss:.0f} MiB" + (f", PSS {memory.pss:.0f}" if memory.pss else "")


def table(lines: Sequence[Row]) -> Table:
    """The one table."""
    result = Table(
        title="medians of the rounds; p50 / p99; load CPU: the load generator's share of a core, for each",
        title_justify="left",
    )
    for name in ("", "what", "rxledger", "beside", "", "ratio", "asked", "", "load CPU"):
        result.add_column(name, justify="right" if name in ("ratio", "load CPU") else "left")
    part = ""
    for row in lines:
        if row.part != part and part:
            result.add_section()
        ratio = "" if row.ratio is None else f"{row.ratio:.2f}"
        met = {None: "", True: "[green]met[/]", False: "[red]missed[/]"}[row.met]
        shown = "" if row.part == part else row.part
        result.add_row(shown, row.what, row.ours, row.beside, row.theirs, ratio, row.asked, met, row.load)
        part = row.part
    return result


def document(results: Results, lines: Sequence[Row], machine: Mapping[str, object]) -> dict[str, Any]:
    """Everything, for a file: the table's rows, and each round's figures (seconds, events a second)."""
    return {
        "machine": dict(machine),
        "rows": [vars(row) for row in lines],
        "accept": [
            {**cell._asdict(), "rounds": [_load(load) for load in loads]}
            for cell, loads in results.accept.items()
        ],
        "apply": {
            name: [{**x._asdict(), "rate": x.rate} for x in values]
            for name, values in results.backlog.items()
        },
        "push_to_applied": {
            side: {
                "sustained": [{**x._asdict(), "rate": x.rate} for x in result.sustained],
                "paced": [
                    {"p50": x.at(0.5), "p99": x.at(0.99), "cpu_share": x.cpu_share} for x in result.paced
                ],
                "memory": {name: used._asdict() for name, used in result.memory.items()},
            }
            for side, result in results.applied.items()
        },
        "pull": {}
        if results.pulled is None
        else {
            name: [value._asdict() for value in values] for name, values in results.pulled._asdict().items()
        },
    }


def _load(load: Load) -> dict[str, float]:
    return {
        "rate": load.rate,
        "p50": load.at(0.5),
        "p99": load.at(0.99),
        "cpu_share": load.cpu_share,
    }
