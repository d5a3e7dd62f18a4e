"""Settings: everything that the environment says, in one value.

`Settings.load` reads the environment and, for what it lacks, the `env` file of the data folder
(`rxledger up` writes it). What is set is checked at once; what is missing is reported by `require`,
which a command calls with the groups it cannot work without.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from settings.environment import data_folder, own_environment, variables
from settings.errors import SettingsError
from settings.partner import PartnerSettings, partner_folder, partner_names, partner_settings
from settings.payments import PaymentSettings, payment_settings
from settings.pulls import PullSettings, pull_settings
from settings.reader import Reader
from settings.secrets import SHORTEST, Guards, SealKey, seal_key, token
from settings.servers import Database, broker_url, database_url, has_options, http_url, pooler
from settings.silence import SilenceSettings, silence_settings
from settings.values import Network, network

__all__ = ["Settings"]

Group = Literal["database", "broker", "sealing", "receiver", "flower", "sandbox"]


@dataclass(frozen=True)
class Settings:
    """Everything the environment says, parsed. `None` means: not set."""

    data_dir: Path
    database_url: str | None = field(default=None, repr=False)
    database_pooled: bool = False
    redis_url: str | None = field(default=None, repr=False)
    broker_url: str | None = field(default=None, repr=False)
    broker_prefix: str = ""
    seal_keys: tuple[SealKey, ...] = field(default=(), repr=False)
    lookup_key: bytes | None = field(default=None, repr=False)
    partner_folders: tuple[Path, ...] = ()
    partners: tuple[PartnerSettings, ...] = field(
        default_factory=lambda: tuple(PartnerSettings(name) for name in partner_names())
    )
    pull: PullSettings = field(default_factory=PullSettings)
    payments: PaymentSettings = field(default_factory=PaymentSettings)
    silence: SilenceSettings = field(default_factory=SilenceSettings)
    trusted_proxies: tuple[Network, ...] = ()
    spool_dir: Path | None = None
    metrics_token: str | None = field(default=None, repr=False)
    flower_basic_auth: str | None = field(default=None, repr=False)
    flower_cookie_secret: str | None = field(default=None, repr=False)
    receiver_url: str | None = None
    flower_url: str | None = None
    sandbox_url: str | None = None
    sandbox_keys: tuple[str, ...] = field(default=(), repr=False)
    sandbox_live_keys: tuple[str, ...] = field(default=(), repr=False)
    sandbox_callback_url: str | None = field(default=None, repr=False)
    sandbox_live_callback_url: str | None = field(default=None, repr=False)

    @classmethod
    def load(cls, environ: Mapping[str, str] | None = None, data_dir: Path | None = None) -> Settings:
        """Read the environment, then `DIR/env` for what it lacks.

        Raises SettingsError with a line for each variable that cannot be used.
        """
        env = own_environment() if environ is None else environ
        folder = data_dir or data_folder(env)
        return _read(Reader(variables(env, folder)), folder)

    @property
    def database(self) -> Database:
        """Where PostgreSQL is; an address that libpq's own variables complete when none is set."""
        return Database(self.database_url or "", self.database_pooled)

    def partner(self, name: str) -> PartnerSettings:
        """What is set for a partner; nothing for one of another name."""
        return next((partner for partner in self.partners if partner.name == name), PartnerSettings(name))

    def require(self, *groups: Group) -> Settings:
        """This, when every setting of the groups is there. Raises SettingsError naming what is missing."""
        missing = [line for group in groups for line in _missing(self, group)]
        if missing:
            raise SettingsError("\n".join(dict.fromkeys(missing)))
        return self

    @property
    def spool(self) -> Path:
        return self.spool_dir or self.data_dir / "spool"


