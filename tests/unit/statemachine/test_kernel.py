"""The kernel on a small machine of its own: verdicts, order, resuming, outcome, and tables it refuses."""

from __future__ import annotations

import json
from itertools import permutations
from typing import Any

import pytest

from statemachine.current_lines import current_lines
from statemachine.kernel import Machine, MachineError
from statemachine.model import Fact, Line, Step, Summary
from statemachine.rules import (
    AWAIT,
    CONFIRM,
    CONFLICT,
    LATE,
    MOVE,
    RENEW,
    SETTLE,
    Clock,
    Dates,
    OutcomeRule,
    Rule,
    Verdict,
)

NOON = 1_590_840_000  # 2020-05-30T12:00:00Z


def parts() -> dict[str, Any]:
    """A letter: written, posted, read; or torn up."""
    return {
        "kind": "letter",
        "initial": "written",
        "table": {
            "written": {"post": MOVE("posted"), "read": MOVE("read", gap=("posted",)), "tear": MOVE("torn")},
            "posted": {"post": CONFIRM, "read": MOVE("read"), "tear": CONFLICT},
            "read": {"post": LATE, "read": CONFIRM, "tear": CONFLICT},
            "torn": {"post": CONFLICT, "read": CONFLICT, "tear": CONFIRM},
        },
        "rank": {"tear": 1, "post": 2, "read": 3},
        "outcome": OutcomeRule(
            source="read",
            done=frozenset({"good"}),
            none_in=frozenset({"torn"}),
            open_in=frozenset({"written"}),
            settled_in=frozenset({"read"}),
        ),
    }


LETTER = Machine(**parts())


def fact(at: int, signal: str, *statuses: str, code: str | None = None, told: bytes = b"") -> Fact:
    lines = tuple(Line(i, f"page{i}", status, None) for i, status in enumerate(statuses))
    return Fact(NOON + at, signal, code, told, lines)


def test_an_entity_without_facts_is_in_the_initial_state() -> None:
    assert LETTER.fold([]) == (Summary("written", None, None, None, None, None), [])
    assert LETTER.start() == LETTER.fold([])[0]


def test_a_move_sets_state_since_and_by() -> None:
    summary, step = LETTER.step(LETTER.start(), fact(5, "post"))
    assert summary == Summary("posted", NOON + 5, "post", None, None, NOON + 5)
    assert step == Step(fact(5, "post"), Verdict.MOVED, "written", "posted", ())


def test_a_jump_has_its_gap_on_record() -> None:
    _, step = LETTER.step(LETTER.start(), fact(0, "read"))
    assert (step.verdict, step.after, step.gap) == (Verdict.MOVED, "read", ("posted",))


def test_what_confirms_or_is_late_moves_nothing_but_the_time_of_the_last_fact() -> None:
    posted, _ = LETTER.step(LETTER.start(), fact(0, "post"))
    again, step = LETTER.step(posted, fact(7, "post"))
    assert (again, step.verdict) == (posted._replace(last_at=NOON + 7), Verdict.CONFIRMED)
    read, _ = LETTER.step(again, fact(8, "read"))
    late, step = LETTER.step(read, fact(9, "post"))
    assert (late, step.verdict, step.after) == (read._replace(last_at=NOON + 9), Verdict.LATE, "read")


def test_a_conflict_moves_nothing_and_names_both_facts_and_the_rule() -> None:
    summary, steps = LETTER.fold([fact(0, "post"), fact(60, "tear", code="T9")])
    assert (summary.state, summary.since, steps[1].verdict) == ("posted", NOON, Verdict.CONFLICT)
    assert summary.review == (
        "conflict in posted (since 2020-05-30T12:00:00Z by post): "
        "tear T9 at 2020-05-30T12:01:00Z [letter.posted/tear]"
    )


def test_a_hashed_code_is_not_printed_in_a_review() -> None:
    summary, _ = LETTER.fold([fact(0, "post"), fact(60, "tear", code="#0123456789abcdef")])
    assert summary.review is not None
    assert ": tear at 2020-05-30T12:01:00Z [" in summary.review


def test_a_conflict_in_the_initial_state_says_so() -> None:
    table = parts()["table"]
    table["written"]["tear"] = CONFLICT
    summary, _ = Machine(**{**parts(), "table": table}).fold([fact(0, "tear")])
    assert summary.review == (
        "conflict in written (from the start): tear at 2020-05-30T12:00:00Z [letter.written/tear]"
    )


def test_the_latest_conflict_in_effective_order_is_the_one_under_review() -> None:
    late, early = fact(90, "tear"), fact(30, "tear")
    summary, _ = LETTER.fold([late, fact(0, "post"), early, fact(95, "read", "good")])
    assert summary.review is not None
    assert "at 2020-05-30T12:01:30Z" in summary.review
    assert summary.state == "read"


def test_effective_order_is_time_then_rank_then_signal_code_and_discriminator() -> None:
    facts = [
        fact(0, "tear"),
        fact(0, "post"),
        fact(0, "post", told=b"a" * 16),
        fact(0, "post", told=b"b" * 16),
        fact(0, "post", code="A"),
        fact(0, "post", code="B"),
        fact(0, "read"),
        fact(1, "tear"),
    ]
    for order in permutations(facts[:5]):
        assert sorted([*facts[5:], *order], key=LETTER.order) == facts


