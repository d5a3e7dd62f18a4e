"""A copay's lines by all that was said of them: each success may list some prescriptions only."""

from __future__ import annotations

from itertools import permutations

import pytest

from statemachine import MACHINES, Fact, Line, current_lines
from tests.support.grids import START

COPAY = MACHINES["copay"]
DAY = 86_400
SOON = START + 3 * DAY
LATER = START + 9 * DAY


def line(token: str | None, status: str, due: int | None = None, position: int = 0) -> Line:
    return Line(position, token, status, None, due)


def said(
    at: int, *lines: Line, signal: str = "copay:success", told: bytes = b"", due: int | None = None
) -> Fact:
    """As a callback states it: its date is the first that a rejected line of it carries."""
    placed = tuple(one._replace(position=n) for n, one in enumerate(lines))
    dates = [one.due for one in lines if one.due]
    return Fact(START + at, signal, None, told, placed, due if due else min(dates, default=None))


A, B = line("rxa", "completed"), line("rxb", "completed")
A_NOT, B_NOT = line("rxa", "rejected", SOON), line("rxb", "rejected", LATER)


@pytest.mark.parametrize(
    ("facts", "lines", "outcome", "due"),
    [
        # Both asked about, one priced; the approval of the other brings a success that lists it alone.
        ([said(0, A, B_NOT), said(9, B)], [("rxa", "completed"), ("rxb", "completed")], "full", None),
        # The payer declines: the first keeps its price.
        (
            [said(0, A, B_NOT), said(9, line("rxb", "rejected"))],
            [("rxa", "completed"), ("rxb", "rejected")],
            "partial",
            None,
        ),
        # One of two dates is over with its price, the other is still waited for.
        ([said(0, A_NOT, B_NOT), said(9, A)], [("rxa", "completed"), ("rxb", "rejected")], "partial", LATER),
        ([said(0, A_NOT, B_NOT)], [("rxa", "rejected"), ("rxb", "rejected")], "none", SOON),
        # Three, each by itself, after an error that names them.
        (
            [
                said(0, A_NOT, B_NOT, line("rxc", "rejected"), signal="copay:rejected"),
                said(5, B),
                said(7, A),
                said(9, line("rxc", "completed")),
            ],
            [("rxa", "completed"), ("rxb", "completed"), ("rxc", "completed")],
            "full",
            None,
        ),
        # After an error that names none, what was never named is not known.
        ([said(0, signal="copay:rejected"), said(9, B)], [("rxb", "completed")], "full", None),
        # Priced, and denied later: the latest word counts.
        (
            [said(0, A, B), said(9, line("rxa", "rejected"))],
            [("rxa", "rejected"), ("rxb", "completed")],
            "partial",
            None,
        ),
        # A success that lists nothing leaves what is known.
        ([said(0, A, B_NOT), said(9)], [("rxa", "completed"), ("rxb", "rejected")], "partial", LATER),
        # What is no more than a contradiction says nothing of any line.
        (
            [said(0, A), said(5, signal="copay:cancelled"), said(9, B)],
            [("rxa", "completed")],
            "none",
            None,
        ),
        # One token twice is two lines, and two without a token are two.
        ([said(0, A, A), said(9, A_NOT)], [("rxa", "rejected"), ("rxa", "completed")], "partial", SOON),
        (
            [said(0, line(None, "completed"), line(None, "rejected")), said(9, line(None, "completed"))],
            [(None, "completed"), (None, "rejected")],
            "partial",
            None,
        ),
    ],
)
def test_the_lines_of_all_successes_count_each_by_its_latest_word(
    facts: list[Fact], lines: list[tuple[str | None, str]], outcome: str, due: int | None
) -> None:
    for order in permutations(facts):
        summary, steps = COPAY.fold(order)
        found = current_lines(COPAY, steps)
        assert [(one.token, one.status) for one in found] == lines
        assert [one.position for one in found] == list(range(len(lines)))
        assert (summary.outcome, summary.due) == (outcome, due)


def test_every_order_of_seven_copies_gives_one_state() -> None:
    facts = [
        said(0, A_NOT, B_NOT, line("rxc", "rejected")),
        said(1, A, told=b"a" * 16),
        said(1, B, told=b"b" * 16),
        said(1, A, told=b"a" * 16),
        Fact(START + 1, "pa:approved", None, b"c" * 16, (), START + 301),
        said(2, line("rxc", "rejected", LATER)),
        said(3, line("rxc", "completed"))._replace(millisecond=9),
    ]
    stories = {(found[0], tuple(found[1])) for found in map(COPAY.fold, permutations(facts))}
    ((summary, _),) = stories
    assert (summary.outcome, summary.due, summary.review) == ("full", None, None)


def approved(at: int, cause: bytes) -> Fact:
    return Fact(START + at, "pa:approved", None, cause * 16, (), START + at + 300)


