"""Snapshots among facts: which are news, where ties leave them, what they do to lines, outcomes and dates."""

from __future__ import annotations

import pytest

from statemachine import MACHINES, Fact, Machine, Summary, Verdict, current_lines
from statemachine.model import adds_nothing, is_snapshot
from tests.support.grids import START, Story, fact, told_in_every_order

FILL, TRANSFER, COPAY = MACHINES["fill_request"], MACHINES["transfer"], MACHINES["copay"]
DAY = 86_400


def history(kind: str, *facts: Fact) -> list[tuple[int, str, str]]:
    """(time, signal, verdict) of each entry, whatever the order of arrival."""
    summary, steps = MACHINES[kind].fold(facts)
    assert all(told == (summary, steps) for told in told_in_every_order(MACHINES[kind], facts))
    return [(step.fact.occurred_at - START, step.fact.signal, str(step.verdict)) for step in steps]


def test_of_equal_snapshots_in_a_row_the_first_is_the_fact() -> None:
    asked = [fact(n, "seen:pending") for n in (0, 10, 20)]
    assert history("transfer", *asked) == [(0, "seen:pending", "confirmed")]
    summary, _ = TRANSFER.fold(asked)
    assert summary == Summary("pending", None, None, None, None, START + 20)


def test_a_snapshot_counts_again_when_other_news_turns_up_before_it() -> None:
    asked = [fact(n, "seen:pending") for n in (0, 20)]
    assert history("transfer", *asked, fact(10, "contact:success")) == [
        (0, "seen:pending", "confirmed"),
        (10, "contact:success", "moved"),
        (20, "seen:pending", "confirmed"),
    ]


def test_a_conflict_that_is_seen_again_is_one_conflict_with_its_first_time() -> None:
    done = fact(0, "transfer:success")
    once = TRANSFER.fold([done, fact(5, "seen:pending")])[0]
    again = TRANSFER.fold([done, fact(5, "seen:pending"), fact(9, "seen:pending")])[0]
    assert again == once._replace(last_at=START + 9)
    assert "[transfer.completed/seen:pending]" in (once.review or "")


@pytest.mark.parametrize(
    ("other", "counts"),
    [
        (fact(9, "seen:rejected", code="R3"), False),
        (fact(9, "seen:rejected"), False),  # says less
        (fact(9, "seen:rejected", code="R1"), True),
        (fact(9, "seen:rejected", "rejected", code="R3"), True),
        (fact(9, "seen:rejected", code="R3")._replace(due=START), True),
        (fact(9, "seen:cancelled"), True),
    ],
)
def test_a_snapshot_is_news_by_state_code_lines_and_date(other: Fact, counts: bool) -> None:
    first = fact(0, "seen:rejected", code="R3")
    assert adds_nothing(other, first) is not counts
    assert len(FILL.fold([other, first])[1]) == 1 + counts


def test_a_list_and_a_single_record_read_in_turn_are_no_endless_news() -> None:
    facts = [fact(n, "seen:completed", *(["transferred"] if n % 2 else [])) for n in range(6)]
    assert [at for at, _, _ in history("transfer", *facts)] == [0, 1]


def test_a_state_that_is_seen_left_and_seen_again_is_news_each_time() -> None:
    facts = [fact(0, "seen:triage"), fact(1, "seen:completed"), fact(2, "seen:triage")]
    assert [verdict for _, _, verdict in history("copay", *facts)] == ["moved"] * 3


def test_only_signals_of_snapshots_are_taken_for_some() -> None:
    assert is_snapshot("seen:pending")
    assert not is_snapshot("order:success")
    again = [fact(0, "claim:settled"), fact(1, "claim:settled")]
    assert len(FILL.fold(again)[1]) == 2


@pytest.mark.parametrize("machine", MACHINES.values(), ids=MACHINES.keys())
def test_a_snapshot_leads_to_the_state_that_it_names_or_nowhere_and_is_late_on_ladders_alone(
    machine: Machine,
) -> None:
    """On a ladder nothing has a time: a record that was read before the news may come after it."""
    for state, row in machine.table.items():
        for signal, rule in row.items():
            if is_snapshot(signal):
                named = {"seen:unpaid": "cancelled"}.get(signal, signal.removeprefix("seen:"))
                assert rule.to in (None, named)
                assert rule.verdict is not (Verdict.CONFLICT if machine.ladder else Verdict.LATE)
                if signal == f"seen:{state}":
                    assert rule.verdict is Verdict.CONFIRMED


def test_the_kinds_without_a_record_have_no_snapshots() -> None:
    kinds = {kind for kind, machine in MACHINES.items() if any(map(is_snapshot, machine.rank))}
    assert set(MACHINES) - kinds == {"prior_auth", "coverage"}


