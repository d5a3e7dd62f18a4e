"""The fill request's page against an expectation written by hand, and against every order of its facts."""

from __future__ import annotations

from itertools import permutations

import pytest

from statemachine import MACHINES, Fact, Line, Verdict, current_lines, deadline

FILL = MACHINES["fill_request"]

STATES = {
    "P": "pending",
    "T": "triage",
    "A": "awaiting_payment",
    "C": "completed",
    "I": "in_transit",
    "D": "delivered",
    "R": "returned",
    "F": "delivery_failed",
    "J": "rejected",
    "X": "cancelled",
}

# A letter is a move to that state, behind the colon stand the states jumped over;
# = confirms, ~ is late, ! is a conflict.
EXPECTED = """
                        P     T     A     C    I  D  R  F  J  X
seen:pending            =     =     =     !    !  !  !  !  !  !
seen:triage             T     =     T     !    !  !  !  !  !  !
seen:completed          C     C     C     =    =  =  =  =  !  !
seen:rejected           J     J     J     !    !  !  !  !  =  !
seen:cancelled          X     X     X     X    !  !  !  !  !  =
seen:unpaid             X     X     X     !    !  !  !  !  !  =
seen:returned           R:CI  R:CI  R:CI  R:I  R  R  =  R  !  !
order:success           C     C     C     =    ~  ~  ~  ~  !  !
order:triage            T     =     T     !    !  !  !  !  !  !
order:rejected          J     J     J     !    !  !  !  !  =  !
order:cancelled         X     X     X     X    !  !  !  !  !  =
order:unpaid            X     X     X     !    !  !  !  !  !  =
order:transferred_out   J     J     J     J    !  !  !  !  =  !
order:returned          R:CI  R:CI  R:CI  R:I  R  R  =  R  !  !
claim:owed              A     A     =     ~    ~  ~  ~  ~  ~  ~
claim:settled           =     =     P     ~    ~  ~  ~  ~  ~  ~
claim:reversed          =     =     P     ~    ~  ~  =  ~  =  =
payment:known           =     =     P     ~    ~  ~  ~  ~  ~  ~
payment:stranded        =     =     =     ~    ~  ~  ~  ~  !  !
shipment:unknown        =     =     =     =    =  =  =  =  =  =
shipment:pre_transit    C     C     C     =    ~  ~  ~  ~  !  !
shipment:transit        I:C   I:C   I:C   I    =  ~  ~  I  !  !
shipment:failure        F:CI  F:CI  F:CI  F:I  F  !  ~  =  !  !
shipment:delivered      D:CI  D:CI  D:CI  D:I  D  =  !  D  !  !
shipment:returned       R:CI  R:CI  R:CI  R:I  R  R  =  R  !  !
"""

SIGNS = {"=": Verdict.CONFIRMED, "~": Verdict.LATE, "!": Verdict.CONFLICT}


def expectations() -> list[tuple[str, str, str]]:
    heads, *rows = (line.split() for line in EXPECTED.strip().splitlines())
    return [(STATES[head], row[0], cell) for row in rows for head, cell in zip(heads, row[1:], strict=True)]


CELLS = expectations()
SIGNALS = sorted({signal for _, signal, _ in CELLS})


def fact(at: int, signal: str, *, code: str | None = None, told: bytes = b"", lines: str = "") -> Fact:
    """One letter a line: f(illed), s(hort), r(ejected), t(riage), b(ack: returned), o(wed)."""
    status = {"f": "filled", "r": "rejected", "t": "triage", "b": "returned", "s": "short", "o": "owed"}
    made = tuple(Line(i, f"rx{i}", status[letter], None) for i, letter in enumerate(lines))
    return Fact(1_590_800_000 + at, signal, code, told, made)


@pytest.mark.parametrize(("state", "signal", "cell"), CELLS)
def test_each_signal_means_in_each_state_what_is_expected(state: str, signal: str, cell: str) -> None:
    held = FILL.start()._replace(state=state, since=1_590_800_000, by="order:success")
    summary, step = FILL.step(held, fact(9, signal, lines="f"))
    target, _, jumped = cell.partition(":")
    if target in SIGNS:
        assert (step.verdict, step.after, step.gap) == (SIGNS[target], state, ())
        assert (summary.since, summary.by) == (held.since, held.by)
    else:
        assert (step.verdict, step.after) == (Verdict.MOVED, STATES[target])
        assert step.gap == tuple(STATES[letter] for letter in jumped)
        assert (summary.since, summary.by) == (1_590_800_009, signal)
    assert (summary.review is not None) == (cell == "!")


def test_the_page_and_the_expectation_speak_of_the_same_states_and_signals() -> None:
    assert set(FILL.states) == set(STATES.values())
    assert sorted(FILL.rank) == SIGNALS
    assert all(set(row) == set(SIGNALS) for row in FILL.table.values())
    assert FILL.initial == "pending"


