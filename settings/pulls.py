"""How what was missed is fetched from partners: how often, and how each of them may be called."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from settings.reader import Reader
from settings.values import count, seconds

__all__ = ["CallSettings", "PullSettings", "call_settings", "pull_settings"]

#: Calls a minute to a sandbox of our own, which nobody else waits for.
SANDBOX_CALLS = 6000


@dataclass(frozen=True)
class CallSettings:
    """How one partner is called. `timeout` is in seconds.

    `live_contract` says whether the partner has what its reference does not print: `auto` asks it. `types`
    are callbacks that are pulled by themselves, where a partner has such a list.
    """

    calls_per_minute: int = 120
    timeout: float = 10.0
    connections: int = 4
    live_contract: Literal["auto", "yes", "no"] = "auto"
    types: tuple[str, ...] = ()


@dataclass(frozen=True)
class PullSettings:
    """When partners are asked, in seconds."""

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


def call_settings(reader: Reader, prefix: str) -> CallSettings:
    """What is set for calls to the partner whose variables begin with `prefix`, and what is usual."""
    usual = CallSettings()
    address, ours = (reader.values.get(name) for name in (f"{prefix}_BASE_URL", "RXLEDGER_SANDBOX_URL"))
    calls = SANDBOX_CALLS if _is_within(address, ours) else usual.calls_per_minute
    return CallSettings(
        calls_per_minute=reader.one(f"{prefix}_CALLS_PER_MINUTE", count) or calls,
        timeout=reader.one(f"{prefix}_TIMEOUT", seconds) or usual.timeout,
        connections=reader.one(f"{prefix}_CONNECTIONS", count) or usual.connections,
        live_contract=reader.one(f"{prefix}_LIVE_CONTRACT", _live_contract) or usual.live_contract,
        types=reader.many(f"{prefix}_PULL_TYPES", _callback_type),
    )


def _is_within(address: str | None, sandbox: str | None) -> bool:
    """Whether it is the sandbox's address, or one below it."""
    if not address or not sandbox:
        return False
    return f"{address.rstrip('/')}/".startswith(f"{sandbox.rstrip('/')}/")


def pull_settings(reader: Reader) -> PullSettings:
    """What is set for pulls, and what is usual for the rest."""
    usual = PullSettings()
    return PullSettings(
        every=reader.one("RXLEDGER_PULL_EVERY", seconds) or usual.every,
        overlap=int(reader.one("RXLEDGER_PULL_OVERLAP", seconds) or usual.overlap),
        quiet=reader.one("RXLEDGER_PULL_QUIET", seconds) or usual.quiet,
    )
