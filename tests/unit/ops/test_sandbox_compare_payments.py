"""The comparison of payments: what each is for, what that makes of fills, and sums to the cent."""

from __future__ import annotations

from typing import Any

import pytest

from ops.sandbox.compare import Known, Report, compare
from ops.sandbox.compare_payments import Joined, compare_checkouts, compare_joins, compare_sums
from ops.sandbox.payment_names import names_of
from ops.sandbox.payments import Payments, settle
from ops.sandbox.truth import Name, Truth
from statemachine.balance import Balance, LineBalance
from store.crypto.keyed_hash import KeyedHash
from tests.unit.ops.test_sandbox_compare import LOOKUP, told

PUSHED, SEEN = frozenset({"push"}), frozenset({"snapshot"})
CLAIM, RX = Name("claim:owed", 100), "rx1"
AllKnown = dict[tuple[str, str], Known]


def webhook(number: int, payment: str, signal: str) -> dict[str, Any]:
    """A webhook as the sandbox tells it, delivered once."""
    says = [{"kind": "payment", "key": payment, "signal": signal, "lines": []}]
    about = {"partner": "healnow", "kind": "payment", "key": payment, "type": "prescription::paid"}
    return told(number, signal, 200 + number, says=says, offered=[], **about)


def claim(*owed: tuple[str, str]) -> dict[str, Any]:
    medications = [{"prescription_token": token, "copay_amount": amount} for token, amount in owed]
    body = {"details": {"medications": medications}}
    return told(1, CLAIM.signal, CLAIM.second, body=body, type="ORDER_CLAIM")


def payment(id: str, cents: int, token: str | None = RX, **changes: Any) -> dict[str, Any]:
    """A payment of the fill `f` as the sandbox's desk tells it."""
    join = {"fill": "f", "token": token, "ambiguous": token is None}
    row = {"id": id, "eid": f"e-{id}", "rx_number": "77", "order_id": "o", "price_in_cents": cents}
    return {**row, "join": join, **changes}


def known_payment(state: str = "paid", *, review: str | None = None, seen: bool = True) -> Known:
    facts = {Name("payment:pending", 0): PUSHED, Name("payment:paid", 0): PUSHED}
    return Known(state, review, facts | ({Name(f"seen:{state}", 0): SEEN} if seen else {}))


class Case:
    """One fill with a claim, and payments that are paid."""

    def __init__(self, owed: tuple[tuple[str, str], ...], *rows: dict[str, Any]) -> None:
        self.truth, self.payments = Truth(), Payments()
        events = [claim(*owed)]
        for row in rows:
            events += [
                webhook(len(events) + 1, row["id"], "payment:pending"),
                webhook(len(events) + 2, row["id"], "payment:paid"),
            ]
        for event in events:
            self.truth.add(event, LOOKUP, "sandbox")
            self.payments.take_event(event)
        self.payments.take_payments(rows)
        settle(self.payments, self.truth.entities)

    def known(self, state: str, **payments: Known) -> AllKnown:
        """What we know: the fill in this state, and these payments."""
        fill = Known(state, None, {CLAIM: PUSHED})
        return {("fill_request", "f"): fill, **{("payment", id): row for id, row in payments.items()}}

    def compared(self, known: AllKnown) -> Report:
        return compare(self.truth, known, dict.fromkeys(self.truth.copies, "applied"), False, {})

    def joined(self, known: AllKnown, **joins: list[Joined]) -> Report:
        report = Report()
        compare_joins(report, self.payments, self.truth, known, joins)
        return report

    def sums(self, known: AllKnown, ours: Balance | None, report: Report | None = None) -> tuple[Report, Any]:
        report = report or Report()
        balances = {} if ours is None else {"f": ours}
        return report, compare_sums(report, self.payments, self.truth, known, balances)


def balance(*lines: tuple[str, int, int], elsewhere: int = 0) -> Balance:
    """What we make of a fill: of each line its token, and what is owed and paid."""
    found = [
        LineBalance(place, token, owed, paid, owed - paid) for place, (token, owed, paid) in enumerate(lines)
    ]
    owed, paid = sum(line.owed or 0 for line in found), sum(line.paid for line in found) + elsewhere
    return Balance(owed, paid, owed - paid, elsewhere, tuple(found))


def join(key: str = "f", token: str | None = RX, basis: str = "eid") -> Joined:
    return Joined("fill_request", key, token, basis)


