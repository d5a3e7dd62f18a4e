"""What holds for every machine alike: total tables, states that are reached and left, any set of facts."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from statemachine import MACHINES, Clock, Fact, Line, Machine, Summary, Verdict, current_lines, deadline
from statemachine.diagram import main, mermaid, page
from tests.support.grids import START, fact
from tests.support.printed import ROOT

DIAGRAMS = ROOT / "docs" / "diagrams"
DAY = 86_400

KINDS = {
    "fill_request",
    "transfer",
    "direct_transfer",
    "copay",
    "prior_auth",
    "consult",
    "coverage",
    "prescription",
    "payment",
    "checkout",
}
# The states that nothing leads out of.
ENDS = {
    "fill_request": {"returned", "rejected", "cancelled"},
    "transfer": {"completed", "rejected", "cancelled"},
    "direct_transfer": {"completed", "rejected"},
    "copay": {"cancelled"},
    "prior_auth": {"cancelled"},
    "consult": {"completed", "cancelled"},
    "coverage": {"found"},
    "prescription": {"superseded"},
    "payment": {"cancelled"},
    "checkout": {"paid"},
}
# What only asks for a person, whatever the state.
ASKS = {"payment:ambiguous"}

every_machine = pytest.mark.parametrize("machine", MACHINES.values(), ids=MACHINES.keys())


def reachable(machine: Machine, start: str) -> set[str]:
    seen, ahead = {start}, [start]
    while ahead:
        for rule in machine.table[ahead.pop()].values():
            if rule.to is not None and rule.to not in seen:
                seen.add(rule.to)
                ahead.append(rule.to)
    return seen


def test_there_is_a_machine_for_every_kind_under_its_name() -> None:
    assert set(MACHINES) == KINDS
    assert all(machine.kind == kind for kind, machine in MACHINES.items())


@every_machine
def test_every_state_says_what_every_signal_means(machine: Machine) -> None:
    assert all(set(row) == set(machine.rank) for row in machine.table.values())
    assert all(type(rule.verdict) is Verdict for row in machine.table.values() for rule in row.values())


@every_machine
def test_every_state_can_be_reached_and_leads_to_an_end(machine: Machine) -> None:
    assert reachable(machine, machine.initial) == set(machine.states)
    ends = {state for state in machine.states if reachable(machine, state) == {state}}
    assert ends == ENDS[machine.kind]
    assert all(reachable(machine, state) & ends for state in machine.states)


@every_machine
def test_every_signal_moves_or_confirms_somewhere(machine: Machine) -> None:
    for signal in machine.rank:
        verdicts = {machine.table[state][signal].verdict for state in machine.states}
        assert verdicts & {Verdict.MOVED, Verdict.CONFIRMED} or signal in ASKS, signal


@every_machine
def test_what_moves_to_a_state_confirms_it_when_it_comes_again(machine: Machine) -> None:
    """Only so does a signal that is told twice, a second apart, mean the same as told once."""
    for row in machine.table.values():
        for signal, rule in row.items():
            if rule.to is not None:
                assert machine.table[rule.to][signal].verdict is Verdict.CONFIRMED, signal


LINES = (
    (),
    (Line(0, "rx0", "filled", None),),
    (Line(0, "rx0", "rejected", "79"), Line(1, None, "filled", None)),
)
CODES = (None, "T001", "#0123456789abcdef")
TOLD = (b"", b"a" * 16)
DUES = (None, START + 9 * DAY)
MILLISECONDS = (0, 515)


def facts_of(machine: Machine, numbers: list[int]) -> list[Fact]:
    """A fact a number. Few seconds, codes and discriminators, so that ties and unlike copies are common."""
    signals = list(machine.rank)
    facts = []
    for number in numbers:
        number, second = divmod(number, 4)
        number, code = divmod(number, len(CODES))
        number, told = divmod(number, len(TOLD))
        number, due = divmod(number, len(DUES))
        number, lines = divmod(number, len(LINES))
        signal = signals[number % len(signals)]
        made = Fact(START + second, signal, CODES[code], TOLD[told], LINES[lines], DUES[due])
        facts.append(made._replace(millisecond=MILLISECONDS[number // len(signals) % len(MILLISECONDS)]))
    return facts


@every_machine
@settings(deadline=None, derandomize=True, database=None, max_examples=200)
@given(numbers=st.lists(st.integers(0, 9216), max_size=12), seed=st.integers(0, 2**32))
def test_any_set_of_facts_has_one_state_and_one_unbroken_history(
    machine: Machine, numbers: list[int], seed: int
) -> None:
    """In any order, with any duplicates, and stepped from stored summaries as well as folded at once."""
    facts = facts_of(machine, numbers)
    summary, steps = machine.fold(facts)

    random = Random(seed)
    told = [*facts, *random.choices(facts, k=3)] if facts else []
    random.shuffle(told)
    assert machine.fold(told) == (summary, steps)

    stored, history = machine.start(), []
    for step in steps:
        stored, again = machine.step(Summary(*json.loads(json.dumps(stored))), step.fact)
        history.append(again)
    # A snapshot that adds nothing leaves nothing behind but its time. What lines are known where they are
    # merged stands in no summary, so that there outcome and date are those of a fold alone.
    if machine.merges:
        stored = stored._replace(outcome=summary.outcome, due=summary.due)
    assert (stored._replace(last_at=summary.last_at), history) == (summary, steps)

    states = [machine.initial, *(step.after for step in steps)]
    assert [step.before for step in steps] == states[:-1]
    assert states[-1] == summary.state
    assert (summary.review is not None) == any(step.verdict is Verdict.CONFLICT for step in steps)
    assert all((step.before != step.after) == (step.verdict is Verdict.MOVED) for step in steps)
    lines = current_lines(machine, steps)
    if machine.merges:
        known = {line[1:4] for step in steps for line in step.fact.lines}
        assert {line[1:4] for line in lines} <= known
        assert [line.position for line in lines] == sorted({line.position for line in lines})
    else:
        assert lines in {*LINES}


def test_the_documented_clocks_are_kept() -> None:
    clocks = {
        (kind, state): clock.seconds for kind, m in MACHINES.items() for state, clock in m.clocks.items()
    }
    assert clocks[("fill_request", "awaiting_payment")] == 10 * DAY
    assert clocks[("transfer", "pending")] == clocks[("transfer", "contacting")] == 6 * DAY
    assert clocks[("direct_transfer", "pending")] == 3 * DAY


@every_machine
def test_every_clock_that_is_not_the_partners_says_that_it_is_ours(machine: Machine) -> None:
    documented = {("fill_request", "awaiting_payment"), ("direct_transfer", "pending")}
    documented |= {("transfer", "pending"), ("transfer", "contacting")}
    for state, clock in machine.clocks.items():
        assert clock.why.startswith("ours") == ((machine.kind, state) not in documented)


@every_machine
def test_no_clock_runs_in_an_end(machine: Machine) -> None:
    assert not set(machine.clocks) & ENDS[machine.kind]


def test_a_deadline_counts_from_the_last_move_and_is_not_wound_up_by_what_confirms() -> None:
    fill = MACHINES["fill_request"]
    summary, _ = fill.fold([fact(0, "claim:owed"), fact(5 * DAY, "claim:owed")])
    assert deadline(fill, summary, None) == START + 10 * DAY
    assert deadline(fill, summary, START - DAY) == START + 10 * DAY


def test_a_request_that_nothing_was_heard_of_counts_from_its_registration() -> None:
    transfer = MACHINES["transfer"]
    assert deadline(transfer, transfer.start(), START) == START + 6 * DAY
    assert deadline(transfer, transfer.start(), None) is None


@pytest.mark.parametrize(
    ("kind", "signal", "days"),
    [
        ("prior_auth", "pa:new", 3),
        ("consult", "consult:unassigned", 2),
        ("consult", "file:received", 2),
        ("fill_request", "claim:settled", 3),
        ("fill_request", "shipment:unknown", 3),
    ],
)
def test_a_first_state_that_news_only_confirms_has_its_clock_without_a_registration(
    kind: str, signal: str, days: int
) -> None:
    machine = MACHINES[kind]
    summary, (step,) = machine.fold([fact(0, signal)])
    assert (step.verdict, summary.since) == (Verdict.CONFIRMED, None)
    assert deadline(machine, summary, None) == START + days * DAY
    assert deadline(machine, summary, START - DAY) == START + (days - 1) * DAY


def test_a_date_that_the_partner_gave_comes_before_the_clock() -> None:
    fill = MACHINES["fill_request"]
    stock = fact(0, "order:triage", code="T005")._replace(due=START + 30 * DAY)
    summary, _ = fill.fold([stock])
    assert (summary.due, deadline(fill, summary, None)) == (START + 30 * DAY, START + 30 * DAY)
    later = fact(5, "order:triage", code="T005", told=b"a" * 16)._replace(due=START + 40 * DAY)
    assert fill.fold([later, stock])[0].due == START + 40 * DAY
    other = fact(5, "order:triage", code="T004")
    assert fill.fold([other, stock])[0].due == START + 30 * DAY


def test_a_move_that_brings_no_date_ends_the_old_one() -> None:
    fill = MACHINES["fill_request"]
    stock = fact(0, "order:triage", code="T005")._replace(due=START + 30 * DAY)
    summary, _ = fill.fold([stock, fact(9, "order:success", "filled")])
    assert (summary.due, deadline(fill, summary, None)) == (None, START + 9 + 3 * DAY)


def test_what_is_late_or_a_conflict_sets_no_date() -> None:
    fill = MACHINES["fill_request"]
    delivered = fact(0, "shipment:delivered")
    scan = fact(5, "shipment:transit")._replace(due=START + 2 * DAY)
    triage = fact(6, "order:triage", code="T005")._replace(due=START + 3 * DAY)
    summary, steps = fill.fold([delivered, scan, triage])
    assert [str(step.verdict) for step in steps] == ["moved", "late", "conflict"]
    assert (summary.due, deadline(fill, summary, None)) == (None, None)


def test_copies_that_differ_in_their_date_fold_the_same_in_any_order() -> None:
    copay = MACHINES["copay"]
    copies = [fact(0, "copay:triage")._replace(due=due) for due in (None, START + 2, START + 1)]
    assert copay.fold(copies) == copay.fold(copies[::-1])
    assert copay.fold(copies)[0].due == START + 1


def test_a_summary_may_be_made_without_a_date() -> None:
    assert Summary("pending", None, None, None, None, None).due is None
    assert Clock(1, "why") == (1, "why", None)


@every_machine
def test_the_committed_diagram_is_what_the_table_says(machine: Machine) -> None:
    committed = (DIAGRAMS / f"{machine.kind}.md").read_text(encoding="utf-8")
    assert committed == page(machine), "python -m statemachine.diagram docs/diagrams draws it anew"


def test_there_is_no_diagram_of_anything_else(tmp_path: Path) -> None:
    assert main([str(tmp_path / "new")]) == 0
    drawn = {path.name for path in (tmp_path / "new").iterdir()}
    assert drawn == {f"{kind}.md" for kind in KINDS}
    assert {path.name for path in DIAGRAMS.glob("*.md")} - {"README.md"} == drawn
    assert main([]) == 2


def test_a_diagram_has_an_arrow_for_each_edge_and_none_to_the_same_state() -> None:
    assert mermaid(MACHINES["transfer"]) == (
        "stateDiagram-v2\n"
        "    [*] --> pending\n"
        "    pending --> contacting: contact#58;error<br/>contact#58;success\n"
        "    pending --> completed: transfer#58;success<br/>seen#58;completed\n"
        "    pending --> rejected: transfer#58;rejected<br/>seen#58;rejected\n"
        "    pending --> cancelled: transfer#58;cancelled<br/>seen#58;cancelled\n"
        "    contacting --> completed: transfer#58;success<br/>seen#58;completed\n"
        "    contacting --> rejected: transfer#58;rejected<br/>seen#58;rejected\n"
        "    contacting --> cancelled: transfer#58;cancelled<br/>seen#58;cancelled\n"
        "    completed --> [*]\n"
        "    rejected --> [*]\n"
        "    cancelled --> [*]\n"
    )
