"""What goes out to partners over money."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from settings.reader import Reader
from settings.servers import page_url

__all__ = ["PaymentSettings", "payment_settings"]


@dataclass(frozen=True)
class PaymentSettings:
    """`send_blocks`: whether creates that carry a payment may be sent to the pharmacy by us.

    The addresses are where a patient's browser goes behind a checkout.
    """

    send_blocks: bool = False
    success_url: str | None = None
    cancel_url: str | None = None


def _switch(value: str) -> Literal["yes", "no"]:
    if value not in ("yes", "no"):
        raise ValueError("wants yes or no")
    return value  # type: ignore[return-value]


def payment_settings(reader: Reader) -> PaymentSettings:
    return PaymentSettings(
        send_blocks=reader.one("RXLEDGER_TRUEPILL_SEND_PAYMENTS", _switch) == "yes",
        success_url=reader.one("RXLEDGER_CHECKOUT_SUCCESS_URL", page_url),
        cancel_url=reader.one("RXLEDGER_CHECKOUT_CANCEL_URL", page_url),
    )
