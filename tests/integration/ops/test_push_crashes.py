"""A process that dies on its way out: each thing is seen by the partner once at most, and none is forgotten.

The places where it can be stopped between two steps are named here, each for each thing that is sent; so is
the time in which the partner has it and has not answered. Then it is run again, as often as a person would.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import orjson
import pytest

from settings.crash_points import CRASHED
from tests.support.commandline import Cli
from tests.support.factories import OrderClaim
from tests.support.paid_cli import PAID
from tests.support.partner import Partner
from tests.support.payees import Payees, carry_options, copay, long_ago, other_fields, priced

STEPS = ("begun", "intended", "marked", "answered", "recording", "recorded")
CHECKOUT = ("checkout_patient", "checkout_prescription", "checkout")
POINTS = [f"{what}.{step}" for what in CHECKOUT for step in STEPS]
#: What the partner calls them.
SENT_AS = {
    "checkout_patient": "patients",
    "checkout_prescription": "prescriptions",
    "checkout": "checkout_sessions",
    "payment_block": "fill_request",
}
PAID_CLI = "tests.support.paid_cli"
#: Between these steps the partner may have it, and nobody heard.
IN_DOUBT = ("marked", "answered", "recording")


def start(*arguments: str, crash_at: str = "", module: str = "ops.cli") -> subprocess.Popen[bytes]:
    """The command in a process of its own, which dies at this place."""
    return subprocess.Popen(
        [sys.executable, "-m", module, *arguments],
        env={**os.environ, "RXLEDGER_CRASH_AT": crash_at},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def states(cli: Cli) -> dict[str, list[str]]:
    rows = cli.ledger.conn.execute("SELECT what, state FROM intents ORDER BY id")
    found: dict[str, list[str]] = {}
    for what, state in rows:
        found.setdefault(what, []).append(state)
    return found


def worklist(cli: Cli) -> list[Any]:
    return [item for item in cli.run("worklist", "--json").document["worklist"] if item["what"] == "unknown"]


def test_the_points_are_those_that_there_are() -> None:
    text = (Path(__file__).parents[3] / "workers" / "push" / "once.py").read_text()
    assert text.count("crash_point(point(") == len(STEPS)
    assert all(f'crash_point(point("{step}"))' in text for step in STEPS)


@pytest.mark.parametrize("point", POINTS)
def test_a_checkout_that_dies_is_gone_on_with_or_put_before_a_person(
    cli: Cli, server: Partner, payees: Payees, point: str
) -> None:
    copay(cli, priced("rx1", "21.02"))
    died = start("checkout", "c1", crash_at=point)
    died.communicate(timeout=60)
    assert died.returncode == CRASHED
    what, step = point.split(".")

    first = cli.run("checkout", "c1", "--json")
    if step in IN_DOUBT:  # somebody may wait for the answer still
        assert (first.code, "is being sent by another process" in first.err) == (1, True)
        long_ago(cli)
        first = cli.run("checkout", "c1", "--json")
    second = cli.run("checkout", "c1", "--json")

    assert max(payees.seen.values()) == 1
    if what == "checkout" and step in IN_DOUBT:
        assert (first.code, second.code) == (1, 1)
        (item,) = worklist(cli)
        assert (item["kind"], item["key"]) == ("copay", "c1")
        assert payees.seen["checkout_sessions"] == (step != "marked")
        return
    assert (first.code, second.code) == (0, 0)
    assert first.document["session"] == second.document["session"] == "ch1"
    assert payees.seen == {"patients": 1, "prescriptions": 1, "checkout_sessions": 1}
    assert worklist(cli) == []
    assert cli.run("show", "payment", "c1:rx1", "--json").document["key"] == "pr1"
    assert cli.run("show", "checkout", "ch1", "--json").document["state"] == "open"


@pytest.mark.parametrize("what", CHECKOUT)
def test_a_checkout_that_dies_while_the_partner_has_what_was_sent(
    cli: Cli, server: Partner, payees: Payees, what: str
) -> None:
    copay(cli, priced("rx1", "21.02"))
    payees.fails = {SENT_AS[what]: "kill"}
    process = start("checkout", "c1")
    payees.pid = process.pid
    process.communicate(timeout=60)
    assert process.returncode == -signal.SIGKILL
    payees.fails = {}
    long_ago(cli)

    again = [cli.run("checkout", "c1", "--json") for _ in range(2)]

    assert max(payees.seen.values()) == 1
    if what == "checkout":
        assert [ran.code for ran in again] == [1, 1]
        assert len(worklist(cli)) == 1
    else:
        assert [ran.document["session"] for ran in again] == ["ch1", "ch1"]
        assert worklist(cli) == []


def test_of_checkouts_made_at_once_one_makes_it_and_the_others_say_the_same_or_that_it_is_being_made(
    cli: Cli, server: Partner, payees: Payees
) -> None:
    copay(cli)
    processes = [start("checkout", "c1", "--json") for _ in range(4)]
    for process in processes:
        _, err = process.communicate(timeout=120)
        assert process.returncode == 0 or b"another process" in err, err

    assert cli.run("checkout", "c1", "--json").document["session"] == "ch1"
    assert payees.seen == {"patients": 1, "prescriptions": 2, "checkout_sessions": 1}
    assert {state for found in states(cli).values() for state in found} == {"done"}


FILL = "fill_request_1"


@pytest.fixture
def sending(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The command that sends the payment of a fill whose claim asks for it, and which is paid."""
    monkeypatch.setattr("ops.paid_lines.paid_lines", lambda *_: PAID)
    cli.ledger.apply(OrderClaim(request_id=FILL))
    file = tmp_path / "request.json"
    file.write_bytes(orjson.dumps(other_fields()))
    return ["payment-block", FILL, *carry_options(), "--send", "--request", str(file), "--json"]