ONE = ((("rx1", "12.34"),), payment("p", 1234))


def test_a_fill_whose_claim_is_paid_for_is_not_waited_for() -> None:
    case = Case(*ONE)
    assert not case.compared(case.known("pending", p=known_payment())).differs
    found = case.compared(case.known("awaiting_payment", p=known_payment()))
    assert [(row["what"], row["state"], row["true"]) for row in found.wrong] == [
        ("state", "awaiting_payment", "pending")
    ]


def test_a_fill_is_waited_for_while_a_line_of_it_is_open() -> None:
    case = Case((("rx1", "12.34"), ("rx2", "1.00")), payment("p", 1234))
    assert not case.compared(case.known("awaiting_payment", p=known_payment())).differs


def test_what_follows_from_a_payment_can_be_had_while_its_record_was_not_read() -> None:
    case = Case(*ONE)
    found = case.compared(case.known("awaiting_payment", p=known_payment(seen=False)))
    assert found.wrong == []
    assert [row["surfaces"] for row in found.states] == [["/v1/patients/{patient_id}/prescriptions"]]


def test_a_payment_that_we_have_never_heard_of_is_in_the_partners_lists() -> None:
    case = Case(*ONE)
    for entity in case.truth.entities.values():
        for evidence in entity.said.values():
            evidence.delivered = 0
    found = case.compared({})
    surfaces = {row["kind"]: row["surfaces"] for row in found.states}
    assert surfaces["payment"] == ["/v1/patients/{patient_id}/prescriptions"]


def test_a_payment_is_for_its_fill_and_its_line() -> None:
    case = Case(*ONE)
    known = case.known("pending", p=known_payment())
    assert case.joined(known, p=[join()]).joined == 1
    assert not case.joined(known, p=[join()]).differs
    # A copay may have the same payment.
    named = Case(ONE[0], payment("p", 1234, eid="c:rx1"))
    assert not named.joined(known, p=[join(), Joined("copay", "c", "rx1", "eid")]).differs
    for wrong, what in (([join("g")], "join"), ([join(), join("g")], "join"), ([join(token="rx2")], "line")):
        assert [row["what"] for row in case.joined(known, p=wrong).wrong] == [what]


@pytest.mark.parametrize("seen", [True, False])
def test_a_payment_for_nothing_is_wrong_once_its_record_was_read(seen: bool) -> None:
    case = Case(*ONE)
    found = case.joined(case.known("pending", p=known_payment(seen=seen)))
    assert (len(found.wrong), len(found.joins)) == ((1, 0) if seen else (0, 1))
    assert found.differs


def test_what_cannot_be_told_is_for_nothing_and_in_review() -> None:
    case = Case((("rx1", "12.34"), ("rx2", "12.34")), payment("p", 1234, None))
    reviewed, plain = known_payment(review="payment:ambiguous"), known_payment()
    known = case.known("awaiting_payment", p=reviewed)
    assert not case.compared(known).differs
    assert not case.joined(known).differs
    found = case.compared(case.known("awaiting_payment", p=plain))
    assert [row["what"] for row in found.wrong] == ["no review"]
    assert [row["what"] for row in case.joined(known, p=[join()]).wrong] == ["join"]
    # A person may choose.
    assert not case.joined(known, p=[join(basis="person")]).differs


def test_money_for_a_fill_that_came_to_nothing_is_for_a_person() -> None:
    case = Case(*ONE)
    says = [{"kind": "fill_request", "key": "f", "signal": "order:unpaid", "lines": []}]
    case.truth.add(told(9, "order:unpaid", 900, says=says), LOOKUP, "sandbox")
    settle(case.payments, case.truth.entities)
    known = case.known("cancelled", p=known_payment())
    unpaid = {CLAIM: PUSHED, Name("order:unpaid", 900): PUSHED}
    for review, wrong in ((None, ["no review"]), ("payment:stranded", [])):
        known["fill_request", "f"] = Known("cancelled", review, unpaid, outcome="none")
        assert [row["what"] for row in case.compared(known).wrong] == wrong


def test_a_payment_is_for_nothing_that_nobody_names() -> None:
    case = Case(*ONE)
    known = case.known("pending", p=known_payment())
    for other in (Joined("copay", "c", RX, "rx_number"), Joined("transfer", "t", None, "prescription")):
        assert [row["what"] for row in case.joined(known, p=[join(), other]).wrong] == ["join"]


