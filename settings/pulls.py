"""How what was missed is fetched from the partner."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from settings.reader import Reader
from settings.values import count, seconds

__all__ = ["PullSettings", "pull_settings"]

#: Calls a minute to a sandbox of our own, which nobody else waits for.
SANDBOX_CALLS = 6000


@dataclass(frozen=True)
class PullSettings:
    """How what was missed is fetched from the partner. Times are in seconds.

    `live_contract` says whether the partner has what its reference does not print: `auto` asks it.
    """

    calls_per_minute: int = 120
    timeout: float = 10.0
    connections: int = 4
    live_contract: Literal["auto", "yes", "no"] = "auto"
    types: tuple[str, ...] = ()
    every: float = 300.0
    overlap: int = 3600
    quiet: float = 3600.0


def _live_contract(value: str) -> Literal["auto", "yes", "no"]:
    if value not in ("auto", "yes", "no"):
        raise ValueError("wants auto, yes or no")
    return value  # type: ignore[return-value]


def _callback_type(value: str) -> str:
    if not (value.isascii() and value.replace("_", "").isalnum() and len(value) <= 40):
        raise ValueError("wants types of callbacks such as CONSULT")
    return value.upper()


def pull_settings(reader: Reader) -> PullSettings:
    """What is set for pulls, and what is usual for the rest."""
    usual = PullSettings()
    address, ours = (reader.values.get(f"RXLEDGER_{name}_URL") for name in ("TRUEPILL_BASE", "SANDBOX"))
    calls = SANDBOX_CALLS if address and address == ours else usual.calls_per_minute
    return PullSettings(
        calls_per_minute=reader.one("RXLEDGER_TRUEPILL_CALLS_PER_MINUTE", count) or calls,
        timeout=reader.one("RXLEDGER_TRUEPILL_TIMEOUT", seconds) or usual.timeout,
        connections=reader.one("RXLEDGER_TRUEPILL_CONNECTIONS", count) or usual.connections,
        live_contract=reader.one("RXLEDGER_TRUEPILL_LIVE_CONTRACT", _live_contract) or usual.live_contract,
        types=reader.many("RXLEDGER_TRUEPILL_PULL_TYPES", _callback_type),
        every=reader.one("RXLEDGER_PULL_EVERY", seconds) or usual.every,
        overlap=int(reader.one("RXLEDGER_PULL_OVERLAP", seconds) or usual.overlap),
        quiet=reader.one("RXLEDGER_PULL_QUIET", seconds) or usual.quiet,
    )
