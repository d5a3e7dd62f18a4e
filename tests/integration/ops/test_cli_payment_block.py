"""`rxledger payment-block`: what carries a fill's payment is printed, or sent, once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import orjson
import pytest
import stamina

from partners.truepill.payment_block import PaidLine
from tests.support.commandline import Cli, Ran
from tests.support.factories import OrderClaim, OrderError, OrderSuccess
from tests.support.ledger import every_text
from tests.support.paid_cli import PAID, RX1
from tests.support.partner import Answer, Partner
from tests.support.payees import CANARY, Payees, carry_options, long_ago, other_fields

FILL = "fill_request_1"
R028 = partial(OrderError, details__error_code="R028")


@pytest.fixture(autouse=True)
def fill(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[PaidLine]]:
    """A fill whose claim asks for something, and what is paid of it."""
    lines = list(PAID)
    monkeypatch.setattr("ops.paid_lines.paid_lines", lambda *_: tuple(lines))
    cli.ledger.apply(OrderClaim(request_id=FILL))
    return iter([lines])


@pytest.fixture
def lines(fill: Iterator[list[PaidLine]]) -> list[PaidLine]:
    return next(fill)


@pytest.fixture
def request_file(tmp_path: Path) -> str:
    file = tmp_path / "request.json"
    file.write_bytes(orjson.dumps(other_fields()))
    return str(file)


def send(cli: Cli, file: str) -> Ran:
    return cli.run("payment-block", FILL, *carry_options(), "--send", "--request", file, "--json")


def number(cli: Cli) -> str:
    return str(cli.one("SELECT max(id) FROM intents"))


def unknown(cli: Cli) -> list[dict[str, Any]]:
    return [item for item in cli.run("worklist", "--json").document["worklist"] if item["what"] == "unknown"]


def test_the_blocks_are_printed_plain_and_with_who_told_each_field(cli: Cli) -> None:
    ran = cli.run("payment-block", FILL, *carry_options(), "--json")

    assert (ran.code, ran.err) == (0, "")
    document = ran.document
    assert document["fill"] == FILL
    assert document["medications"][0]["copay_payment"] == {
        "cardholder_name": "Jane Canary",
        "transaction_date": 1677338271,
        "payment_type": "CARD",
        "transaction_id": "pay1",
        "last_four_digits": "0789",
        "transaction_amount": "17.00",
        "card_type": "VISA",
    }
    assert document["medications"][1].keys() == {"prescription_token", "patient_consent"}
    told = document["fields"][0]["copay_payment"]
    assert told["cardholder_name"] == {"value": "Jane Canary", "source": "operator"}
    assert told["transaction_id"] == {"value": "pay1", "source": "payment"}
    assert document["fields"][0]["patient_consent"]["consent_type"] == {
        "value": "FILL",
        "source": "reference",
    }


def test_what_a_person_gives_may_stand_in_a_file(cli: Cli, tmp_path: Path) -> None:
    file = tmp_path / "given.json"
    at = "2023-02-25T15:17:51Z"
    consent = {"provided_by": "Jane Canary", "patient_name": "Jane Canary", "method": "online", "date": at}
    consent["statement"] = "Truepill may bill my insurance."
    given = {"cardholder_name": "Jane Canary", "transaction_date": at, "consent": consent}
    file.write_bytes(orjson.dumps(given))

    ran = cli.run("payment-block", FILL, "--given", str(file), "--json")

    assert (ran.code, ran.err) == (0, "")
    assert ran.document == cli.run("payment-block", FILL, *carry_options(), "--json").document
    both = cli.run("payment-block", FILL, "--given", str(file), "--last-four", "1234")
    assert (both.code, "goes with none of the options" in both.err) == (2, True)


@pytest.mark.parametrize(
    "given",
    [
        b'{"cardholder": "Jane Canary"}',
        b'{"cardholder_name": {"name": "Jane Canary"}}',
        b'{"last_four": 1234}',
        b'{"consent": {"method": 7}}',
        b'{"consent": {"Jane Canary": "x"}}',
        b'{"consent": []}',
        b'{"item": "Canary"}',
        b'{"transaction_date": "Canary"}',
        b'["Canary"]',
    ],
)
def test_a_file_that_gives_something_else_is_refused_and_not_repeated(
    cli: Cli, tmp_path: Path, given: bytes
) -> None:
    file = tmp_path / "given.json"
    file.write_bytes(given)
    ran = cli.run("payment-block", FILL, "--given", str(file))
    assert ran.code in (1, 2)
    assert CANARY not in ran.out + ran.err


def test_it_is_audited_and_nothing_is_sent(cli: Cli, server: Partner) -> None:
    cli.run("payment-block", FILL, *carry_options())

    assert cli.one("SELECT (action, subject)::text FROM audit") == f'(payment-block,"fill_request {FILL}")'
    assert not server.asked
    assert cli.ledger.count("intents") == 0


def test_a_time_may_be_text(cli: Cli) -> None:
    ran = cli.run("payment-block", FILL, *carry_options(), "--date-form", "text", "--json").document

    assert ran["medications"][0]["copay_payment"]["transaction_date"] == "2023-02-25 15:17:51.000Z"


def test_what_nobody_told_is_named_a_line_each(cli: Cli) -> None:
    ran = cli.run("payment-block", FILL)

    assert ran.code == 1
    assert "copay_payment.cardholder_name: --cardholder-name" in ran.err.splitlines()
    assert "patient_consent.consent_method: --consent method=VERBAL|TEXT|ONLINE|EMAIL" in ran.err.splitlines()


def test_what_is_not_covered_says_what_is_open_in_cents(cli: Cli, lines: list[PaidLine]) -> None:
    lines[0] = RX1._replace(paid=500, open=1200)

    ran = cli.run("payment-block", FILL, *carry_options())

    assert ran.code == 1
    assert "rx1: 1200 cents open (1700 owed, 500 paid)" in ran.err.splitlines()


@pytest.mark.parametrize(
    "wrong",
    [
        ["--consent", "Jane Canary"],
        ["--consent", "colour=Canary"],
        ["--item", "=Canary"],
        ["--consent", "date=Canary"],
        ["--send"],
        ["--request", "file"],
    ],
)
def test_what_is_typed_wrong_is_a_matter_of_usage_and_not_repeated(cli: Cli, wrong: list[str]) -> None:
    ran = cli.run("payment-block", FILL, *wrong)

    assert ran.code == 2
    assert CANARY not in ran.err


def test_the_create_is_sent_once_and_the_new_fill_is_known_with_what_it_refers_to(
    cli: Cli, server: Partner, payees: Payees, request_file: str
) -> None:
    ran = send(cli, request_file)

    assert (ran.code, ran.document["carried_by"], ran.document["sent_before"]) == (0, "new_fill_1", False)
    ((name, body, _),) = payees.sent
    assert (name, body["reference_order"], body["metadata"]) == ("fill_request", FILL, "cfe146")
    assert [one["prescription_token"] for one in body["medications"]] == ["rx1", "rx2"]
    shown = cli.run("show", "fill_request", "new_fill_1", "--json").document
    assert (shown["state"], shown["facts"]) == ("pending", [])
    assert (FILL, "refers_to") in {(link["key"], link.get("relation")) for link in shown["links"]}
    assert cli.ledger.conn.execute("SELECT action FROM audit ORDER BY id").fetchall() == [
        ("payment-block",),
        ("payment-block --send",),
    ]


def test_sent_again_it_is_the_one_that_was_sent_and_wants_nothing(
    cli: Cli, server: Partner, payees: Payees, request_file: str
) -> None:
    send(cli, request_file)

    again = cli.run("payment-block", FILL, "--send", "--request", request_file, "--json")

    assert (again.code, again.document["carried_by"], again.document["sent_before"]) == (
        0,
        "new_fill_1",
        True,
    )
    assert payees.seen == {"fill_request": 1}


def test_nothing_of_it_stands_in_the_clear(cli: Cli, server: Partner, request_file: str) -> None:
    send(cli, request_file)

    texts = every_text(cli.ledger.conn, ["intents", "entities", "audit", "postings", "aliases", "relations"])
    for secret in (CANARY, "pay1", "0789", "cfe146", "17.00", "patient-token"):
        assert secret not in texts


def test_it_is_sent_only_where_that_is_turned_on(
    cli: Cli, server: Partner, request_file: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("RXLEDGER_TRUEPILL_SEND_PAYMENTS")

    ran = send(cli, request_file)

    assert (ran.code, "RXLEDGER_TRUEPILL_SEND_PAYMENTS is not yes" in ran.err) == (1, True)
    assert not server.asked


@pytest.mark.parametrize(
    ("news", "state"),
    [(OrderSuccess, "completed"), (OrderError, "rejected"), (R028, "cancelled")],
)
def test_what_waits_for_no_payment_gets_none(
    cli: Cli, server: Partner, request_file: str, news: Callable[..., Any], state: str
) -> None:
    cli.ledger.apply(news(request_id=FILL))

    ran = send(cli, request_file)

    assert (ran.code, f"fill {FILL} is {state}" in ran.err) == (1, True)
    assert not server.asked
    assert cli.run("payment-block", FILL, *carry_options()).code == 0


def test_what_is_not_known_has_no_payment(cli: Cli) -> None:
    assert "there is no fill_request f9" in cli.run("payment-block", "f9", *carry_options()).err


def test_a_request_that_would_be_refused_is_not_sent(cli: Cli, server: Partner, tmp_path: Path) -> None:
    file = tmp_path / "bad.json"
    file.write_bytes(orjson.dumps({**other_fields(), "address_to_zip": "", "patient_payment_type": "cash"}))

    ran = send(cli, str(file))

    assert ran.code == 1
    assert {"address_to_zip is required"} < set(ran.err.splitlines())
    assert not server.asked
    assert cli.ledger.count("intents") == 0


@pytest.mark.parametrize("status", [400, 401, 404, 422, 429])
def test_a_refusal_says_its_class_and_may_be_put_right(
    cli: Cli, server: Partner, payees: Payees, request_file: str, status: int
) -> None:
    payees.fails = {"fill_request": status}
    ran = send(cli, request_file)
    payees.fails = {}

    assert (ran.code, f"fill_request: {status}" in ran.err) == (1, True)
    assert unknown(cli) == []
    if status not in (401, 429):  # of these the circuit and the pause keep everybody away for a while
        assert send(cli, request_file).document["carried_by"] == "new_fill_1"
    else:
        assert "nothing was sent" in send(cli, request_file).err


@pytest.mark.parametrize(
    ("how", "heard"),
    [
        ("cut", "silent"),
        (500, "http_500"),
        (Answer(302, headers={"Location": "https://elsewhere.example"}), "http_302"),
        (Answer(200, b"<html>"), "http_200"),
        (Answer(200, b""), "no_id"),
        (Answer(200, b'{"status": "success"}'), "no_id"),
        (Answer(200, b'{"request_id": "no key"}'), "no_id"),
        (Answer(200, b'{"request_id": "update_request_1", "status": "success"}'), "no_id"),
    ],
)
def test_what_may_have_been_taken_is_put_before_a_person_and_never_sent_again(
    cli: Cli, server: Partner, payees: Payees, request_file: str, how: Any, heard: str
) -> None:
    payees.fails = {"fill_request": how}
    first = send(cli, request_file)
    payees.fails = {}
    second = send(cli, request_file)

    assert (first.code, second.code) == (1, 1)
    assert payees.seen["fill_request"] <= 1
    (item,) = unknown(cli)
    assert (item["kind"], item["key"]) == ("fill_request", FILL)
    assert f"may have been taken ({heard})" in item["why"]
    assert sum(one.method == "POST" for one in server.asked) == 1


def test_an_answer_that_says_error_is_a_refusal(
    cli: Cli, server: Partner, payees: Payees, request_file: str
) -> None:
    payees.fails = {"fill_request": Answer(200, b'{"status": "error", "request_id": "f9"}')}

    assert "did not accept the request" in send(cli, request_file).err
    assert cli.one("SELECT state || ' ' || code FROM intents") == "refused answer"


def test_a_partner_that_is_not_there_has_seen_nothing(
    cli: Cli, server: Partner, payees: Payees, request_file: str
) -> None:
    cli.setenv(RXLEDGER_TRUEPILL_BASE_URL="http://127.0.0.1:9")
    assert "nothing was sent" in send(cli, request_file).err
    cli.setenv(RXLEDGER_TRUEPILL_BASE_URL=server.url)

    assert send(cli, request_file).document["carried_by"] == "new_fill_1"


def test_a_partner_that_fails_is_tried_by_a_read_and_not_by_the_create(
    cli: Cli, server: Partner, payees: Payees, request_file: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A circuit that lets one call through has a read go first."""
    with stamina.set_testing(True, attempts=1), monkeypatch.context() as patch:
        patch.setattr(server, "answer", lambda _: Answer(502))
        ran = send(cli, request_file)

    assert (ran.code, "nothing was sent: " in ran.err) == (1, True)
    assert [asked.method for asked in server.asked] == ["GET"]
    assert cli.one("SELECT count(*) FROM intents") == 0
    assert send(cli, request_file).document["carried_by"] == "new_fill_1"
    assert [asked.method for asked in server.asked] == ["GET", "GET", "POST"]