def reachable(start: str) -> set[str]:
    seen, ahead = {start}, [start]
    while ahead:
        for rule in FILL.table[ahead.pop()].values():
            if rule.to is not None and rule.to not in seen:
                seen.add(rule.to)
                ahead.append(rule.to)
    return seen


def test_every_state_can_be_reached_from_the_first() -> None:
    assert reachable("pending") == set(STATES.values())


def test_only_the_three_ends_of_a_fill_have_no_way_out_and_every_state_leads_to_one() -> None:
    ends = {state for state in FILL.states if reachable(state) == {state}}
    assert ends == {"returned", "rejected", "cancelled"}
    assert all(reachable(state) & ends for state in FILL.states)


def test_facts_of_one_second_are_taken_in_the_order_of_a_fills_life() -> None:
    burst = [
        "claim:owed",
        "payment:known",
        "order:triage",
        "order:success",
        "shipment:unknown",
        "shipment:pre_transit",
        "shipment:transit",
        "shipment:failure",
        "shipment:delivered",
        "shipment:returned",
        "order:returned",
    ]
    summary, steps = FILL.fold([fact(0, signal) for signal in reversed(burst)])
    assert [step.fact.signal for step in steps] == burst
    assert (summary.state, summary.review) == ("returned", None)
    for error in ("order:cancelled", "order:transferred_out", "order:rejected", "order:unpaid"):
        _, steps = FILL.fold([fact(0, "shipment:unknown"), fact(0, error), fact(0, "order:success")])
        assert [step.fact.signal for step in steps] == ["order:success", error, "shipment:unknown"]


# Each story: its facts (one letter of lines a medication), what becomes of each, the state, and the outcome.
STORIES = {
    "delivered after a triage": (
        [
            fact(0, "order:triage", code="T001", lines="tt"),
            fact(61, "order:success", lines="fr"),
            fact(91, "shipment:transit", told=b"a" * 16),
            fact(151, "shipment:transit", told=b"b" * 16),
            fact(211, "shipment:delivered"),
        ],
        "moved moved moved confirmed moved",
        ("delivered", "partial"),
    ),
    "paid, tried twice, and sent back": (
        [
            fact(0, "claim:owed"),
            fact(10, "payment:known"),
            fact(61, "order:success", lines="ff"),
            fact(91, "shipment:transit"),
            fact(120, "shipment:failure"),
            fact(150, "shipment:transit"),
            fact(211, "order:returned", code="R4", lines="bb"),
        ],
        "moved moved moved moved moved moved moved",
        ("returned", "full"),
    ),
    "all within one second": (
        [
            fact(0, "order:triage", code="T005", told=b"a" * 16),
            fact(0, "order:triage", code="T005", told=b"b" * 16),
            fact(0, "order:success", lines="f"),
            fact(0, "shipment:transit"),
            fact(0, "shipment:delivered"),
            fact(0, "shipment:returned"),
            fact(0, "order:returned", code="R4"),
        ],
        "moved confirmed moved moved moved moved confirmed",
        ("returned", "full"),
    ),
    "paid for, and reversed all the same": (
        [
            fact(0, "claim:owed"),
            fact(10, "order:unpaid", code="R028"),
            fact(20, "payment:known"),
            fact(20, "payment:stranded"),
        ],
        "moved moved late conflict",
        ("cancelled", "none"),
    ),
    "cancelled, and yet spoken of": (
        [
            fact(0, "order:success", lines="ff"),
            fact(5, "order:cancelled", code="R0"),
            fact(6, "claim:owed"),
            fact(7, "order:triage", code="T009"),
            fact(8, "shipment:transit"),
            fact(9, "shipment:unknown"),
        ],
        "moved moved late conflict conflict confirmed",
        ("cancelled", "none"),
    ),
}


