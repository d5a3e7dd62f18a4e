"""The comparison with the sandbox's truth: each difference has its place, and nothing else is one."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from ops.sandbox.compare import Known, Report, compare
from ops.sandbox.truth import Name, Truth
from sandbox.truth import Line
from store.crypto.keyed_hash import KeyedHash

LOOKUP = KeyedHash(b"look-up key of the tests, long enough")
SURFACE = "/v1/fill_request/f/webhook_events"
ORDER, SHIPMENT = Name("order:success", 100), Name("shipment:transit", 200)
PUSHED = frozenset({"push"})


def told(id: int, signal: str, second: int, lines: Any = (), **changes: Any) -> dict[str, Any]:
    """An event as the sandbox tells it: delivered once, of our customer, of the fill `f`."""
    event: dict[str, Any] = {
        "id": id,
        "partner": "truepill",
        "customer": "sandbox",
        "kind": "fill_request",
        "key": "f",
        "type": signal.partition(":")[0].upper(),
        "timestamp": second,
        "body": {"n": id},
        "surprise": None,
        "contradicts": False,
        "says": [{"kind": "fill_request", "key": "f", "signal": signal, "lines": lined(*lines)}],
        "offered": [SURFACE],
        "delivered": 1,
        "perhaps": False,
        "waiting": 0,
        "attempts": [{"status_code": 200, "error": None}],
    }
    return event | changes


def lined(*lines: Line) -> list[dict[str, str]]:
    """Lines as the sandbox tells them."""
    return [{"token": token, "status": status} for token, status in lines]


LOST: dict[str, Any] = {"delivered": 0, "attempts": []}


#: Sent, and nobody knows whether it arrived.
UNANSWERED: dict[str, Any] = {
    "perhaps": True,
    "delivered": 0,
    "attempts": [{"status_code": None, "error": "closed before the answer"}],
}


def ids_of(*events: int) -> list[bytes]:
    return [LOOKUP.event_id("truepill", "push", "", orjson.dumps({"n": id})) for id in events]


def truth_of(*events: dict[str, Any]) -> Truth:
    truth = Truth()
    for event in events:
        truth.add(event, LOOKUP, "sandbox")
    return truth


def report(truth: Truth, *known: Name, state: str = "in_transit", **options: Any) -> Report:
    ours = Known(state, options.pop("review", None), dict.fromkeys(known, PUSHED))
    standings = options.pop("standings", dict.fromkeys(truth.copies, "applied"))
    return compare(
        truth,
        {("fill_request", "f"): ours},
        standings,
        options.pop("live_contract", False),
        options.pop("lost", {}),
    )


BOTH = (told(1, *ORDER[:2]), told(2, *SHIPMENT[:2]))


def test_an_entity_that_agrees_is_no_difference() -> None:
    found = report(truth_of(*BOTH), ORDER, SHIPMENT)
    assert found == Report(agree=1)
    assert not found.differs


def test_what_was_delivered_and_is_no_fact_is_lost_by_us() -> None:
    found = report(truth_of(*BOTH), ORDER, state="completed")
    assert [(row["what"], row["signal"]) for row in found.wrong] == [("lost", "shipment:transit")]
    assert found.differs


def test_a_fact_that_no_event_states_is_invented() -> None:
    found = report(truth_of(*BOTH), ORDER, SHIPMENT, Name("order:triage", 100))
    assert [(row["what"], row["signal"]) for row in found.wrong] == [("invented", "order:triage")]


def test_a_fact_at_another_second_is_lost_and_invented() -> None:
    found = report(truth_of(*BOTH), ORDER, Name("shipment:transit", 201))
    assert [row["what"] for row in found.wrong] == ["lost", "invented"]


@pytest.mark.parametrize("source", ["snapshot", "derived", "manual"])
def test_what_no_callback_states_is_not_invented(source: str) -> None:
    ours = Known(
        "in_transit",
        None,
        {ORDER: PUSHED, SHIPMENT: PUSHED, Name("seen:in_transit", 150): frozenset({source})},
    )
    truth = truth_of(*BOTH)
    found = compare(truth, {("fill_request", "f"): ours}, dict.fromkeys(truth.copies, "applied"), False, {})
    assert not found.differs


def test_an_entity_with_all_its_facts_must_have_the_true_state() -> None:
    found = report(truth_of(*BOTH), ORDER, SHIPMENT, state="completed")
    assert [(row["what"], row["state"], row["true"]) for row in found.wrong] == [
        ("state", "completed", "in_transit")
    ]


def test_a_review_of_what_the_partner_did_without_contradiction_is_wrong() -> None:
    assert [row["what"] for row in report(truth_of(*BOTH), ORDER, SHIPMENT, review="conflict").wrong] == [
        "review"
    ]


def test_what_was_never_delivered_can_still_be_had_from_its_surface() -> None:
    found = report(truth_of(BOTH[0], told(2, *SHIPMENT[:2], **LOST)), ORDER, state="completed")
    assert found.wrong == []
    assert [(row["signal"], row["surfaces"]) for row in found.recoverable] == [
        ("shipment:transit", [SURFACE])
    ]
    assert [(row["state"], row["true"]) for row in found.states] == [("completed", "in_transit")]
    assert found.differs


def test_what_no_surface_offers_is_unrecoverable_and_no_reason_to_fail() -> None:
    gone = {"kind": "prior_auth", "key": "p", "signal": "pa:approved", "lines": []}
    truth = truth_of(told(1, "pa:approved", 100, kind="prior_auth", key="p", says=[gone], offered=[], **LOST))
    found = compare(truth, {}, {}, False, {})
    assert [row["signal"] for row in found.unrecoverable] == ["pa:approved"]
    assert [row["surfaces"] for row in found.states] == [[]]
    assert not found.differs


def test_what_another_customers_key_would_be_needed_for_cannot_be_had() -> None:
    found = report(truth_of(told(1, *ORDER[:2], customer="sandbox-2", **LOST)), state="pending")
    assert found.recoverable == []
    assert [row["surfaces"] for row in found.unrecoverable] == [[]]
    assert not found.differs


@pytest.mark.parametrize(
    ("has_alias", "surfaces"), [(False, []), (True, ["/v1/transfer_request/{transfer_token}"])]
)
def test_a_transfers_state_can_be_read_only_under_its_token(has_alias: bool, surfaces: list[str]) -> None:
    row = {"kind": "transfer", "key": "t", "signal": "transfer:success", "lines": []}
    truth = truth_of(
        told(1, "transfer:success", 100, kind="transfer", key="t", says=[row], offered=[], **LOST)
    )
    found = compare(truth, {("transfer", "t"): Known("contacting", None, {}, has_alias)}, {}, False, {})
    assert [row["surfaces"] for row in found.states] == [surfaces]
    assert found.differs == has_alias


def test_what_is_under_way_is_no_difference_yet() -> None:
    found = report(truth_of(BOTH[0], told(2, *SHIPMENT[:2], waiting=1, **LOST)), ORDER, state="completed")
    assert found == Report()


def test_what_perhaps_arrived_may_be_a_fact_or_not() -> None:
    perhaps = truth_of(BOTH[0], told(2, *SHIPMENT[:2], **UNANSWERED))
    assert not report(perhaps, ORDER, SHIPMENT, standings=dict.fromkeys(ids_of(1, 2), "applied")).differs
    assert len(report(perhaps, ORDER, state="completed").recoverable) == 1


@pytest.mark.parametrize(("lost", "wrong"), [(1, []), (0, ["loss"]), (2, ["loss"])])
def test_the_loss_ledger_has_exactly_what_was_lost_once_all_is_pulled(lost: int, wrong: list[str]) -> None:
    truth = truth_of(BOTH[0], told(2, *SHIPMENT[:2], **LOST))
    found = report(truth, ORDER, SHIPMENT, lost={"SHIPMENT": lost})
    assert [row["what"] for row in found.wrong] == wrong
    assert found.loss == [{"type": "SHIPMENT", "dropped": 1, "to_come": 0, "pulled_only": lost}]


def test_the_loss_ledger_may_lack_what_is_still_to_be_pulled() -> None:
    found = report(truth_of(BOTH[0], told(2, *SHIPMENT[:2], **LOST)), ORDER, state="completed")
    assert found.wrong == []
    assert [(row["dropped"], row["pulled_only"]) for row in found.loss] == [(1, 0)]


def test_what_arrived_without_the_partners_hearing_of_it_was_not_lost() -> None:
    truth = truth_of(BOTH[0], told(2, *SHIPMENT[:2], **UNANSWERED))
    arrived = report(truth, ORDER, SHIPMENT, standings=dict.fromkeys(ids_of(1, 2), "applied"))
    assert (arrived.wrong, arrived.loss) == ([], [])
    lost: dict[str, Any] = {"standings": dict.fromkeys(ids_of(1), "applied"), "lost": {"SHIPMENT": 1}}
    assert report(truth, ORDER, SHIPMENT, **lost).wrong == []


def test_what_is_pulled_before_its_push_comes_is_no_difference() -> None:
    truth = truth_of(BOTH[0], told(2, *SHIPMENT[:2], waiting=1, **LOST))
    assert report(truth, ORDER, SHIPMENT, lost={"SHIPMENT": 1}).wrong == []


@pytest.mark.parametrize("changes", [{"offered": []}, {"customer": "another"}, {"surprise": "type"}])
def test_what_nobody_gives_us_any_more_is_no_loss_that_the_ledger_could_have(changes: dict[str, Any]) -> None:
    truth = truth_of(BOTH[0], told(2, *SHIPMENT[:2], **LOST) | changes)
    assert truth.dropped({}, {("fill_request", "f")}) == {}


def test_what_can_be_asked_for_by_its_id_alone_is_to_be_had_once_its_request_is_known() -> None:
    says = [{"kind": "transfer", "key": "t", "signal": "transfer:success", "lines": []}]
    by_id = {"kind": "transfer", "key": "t", "offered": ["/v1/webhook_events?request_id=t"]}
    truth = truth_of(told(1, "transfer:success", 100, says=says, **by_id, **LOST))
    unknown = compare(truth, {}, {}, True, {})
    assert [row["surfaces"] for row in unknown.unrecoverable] == [[]]
    assert (unknown.loss, unknown.differs) == ([], False)
    known = compare(truth, {("transfer", "t"): Known("contacting", None, {})}, {}, True, {})
    assert [row["surfaces"] for row in known.recoverable] == [by_id["offered"]]
    assert [row["dropped"] for row in known.loss] == [1]


def test_what_came_while_we_looked_may_be_a_fact_or_not() -> None:
    truth = truth_of(BOTH[0])
    truth.closed = True
    truth.add(BOTH[1], LOOKUP, "sandbox")
    assert not report(truth, ORDER, state="completed").differs
    assert report(truth, ORDER, SHIPMENT) == Report(agree=1)


def test_a_surprise_is_a_fact_and_leaves_the_state() -> None:
    strange = told(3, "order:triage", 100, surprise="code")
    truth = truth_of(*BOTH, strange)
    assert not report(truth, ORDER, SHIPMENT, Name("order:triage", 100)).differs
    assert [row["what"] for row in report(truth, ORDER, SHIPMENT).wrong] == ["lost"]


def test_every_delivered_copy_must_have_arrived_as_it_was_sent() -> None:
    other = {"n": 1, "revision": 2}
    attempts = [{"status_code": 200, "error": None}, {"status_code": 202, "error": None, "body": other}]
    truth = truth_of(told(1, *ORDER[:2], delivered=2, attempts=attempts))
    ids = [LOOKUP.event_id("truepill", "push", "", orjson.dumps(body)) for body in ({"n": 1}, other)]
    assert list(truth.copies) == ids
    assert not report(truth, ORDER, state="completed").differs
    one = report(truth, ORDER, state="completed", standings={ids[0]: "applied"})
    assert [(row["event"], row["standing"]) for row in one.wrong] == [(ids[1].hex(), "not received")]


@pytest.mark.parametrize(
    "failure", [{"status_code": 503, "error": None}, {"status_code": None, "error": "timed out"}]
)
def test_a_copy_that_was_not_acknowledged_need_not_have_arrived(failure: dict[str, Any]) -> None:
    assert truth_of(told(1, *ORDER[:2], delivered=0, attempts=[failure])).copies == {}


@pytest.mark.parametrize(
    ("standing", "wrong"), [("unknown_type", []), ("applied", ["misread"]), ("bad_key", ["quarantined"])]
)
def test_an_event_of_an_unknown_type_must_be_in_quarantine_for_that(standing: str, wrong: list[str]) -> None:
    truth = truth_of(told(1, "note", 100, surprise="type", says=[], type="PHARMACY_NOTE"))
    found = report(truth, standings=dict.fromkeys(truth.copies, standing))
    assert [row["what"] for row in found.wrong] == wrong


def test_an_event_that_was_read_elsewhere_and_lies_in_quarantine_here_is_wrong() -> None:
    truth = truth_of(told(1, *ORDER[:2]))
    found = report(truth, ORDER, state="completed", standings=dict.fromkeys(truth.copies, "bad_key"))
    assert [row["what"] for row in found.wrong] == ["quarantined"]


def test_the_counts_of_events_add_up() -> None:
    truth = truth_of(
        told(1, *ORDER[:2]),
        told(2, *SHIPMENT[:2], **LOST),
        told(3, *SHIPMENT[:2], perhaps=True, **LOST),
        told(4, *SHIPMENT[:2], waiting=1, **LOST),
        told(5, "note", 100, surprise="type", says=[]),
    )
    assert truth.events == 5
    assert (truth.delivered, truth.never_delivered, truth.perhaps, truth.waiting, truth.strange) == (
        1,
        1,
        1,
        1,
        1,
    )


# Reviews that are meant, outcome and lines.

FAILURE = Name("shipment:failure", 300)
CONTRADICTED = (*BOTH, told(3, *FAILURE[:2], contradicts=True))


def test_a_review_that_was_meant_is_no_difference_and_the_state_stays() -> None:
    found = report(truth_of(*CONTRADICTED), ORDER, SHIPMENT, FAILURE, review="conflict in in_transit")
    assert found == Report(agree=1)


def test_a_review_that_was_meant_and_is_missing_is_wrong_once_all_is_known() -> None:
    assert [row["what"] for row in report(truth_of(*CONTRADICTED), ORDER, SHIPMENT, FAILURE).wrong] == [
        "no review"
    ]
    lost = truth_of(*BOTH, told(3, *FAILURE[:2], contradicts=True, **LOST))
    assert report(lost, ORDER, SHIPMENT).wrong == []


def test_a_review_that_a_person_has_decided_may_be_over() -> None:
    facts = dict.fromkeys((ORDER, SHIPMENT, FAILURE), PUSHED)
    facts[Name("manual:in_transit", 400)] = frozenset({"manual"})
    truth = truth_of(*CONTRADICTED)
    known = {("fill_request", "f"): Known("in_transit", None, facts)}
    assert compare(truth, known, dict.fromkeys(truth.copies, "applied"), False, {}) == Report(agree=1)


def of_copay(id: int, second: int, *lines: Line, **changes: Any) -> dict[str, Any]:
    says = {"kind": "copay", "key": "c", "signal": "copay:success", "lines": lined(*lines)}
    return told(id, "copay:success", second, kind="copay", key="c", says=[says], **changes)


def copay_report(truth: Truth, outcome: str | None, lines: dict[str, str], *known: Name) -> Report:
    ours = Known("completed", None, dict.fromkeys(known, PUSHED), False, outcome, lines)
    return compare(truth, {("copay", "c"): ours}, dict.fromkeys(truth.copies, "applied"), False, {})


PRICED, REFUSED, GRANTED = ("a", "completed"), ("b", "rejected"), ("b", "completed")
ANSWERS = (of_copay(1, 100, PRICED, REFUSED), of_copay(2, 200, GRANTED))
FIRST = Name("copay:success", 100, (PRICED, REFUSED))
SECOND = Name("copay:success", 200, (GRANTED,))


def test_a_copay_with_the_last_word_on_each_prescription_agrees() -> None:
    lines = {"a": "completed", "b": "completed"}
    assert copay_report(truth_of(*ANSWERS), "full", lines, FIRST, SECOND) == Report(agree=1)


def test_a_line_that_a_later_answer_erased_is_wrong_though_the_outcome_is_not() -> None:
    found = copay_report(truth_of(*ANSWERS), "full", {"b": "completed"}, FIRST, SECOND)
    assert [(row["what"], row["lines"]) for row in found.wrong] == [("lines", {"b": "completed"})]
    assert found.agree == 0


def test_a_price_that_a_denial_erased_is_wrong_in_outcome_and_lines() -> None:
    truth = truth_of(ANSWERS[0], of_copay(2, 200, REFUSED))
    known = (FIRST, Name("copay:success", 200, (REFUSED,)))
    found = copay_report(truth, "none", {"b": "rejected"}, *known)
    assert [(row["what"], row["true"]) for row in found.wrong] == [
        ("outcome", "partial"),
        ("lines", dict([PRICED, REFUSED])),
    ]


def test_the_outcome_of_a_fill_is_compared_too() -> None:
    truth = truth_of(told(1, *ORDER[:2], [("a", "filled"), ("b", "rejected")]), BOTH[1])
    assert [(row["outcome"], row["true"]) for row in report(truth, ORDER, SHIPMENT).wrong] == [
        (None, "partial")
    ]
    known = {
        ("fill_request", "f"): Known(
            "in_transit", None, dict.fromkeys((ORDER, SHIPMENT), PUSHED), outcome="partial"
        )
    }
    assert compare(truth, known, dict.fromkeys(truth.copies, "applied"), False, {}) == Report(agree=1)


def test_two_answers_of_one_second_about_different_prescriptions_are_two_facts() -> None:
    truth = truth_of(of_copay(1, 100, PRICED), of_copay(2, 100, GRANTED, **LOST))
    found = copay_report(truth, "full", {"a": "completed"}, Name("copay:success", 100, (PRICED,)))
    assert found.wrong == []
    assert [row["signal"] for row in found.recoverable] == ["copay:success"]


def test_nothing_is_said_of_outcome_and_lines_while_a_fact_is_missing() -> None:
    truth = truth_of(ANSWERS[0], of_copay(2, 200, GRANTED, **LOST))
    assert copay_report(truth, "none", {}, FIRST).wrong == []
