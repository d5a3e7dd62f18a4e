"""What people see of payments, and what they decide."""

from __future__ import annotations

from typing import Any

from tests.support.commandline import Cli
from tests.support.paid_fills import Case

DAY = 86_400


def pay(cli: Cli, *bodies: object, via: str = "push") -> None:
    cli.ledger.apply(*bodies, partner="healnow", via=via)  # type: ignore[arg-type]
    cli.ledger.settle()


def now(cli: Cli) -> int:
    return int(cli.ledger.tools.clock().timestamp())


def work(cli: Cli, what: str) -> list[dict[str, Any]]:
    listed = cli.run("worklist", "--json").document["worklist"]
    return [item for item in listed if item["what"] == what]


def ambiguous(cli: Cli) -> Case:
    """Two medications of one fill that share an rx number and a price, and the payment of one of them."""
    number = f"880{len(cli.ledger.queued())}1"
    case = Case(1000, 1000, rx_numbers=(number, number))
    cli.ledger.apply(case.claim(now(cli)))
    cli.ledger.apply(case.record(0), case.record(1), via="snapshot")
    pay(cli, case.prescription("paid", 0, eid=case.uuid), via="snapshot")
    return case


def test_a_fill_shows_its_payments_and_what_is_owed_paid_and_open_in_cents(cli: Cli) -> None:
    case = Case(2102, 500)
    cli.ledger.apply(case.claim(now(cli)))
    pay(cli, case.webhook("paid", 0))
    found = cli.run("show", "fill_request", case.fill, "--json").document
    assert found["balance"] == {
        "owed": 2602,
        "paid": 2102,
        "open": 500,
        "carried": False,
        "lines": [
            {"position": 0, "token": case.tokens[0], "owed": 2102, "paid": 2102, "open": 0},
            {"position": 1, "token": case.tokens[1], "owed": 500, "paid": 0, "open": 500},
        ],
    }
    (payment,) = found["payments"]
    assert payment == {"key": case.eid(0), "state": "paid", "cents": 2102, "position": 0, "counts": True}
    assert "owed 26.02, paid 21.02, open 5.00" in cli.run("show", "fill_request", case.fill).out


def test_what_was_called_off_or_taken_out_of_the_cart_pays_nothing(cli: Cli) -> None:
    case = Case(1000, 500, 700)
    cli.ledger.apply(case.claim(now(cli)))
    pay(cli, case.webhook("paid", 0), case.webhook("paid", 1), case.webhook("removed", 2))
    pay(cli, case.webhook("canceled", 1))
    balance = cli.run("show", "fill_request", case.fill, "--json").document["balance"]
    assert (balance["owed"], balance["paid"], balance["open"]) == (2200, 1000, 1200)
    assert [line["open"] for line in balance["lines"]] == [0, 500, 700]


def test_a_person_says_which_line_a_payment_is_for_and_takes_it_back(cli: Cli) -> None:
    case = ambiguous(cli)
    assert [item["key"] for item in work(cli, "review") if item["kind"] == "payment"] == [case.ids[0]]
    shown = cli.run("show", "payment", case.ids[0], "--json").document
    assert shown["for"] == []
    assert shown["candidates"] == [{"kind": "fill_request", "key": case.fill, "position": n} for n in (0, 1)]
    assert f"rxledger payment assign {case.ids[0]} FILL" in cli.run("show", "payment", case.ids[0]).out

    said = cli.run(
        "payment", "assign", case.ids[0], case.fill, "1", "--reason", "asked the patient", "--json"
    )
    assert said.code == 0
    assert said.document["review"] is None
    assert [(one["key"], one["position"], one["by"]) for one in said.document["for"]] == [
        (case.fill, 1, "person")
    ]
    assert said.document["facts"][-1]["via"] == ["manual"]
    audited = cli.ledger.conn.execute(
        "SELECT action, subject, reason FROM audit ORDER BY id DESC LIMIT 1"
    ).fetchone()
    assert audited == ("payment:assigned", f"payment {case.ids[0]}", "asked the patient")

    back = cli.run("payment", "unassign", case.ids[0], "--reason", "it was another", "--json").document
    assert back["for"] == []
    assert back["review"] is not None
    assert cli.run("payment", "unassign", case.ids[0], "--reason", "again").code == 1


def test_an_assignment_outlives_a_replay_and_is_undone_with_it_by_none(cli: Cli) -> None:
    case = ambiguous(cli)
    assert cli.run("payment", "assign", case.ids[0], case.fill, case.tokens[0], "--reason", "told").code == 0
    assert cli.run("replay", "--all", "--json").code == 0
    cli.ledger.settle()
    shown = cli.run("show", "payment", case.ids[0], "--json").document
    assert [(one["position"], one["by"]) for one in shown["for"]] == [(0, "person")]


def test_what_cannot_be_assigned_is_refused_by_name(cli: Cli) -> None:
    case = ambiguous(cli)
    for arguments, told in (
        (("nobody", case.fill), "there is no payment nobody"),
        ((case.ids[0], "nothing"), "is none of"),
        ((case.ids[0], case.fill, "7"), "has no one line 7"),
    ):
        refused = cli.run("payment", "assign", *arguments, "--reason", "r")
        assert refused.code == 1
        assert told in refused.err
    assert cli.run("payment", "assign", case.ids[0], case.fill, "--reason", " ").code == 2


