"""Partners that are paid, and paid to, for the commands that write to them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.commandline import Cli
from tests.support.partner import Partner, partner
from tests.support.payees import Payees


@pytest.fixture
def payees() -> Payees:
    return Payees()


@pytest.fixture
def server(cli: Cli, payees: Payees) -> Iterator[Partner]:
    """Both partners at one address, and the settings that lead there."""
    with partner(payees) as server:
        cli.setenv(
            RXLEDGER_TRUEPILL_BASE_URL=server.url,
            RXLEDGER_TRUEPILL_API_KEY="pharmacy-key",
            RXLEDGER_TRUEPILL_SEND_PAYMENTS="yes",
            RXLEDGER_HEALNOW_BASE_URL=f"{server.url}/healnow",
            RXLEDGER_HEALNOW_API_KEY="healnow-key",
            RXLEDGER_CHECKOUT_SUCCESS_URL="https://shop.example/paid",
            RXLEDGER_CHECKOUT_CANCEL_URL="https://shop.example/back",
            RXLEDGER_TRUEPILL_CALLS_PER_MINUTE="6000",
            RXLEDGER_HEALNOW_CALLS_PER_MINUTE="6000",
        )
        yield server