def carried_by(cli: Cli) -> list[tuple[str, str]]:
    links = cli.run("show", "fill_request", FILL, "--json").document["links"]
    return [(link["key"], link["relation"]) for link in links if link.get("relation")]


@pytest.mark.parametrize("step", STEPS)
def test_a_payment_whose_sender_dies_goes_out_once_or_is_put_before_a_person(
    cli: Cli, server: Partner, payees: Payees, sending: list[str], step: str
) -> None:
    died = start(*sending, crash_at=f"payment_block.{step}", module=PAID_CLI)
    died.communicate(timeout=60)
    assert died.returncode == CRASHED

    first = cli.run(*sending)
    if step in IN_DOUBT:
        assert (first.code, "is being sent by another process" in first.err) == (1, True)
        long_ago(cli)
        first = cli.run(*sending)
    second = cli.run(*sending)

    if step in IN_DOUBT:
        assert (first.code, second.code) == (1, 1)
        assert payees.seen["fill_request"] == (step != "marked")
        (item,) = worklist(cli)
        assert (item["kind"], item["key"]) == ("fill_request", FILL)
        assert carried_by(cli) == []
        return
    assert [ran.document["carried_by"] for ran in (first, second)] == ["new_fill_1", "new_fill_1"]
    assert second.document["sent_before"]
    assert payees.seen["fill_request"] == 1
    assert worklist(cli) == []
    assert carried_by(cli) == [("new_fill_1", "referred_to_by")]


def test_a_payment_whose_sender_dies_while_the_partner_has_it(
    cli: Cli, server: Partner, payees: Payees, sending: list[str]
) -> None:
    payees.fails = {"fill_request": "kill"}
    process = start(*sending, module=PAID_CLI)
    payees.pid = process.pid
    process.communicate(timeout=60)
    assert process.returncode == -signal.SIGKILL
    payees.fails = {}
    long_ago(cli)

    assert [cli.run(*sending).code for _ in range(2)] == [1, 1]
    assert payees.seen["fill_request"] == 1
    assert len(worklist(cli)) == 1


def test_of_payments_sent_at_once_one_goes_out(
    cli: Cli, server: Partner, payees: Payees, sending: list[str]
) -> None:
    processes = [start(*sending, module=PAID_CLI) for _ in range(4)]
    for process in processes:
        _, err = process.communicate(timeout=120)
        assert process.returncode == 0 or b"another process" in err, err

    assert payees.seen["fill_request"] == 1
    assert states(cli) == {"payment_block": ["done"]}
    assert carried_by(cli) == [("new_fill_1", "referred_to_by")]