def test_equal_rank_leaves_the_order_to_the_signals_name() -> None:
    machine = Machine(**{**parts(), "rank": {"tear": 1, "post": 1, "read": 1}})
    _, steps = machine.fold([fact(0, "tear"), fact(0, "read"), fact(0, "post")])
    assert [step.fact.signal for step in steps] == ["post", "read", "tear"]


def test_a_fact_known_twice_counts_once() -> None:
    once = LETTER.fold([fact(0, "post"), fact(1, "read", "good")])
    assert LETTER.fold([fact(1, "read", "good"), fact(0, "post"), fact(1, "read", "good")]) == once


def test_copies_that_differ_in_lines_fold_the_same_in_any_order() -> None:
    copies = [
        fact(0, "read", "good"),
        fact(0, "read", "bad"),
        fact(0, "read"),
        fact(0, "read", "good", "bad"),
    ]
    results = [LETTER.fold(order) for order in permutations(copies)]
    assert all(result == results[0] for result in results)
    assert len(results[0][1]) == 1


def test_a_signal_the_machine_lacks_is_a_key_error() -> None:
    with pytest.raises(KeyError):
        LETTER.fold([fact(0, "burn")])
    with pytest.raises(KeyError):
        LETTER.step(LETTER.start(), fact(0, "burn"))


def test_stepping_from_a_stored_summary_equals_folding_everything() -> None:
    facts = [
        fact(0, "post"),
        fact(1, "tear"),
        fact(2, "read", "good", "bad"),
        fact(3, "post"),
        fact(4, "tear"),
    ]
    stored = LETTER.start()
    history = []
    for one in facts:
        stored, step = LETTER.step(Summary(*json.loads(json.dumps(stored))), one)
        history.append(step)
    assert (stored, history) == LETTER.fold(facts)


@pytest.mark.parametrize(
    ("statuses", "outcome"),
    [(("good", "good"), "full"), (("good", "bad"), "partial"), (("bad",), "none"), ((), None)],
)
def test_the_outcome_comes_from_the_lines_of_the_source(
    statuses: tuple[str, ...], outcome: str | None
) -> None:
    assert LETTER.fold([fact(0, "read", *statuses)])[0].outcome == outcome


def test_a_later_source_fact_that_confirms_brings_a_new_outcome() -> None:
    assert LETTER.fold([fact(0, "read", "bad"), fact(1, "read", "good")])[0].outcome == "full"


def test_a_move_that_ends_without_lines_has_the_outcome_none() -> None:
    assert LETTER.fold([fact(0, "tear")])[0].outcome == "none"


def test_a_conflict_leaves_outcome_and_lines_alone() -> None:
    summary, steps = LETTER.fold([fact(0, "tear"), fact(1, "read", "good")])
    assert (summary.outcome, current_lines(LETTER, steps)) == ("none", ())


def test_other_facts_carry_the_outcome_on() -> None:
    assert LETTER.fold([fact(0, "read", "good"), fact(1, "post", "bad")])[0].outcome == "full"


def test_a_machine_without_an_outcome_rule_has_none() -> None:
    machine = Machine(**{**parts(), "outcome": None})
    summary, steps = machine.fold([fact(0, "post", "sealed"), fact(1, "read", "good")])
    assert summary.outcome is None
    assert current_lines(machine, steps) == fact(1, "read", "good").lines


def test_lines_of_a_settled_state_are_those_of_the_last_source_fact() -> None:
    read = fact(1, "read", "good")
    _, steps = LETTER.fold([fact(0, "post", "sealed"), read, fact(2, "post", "sealed")])
    assert current_lines(LETTER, steps) == read.lines
    assert current_lines(LETTER, steps[:1]) == fact(0, "post", "sealed").lines
    assert current_lines(LETTER, []) == ()


def test_a_machine_may_name_where_the_lines_of_a_state_come_from() -> None:
    machine = Machine(**{**parts(), "outcome": None}, lines_from={"read": "read"})
    read, again = fact(1, "read", "good"), fact(2, "post", "sealed")
    summary, steps = machine.fold([fact(0, "post", "sealed"), read, again])
    assert (summary.outcome, current_lines(machine, steps)) == (None, read.lines)
    assert current_lines(machine, steps[:1]) == fact(0, "post", "sealed").lines


def test_a_later_source_fact_without_lines_leaves_none() -> None:
    _, steps = LETTER.fold([fact(0, "read", "good"), fact(1, "read")])
    assert current_lines(LETTER, steps) == ()


