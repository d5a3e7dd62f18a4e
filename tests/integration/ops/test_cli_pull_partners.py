"""`rxledger pull` of several partners, and what `doctor` and `stats` say of each."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import stamina

from tests.support.commandline import Cli
from tests.support.healnow_server import Healnow
from tests.support.partner import Answer, Asked, Partner, partner
from tests.support.pulls import Book, arrivals
from workers.pull import pull_until_idle

START = 1_760_000_000
PHARMACY = {"RXLEDGER_TRUEPILL_API_KEY": "tp_live_key_that_is_secret"}
PAYMENTS = {"RXLEDGER_HEALNOW_API_KEY": "hn_live_key_that_is_secret"}
STREAMS = ["orders", "patients", "checkouts", "prescriptions"]


@pytest.fixture(autouse=True)
def without_waits(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(pull_until_idle, "STILL_SECONDS", 0.0)  # no worker runs
    with stamina.set_testing(True, attempts=2):
        yield


@pytest.fixture
def healnow() -> Healnow:
    made = Healnow()
    made.patient("pat1", made.prescription("p1"))
    made.orders = [made.order("o1", made.prescription("p2", "paid"))]
    return made


@pytest.fixture
def server(cli: Cli, healnow: Healnow) -> Iterator[Partner]:
    """Both partners at one address: their paths do not meet."""
    book = Book(arrivals(2, START))

    def answer(asked: Asked) -> Answer:
        return book(asked) if asked.path == "/v1/webhook_events/notify_rx" else healnow(asked)

    with partner(answer) as running:
        for name in ("TRUEPILL", "HEALNOW"):
            cli.setenv(
                **{
                    f"RXLEDGER_{name}_BASE_URL": running.url,
                    f"RXLEDGER_{name}_CALLS_PER_MINUTE": "100000",
                    f"RXLEDGER_{name}_TIMEOUT": "1",
                }
            )
        yield running


def pulled(document: dict[str, Any]) -> list[tuple[str, str, int]]:
    return [(one["partner"], one["stream"], one["stored"]) for one in document["streams"]]


def doctor(cli: Cli) -> dict[str, dict[str, Any]]:
    return {check["name"]: check for check in cli.run("doctor", "--json").document["checks"]}


def states(cli: Cli) -> dict[str, str]:
    cli.ledger.settle()
    rows = cli.ledger.conn.execute("SELECT key, state FROM entities WHERE kind = 'payment'").fetchall()
    return dict(rows)


def test_a_pull_reads_every_partner_that_has_a_key(cli: Cli, server: Partner) -> None:
    cli.setenv(**PHARMACY, **PAYMENTS)
    ran = cli.run("pull", "--since", "20000d", "--json")
    assert ran.code == 0, ran.err
    found = pulled(ran.document)
    assert ("truepill", "notify_rx", 2) in found
    assert [one for one in found if one[0] == "healnow"] == [
        ("healnow", name, stored) for name, stored in zip(STREAMS, (1, 0, 0, 2), strict=True)
    ]
    assert ran.document["settled"]
    assert states(cli) == {"p1": "pending", "p2": "paid"}


def test_without_the_pharmacys_key_the_other_is_read_all_the_same(cli: Cli, server: Partner) -> None:
    cli.setenv(**PAYMENTS)
    ran = cli.run("pull", "--json")
    assert (ran.code, {one[0] for one in pulled(ran.document)}) == (0, {"healnow"})


@pytest.mark.parametrize("name", ["orders", "healnow.orders"])
def test_one_stream_is_read_by_its_name(cli: Cli, server: Partner, name: str) -> None:
    cli.setenv(**PAYMENTS)
    ran = cli.run("pull", "--stream", name, "--json")
    assert pulled(ran.document) == [("healnow", "orders", 1)]


def test_a_stream_of_a_partner_without_a_key_is_refused(cli: Cli, server: Partner) -> None:
    cli.setenv(**PHARMACY)
    ran = cli.run("pull", "--stream", "orders")
    assert (ran.code, ran.err) == (1, "rxledger: RXLEDGER_HEALNOW_API_KEY is not set: pulls are off\n")
    ran = cli.run("pull", "--stream", "nobody.orders")
    assert "no partner 'nobody'" in ran.err


def test_one_payment_is_read(cli: Cli, server: Partner, healnow: Healnow) -> None:
    cli.setenv(**PAYMENTS)
    cli.run("pull")
    assert states(cli)["p1"] == "pending"
    healnow.prescriptions["pat1"][0]["status"] = "paid"
    ran = cli.run("pull", "--entity", "payment", "p1", "--json")
    assert pulled(ran.document) == [("healnow", "payment:record", 1)]
    assert states(cli)["p1"] == "paid"


def test_doctor_and_stats_tell_of_each_partner(cli: Cli, server: Partner) -> None:
    cli.setenv(**PHARMACY, **PAYMENTS)
    assert "nothing was pulled yet" in doctor(cli)["pulls of healnow"]["text"]
    cli.run("pull", "--since", "20000d")
    found = doctor(cli)
    for name in (
        "pulls",
        "pulls of healnow",
        "calls to healnow",
        "stream notify_rx",
        "stream healnow.orders",
    ):
        assert found[name]["status"] == "ok", found[name]
    told = [(one["partner"], one["name"]) for one in cli.run("stats", "--json").document["pulls"]["streams"]]
    assert {("truepill", "notify_rx"), *(("healnow", name) for name in STREAMS)} <= set(told)
    assert "healnow" in cli.run("stats").out


def test_what_is_wrong_with_one_partner_is_told_of_it_and_keeps_the_other_from_nothing(
    cli: Cli, server: Partner, healnow: Healnow
) -> None:
    cli.setenv(**PHARMACY, **PAYMENTS)
    healnow.instead["/v1/orders"] = Answer(401)
    ran = cli.run("pull", "--stream", "orders")
    assert ran.err == "rxledger: orders: orders: 401, the API key is refused\n"
    found = doctor(cli)
    assert found["stream healnow.orders"]["todo"] == "Correct RXLEDGER_HEALNOW_API_KEY."
    assert found["calls to healnow"]["status"] == "fail"
    assert "calls to truepill" not in found
    assert cli.run("pull", "--stream", "notify_rx", "--since", "20000d").code == 0


def test_a_partner_that_only_pushes_is_warned_about_and_one_that_is_not_there_is_not(cli: Cli) -> None:
    assert "pulls of healnow" not in doctor(cli)
    cli.setenv(RXLEDGER_HEALNOW_WEBHOOK_TOKENS="a-token-that-is-long-enough")
    told = doctor(cli)["pulls of healnow"]
    assert (told["status"], "RXLEDGER_HEALNOW_API_KEY" in told["todo"]) == ("warn", True)
