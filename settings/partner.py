"""What is set for one partner: how its callbacks are verified, where it is called, and which partners there
are.

A partner is a folder with a `partner.py` (docs/adding-a-partner.md). Its name is in the names of its
variables: RXLEDGER_NAME_WEBHOOK_TOKENS and so on.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

from settings.pulls import CallSettings, call_settings
from settings.reader import Reader
from settings.secrets import Guards, token
from settings.servers import http_url
from settings.values import Network, network

__all__ = ["PartnerSettings", "partner_folder", "partner_names", "partner_settings"]

_name = re.compile(r"[a-z][a-z0-9_]{0,30}").fullmatch


@dataclass(frozen=True)
class PartnerSettings:
    """How one partner's callbacks are verified, and how it is called. Any one configured secret suffices.

    `base_url` is None where nothing is set: then its own is meant. Without `api_key` it is not called.
    """

    name: str
    tokens: tuple[str, ...] = field(default=(), repr=False)
    basic: tuple[str, ...] = field(default=(), repr=False)
    hmac_keys: tuple[str, ...] = field(default=(), repr=False)
    hmac_header: str | None = None
    allowed_cidrs: tuple[Network, ...] = ()
    base_url: str | None = None
    api_key: str | None = field(default=None, repr=False)
    calls: CallSettings = field(default_factory=CallSettings)

    @property
    def has_secret(self) -> bool:
        return bool(self.tokens or self.basic or self.hmac_keys)


def partner_folder(value: str) -> Path:
    """A folder of partners beside our own. Raises ValueError."""
    path = Path(value).expanduser()
    if not path.is_dir():
        raise ValueError("wants a folder that holds folders of partners")
    return path.resolve()


def partner_names(folders: Iterable[Path] = ()) -> tuple[str, ...]:
    """The names of the partners that come with this version, and of those in these folders; sorted."""
    found = find_spec("partners")
    own = [] if found is None or found.origin is None else [Path(found.origin).parent]
    paths = [*own, *folders]
    return tuple(sorted({file.parent.name for path in paths for file in path.glob("*/partner.py")}))


def _header_name(value: str) -> str:
    if not value.isascii() or not value.replace("-", "").replace("_", "").isalnum():
        raise ValueError("wants a header's name")
    return value.lower()


def partner_settings(reader: Reader, name: str, guards: Guards) -> PartnerSettings:
    """What is set for the partner of this name; its variables begin with RXLEDGER_NAME."""
    if not _name(name):
        reader.errors.append(f"the partner {name!r} cannot be used: wants a name of [a-z0-9_]")
        return PartnerSettings(name)
    prefix = f"RXLEDGER_{name.upper()}"
    return PartnerSettings(
        name=name,
        tokens=reader.many(f"{prefix}_WEBHOOK_TOKENS", guards.token),
        basic=reader.many(f"{prefix}_WEBHOOK_BASIC", guards.user_password),
        hmac_keys=reader.many(f"{prefix}_WEBHOOK_HMAC_KEYS", guards.hmac_key),
        hmac_header=reader.one(f"{prefix}_WEBHOOK_HMAC_HEADER", _header_name),
        allowed_cidrs=reader.many(f"{prefix}_ALLOWED_CIDRS", network),
        base_url=reader.one(f"{prefix}_BASE_URL", http_url),
        api_key=reader.one(f"{prefix}_API_KEY", token),
        calls=call_settings(reader, prefix),
    )