def row(**rules: Rule) -> dict[str, Rule]:
    return {"post": CONFIRM, "read": CONFIRM, "tear": CONFIRM, **rules}


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"initial": "dreamt"}, "letter: the initial state dreamt has no row"),
        ({"rank": {"tear": 1, "post": 2, "read": 3, "burn": 4}}, "letter: written says nothing about burn"),
        ({"rank": {"tear": 1, "post": 2}}, "letter: read speaks of read, which has no rank"),
        (
            {"table": {"written": row(post=MOVE("lost"))}},
            "letter: written/post: moves to lost, which has no row",
        ),
        ({"table": {"written": row(post=MOVE("written"))}}, "moves to itself: that is a confirmation"),
        (
            {"table": {"written": row(post=MOVE("torn", gap=("lost",))), "torn": row()}},
            "letter: written/post: jumps over lost, which has no row",
        ),
        (
            {"table": {"written": row(post=MOVE("torn", gap=("torn",))), "torn": row()}},
            "letter: written/post: jumps over torn, its own end",
        ),
        (
            {"table": {"written": row(post=MOVE("torn", gap=("x", "x"))), "torn": row(), "x": row()}},
            "letter: written/post: jumps over one state twice",
        ),
        ({"table": {"written": row(post=Rule(Verdict.LATE, "torn"))}}, "only a move has a target and a gap"),
        ({"table": {"written": row(post=Rule(Verdict.MOVED))}}, "written/post: moves to None"),
        (
            {"table": {"written": row(post=Rule(Verdict.LATE, dates=Dates.OPEN))}},
            "only a confirmation says what becomes of dates",
        ),
        (
            {"table": {"written": row(post=Rule(Verdict.MOVED, "torn", dates=Dates.RENEWED)), "torn": row()}},
            "written/post: a move brings its own date or none",
        ),
        (
            {"outcome": parts()["outcome"]._replace(none_in=frozenset({"burnt"}))},
            "letter: the outcome names burnt, which has no row",
        ),
        (
            {"outcome": parts()["outcome"]._replace(source="burn")},
            "letter: the outcome's source burn has no rank",
        ),
        (
            {"outcome": parts()["outcome"]._replace(also=frozenset({"burn"}))},
            "letter: the outcome's source burn has no rank",
        ),
        ({"clocks": {"lost": Clock(1, "why")}}, "letter: a clock runs in lost, which has no row"),
        ({"clocks": {"written": Clock(0, "why")}}, "letter: the clock of written has no length or no reason"),
        ({"clocks": {"written": Clock(1, "")}}, "letter: the clock of written has no length or no reason"),
        ({"prompts": {"burn": Clock(1, "why")}}, "letter: a clock runs after burn, which has no rank"),
        ({"prompts": {"read": Clock(0, "why")}}, "letter: the clock after read has no length or no reason"),
        ({"lines_from": {"lost": "post"}}, "letter: the lines of lost from post: there is no such state"),
        ({"lines_from": {"written": "burn"}}, "letter: the lines of written from burn: there is no such"),
        ({"ladder": ("written", "posted", "read")}, "letter: the ladder does not have each state once"),
        ({"ladder": ("written", "posted", "read", "torn")}, "letter: tear is no step of the ladder"),
    ],
)
def test_a_table_that_is_not_whole_is_refused_when_it_is_made(change: dict[str, Any], fault: str) -> None:
    with pytest.raises(MachineError) as raised:
        Machine(**{**parts(), **change})
    assert fault in str(raised.value)


@pytest.mark.parametrize(
    ("rule", "statuses", "brought", "expected"),
    [
        (CONFIRM, ["bad"], None, NOON),
        (CONFIRM, ["good"], NOON + 9, NOON + 9),
        (RENEW, ["bad"], None, None),
        (RENEW, ["bad"], NOON + 9, NOON + 9),
        (AWAIT, ["bad"], None, NOON),
        (AWAIT, ["good", "bad"], NOON + 9, NOON + 9),
        (AWAIT, [], NOON + 9, NOON + 9),
        (AWAIT, ["good"], NOON + 9, NOON),
        (SETTLE, ["good", "bad"], None, NOON),
        (SETTLE, ["bad"], NOON + 9, NOON + 9),
        (SETTLE, ["good"], None, None),
        (SETTLE, ["good"], NOON + 9, None),
    ],
)
def test_a_confirmation_says_what_becomes_of_the_date_that_is_waited_for(
    rule: Rule, statuses: list[str], brought: int | None, expected: int | None
) -> None:
    table = {**parts()["table"], "read": {"post": rule, "read": CONFIRM, "tear": CONFLICT}}
    machine = Machine(**{**parts(), "table": table})
    read = fact(0, "read", *statuses)._replace(due=NOON)
    summary, steps = machine.fold([read, fact(1, "post")._replace(due=brought)])
    assert (steps[1].verdict, summary.due) == (Verdict.CONFIRMED, expected)


def test_every_fault_of_a_table_is_named_at_once() -> None:
    with pytest.raises(MachineError) as raised:
        Machine(kind="letter", initial="a", table={"a": {}, "b": {}}, rank={"post": 1, "read": 2})
    assert len(str(raised.value).splitlines()) == 4


def test_a_machines_table_cannot_be_changed_after_it_was_checked() -> None:
    source = parts()
    machine = Machine(**source)
    source["table"]["written"]["post"] = CONFLICT
    assert machine.fold([fact(0, "post")])[0].state == "posted"
    assert machine.table["written"]["post"] == MOVE("posted")