@pytest.mark.parametrize("wrong", [[join(token=None)], [join(), join(token="rx2")], [join(), join()]])
def test_a_payment_of_one_of_several_lines_is_for_that_line_once(wrong: list[Joined]) -> None:
    case = Case((("rx1", "12.34"), ("rx2", "1.00")), payment("p", 1234))
    known = case.known("awaiting_payment", p=known_payment())
    assert case.joined(known, p=[join()]).joined == 1
    found = case.joined(known, p=wrong)
    assert ([row["what"] for row in found.wrong], found.joined) == (["line"], 0)


def test_a_payment_without_a_line_may_get_one_from_its_record() -> None:
    case = Case((("rx1", "12.34"), ("rx2", "1.00")), payment("p", 1234))
    found = case.joined(case.known("awaiting_payment", p=known_payment(seen=False)), p=[join(token=None)])
    assert (found.wrong, len(found.joins), found.joined) == ([], 1, 0)


def test_of_a_fill_with_one_line_a_payment_may_be_for_all() -> None:
    case = Case(*ONE)
    known = case.known("pending", p=known_payment())
    assert case.joined(known, p=[join(token=None)]).joined == 1
    assert not case.sums(known, balance(("rx1", 1234, 0), elsewhere=1234))[0].differs


def test_a_payment_that_is_told_to_be_for_no_fill_is_for_none() -> None:
    told = {"fill": None, "token": None, "ambiguous": False}
    for said, wrong, untold in ((told, ["join"], 0), (None, [], 1)):
        case = Case((("rx1", "12.34"),), payment("p", 1234, join=said))
        known = case.known("awaiting_payment", p=known_payment())
        found = case.joined(known, p=[join()])
        assert ([row["what"] for row in found.wrong], found.untold) == (wrong, untold)
        assert not case.joined(known).differs


def test_sums_are_compared_to_the_cent() -> None:
    case = Case((("rx1", "12.34"), ("rx2", "0.01"), ("rx3", "0.00")), payment("p", 1234))
    known = case.known("awaiting_payment", p=known_payment())
    report, found = case.sums(known, balance(("rx1", 1234, 1234), ("rx2", 1, 0), ("rx3", 0, 0)))
    assert not report.differs
    assert found == {
        "fills": 1,
        "left_out": 0,
        "to_be_had": 0,
        "true": {"owed": 1235, "paid": 1234, "open": 1},
        "known": {"owed": 1235, "paid": 1234, "open": 1},
    }
    right = (("rx2", 1, 0), ("rx3", 0, 0))
    for wrong in (
        balance(("rx1", 1234, 1233), *right),
        balance(("rx1", 1233, 1234), *right),
        balance(("rx1", 1234, 0), *right, elsewhere=1234),
        balance(("rx1", 1234, 1233), ("rx2", 1, 1), ("rx3", 0, 0)),
        balance(("rx1", 1234, 1234), *right)._replace(open=0),
        balance(("rx1", 1234, 1234), *right)._replace(unpriced=True),
        None,
    ):
        report, _ = case.sums(known, wrong)
        assert [row["what"] for row in report.wrong] == ["cents"]


def test_what_cannot_be_told_pays_for_nothing() -> None:
    case = Case((("rx1", "12.34"), ("rx2", "12.34")), payment("p", 1234, None))
    known = case.known("awaiting_payment", p=known_payment(review="payment:ambiguous"))
    report, found = case.sums(known, balance(("rx1", 1234, 0), ("rx2", 1234, 0)))
    assert not report.differs
    assert found["true"]["open"] == 2468


def test_sums_of_what_is_not_known_as_it_is_are_left_out() -> None:
    case = Case(*ONE)
    known = case.known("awaiting_payment", p=known_payment(seen=False))
    report = case.joined(known)
    report, found = case.sums(known, balance(("rx1", 1234, 0)), report)
    assert report.wrong == []
    assert (found["fills"], found["left_out"]) == (0, 1)
    # Though nothing else says that there is something to be had.
    report, found = case.sums(known, balance(("rx1", 1234, 0)))
    assert (report.wrong, found["to_be_had"], report.differs) == ([], 1, True)


def test_a_fill_whose_claim_nothing_tells_any_more_is_left_out_and_counted() -> None:
    case = Case(*ONE)
    known = case.known("awaiting_payment", p=known_payment())
    known["fill_request", "f"].facts.clear()
    report, found = case.sums(known, None)
    assert (found["fills"], found["left_out"], report.differs) == (0, 1, False)


