"""What goes out over money is off until it is turned on by its one word."""

from __future__ import annotations

import pytest

from settings import PaymentSettings, Settings, SettingsError


def load(**variables: str) -> Settings:
    return Settings.load({"RXLEDGER_DATA": "/nonexistent", **variables})


def test_nothing_is_sent_unless_it_is_said() -> None:
    assert load().payments == PaymentSettings(False, None, None)
    assert not load(RXLEDGER_TRUEPILL_SEND_PAYMENTS="no").payments.send_blocks
    assert load(RXLEDGER_TRUEPILL_SEND_PAYMENTS="yes").payments.send_blocks


@pytest.mark.parametrize("value", ["Yes", "true", "1", "on"])
def test_a_word_that_might_mean_it_is_refused(value: str) -> None:
    with pytest.raises(SettingsError, match="SEND_PAYMENTS cannot be used: wants yes or no"):
        load(RXLEDGER_TRUEPILL_SEND_PAYMENTS=value)


def test_addresses_behind_a_checkout_are_addresses() -> None:
    found = load(RXLEDGER_CHECKOUT_SUCCESS_URL="https://shop.example/paid?x=1").payments
    assert found.success_url == "https://shop.example/paid?x=1"
    # A page behind a slash is another one than that without.
    assert load(RXLEDGER_CHECKOUT_CANCEL_URL="https://shop.example/back/").payments.cancel_url == (
        "https://shop.example/back/"
    )
    with pytest.raises(SettingsError, match="RXLEDGER_CHECKOUT_CANCEL_URL"):
        load(RXLEDGER_CHECKOUT_CANCEL_URL="shop")