@pytest.mark.parametrize("name", STORIES)
def test_every_order_of_a_life_with_a_duplicate_gives_one_state_and_one_history(name: str) -> None:
    facts, verdicts, (state, outcome) = STORIES[name]
    expected = FILL.fold(facts)
    assert (expected[0].state, expected[0].outcome) == (state, outcome)
    assert [str(step.verdict) for step in expected[1]] == verdicts.split()
    assert [step.fact for step in expected[1]] == facts
    told = [*facts, facts[len(facts) // 2]]
    assert all(FILL.fold(order) == expected for order in permutations(told))


@pytest.mark.parametrize(
    ("facts", "outcome"),
    [
        ([fact(0, "order:success", lines="ff")], "full"),
        ([fact(0, "order:success", lines="fr")], "partial"),
        ([fact(0, "order:success", lines="rr")], "none"),
        ([fact(0, "order:success")], None),
        ([fact(0, "order:triage", lines="tt")], None),
        ([fact(0, "claim:owed")], None),
        ([fact(0, "order:rejected")], "none"),
        ([fact(0, "order:unpaid")], "none"),
        ([fact(0, "order:success", lines="ff"), fact(1, "order:transferred_out")], "none"),
        ([fact(0, "order:success", lines="ff"), fact(1, "order:success", lines="fr")], "partial"),
        ([fact(0, "shipment:delivered")], None),
        ([fact(0, "shipment:delivered"), fact(1, "order:success", lines="ff")], "full"),
        ([fact(0, "order:rejected"), fact(1, "order:success", lines="ff")], "none"),
        ([fact(0, "order:success", lines="ff"), fact(1, "order:returned", lines="bb")], "full"),
    ],
)
def test_the_outcome_of_a_fill(facts: list[Fact], outcome: str | None) -> None:
    assert FILL.fold(facts)[0].outcome == outcome


def test_what_was_filled_stays_to_be_seen_after_the_parcel_came_back() -> None:
    success = fact(1, "order:success", lines="fr")
    _, steps = FILL.fold(
        [fact(0, "order:triage", lines="tt"), success, fact(2, "order:returned", lines="bb")]
    )
    assert current_lines(FILL, steps) == success.lines


def test_lines_before_completion_or_after_a_rejection_are_the_last_stated() -> None:
    triage, error = fact(0, "order:triage", lines="tt"), fact(1, "order:rejected", lines="rr")
    _, steps = FILL.fold([triage, error])
    assert current_lines(FILL, steps[:1]) == triage.lines
    assert current_lines(FILL, steps) == error.lines


def test_lines_of_a_conflict_are_not_the_fills() -> None:
    success = fact(0, "order:success", lines="ff")
    _, steps = FILL.fold([success, fact(1, "order:rejected", lines="rr")])
    assert current_lines(FILL, steps) == success.lines


@pytest.mark.parametrize(
    ("lines", "outcome"),
    [("f", "full"), ("s", "partial"), ("fs", "partial"), ("sr", "partial"), ("r", "none")],
)
def test_a_fill_of_which_less_was_sent_than_asked_for_is_partial(lines: str, outcome: str) -> None:
    assert FILL.fold([fact(0, "order:success", lines=lines)])[0].outcome == outcome


DAY = 86_400
CLAIM, AGAIN = fact(0, "claim:owed", lines="o"), fact(4 * DAY, "claim:owed", lines="o", told=b"b" * 16)
TRIAGED = fact(2 * DAY, "order:triage", code="T005")._replace(due=1_590_800_000 + 30 * DAY)


def ends(*facts: Fact) -> int | None:
    """When the news of a fill is overdue after these, in days, whatever their order."""
    found = {deadline(FILL, FILL.fold(order)[0], None) for order in permutations(facts)}
    (at,) = found
    return None if at is None else (at - 1_590_800_000) // DAY


@pytest.mark.parametrize(
    ("facts", "days"),
    [
        ([CLAIM], 10),
        ([CLAIM, TRIAGED], 10),  # the date of the stock comes after the claim's end
        ([CLAIM, fact(2 * DAY, "order:triage", code="T004")], 5),  # a triage has a clock of its own
        ([CLAIM, TRIAGED, AGAIN], 10),
        ([CLAIM, AGAIN], 10),
        ([CLAIM, fact(1 * DAY, "claim:settled"), AGAIN], 14),
        ([CLAIM, fact(1 * DAY, "claim:reversed"), AGAIN], 14),
        ([CLAIM, fact(1 * DAY, "payment:known"), AGAIN], 14),
        ([CLAIM, fact(1 * DAY, "payment:known")], 4),
        ([CLAIM, TRIAGED, fact(3 * DAY, "payment:known")], 30),
        ([CLAIM, fact(9 * DAY, "order:success", lines="f")], 12),
        ([CLAIM, fact(10 * DAY, "order:unpaid")], None),
    ],
)
def test_the_ten_days_run_from_the_first_claim_that_owes_until_it_is_paid_or_over(
    facts: list[Fact], days: int | None
) -> None:
    assert ends(*facts) == days


def test_a_reversal_ends_the_wait_for_a_payment_and_nothing_else() -> None:
    summary, steps = FILL.fold([CLAIM, fact(10 * DAY, "claim:reversed")])
    assert (summary.state, summary.waiting_since, steps[-1].verdict) == ("pending", None, Verdict.MOVED)
    over = FILL.fold([CLAIM, fact(9 * DAY, "order:success", lines="f"), fact(10 * DAY, "claim:reversed")])[0]
    assert (over.state, over.review) == ("completed", None)


def test_an_error_that_names_some_medications_is_about_the_whole_order() -> None:
    claim = fact(0, "claim:owed", lines="oo")
    cancelled = fact(9, "order:cancelled", code="R0", lines="r")
    assert FILL.fold([claim, cancelled])[0][:4] == ("cancelled", 1_590_800_009, "order:cancelled", "none")
    success = fact(20, "order:success", lines="rf")
    for facts in permutations([claim, cancelled, success]):
        summary, _ = FILL.fold(facts)
        assert summary.state == "cancelled"
        assert summary.review is not None