def _read(reader: Reader, folder: Path) -> Settings:
    """Every setting, in the order in which errors are told. Raises SettingsError with all of them."""
    get = reader.values.get
    redis_url = reader.one("REDIS_URL", broker_url)
    # For tests, and for nothing else: `doctor` tells of short ones all the same.
    guards = Guards(1 if get("RXLEDGER_ALLOW_SHORT_SECRETS") == "yes" else SHORTEST)
    partner_folders = reader.many("RXLEDGER_PARTNER_FOLDERS", partner_folder)
    result = Settings(
        data_dir=folder,
        database_url=reader.one("DATABASE_URL", database_url),
        database_pooled=reader.one("RXLEDGER_DATABASE_POOLER", pooler) or False,
        redis_url=redis_url,
        broker_url=reader.one("BROKER_URL", broker_url) or redis_url,
        broker_prefix=get("RXLEDGER_BROKER_PREFIX", ""),
        seal_keys=reader.many("RXLEDGER_SEAL_KEYS", seal_key),
        lookup_key=reader.one("RXLEDGER_LOOKUP_KEY", guards.secret),
        partner_folders=partner_folders,
        partners=tuple(partner_settings(reader, name, guards) for name in partner_names(partner_folders)),
        pull=pull_settings(reader),
        payments=payment_settings(reader),
        silence=silence_settings(reader),
        trusted_proxies=reader.many("RXLEDGER_TRUSTED_PROXIES", network),
        spool_dir=reader.one("RXLEDGER_SPOOL_DIR", Path),
        metrics_token=reader.one("RXLEDGER_METRICS_TOKEN", guards.token),
        flower_basic_auth=reader.one("RXLEDGER_FLOWER_BASIC_AUTH", guards.user_password),
        flower_cookie_secret=reader.one("RXLEDGER_FLOWER_COOKIE_SECRET", guards.text),
        receiver_url=get("RXLEDGER_RECEIVER_URL"),
        flower_url=get("RXLEDGER_FLOWER_URL"),
        sandbox_url=reader.one("RXLEDGER_SANDBOX_URL", http_url),
        sandbox_keys=reader.many("RXLEDGER_SANDBOX_KEYS", token),
        sandbox_live_keys=reader.many("RXLEDGER_SANDBOX_LIVE_KEYS", token),
        sandbox_callback_url=reader.one("RXLEDGER_SANDBOX_CALLBACK_URL", http_url),
        sandbox_live_callback_url=reader.one("RXLEDGER_SANDBOX_LIVE_CALLBACK_URL", http_url),
    )
    ids = [key.id for key in result.seal_keys]
    if len(set(ids)) != len(ids):
        reader.errors.append("RXLEDGER_SEAL_KEYS names one id twice")
    if result.database_pooled and has_options(result.database_url or ""):
        reader.errors.append(
            "DATABASE_URL cannot be used: wants no options behind a pooler: set them for the role"
        )
    if reader.errors:
        raise SettingsError("\n".join(reader.errors))
    return result


def _missing(s: Settings, group: Group) -> list[str]:
    if group == "database":
        return [] if s.database_url else ["DATABASE_URL is not set: a PostgreSQL address (postgresql://…)"]
    if group == "broker":
        return (
            [] if s.broker_url else ["REDIS_URL or BROKER_URL is not set: the broker's address (redis://…)"]
        )
    if group == "sealing":
        lines = []
        if not s.seal_keys:
            lines.append("RXLEDGER_SEAL_KEYS is not set: id:base64 of 32 random bytes, first one seals")
        if not s.lookup_key:
            lines.append("RXLEDGER_LOOKUP_KEY is not set: at least 16 random characters")
        return lines
    if group == "receiver":
        if any(p.has_secret for p in s.partners):
            return []
        tokens = " or ".join(f"RXLEDGER_{partner.name.upper()}_WEBHOOK_TOKENS" for partner in s.partners)
        return [f"no partner has a secret: set {tokens} (or …_WEBHOOK_BASIC, …_WEBHOOK_HMAC_KEYS)"]
    if group == "sandbox":
        wants = "RXLEDGER_SANDBOX_KEYS is not set: the API keys of the sandbox's customers"
        return [] if s.sandbox_keys else [wants]
    lines = []
    if not s.flower_basic_auth:
        lines.append("RXLEDGER_FLOWER_BASIC_AUTH is not set: user:password")
    if not s.flower_cookie_secret:
        lines.append("RXLEDGER_FLOWER_COOKIE_SECRET is not set: at least 16 random characters")
    return lines
