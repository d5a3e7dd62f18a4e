"""The ways out against the sandbox, which is both partners: it takes what they send, and gives it back."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest

from tests.integration.sandbox.billing import HOUR, card, copay, patient_with
from tests.integration.sandbox.payments import Healnow
from tests.support.commandline import Cli
from tests.support.factories import OrderClaim
from tests.support.paid_cli import PAID
from tests.support.payees import carry_options, other_fields
from tests.support.sandbox import KEY, Desk, desk


@pytest.fixture
def partners(cli: Cli) -> Iterator[Desk]:
    with desk(until_ended=False) as running:
        cli.setenv(
            RXLEDGER_TRUEPILL_BASE_URL=running.url,
            RXLEDGER_TRUEPILL_API_KEY=KEY,
            RXLEDGER_TRUEPILL_SEND_PAYMENTS="yes",
            RXLEDGER_TRUEPILL_CALLS_PER_MINUTE="6000",
            RXLEDGER_HEALNOW_BASE_URL=f"{running.url}/healnow",
            RXLEDGER_HEALNOW_API_KEY=KEY,
            RXLEDGER_CHECKOUT_SUCCESS_URL="https://shop.example/paid",
            RXLEDGER_CHECKOUT_CANCEL_URL="https://shop.example/back",
        )
        yield running


def test_a_copay_is_paid_at_its_checkout(cli: Cli, partners: Desk) -> None:
    patient, tokens = patient_with(partners, True, True)
    made = copay(partners, patient, [card(partners, patient)], [{"prescription_token": t} for t in tokens])
    partners.wait(HOUR)
    cli.ledger.apply(*[body for body in partners.callbacks if body.get("callback_type") == "COPAY"])

    ran = cli.run("checkout", made["request_id"], "--json")

    assert (ran.code, ran.err) == (0, "")
    healnow = Healnow(partners)
    session = healnow.done("GET", f"/v1/checkout_sessions/{ran.document['session']}")
    assert session["checkout_url"] == ran.document["url"]
    assert session["total_in_cents"] == sum(line["cents"] for line in ran.document["lines"])
    assert [item["eid"] for item in session["items"]] == [
        f"{made['request_id']}:{line['prescription_token']}" for line in ran.document["lines"]
    ]
    assert healnow.at(session, "POST", "/pay")[0] == 200
    assert cli.run("checkout", made["request_id"], "--json").document["status"] == "paid"


def test_the_create_that_carries_a_payment_is_taken(
    cli: Cli, partners: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    patient, tokens = patient_with(partners, True, True)
    lines = [line._replace(token=token) for line, token in zip(PAID, tokens, strict=True)]
    monkeypatch.setattr("ops.paid_lines.paid_lines", lambda *_: tuple(lines))
    cli.ledger.apply(OrderClaim(request_id="fill_request_1"))
    file = tmp_path / "request.json"
    insurances = [{"insurance_token": card(partners, patient)}]
    file.write_bytes(orjson.dumps({**other_fields(), "patient_token": patient, "insurances": insurances}))
    options = [*carry_options(), "--send", "--request", str(file), "--json"]

    ran = cli.run("payment-block", "fill_request_1", *options)

    assert (ran.code, ran.err) == (0, "")
    taken = partners.done("GET", f"/v1/fill_request/{ran.document['carried_by']}")
    assert taken