def test_a_person_says_that_it_was_taken(
    cli: Cli, server: Partner, payees: Payees, request_file: str
) -> None:
    payees.fails = {"fill_request": "cut"}
    send(cli, request_file)
    payees.fails = {}

    settled = cli.run("payment", "settle", number(cli), "--seen", "new_fill_7", "--reason", "their desk")

    assert settled.code == 0
    assert send(cli, request_file).document["carried_by"] == "new_fill_7"
    assert payees.seen["fill_request"] == 1
    shown = cli.run("show", "fill_request", "new_fill_7", "--json").document
    assert (FILL, "refers_to") in {(link["key"], link.get("relation")) for link in shown["links"]}
    assert unknown(cli) == []


def test_what_it_was_sent_for_is_not_what_came_of_it(
    cli: Cli, server: Partner, payees: Payees, request_file: str
) -> None:
    payees.fails = {"fill_request": "cut"}
    send(cli, request_file)

    ran = cli.run("payment", "settle", number(cli), "--seen", FILL, "--reason", "their desk")

    assert (ran.code, "is what it was sent for" in ran.err) == (1, True)
    assert [one["state"] for one in unknown(cli)] == ["unknown"]


def test_what_was_heard_of_before_it_was_sent_did_not_come_of_it(
    cli: Cli, server: Partner, payees: Payees, request_file: str
) -> None:
    cli.ledger.apply(OrderSuccess(request_id="another_fill"))
    payees.fails = {"fill_request": "cut"}
    send(cli, request_file)

    ran = cli.run("payment", "settle", number(cli), "--seen", "another_fill", "--reason", "their desk")

    assert (ran.code, "before this was sent" in ran.err) == (1, True)
    assert [one["state"] for one in unknown(cli)] == ["unknown"]
    cli.ledger.conn.execute("UPDATE intents SET sent_at = 'epoch'")
    assert cli.run("payment", "settle", number(cli), "--seen", "another_fill", "--reason", "x").code == 0


