"""What one entity means for another: pure rules, and why none can lead back to its cause."""

from __future__ import annotations

import pytest

from partners.reading import DOMAINS
from statemachine import DERIVATIONS, MACHINES, Derivation, Implied, Summary
from statemachine.derivation import in_order
from tests.support.grids import START, fact

(APPROVAL,) = DERIVATIONS


def nothing(_: Summary) -> tuple[Implied, ...]:
    return ()


def rule(cause: str, effect: str) -> Derivation:
    return Derivation(f"{cause}_{effect}", cause, effect, ("request",), nothing)


def test_every_rule_speaks_of_kinds_and_names_that_there_are() -> None:
    assert len({one.name for one in DERIVATIONS}) == len(DERIVATIONS)
    for one in DERIVATIONS:
        assert {one.cause, one.effect} <= set(MACHINES)
        assert one.by
        assert set(one.by) <= set(DOMAINS) - {"metadata"}


@pytest.mark.parametrize(
    "rules",
    [
        [rule("a", "a")],
        [rule("a", "b"), rule("b", "a")],
        [rule("a", "b"), rule("b", "c"), rule("x", "c"), rule("c", "a")],
    ],
)
def test_rules_that_lead_back_to_their_cause_are_refused(rules: list[Derivation]) -> None:
    with pytest.raises(ValueError, match="a kind follows from itself"):
        in_order(rules)


def test_an_effect_may_be_a_cause_of_something_else() -> None:
    rules = [rule("a", "b"), rule("a", "c"), rule("b", "c")]
    assert in_order(rules) == tuple(rules)


@pytest.mark.parametrize(
    ("story", "since"),
    [
        ([], None),
        ([(0, "new"), (5, "pending")], None),
        ([(0, "new"), (5, "approved")], 5),
        ([(5, "approved"), (9, "approved")], 5),
        ([(5, "approved"), (9, "pending")], 5),
        ([(0, "declined"), (3, "appealed"), (5, "approved")], 5),
        ([(5, "approved"), (9, "cancelled")], None),
        ([(5, "approved"), (9, "declined")], None),
        ([(5, "approved"), (9, "appealed")], None),
        ([(3, "cancelled"), (5, "approved")], None),
    ],
)
def test_an_approval_that_stands_uncontradicted_makes_the_answer_of_a_copay_due(
    story: list[tuple[int, str]], since: int | None
) -> None:
    summary, _ = MACHINES["prior_auth"].fold([fact(at, f"pa:{status}") for at, status in story])
    expected = () if since is None else (Implied(START + since, "pa:approved", START + since + 300),)
    assert APPROVAL.implies(summary) == expected
    assert all(one.signal in MACHINES[APPROVAL.effect].rank for one in expected)
