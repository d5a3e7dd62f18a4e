"""`rxledger payment-block` of a fill that a patient paid for: what is known comes from the payment."""

from __future__ import annotations

from pathlib import Path

import orjson

from tests.support.commandline import Cli
from tests.support.paid_fills import Case
from tests.support.partner import Partner
from tests.support.payees import Payees, carry_options, other_fields

CARD = {"id": "pay_7", "amount_in_cents": 2500, "card_type": "visa", "last4": "0789"}


def paid_order(case: Case, *lines: int) -> bytes:
    """The record of an order with its payment and the names of what was bought."""
    envelope = orjson.loads(case.paid_order(*lines))
    items = [{**item, "name": f"Tablet {n}"} for n, item in enumerate(envelope["content"]["items"])]
    envelope["content"] |= {"payment": CARD, "items": items}
    return orjson.dumps(envelope, option=orjson.OPT_SORT_KEYS)


def known(cli: Cli, case: Case, *lines: int) -> None:
    cli.ledger.apply(case.claim())
    cli.ledger.apply(paid_order(case, *lines), partner="healnow", via="snapshot")
    cli.ledger.settle()


def test_each_prescription_has_its_own_amount_and_the_card_of_its_order(cli: Cli) -> None:
    case = Case(1700, 800)
    known(cli, case, 0, 1)

    ran = cli.run("payment-block", case.fill, *carry_options(), "--json")

    assert (ran.code, ran.err) == (0, "")
    blocks = ran.document["medications"]
    assert [block["prescription_token"] for block in blocks] == case.tokens
    assert [block["copay_payment"]["transaction_amount"] for block in blocks] == ["17.00", "8.00"]
    for n, block in enumerate(blocks):
        assert block["copay_payment"]["transaction_id"] == "pay_7"
        assert block["copay_payment"]["last_four_digits"] == "0789"
        assert block["copay_payment"]["card_type"] == "VISA"
        assert block["patient_consent"]["item"] == f"Tablet {n}"


def test_what_is_paid_in_part_says_what_is_open_in_cents(cli: Cli) -> None:
    case = Case(1700, 800)
    known(cli, case, 0)

    ran = cli.run("payment-block", case.fill, *carry_options())

    assert ran.code == 1
    assert f"{case.tokens[1]}: 800 cents open (800 owed, 0 paid)" in ran.err.splitlines()
    assert case.tokens[0] not in ran.err


def test_what_is_paid_for_no_line_is_for_a_person_to_assign(cli: Cli) -> None:
    case = Case(1700, 800)
    cli.ledger.apply(case.claim())
    webhook = case.webhook("paid", eid=case.fill)
    whole = {**webhook, "data": {**webhook["data"], "amount_in_cents": 2500}}
    cli.ledger.apply(whole, partner="healnow")
    cli.ledger.settle()

    ran = cli.run("payment-block", case.fill, *carry_options())

    (payment,) = cli.run("show", "fill_request", case.fill, "--json").document["payments"]
    assert payment["position"] is None
    assert ran.code == 1
    assert (
        f"payment {payment['key']} has no line: rxledger payment assign {payment['key']} {case.fill} LINE"
        in ran.err
    )


def test_a_webhook_alone_tells_the_amount_and_its_order(cli: Cli) -> None:
    case = Case(1700)
    cli.ledger.apply(case.claim())
    cli.ledger.apply(case.webhook("paid"), partner="healnow")
    cli.ledger.settle()

    missing = cli.run("payment-block", case.fill, *carry_options())
    assert missing.err.splitlines()[1:] == [
        f"patient_consent.item of {case.tokens[0]}: --item {case.tokens[0]}=NAME"
    ]
    item = ("--item", f"{case.tokens[0]}=Tablet")
    block = cli.run("payment-block", case.fill, *carry_options(), *item, "--json").document["medications"][0]
    assert block["copay_payment"]["transaction_id"] == case.order_name
    assert "last_four_digits" not in block["copay_payment"]


def test_a_payment_is_carried_on_once_and_then_it_is_the_new_fills(
    cli: Cli, server: Partner, payees: Payees, tmp_path: Path
) -> None:
    case = Case(1700)
    known(cli, case, 0)
    file = tmp_path / "request.json"
    file.write_bytes(orjson.dumps(other_fields()))
    sending = ["payment-block", case.fill, *carry_options(), "--send", "--request", str(file), "--json"]

    first, second = cli.run(*sending), cli.run(*sending)

    assert [ran.document["carried_by"] for ran in (first, second)] == ["new_fill_1", "new_fill_1"]
    assert payees.seen == {"fill_request": 1}
    assert payees.sent[0][1]["reference_order"] == case.fill
    printed = cli.run("payment-block", case.fill, *carry_options())
    assert "another fill was asked for in the place of" in printed.err