def test_a_person_says_that_it_was_not_taken_and_it_is_sent_once_more(
    cli: Cli, server: Partner, payees: Payees, request_file: str
) -> None:
    payees.fails = {"fill_request": 500}
    send(cli, request_file)
    payees.fails = {}

    assert cli.run("payment", "settle", number(cli), "--not-seen", "--reason", "their desk").code == 0
    assert send(cli, request_file).document["carried_by"] == "new_fill_1"


def test_who_has_not_seen_it_may_see_it_until_it_is_sent_once_more(
    cli: Cli, server: Partner, payees: Payees, request_file: str
) -> None:
    payees.fails = {"fill_request": "cut"}
    send(cli, request_file)
    payees.fails = {}
    first = number(cli)
    settle = ("payment", "settle", first, "--reason", "their desk")
    assert cli.run(*settle, "--not-seen").code == 0
    assert cli.run(*settle, "--seen", "new_fill_7").code == 0
    assert send(cli, request_file).document["carried_by"] == "new_fill_7"
    assert payees.seen["fill_request"] == 1
    assert "is not in doubt: it is done" in cli.run(*settle, "--not-seen").err

    cli.ledger.conn.execute("UPDATE intents SET state = 'unknown'")
    assert cli.run(*settle, "--not-seen").code == 0
    assert send(cli, request_file).document["carried_by"] == "new_fill_2"
    ran = cli.run(*settle, "--seen", "new_fill_7")
    assert (ran.code, "it was sent once more since" in ran.err) == (1, True)


def test_an_answer_that_came_late_names_its_id_on_the_worklist(
    cli: Cli, server: Partner, payees: Payees, request_file: str
) -> None:
    send(cli, request_file)
    cli.ledger.conn.execute("UPDATE intents SET state = 'unknown', code = 'late'")

    (item,) = unknown(cli)

    assert "was taken as new_fill_1" in item["why"]
    assert f"payment settle {number(cli)} --seen new_fill_1" in item["why"]


def test_what_is_being_sent_is_settled_by_nobody(
    cli: Cli, server: Partner, payees: Payees, request_file: str
) -> None:
    payees.fails = {"fill_request": "cut"}
    send(cli, request_file)
    cli.ledger.conn.execute("UPDATE intents SET state = 'sent'")

    ran = cli.run("payment", "settle", number(cli), "--not-seen", "--reason", "their desk")

    assert (ran.code, "is not in doubt: it is sent" in ran.err) == (1, True)
    long_ago(cli)
    assert cli.run("payment", "settle", number(cli), "--not-seen", "--reason", "their desk").code == 0