TIES = {
    "fill_request": ("seen:pending", "order:success", "seen:completed", "shipment:transit"),
    "transfer": ("seen:pending", "contact:success", "transfer:success", "seen:completed"),
    "direct_transfer": ("seen:pending", "direct_transfer:error", "seen:rejected"),
    "copay": ("seen:pending", "copay:triage", "seen:triage", "copay:success", "seen:completed"),
    "consult": ("consult:assigned", "seen:assigned", "consult:review", "seen:review", "consult:completed"),
    "prescription": ("rx:received", "seen:received", "seen:unfillable", "rx:superseded"),
    "payment": ("payment:pending", "seen:pending", "payment:paid", "seen:paid", "seen:cancelled"),
    "checkout": ("checkout:opened", "seen:open", "seen:expired", "seen:paid"),
}


@pytest.mark.parametrize("kind", TIES)
def test_within_a_second_a_snapshot_confirms_the_news_and_contradicts_none(kind: str) -> None:
    told = history(kind, *(fact(0, signal) for signal in TIES[kind]))
    assert tuple(signal for _, signal, _ in told) == TIES[kind]
    assert "conflict" not in {verdict for _, _, verdict in told}


STORIES = {
    "seen to be over, and the lost news comes after all": (
        "transfer",
        Story(
            [
                fact(0, "contact:success"),
                fact(50, "transfer:success", "transferred", "rejected"),
                fact(90, "seen:completed", "transferred", "rejected"),
            ],
            "moved moved confirmed",
            "completed",
            "partial",
        ),
    ),
    "seen to be over, and nothing else is heard": (
        "transfer",
        Story([fact(90, "seen:completed", "transferred", "transferred")], "moved", "completed", "full"),
    ),
    "a page of the list says nothing of the lines": (
        "transfer",
        Story([fact(90, "seen:completed")], "moved", "completed", None),
    ),
    "packed, shipped and come back": (
        "fill_request",
        Story(
            [
                fact(0, "order:success", "filled"),
                fact(5, "shipment:delivered"),
                fact(9, "seen:completed"),
                fact(20, "seen:returned", code="R4"),
                fact(30, "seen:completed"),
            ],
            "moved moved confirmed moved confirmed",
            "returned",
            "full",
        ),
    ),
    "transferred out: the callback clears up what the record alone could not": (
        "fill_request",
        Story(
            [
                fact(0, "order:success", "filled"),
                fact(5, "order:transferred_out", code="R5"),
                fact(9, "seen:rejected", code="R5"),
            ],
            "moved moved confirmed",
            "rejected",
            "none",
        ),
    ),
    "rejected, seen again with another provider": (
        "consult",
        Story([fact(0, "consult:rejected"), fact(9, "seen:review")], "moved moved", "review"),
    ),
    "rejected for want of an authorization, and answered": (
        "copay",
        Story(
            [fact(0, "copay:rejected"), fact(9, "seen:completed", "completed")],
            "moved moved",
            "completed",
            "full",
        ),
    ),
}


@pytest.mark.parametrize("name", STORIES)
def test_every_order_of_a_life_with_snapshots_gives_one_state_and_one_history(name: str) -> None:
    kind, story = STORIES[name]
    story.check(MACHINES[kind])


def test_a_callbacks_lines_stay_while_a_snapshot_tells_the_same_statuses() -> None:
    news = fact(0, "transfer:success", "transferred", "rejected")
    bare = fact(9, "seen:completed", "rejected", "transferred")
    assert current_lines(TRANSFER, TRANSFER.fold([news, bare])[1]) == news.lines
    other = fact(9, "seen:completed", "transferred", "transferred")
    summary, steps = TRANSFER.fold([news, other])
    assert (current_lines(TRANSFER, steps), summary.outcome) == (other.lines, "full")
    assert current_lines(TRANSFER, TRANSFER.fold([news, other, fact(10, "seen:completed")])[1]) == other.lines


def test_a_copay_that_is_seen_to_be_priced_waits_for_nothing() -> None:
    part = fact(0, "copay:success", "completed", "rejected")
    approved = fact(5, "pa:approved")._replace(due=START + 400)
    still, _ = COPAY.fold([part, approved, fact(9, "seen:completed", "completed", "rejected")])
    assert still.due == START + 400
    priced, _ = COPAY.fold([part, approved, fact(9, "seen:completed", "completed", "completed")])
    assert (priced.due, priced.outcome) == (None, "full")


def test_the_medications_of_a_record_that_say_nothing_leave_what_the_news_said() -> None:
    news = fact(0, "transfer:success", "transferred", "rejected")
    seen = fact(9, "seen:completed", "unclear", "transferred", told=b"s" * 16)
    summary, steps = TRANSFER.fold([news, seen])
    assert (current_lines(TRANSFER, steps), summary.outcome) == (news.lines, "partial")
    alone, steps = TRANSFER.fold([seen])
    assert (current_lines(TRANSFER, steps), alone.outcome) == (seen.lines, "partial")


def test_a_record_that_was_not_paid_for_undoes_no_completion() -> None:
    done, unpaid = fact(0, "order:success", "filled"), fact(9, "seen:unpaid", code="R028")
    summary, steps = FILL.fold([done, unpaid])
    assert (summary.state, summary.outcome, steps[-1].verdict) == ("completed", "full", Verdict.CONFLICT)
    assert FILL.fold([unpaid])[0].state == "cancelled"