def lost_webhooks(case: Case) -> Case:
    """None of the payments' webhooks arrived, and no surface gives one again."""
    for (kind, _), entity in case.truth.entities.items():
        for evidence in entity.said.values() if kind == "payment" else ():
            evidence.delivered = 0
    return case


RECORDED = {Name("seen:paid", 0): SEEN}


def test_cents_are_compared_though_a_webhook_was_lost() -> None:
    case = lost_webhooks(Case(*ONE))
    known = case.known("pending", p=Known("paid", None, dict(RECORDED)))
    report = case.compared(known)
    assert (len(report.unrecoverable), report.differs) == (2, False)
    report, found = case.sums(known, balance(("rx1", 1234, 1)), report)
    assert [row["what"] for row in report.wrong] == ["cents"]
    assert found["fills"] == 1


@pytest.mark.parametrize(("review", "what"), [(None, "no review"), ("payment:ambiguous", "review")])
def test_reviews_are_compared_though_a_webhook_was_lost(review: str | None, what: str) -> None:
    if review is None:
        case = lost_webhooks(Case((("rx1", "12.34"), ("rx2", "12.34")), payment("p", 1234, None)))
        fill = "awaiting_payment"
    else:
        case, fill = lost_webhooks(Case(*ONE)), "pending"
    found = case.compared(case.known(fill, p=Known("paid", review, dict(RECORDED))))
    assert [(row["what"], row["kind"]) for row in found.wrong] == [(what, "payment")]


def test_a_review_that_follows_from_a_payment_is_still_to_be_had() -> None:
    case = Case((("rx1", "12.34"), ("rx2", "12.34")), payment("p", 1234, None))
    found = case.compared(case.known("awaiting_payment", p=known_payment(seen=False)))
    assert found.wrong == []
    assert [(row["kind"], row["review"]) for row in found.states] == [("payment", None)]
    assert found.differs


def test_money_for_a_fill_that_came_to_nothing_is_for_a_person_whatever_else_of_it_was_lost() -> None:
    case = Case(*ONE)
    for number, signal, changes in ((9, "order:unpaid", {}), (10, "order:message", {"delivered": 0})):
        says = [{"kind": "fill_request", "key": "f", "signal": signal, "lines": []}]
        event = told(number, signal, 900 + number, says=says, offered=[], **changes)
        case.truth.add(event, LOOKUP, "sandbox")
    settle(case.payments, case.truth.entities)
    known = case.known("cancelled", p=known_payment())
    facts = {CLAIM: PUSHED, Name("order:unpaid", 909): PUSHED}
    for review, wrong in ((None, ["no review"]), ("payment:stranded", [])):
        known["fill_request", "f"] = Known("cancelled", review, facts, outcome="none")
        found = case.compared(known)
        assert [row["what"] for row in found.wrong] == wrong
        assert len(found.unrecoverable) == 1


def test_sessions_that_we_know_have_their_true_state() -> None:
    payments = Payments()
    payments.take_checkouts([{"id": "a", "state": "paid"}, {"id": "b", "state": "open"}])
    payments.take_checkouts([{"id": "b", "state": "expired"}])
    report = Report()
    compare_checkouts(report, payments, {"a": "paid", "b": "open", "not the sandbox's": "open"})
    assert not report.differs
    compare_checkouts(report, payments, {"a": "open"})
    assert [(row["key"], row["true"]) for row in report.states] == [("a", "paid")]
    assert report.differs


def test_a_payment_stands_under_its_id_its_eid_or_its_order_and_rx_number() -> None:
    payments = Payments()
    payments.take_payments(
        [
            payment("a", 1, eid="fill_request_1:rx"),
            payment("b", 1, eid="not plain", order_id="o2"),
            payment("c", 1, eid="c", order_id="o2"),
            payment("d", 1, eid="d", order_id=None),
        ]
    )
    names = names_of(payments.known.values(), KeyedHash(b"look-up key of the tests, long enough"))
    assert names["a"][:2] == ("a", "fill_request_1:rx")
    assert names["a"][2].startswith("rx_")
    # They share an rx number in one order: it is no name of either.
    assert [len(names[id]) for id in ("b", "c", "d")] == [2, 2, 2]
    assert names["b"][1].startswith("eid_")
    assert "77" not in "".join(name for found in names.values() for name in found if name.startswith("rx_"))
