"""How a partner's callbacks are verified."""

from __future__ import annotations

from dataclasses import dataclass, field

from settings.reader import Reader
from settings.secrets import Guards
from settings.values import Network, network

__all__ = ["PartnerSettings", "partner_settings"]


@dataclass(frozen=True)
class PartnerSettings:
    """How one partner's callbacks are verified. Any one configured secret suffices."""

    name: str
    tokens: tuple[str, ...] = field(default=(), repr=False)
    basic: tuple[str, ...] = field(default=(), repr=False)
    hmac_keys: tuple[str, ...] = field(default=(), repr=False)
    hmac_header: str | None = None
    allowed_cidrs: tuple[Network, ...] = ()

    @property
    def has_secret(self) -> bool:
        return bool(self.tokens or self.basic or self.hmac_keys)


def _header_name(value: str) -> str:
    if not value.isascii() or not value.replace("-", "").replace("_", "").isalnum():
        raise ValueError("wants a header's name")
    return value.lower()


def partner_settings(reader: Reader, name: str, guards: Guards) -> PartnerSettings:
    """What is set for the partner of this name; its variables begin with RXLEDGER_NAME."""
    prefix = f"RXLEDGER_{name.upper()}"
    return PartnerSettings(
        name=name,
        tokens=reader.many(f"{prefix}_WEBHOOK_TOKENS", guards.token),
        basic=reader.many(f"{prefix}_WEBHOOK_BASIC", guards.user_password),
        hmac_keys=reader.many(f"{prefix}_WEBHOOK_HMAC_KEYS", guards.hmac_key),
        hmac_header=reader.one(f"{prefix}_WEBHOOK_HMAC_HEADER", _header_name),
        allowed_cidrs=reader.many(f"{prefix}_ALLOWED_CIDRS", network),
    )