def test_fills_that_wait_for_a_payment_are_listed_by_the_time_that_is_left(cli: Cli) -> None:
    soon, later = Case(1000), Case(550)
    cli.ledger.apply(later.claim(now(cli) - DAY), soon.claim(now(cli) - 8 * DAY))
    listed = work(cli, "unpaid")
    mine = [item for item in listed if item["key"] in (soon.fill, later.fill)]
    assert [item["key"] for item in mine] == [soon.fill, later.fill]
    assert "10.00 open; 2.0 d left to pay" in mine[0]["why"]
    pay(cli, soon.webhook("paid"))
    assert soon.fill not in [item["key"] for item in work(cli, "unpaid")]


def test_money_for_a_fill_that_came_to_nothing_is_listed_until_it_was_given_back(cli: Cli) -> None:
    case = Case(1000)
    cli.ledger.apply(case.claim(now(cli) - DAY), case.error(now(cli), "R019"))
    pay(cli, case.webhook("paid"))
    (item,) = [one for one in work(cli, "give_back") if one["key"] == case.eid()]
    assert case.fill in item["why"]
    assert [one for one in work(cli, "review") if one["key"] == case.fill] == []
    assert cli.run("show", "fill_request", case.fill, "--json").document["review"] is not None

    given = cli.run("payment", "refunded", case.eid(), "--reason", "by card", "--json")
    assert given.document["refunded"] is True
    assert given.document["state"] == "paid"
    assert [one for one in work(cli, "give_back") if one["key"] == case.eid()] == []
    assert cli.run("show", "fill_request", case.fill, "--json").document["review"] is None
    assert cli.run("payment", "refunded", case.eid(), "--reason", "twice").code == 1


def test_a_trace_tells_the_fill_and_its_payment_as_one_story(cli: Cli) -> None:
    case = Case(1000)
    cli.ledger.apply(case.claim(now(cli) - 60))
    pay(cli, case.webhook("pending"), case.webhook("paid"))
    cli.ledger.apply(case.order(now(cli) + 60))
    story = cli.run("trace", case.fill, "--json").document
    told = {(entity["kind"], entity["key"]) for entity in story["entities"]}
    assert {("fill_request", case.fill), ("payment", case.eid())} <= told


def test_the_fill_that_carries_a_payment_on_ends_the_wait_of_the_one_before(cli: Cli) -> None:
    case = Case(1000)
    carrier = f"{case.fill}_carrier"
    cli.ledger.apply(case.claim(now(cli) - DAY))
    pay(cli, case.webhook("paid"))
    request = cli.data / "request.json"
    request.write_text(f'{{"reference_order": "{case.fill}", "medications": []}}')
    assert cli.run("track", "fill_request", carrier, "--request", str(request)).code == 0
    cli.ledger.settle()
    assert case.fill not in [item["key"] for item in work(cli, "unpaid")]
    assert cli.run("show", "fill_request", case.fill, "--json").document["balance"]["carried"] is True
    known = cli.run("show", "fill_request", carrier, "--json").document
    assert [fact["signal"] for fact in known["facts"]] == ["payment:known"]
    assert known["balance"]["open"] == 0
    cli.ledger.apply(case.error(now(cli) + 60, "R028"))
    cli.ledger.settle()
    assert cli.run("show", "fill_request", case.fill, "--json").document["review"] is None
    assert work(cli, "give_back") == []


def test_dates_of_webhooks_are_those_of_their_receipt(cli: Cli) -> None:
    case = Case(1000)
    pay(cli, case.webhook("paid"))
    (fact,) = cli.run("show", "payment", case.eid(), "--json").document["facts"]
    assert fact["dated_by"] == "receipt"


def test_a_payment_that_is_for_nothing_known_is_listed_after_a_day(cli: Cli) -> None:
    case = Case(1000)
    pay(cli, case.prescription("paid", eid=case.uuid), via="snapshot")
    assert case.ids[0] not in [item["key"] for item in work(cli, "unplaced")]
    later = cli.run("worklist", "--json", "--at", "2099-01-01T00:00:00Z", "--kind", "payment").document
    (item,) = [one for one in later["worklist"] if one["key"] == case.ids[0]]
    assert item["what"] == "unplaced"
    assert f"rxledger payment assign {case.ids[0]} FILL" in item["why"]
    cli.ledger.apply(case.claim(now(cli)))
    assert cli.run("payment", "assign", case.ids[0], case.fill, "--reason", "told").code == 0
    later = cli.run("worklist", "--json", "--at", "2099-01-01T00:00:00Z", "--kind", "payment").document
    assert case.ids[0] not in [one["key"] for one in later["worklist"]]


def test_a_fill_that_is_paid_is_listed_until_the_pharmacy_moves_it(cli: Cli) -> None:
    case = Case(1000)
    cli.ledger.apply(case.claim(now(cli) - DAY))
    pay(cli, case.webhook("paid"))
    (item,) = [one for one in work(cli, "carry") if one["key"] == case.fill]
    assert f"rxledger payment-block {case.fill}" in item["why"]
    cli.ledger.apply(case.order(now(cli) + 60))
    assert case.fill not in [one["key"] for one in work(cli, "carry")]
