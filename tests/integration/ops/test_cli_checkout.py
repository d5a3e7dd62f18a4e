"""`rxledger checkout`: made once from a completed copay and the pharmacy's records, and found again."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import stamina

from tests.support.commandline import Cli
from tests.support.factories import CopayError, RefusedPrescription
from tests.support.ledger import every_text
from tests.support.partner import Answer, Partner
from tests.support.payees import CANARY, Payees, copay, priced

TABLES = ("intents", "entities", "audit", "postings", "aliases", "calls")


@pytest.fixture(autouse=True)
def without_waits() -> Iterator[None]:
    with stamina.set_testing(True, attempts=1):
        yield


def intents(cli: Cli) -> list[tuple[str, str, str, str | None]]:
    rows = cli.ledger.conn.execute("SELECT what, part, state, code FROM intents ORDER BY id")
    return [(what, part, state, code) for what, part, state, code in rows]


def test_a_checkout_has_the_amounts_of_the_copay_and_what_the_records_tell(
    cli: Cli, server: Partner, payees: Payees
) -> None:
    copay(cli)

    ran = cli.run("checkout", "c1", "--json")

    assert (ran.code, ran.err) == (0, "")
    assert ran.document == {
        "copay": "c1",
        "session": "ch1",
        "url": "https://pay.example/ch1",
        "status": "open",
        "made": True,
        "lines": [
            {"prescription_token": "rx1", "payment": "pr1", "cents": 2102},
            {"prescription_token": "rx2", "payment": "pr2", "cents": 850},
        ],
    }
    sent = [(name, body) for name, body, _ in payees.sent]
    assert sent[0] == (
        "patients",
        {
            "eid": "pat1",
            "first_name": "Jane Canary",
            "last_name": "Doe",
            "dob": "1979-05-07",
            "phone": "430-304-3949",
            "email": "jane@canary.example",
        },
    )
    assert sent[1] == (
        "prescriptions",
        {
            "eid": "c1:rx1",
            "name": "Canaryil 350 Mg Tablet",
            "rx_number": "1966785",
            "refill_number": None,
            "price_in_cents": 2102,
            "provider": "Dr. Canary",
            "days_supply": 30,
            "qty": 60,
            "is_refill": False,
        },
    )
    assert sent[3] == (
        "checkout_sessions",
        {
            "success_url": "https://shop.example/paid",
            "cancel_url": "https://shop.example/back",
            "patient": {"id": "pa1"},
            "items": [{"id": "pr1"}, {"id": "pr2"}],
        },
    )
    assert all("Idempotency-Key" not in headers for _, _, headers in payees.sent)


def test_it_is_known_with_its_payments_and_what_they_are_for(cli: Cli, server: Partner) -> None:
    copay(cli)
    cli.run("checkout", "c1")

    shown = cli.run("show", "checkout", "ch1", "--json").document
    assert (shown["state"], shown["facts"]) == ("open", [])
    assert ("copay", "c1") in {(link["kind"], link["key"]) for link in shown["links"]}
    paid = cli.run("show", "payment", "c1:rx1", "--json").document
    assert (paid["key"], paid["state"]) == ("pr1", "pending")
    assert {("copay", "c1"), ("checkout", "ch1")} <= {(link["kind"], link["key"]) for link in paid["links"]}


def test_nothing_of_the_patient_stands_in_the_clear(cli: Cli, server: Partner) -> None:
    copay(cli)
    cli.run("checkout", "c1")

    texts = every_text(cli.ledger.conn, TABLES)
    for secret in (CANARY, CANARY.lower(), "1966785", "pat1", "pa1", "1979-05-07", "pay.example"):
        assert secret not in texts
    assert cli.one("SELECT (action, subject)::text FROM audit") == '(checkout,"copay c1")'


def test_done_twice_it_is_the_same_and_nothing_is_sent(cli: Cli, server: Partner, payees: Payees) -> None:
    copay(cli)
    first = cli.run("checkout", "c1", "--json").document
    taken = payees.seen.copy()

    again = cli.run("checkout", "c1", "--json").document

    assert (again["session"], again["url"]) == (first["session"], first["url"])
    assert (again["made"], again["status"]) == (False, "open")
    assert payees.seen == taken


def test_it_is_the_same_while_healnow_cannot_be_asked(cli: Cli, server: Partner, payees: Payees) -> None:
    copay(cli)
    cli.run("checkout", "c1")
    del payees.rows["checkout_sessions"]["ch1"]

    ran = cli.run("checkout", "c1", "--json")

    assert (ran.code, ran.document["url"], ran.document["status"]) == (0, "https://pay.example/ch1", None)


def test_one_that_is_paid_says_so(cli: Cli, server: Partner, payees: Payees) -> None:
    copay(cli)
    cli.run("checkout", "c1")
    payees.rows["checkout_sessions"]["ch1"]["status"] = "Paid"

    assert cli.run("checkout", "c1", "--renew", "--json").document["status"] == "paid"
    assert "it is paid" in cli.run("checkout", "c1").err
    assert payees.seen["checkout_sessions"] == 1


def test_one_that_has_expired_says_so_and_a_new_one_is_made_where_it_is_asked_for(
    cli: Cli, server: Partner, payees: Payees
) -> None:
    copay(cli)
    cli.run("checkout", "c1")
    payees.rows["checkout_sessions"]["ch1"]["status"] = "expired"

    assert "--renew makes a new one" in cli.run("checkout", "c1").err
    assert payees.seen["checkout_sessions"] == 1
    payees.rows["prescriptions"]["pr1"]["status"] = "paid"  # by another way
    ran = cli.run("checkout", "c1", "--renew", "--json").document

    assert (ran["session"], ran["made"]) == ("ch2", True)
    assert [line["payment"] for line in ran["lines"]] == ["pr2"]
    assert payees.seen["prescriptions"] == 2


def test_what_is_paid_already_is_not_asked_for_again(cli: Cli, server: Partner, payees: Payees) -> None:
    copay(cli, priced("rx1", "1"))
    cli.run("checkout", "c1")
    payees.rows["checkout_sessions"]["ch1"]["status"] = "expired"
    payees.rows["prescriptions"]["pr1"]["status"] = "moto"

    ran = cli.run("checkout", "c1", "--renew")

    assert (ran.code, "as paid" in ran.err) == (1, True)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"status": "manually_canceled"}, "no longer to be paid"),
        ({"status": "refunded"}, "no longer to be paid"),
        ({"price_in_cents": 1}, "another price than the copay's"),
    ],
)
def test_what_healnow_has_otherwise_is_for_a_person(
    cli: Cli, server: Partner, payees: Payees, change: dict[str, Any], why: str
) -> None:
    copay(cli, priced("rx1", "1"))
    cli.run("checkout", "c1")
    payees.rows["checkout_sessions"]["ch1"]["status"] = "expired"
    payees.rows["prescriptions"]["pr1"] |= change

    ran = cli.run("checkout", "c1", "--renew")

    assert (ran.code, why in ran.err) == (1, True)
    assert payees.seen["checkout_sessions"] == 1


def test_a_patient_is_made_once_for_all_copays(cli: Cli, server: Partner, payees: Payees) -> None:
    copay(cli)
    copay(cli, key="c2")
    cli.run("checkout", "c1")
    cli.run("checkout", "c2")

    assert payees.seen == {"patients": 1, "prescriptions": 4, "checkout_sessions": 2}


@pytest.mark.parametrize(
    ("fill_number", "refill", "is_refill"), [(1, None, False), ("2", "1", True), (13, "12", True)]
)
def test_a_copay_counts_fills_from_one_and_healnow_refills(
    cli: Cli, server: Partner, payees: Payees, fill_number: object, refill: str | None, is_refill: bool
) -> None:
    copay(cli, priced("rx1", "1", fill_number=fill_number))
    cli.run("checkout", "c1")

    body = payees.sent[1][1]
    assert (body["refill_number"], body["is_refill"]) == (refill, is_refill)


def test_what_the_copay_does_not_print_is_what_was_prescribed(
    cli: Cli, server: Partner, payees: Payees
) -> None:
    copay(cli, priced("rx1", "1", days_supply=None, quantity=None))
    cli.run("checkout", "c1")

    assert (payees.sent[1][1]["days_supply"], payees.sent[1][1]["qty"]) == (84, 84)


@pytest.mark.parametrize(
    ("lines", "why"),
    [
        ([priced("rx1", "0")], "nothing is owed"),
        ([RefusedPrescription(prescription_token="rx1")], "nothing is owed"),
        ([priced("rx1", "1.005")], "no amount in whole cents for prescription rx1"),
        ([priced("rx1", "-1")], "no amount in whole cents"),
        ([priced("rx1", "1"), priced("rx1", "2")], "names one prescription twice"),
    ],
)
def test_what_nobody_can_pay_for_is_refused(
    cli: Cli, server: Partner, payees: Payees, lines: list[Any], why: str
) -> None:
    copay(cli, *lines)

    ran = cli.run("checkout", "c1")

    assert (ran.code, why in ran.err) == (1, True)
    assert not payees.seen


def test_a_copay_that_is_not_completed_is_refused(cli: Cli, server: Partner, payees: Payees) -> None:
    cli.ledger.apply(CopayError(request_id="c1"))

    assert "copay c1 is rejected" in cli.run("checkout", "c1").err
    assert "there is no copay c9" in cli.run("checkout", "c9").err
    assert not payees.seen


@pytest.mark.parametrize(
    ("record", "change", "lacking"),
    [
        ("patient", {"dob": "19791305"}, "record of the patient has no usable dob"),
        ("patient", {"first_name": None, "last_name": ""}, "no usable first_name, last_name"),
        ("prescription", {"rx_number": None}, "record of the prescription has no usable rx_number"),
        ("prescription", {"prescriber": " "}, "no usable prescriber"),
    ],
)
def test_records_that_have_not_what_is_needed_are_told_by_field(
    cli: Cli, server: Partner, payees: Payees, record: str, change: dict[str, Any], lacking: str
) -> None:
    copay(cli)
    getattr(payees, record).update(change)

    ran = cli.run("checkout", "c1")

    assert (ran.code, lacking in ran.err, CANARY in ran.err) == (1, True, False)
    assert payees.seen["checkout_sessions"] == 0


@pytest.mark.parametrize("days", ["28.5", "0", "a month"])
def test_a_part_of_a_day_is_not_made_a_whole_one(cli: Cli, server: Partner, days: str) -> None:
    copay(cli, priced("rx1", "1", days_supply=days))

    assert "no usable days_supply" in cli.run("checkout", "c1").err


def test_a_lost_answer_of_what_can_be_looked_up_is_looked_up(
    cli: Cli, server: Partner, payees: Payees
) -> None:
    copay(cli, priced("rx1", "1"))
    for name in ("patients", "prescriptions"):
        payees.fails = {name: "cut"}
        ran = cli.run("checkout", "c1")
        assert (ran.code, "what came of it is not known" in ran.err) == (1, True)

    payees.fails = {}
    ran = cli.run("checkout", "c1", "--json")

    assert (ran.code, ran.document["session"]) == (0, "ch1")
    assert payees.seen == {"patients": 1, "prescriptions": 1, "checkout_sessions": 1}
    assert [(state, code) for *_, state, code in intents(cli)] == [
        ("done", "found"),
        ("done", "found"),
        ("done", None),
    ]
    assert cli.run("show", "payment", "c1:rx1", "--json").document["key"] == "pr1"


def test_what_is_not_there_a_while_after_it_was_sent_is_made_anew(
    cli: Cli, server: Partner, payees: Payees
) -> None:
    copay(cli, priced("rx1", "1"))
    payees.fails = {"patients": 500}
    cli.run("checkout", "c1")
    payees.fails = {}
    age(cli, minutes=16)

    assert cli.run("checkout", "c1").code == 0
    assert payees.seen["patients"] == 1
    assert intents(cli)[0] == ("checkout_patient", "", "refused", "not_found")


@pytest.mark.parametrize("what", ["patients", "prescriptions"])
def test_what_is_not_listed_yet_is_not_made_twice(
    cli: Cli, server: Partner, payees: Payees, what: str
) -> None:
    copay(cli, priced("rx1", "1"))
    payees.fails = {what: "cut"}
    cli.run("checkout", "c1")
    payees.fails = {}
    taken, payees.rows[what] = payees.rows[what], {}

    for minutes in (0, 14):
        age(cli, minutes=minutes)
        again = cli.run("checkout", "c1")
        assert (again.code, "HealNow does not list it, and may soon" in again.err) == (1, True)
        assert payees.seen[what] == 1
        assert intents(cli)[-1][2:] == ("unknown", "silent")
    payees.rows[what] = taken

    assert cli.run("checkout", "c1").code == 0
    assert payees.seen[what] == 1
    assert "not_found" not in {code for *_, code in intents(cli)}


def age(cli: Cli, *, minutes: int) -> None:
    """Have all that was sent been sent so long ago."""
    cli.ledger.conn.execute("UPDATE intents SET sent_at = sent_at - make_interval(mins => %s)", (minutes,))


def test_a_patient_is_found_on_any_page(cli: Cli, server: Partner, payees: Payees) -> None:
    copay(cli, priced("rx1", "1"))
    for number in range(250):
        payees.rows["patients"][f"old{number}"] = {"id": f"old{number}", "eid": f"e{number}"}
    payees.fails = {"patients": "cut"}
    cli.run("checkout", "c1")
    payees.fails = {}

    assert cli.run("checkout", "c1").code == 0
    assert payees.seen["patients"] == 1


def test_a_list_that_cannot_be_read_says_nothing_of_what_is_in_it(
    cli: Cli, server: Partner, payees: Payees
) -> None:
    copay(cli, priced("rx1", "1"))
    payees.fails = {"patients": "cut"}
    cli.run("checkout", "c1")
    payees.rows["patients"] = {}
    broken = payees._list
    payees._list = lambda *_: Answer(body=b'{"patients": []}')  # type: ignore[method-assign]
    ran = cli.run("checkout", "c1")
    payees._list = broken  # type: ignore[method-assign]

    assert (ran.code, payees.seen["patients"]) == (1, 1)
    assert intents(cli) == [("checkout_patient", "", "unknown", "silent")]


def test_a_session_whose_answer_was_lost_is_for_a_person_and_no_second_one_is_made(
    cli: Cli, server: Partner, payees: Payees
) -> None:
    copay(cli, priced("rx1", "1"))
    payees.fails = {"checkout_sessions": "cut"}
    first = cli.run("checkout", "c1")
    payees.fails = {}
    second = cli.run("checkout", "c1", "--renew")

    assert (first.code, second.code) == (1, 1)
    assert "what came of it is not known" in second.err
    assert payees.seen["checkout_sessions"] == 1
    (item,) = [
        item for item in cli.run("worklist", "--json").document["worklist"] if item["what"] == "unknown"
    ]
    assert (item["kind"], item["key"], item["state"]) == ("copay", "c1", "unknown")
    assert "may have been taken (silent)" in item["why"]
    assert cli.run("worklist", "--kind", "transfer", "--json").document["worklist"] == []


def number(cli: Cli) -> str:
    return str(cli.one("SELECT id FROM intents WHERE state = 'unknown'"))


def test_a_person_says_that_the_session_is_there(cli: Cli, server: Partner, payees: Payees) -> None:
    copay(cli, priced("rx1", "1"))
    payees.fails = {"checkout_sessions": "cut"}
    cli.run("checkout", "c1")
    payees.fails = {}

    settled = cli.run("payment", "settle", number(cli), "--seen", "ch1", "--reason", "HealNow's desk")

    assert settled.code == 0
    ran = cli.run("checkout", "c1", "--json").document
    assert (ran["session"], ran["url"], ran["made"]) == ("ch1", "https://pay.example/ch1", False)
    assert cli.run("show", "checkout", "ch1", "--json").document["state"] == "open"
    assert cli.run("worklist", "--json").document["worklist"] == []
    audited = cli.one("SELECT (subject, reason)::text FROM audit WHERE action = 'payment settle'")
    assert "checkout of copay c1: seen as ch1" in audited
    assert "HealNow's desk" in audited


def test_a_person_says_that_the_session_is_not_there_and_one_more_is_made(
    cli: Cli, server: Partner, payees: Payees
) -> None:
    copay(cli, priced("rx1", "1"))
    payees.fails = {"checkout_sessions": "cut"}
    cli.run("checkout", "c1")
    payees.fails = {}

    assert cli.run("payment", "settle", number(cli), "--not-seen", "--reason", "asked").code == 0
    ran = cli.run("checkout", "c1", "--json").document

    assert (ran["session"], ran["made"]) == ("ch2", True)


def test_only_what_is_in_doubt_is_settled_and_with_a_reason(cli: Cli, server: Partner) -> None:
    copay(cli, priced("rx1", "1"))
    cli.run("checkout", "c1")
    done = str(cli.one("SELECT max(id) FROM intents"))

    assert (
        "is not in doubt: it is done" in cli.run("payment", "settle", done, "--not-seen", "--reason", "x").err
    )
    assert "there is no intent" in cli.run("payment", "settle", "999999", "--not-seen", "--reason", "x").err
    assert cli.run("payment", "settle", done, "--not-seen").code == 2
    assert cli.run("payment", "settle", done, "--not-seen", "--seen", "k", "--reason", "x").code == 2
    assert cli.run("payment", "settle", done, "--not-seen", "--reason", " ").code == 2
    assert cli.run("payment", "settle", done, "--seen", "no key", "--reason", "x").code == 2


def test_what_a_person_found_of_a_patient_and_a_prescription_is_used(
    cli: Cli, server: Partner, payees: Payees
) -> None:
    copay(cli, priced("rx1", "1"))
    for name, found in (("patients", "pa1"), ("prescriptions", "pr1")):
        payees.fails = {name: "cut"}
        cli.run("checkout", "c1")
        assert cli.run("payment", "settle", number(cli), "--seen", found, "--reason", "seen").code == 0
    payees.fails, payees.lists_nothing = {}, True

    assert cli.run("checkout", "c1").code == 0
    assert payees.seen == {"patients": 1, "prescriptions": 1, "checkout_sessions": 1}
    assert cli.run("show", "payment", "c1:rx1", "--json").document["key"] == "pr1"
    assert "pa1" not in every_text(cli.ledger.conn, TABLES)


@pytest.mark.parametrize("name", ["RXLEDGER_TRUEPILL_API_KEY", "RXLEDGER_HEALNOW_API_KEY"])
def test_without_a_key_nothing_is_called(
    cli: Cli, server: Partner, payees: Payees, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    copay(cli)
    monkeypatch.delenv(name)

    assert f"{name} is not set" in cli.run("checkout", "c1").err
    assert not server.asked


def test_a_refusal_is_told_and_the_next_run_tries_again(cli: Cli, server: Partner, payees: Payees) -> None:
    copay(cli, priced("rx1", "1"))
    payees.fails = {"prescriptions": 422}
    assert "the partner refused it: prescription: 422" in cli.run("checkout", "c1").err
    payees.fails = {}

    assert cli.run("checkout", "c1").code == 0
    assert payees.seen["prescriptions"] == 1