@pytest.mark.parametrize(
    ("facts", "due"),
    [
        ([approved(5, b"a"), approved(6, b"b")], START + 305),
        # One of two answers has come: the other is still due.
        ([approved(5, b"a"), approved(6, b"b"), said(9, A)], START + 306),
        ([approved(5, b"a"), approved(6, b"b"), said(9, A), said(10, B)], None),
        # An approval names no line: the next answer is its answer, whatever it says.
        ([approved(5, b"a"), said(9, line("rxb", "rejected", LATER))], LATER),
        ([approved(5, b"a"), said(9, line("rxa", "rejected"))], None),
        # What was due long before an answer came is not waited for behind it.
        ([approved(5, b"a"), approved(6, b"b"), said(DAY, A)], None),
    ],
)
def test_each_approval_is_waited_on_until_a_prescription_got_its_price(
    facts: list[Fact], due: int | None
) -> None:
    first = said(0, line("rxa", "rejected"), line("rxb", "rejected"))
    for order in permutations([first, *facts]):
        assert COPAY.fold(order)[0].due == due


def test_an_approval_of_an_earlier_request_does_not_hide_the_date_of_this_one() -> None:
    old = [approved(-30 * DAY, b"a"), approved(-20 * DAY, b"b")]
    for facts in permutations([*old, said(0, A, B_NOT)]):
        assert COPAY.fold(facts)[0].due == LATER
    told = said(-DAY, A_NOT, signal="copay:rejected")
    for facts in permutations([*old, told, said(0, A, B_NOT)]):
        assert COPAY.fold(facts)[0].due == LATER


def test_what_lists_no_line_answers_no_approval() -> None:
    pending = Fact(START + 6, "seen:pending", None, b"", ())
    assert COPAY.fold([approved(5, b"a"), pending])[0].due == START + 305


def test_a_record_answers_as_many_approvals_as_it_prices_lines() -> None:
    first = said(0, line("rxa", "rejected"), line("rxb", "rejected"))
    seen = Fact(START + 9, "seen:completed", None, b"s" * 16, (line("rxa", "completed"),))
    assert COPAY.fold([first, approved(5, b"a"), seen])[0].due is None
    assert COPAY.fold([first, approved(5, b"a"), seen._replace(lines=first.lines)])[0].due == START + 305


@pytest.mark.parametrize("status", ["unclear", "triage"])
@pytest.mark.parametrize("signal", ["seen:completed", "copay:success"])
def test_a_line_of_which_nothing_is_said_takes_no_word_away(status: str, signal: str) -> None:
    known = said(0, A, B_NOT)
    bare = said(9, line("rxa", status), line("rxb", status), line("rxc", status), signal=signal)
    summary, steps = COPAY.fold([known, bare])
    assert [one.status for one in current_lines(COPAY, steps)] == ["completed", "rejected", status]
    assert (summary.outcome, summary.due) == ("partial", LATER)


def test_a_record_changes_a_line_only_where_it_tells_another_status() -> None:
    priced = Line(0, "rxa", "completed", None)
    refused = Line(1, "rxb", "rejected", "75", SOON)
    news = Fact(START, "copay:success", None, b"", (priced, refused), SOON)
    seen = Fact(START + 9, "seen:completed", None, b"s" * 16, (Line(0, "rxb", "rejected", None),))
    summary, steps = COPAY.fold([news, seen])
    assert (current_lines(COPAY, steps), summary.outcome, summary.due) == ((priced, refused), "partial", SOON)
    told = seen._replace(lines=(Line(0, "rxb", "completed", None),))
    summary, steps = COPAY.fold([told, news])
    assert current_lines(COPAY, steps) == (priced, Line(1, "rxb", "completed", None))
    assert (summary.outcome, summary.due) == ("full", None)


@pytest.mark.parametrize("later", [1, 515, 999])
def test_of_two_successes_of_one_second_the_later_millisecond_is_the_latest_word(later: int) -> None:
    early = said(0, A, told=b"z" * 16)
    late = said(0, line("rxa", "rejected"), told=b"a" * 16)._replace(millisecond=later)
    for order in permutations([early, late, early]):
        summary, steps = COPAY.fold(order)
        assert (summary.outcome, [step.fact for step in steps]) == ("none", [early, late])


def test_one_fact_that_a_copy_tells_in_seconds_is_one_fact() -> None:
    printed = said(0, A)._replace(millisecond=515)
    _, steps = COPAY.fold([said(0, A), printed])
    assert len(steps) == 1


def test_lines_that_were_kept_without_a_date_share_that_of_their_fact() -> None:
    old = said(0, A, line("rxb", "rejected"), due=LATER)
    assert COPAY.fold([old])[0].due == LATER
    assert COPAY.fold([old, said(9, A)])[0].due == LATER
    assert COPAY.fold([old, said(9, B)])[0].due is None
