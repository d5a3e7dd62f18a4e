"""Machines drawn from their tables: as Mermaid, and as pages of docs/diagrams.

    python -m statemachine.diagram docs/diagrams

writes one page for each kind; a test fails when a page is not what its table says.
"""

from __future__ import annotations

import sys
from pathlib import Path

from statemachine import MACHINES, Machine, Verdict
from statemachine.rules import DAY, MINUTE, Clock, Rule

__all__ = ["main", "mermaid", "page"]

# A colon ends a transition's label in all but the newest versions of Mermaid; its number is drawn in each.
COLON = "#58;"


def mermaid(machine: Machine) -> str:
    """The moves of a machine as a Mermaid stateDiagram-v2: an arrow for each edge, with its signals."""
    lines = ["stateDiagram-v2", f"    [*] --> {machine.initial}"]
    for state in machine.states:
        edges: dict[str, list[str]] = {}
        for signal in _signals(machine):
            rule = machine.table[state][signal]
            if rule.to is not None:
                edges.setdefault(rule.to, []).append(signal.replace(":", COLON))
        lines += [f"    {state} --> {to}: {'<br/>'.join(edges[to])}" for to in machine.states if to in edges]
        if not edges:
            lines.append(f"    {state} --> [*]")
    return "\n".join(lines) + "\n"


def page(machine: Machine) -> str:
    """A page in Markdown: the diagram, what every signal means in every state, ties, and clocks."""
    return "\n".join(
        [
            f"# {machine.kind}",
            "",
            f"Drawn from `statemachine/{machine.kind}.py`, where the reasons stand. Arrows are moves.",
            "",
            "```mermaid",
            mermaid(machine) + "```",
            "",
            "## Every signal in every state",
            "",
            "An arrow moves, over the states in brackets that nobody reported; `=` confirms, `late` speaks",
            "of something behind the state, `CONFLICT` moves nothing and asks for a person.",
            "",
            *_table(machine),
            "",
            "Within one second signals are taken in this order; a slash is between those that share a rank:",
            _order(machine),
            "",
            "## Clocks",
            "",
            *_clocks(machine),
            "",
        ]
    )


def main(arguments: list[str]) -> int:
    """Write the page of every machine into a folder, which is made when it is missing."""
    if len(arguments) != 1:
        sys.stderr.write("usage: python -m statemachine.diagram FOLDER\n")
        return 2
    folder = Path(arguments[0])
    folder.mkdir(parents=True, exist_ok=True)
    for kind, machine in MACHINES.items():
        (folder / f"{kind}.md").write_text(page(machine), encoding="utf-8")
    return 0


def _signals(machine: Machine) -> list[str]:
    """In the order of a second, which is about that of a life; ties as the page lists them."""
    return sorted(machine.rank, key=machine.rank.__getitem__)


def _table(machine: Machine) -> list[str]:
    rows = [["signal", *machine.states], ["---"] * (1 + len(machine.states))]
    rows += [
        [f"`{signal}`", *(_cell(machine.table[state][signal]) for state in machine.states)]
        for signal in _signals(machine)
    ]
    return [f"| {' | '.join(row)} |" for row in rows]


def _cell(rule: Rule) -> str:
    if rule.verdict is Verdict.MOVED:
        return f"→ {rule.to}" + (f" ({', '.join(rule.gap)})" if rule.gap else "")
    return {Verdict.CONFIRMED: "=", Verdict.LATE: "late", Verdict.CONFLICT: "CONFLICT"}[rule.verdict]


def _order(machine: Machine) -> str:
    ranks = sorted(set(machine.rank.values()))
    groups = [[f"`{s}`" for s in _signals(machine) if machine.rank[s] == rank] for rank in ranks]
    return ", ".join(" / ".join(group) for group in groups) + "."


def _clocks(machine: Machine) -> list[str]:
    found = [(state, machine.clocks[state]) for state in machine.states if state in machine.clocks]
    found += [(f"after `{s}`", machine.prompts[s]) for s in _signals(machine) if s in machine.prompts]
    if machine.wait is not None:
        ends = ", ".join(f"`{signal}`" for signal in _signals(machine) if signal in machine.wait.ends)
        states = ", ".join(state for state in machine.states if state in machine.wait.within)
        found.append(
            (f"since the first `{machine.wait.begins}`, until {ends}, while {states}", machine.wait.clock)
        )
    if not found:
        return ["None runs."]
    rows = ["| in this state | at most | because | silent after |", "| --- | --- | --- | --- |"]
    return rows + [
        f"| {where} | {_length(clock.seconds)} | {clock.why} | {_silence(clock)} |" for where, clock in found
    ]


def _silence(clock: Clock) -> str:
    return f"{_length(clock.silence.seconds)}: {clock.silence.means}" if clock.silence else ""


def _length(seconds: int) -> str:
    if seconds < DAY:
        return f"{seconds / MINUTE:g} minutes"
    days = seconds / DAY
    return "1 day" if days == 1 else f"{days:g} days"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
