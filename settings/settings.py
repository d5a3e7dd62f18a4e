"""Settings: the one module that reads the environment.

`Settings.load` reads the environment and, for what it lacks, the `env` file of the data folder
(`rxledger up` writes it). What is set is checked at once; what is missing is reported by `require`,
which a command calls with the groups it cannot work without. Every error names its variable and says
what it wants. Secrets have no default and are kept out of `repr`.
"""

from __future__ import annotations

import base64
import binascii
import ipaddress
import os
import stat
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypeVar

__all__ = [
    "Network",
    "PartnerSettings",
    "PullSettings",
    "SealKey",
    "Settings",
    "SettingsError",
    "SilenceSettings",
    "child_environment",
    "read_env_file",
    "use_data_folder",
]

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Group = Literal["database", "broker", "sealing", "receiver", "flower", "sandbox"]
T = TypeVar("T")

PARTNERS = ("truepill", "healnow")
ENV_FILE = "env"
#: Calls a minute to a sandbox of our own, which nobody else waits for.
SANDBOX_CALLS = 6000


class SettingsError(Exception):
    """One or more settings are missing or cannot be used; the text has one line for each."""


@dataclass(frozen=True)
class SealKey:
    """One AES-256 key of the ring: `id` is written beside what it sealed."""

    id: str
    secret: bytes = field(repr=False)


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


@dataclass(frozen=True)
class SilenceSettings:
    """When silence is told. Times are in seconds.

    `after`: by (kind, state), where another time is wanted than the machine's page says. `push`: a partner's
    silence that is shorter is never told, however short its usual gap is.
    """

    after: Mapping[tuple[str, str], float] = field(default_factory=dict)
    push: float = 3600.0


@dataclass(frozen=True)
class Settings:
    """Everything the environment says, parsed. `None` means: not set."""

    data_dir: Path
    database_url: str | None = field(default=None, repr=False)
    redis_url: str | None = field(default=None, repr=False)
    broker_url: str | None = field(default=None, repr=False)
    broker_prefix: str = ""
    seal_keys: tuple[SealKey, ...] = field(default=(), repr=False)
    lookup_key: bytes | None = field(default=None, repr=False)
    truepill: PartnerSettings = field(default_factory=lambda: PartnerSettings("truepill"))
    healnow: PartnerSettings = field(default_factory=lambda: PartnerSettings("healnow"))
    truepill_base_url: str = "https://api.truepill.com"
    truepill_api_key: str | None = field(default=None, repr=False)
    pull: PullSettings = field(default_factory=PullSettings)
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
        env = dict(os.environ if environ is None else environ)
        folder = data_dir or Path(env.get("RXLEDGER_DATA") or "var")
        values = {**read_env_file(folder / ENV_FILE), **{k: v for k, v in env.items() if v}}
        return _Reader(values, folder).settings()

    @property
    def partners(self) -> tuple[PartnerSettings, ...]:
        return (self.truepill, self.healnow)

    def require(self, *groups: Group) -> Settings:
        """This, when every setting of the groups is there. Raises SettingsError naming what is missing."""
        missing = [line for group in groups for line in _missing(self, group)]
        if missing:
            raise SettingsError("\n".join(dict.fromkeys(missing)))
        return self

    @property
    def spool(self) -> Path:
        return self.spool_dir or self.data_dir / "spool"


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
        return [
            "no partner has a secret: set RXLEDGER_TRUEPILL_WEBHOOK_TOKENS, …_WEBHOOK_BASIC or "
            "…_WEBHOOK_HMAC_KEYS (or the same for HEALNOW)"
        ]
    if group == "sandbox":
        wants = "RXLEDGER_SANDBOX_KEYS is not set: the API keys of the sandbox's customers"
        return [] if s.sandbox_keys else [wants]
    lines = []
    if not s.flower_basic_auth:
        lines.append("RXLEDGER_FLOWER_BASIC_AUTH is not set: user:password")
    if not s.flower_cookie_secret:
        lines.append("RXLEDGER_FLOWER_COOKIE_SECRET is not set: at least 16 random characters")
    return lines


def read_env_file(path: Path) -> dict[str, str]:
    """The NAME=VALUE lines of a data folder's env file; empty when there is none.

    Raises SettingsError when the file can be read by others (it holds every secret).
    """
    try:
        mode = path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        return {}
    if stat.S_IMODE(mode) & 0o077:
        raise SettingsError(f"{path} can be read by others: it holds secrets, chmod 600 it")
    lines = (line.strip() for line in path.read_text(encoding="utf-8").splitlines())
    pairs = (line.partition("=") for line in lines if line and not line.startswith("#"))
    return {name: value for name, _, value in pairs if value}


def use_data_folder(folder: Path | None = None) -> Path:
    """Make `folder` the data folder of this process and of those it starts; returns its absolute path.

    Without one it is what RXLEDGER_DATA says, else `var`.
    """
    found = (folder or Path(os.environ.get("RXLEDGER_DATA") or "var")).expanduser().resolve()
    os.environ["RXLEDGER_DATA"] = str(found)
    return found


def child_environment(extra: Mapping[str, str]) -> dict[str, str]:
    """The environment for a process that we start: ours, with `extra` on top."""
    return {**os.environ, **extra}


class _Reader:
    """Parses one mapping of variables; gathers every error before it raises."""

    def __init__(self, values: Mapping[str, str], folder: Path) -> None:
        self.values = values
        self.folder = folder
        self.errors: list[str] = []

    def settings(self) -> Settings:
        get = self.values.get
        redis_url = self.one("REDIS_URL", _broker_url)
        result = Settings(
            data_dir=self.folder,
            database_url=self.one("DATABASE_URL", _database_url),
            redis_url=redis_url,
            broker_url=self.one("BROKER_URL", _broker_url) or redis_url,
            broker_prefix=get("RXLEDGER_BROKER_PREFIX", ""),
            seal_keys=self.many("RXLEDGER_SEAL_KEYS", _seal_key),
            lookup_key=self.one("RXLEDGER_LOOKUP_KEY", _long_secret),
            truepill=self.partner("truepill"),
            healnow=self.partner("healnow"),
            truepill_base_url=self.one("RXLEDGER_TRUEPILL_BASE_URL", _http_url) or "https://api.truepill.com",
            truepill_api_key=self.one("RXLEDGER_TRUEPILL_API_KEY", _token),
            pull=self.pull(),
            silence=self.silence(),
            trusted_proxies=self.many("RXLEDGER_TRUSTED_PROXIES", _network),
            spool_dir=self.one("RXLEDGER_SPOOL_DIR", Path),
            metrics_token=get("RXLEDGER_METRICS_TOKEN"),
            flower_basic_auth=self.one("RXLEDGER_FLOWER_BASIC_AUTH", _user_password),
            flower_cookie_secret=self.one("RXLEDGER_FLOWER_COOKIE_SECRET", _long_text),
            receiver_url=get("RXLEDGER_RECEIVER_URL"),
            flower_url=get("RXLEDGER_FLOWER_URL"),
            sandbox_url=self.one("RXLEDGER_SANDBOX_URL", _http_url),
            sandbox_keys=self.many("RXLEDGER_SANDBOX_KEYS", _token),
            sandbox_live_keys=self.many("RXLEDGER_SANDBOX_LIVE_KEYS", _token),
            sandbox_callback_url=self.one("RXLEDGER_SANDBOX_CALLBACK_URL", _http_url),
            sandbox_live_callback_url=self.one("RXLEDGER_SANDBOX_LIVE_CALLBACK_URL", _http_url),
        )
        ids = [key.id for key in result.seal_keys]
        if len(set(ids)) != len(ids):
            self.errors.append("RXLEDGER_SEAL_KEYS names one id twice")
        if self.errors:
            raise SettingsError("\n".join(self.errors))
        return result

    def partner(self, name: str) -> PartnerSettings:
        prefix = f"RXLEDGER_{name.upper()}"
        return PartnerSettings(
            name=name,
            tokens=self.many(f"{prefix}_WEBHOOK_TOKENS", _token),
            basic=self.many(f"{prefix}_WEBHOOK_BASIC", _user_password),
            hmac_keys=self.many(f"{prefix}_WEBHOOK_HMAC_KEYS", _hmac_key),
            hmac_header=self.one(f"{prefix}_WEBHOOK_HMAC_HEADER", _header_name),
            allowed_cidrs=self.many(f"{prefix}_ALLOWED_CIDRS", _network),
        )

    def pull(self) -> PullSettings:
        usual = PullSettings()
        address, ours = (self.values.get(f"RXLEDGER_{name}_URL") for name in ("TRUEPILL_BASE", "SANDBOX"))
        calls = SANDBOX_CALLS if address and address == ours else usual.calls_per_minute
        return PullSettings(
            calls_per_minute=self.one("RXLEDGER_TRUEPILL_CALLS_PER_MINUTE", _count) or calls,
            timeout=self.one("RXLEDGER_TRUEPILL_TIMEOUT", _seconds) or usual.timeout,
            connections=self.one("RXLEDGER_TRUEPILL_CONNECTIONS", _count) or usual.connections,
            live_contract=self.one("RXLEDGER_TRUEPILL_LIVE_CONTRACT", _live_contract) or usual.live_contract,
            types=self.many("RXLEDGER_TRUEPILL_PULL_TYPES", _callback_type),
            every=self.one("RXLEDGER_PULL_EVERY", _seconds) or usual.every,
            overlap=int(self.one("RXLEDGER_PULL_OVERLAP", _seconds) or usual.overlap),
            quiet=self.one("RXLEDGER_PULL_QUIET", _seconds) or usual.quiet,
        )

    def silence(self) -> SilenceSettings:
        return SilenceSettings(
            after=dict(self.many("RXLEDGER_SILENCE_AFTER", _silent_state)),
            push=self.one("RXLEDGER_SILENCE_PUSH", _seconds) or SilenceSettings.push,
        )

    def one(self, name: str, parse: Callable[[str], T]) -> T | None:
        value = self.values.get(name)
        return self._parse(name, value, parse) if value else None

    def many(self, name: str, parse: Callable[[str], T]) -> tuple[T, ...]:
        items = (item.strip() for item in self.values.get(name, "").split(","))
        parsed = (self._parse(name, item, parse) for item in items if item)
        return tuple(item for item in parsed if item is not None)

    def _parse(self, name: str, value: str, parse: Callable[[str], T]) -> T | None:
        try:
            return parse(value)
        except ValueError as error:
            # Our parsers say what is wanted; none of them repeats the value, which may be a secret.
            self.errors.append(f"{name} cannot be used: {error}")
            return None


def _database_url(value: str) -> str:
    scheme, found, rest = value.partition("://")
    if not found or scheme not in ("postgres", "postgresql", "postgresql+psycopg"):
        raise ValueError("wants postgresql://…, postgres://… or postgresql+psycopg://…")
    return f"postgresql://{rest}"


def _broker_url(value: str) -> str:
    if value.partition("://")[0] not in (
        "redis",
        "rediss",
        "redis+socket",
        "amqp",
        "amqps",
        "pyamqp",
        "valkey",
    ):
        raise ValueError("wants redis://…, rediss://…, redis+socket://… or amqp://…")
    return value.replace("valkey://", "redis://", 1)  # one protocol, and kombu knows it by the older name


def _http_url(value: str) -> str:
    if not value.startswith(("http://", "https://")):
        raise ValueError("wants http://… or https://…")
    return value.rstrip("/")


def _count(value: str) -> int:
    if not (value.isascii() and value.isdigit() and 1 <= int(value[:9]) <= 1_000_000):
        raise ValueError("wants a whole number from 1 to 1000000")
    return int(value)


def _seconds(value: str) -> float:
    try:
        seconds = float(value)
    except ValueError:
        seconds = 0.0
    if not 0.01 <= seconds <= 31_536_000:
        raise ValueError("wants seconds, more than none and less than a year")
    return seconds


def _live_contract(value: str) -> Literal["auto", "yes", "no"]:
    if value not in ("auto", "yes", "no"):
        raise ValueError("wants auto, yes or no")
    return value  # type: ignore[return-value]


def _callback_type(value: str) -> str:
    if not (value.isascii() and value.replace("_", "").isalnum() and len(value) <= 40):
        raise ValueError("wants types of callbacks such as CONSULT")
    return value.upper()


def _silent_state(value: str) -> tuple[tuple[str, str], float]:
    from statemachine import MACHINES  # not for every start of a process: few set it

    state, _, days = value.partition("=")
    kind, _, state = state.strip().partition(".")
    machine = MACHINES.get(kind)
    clock = machine.clocks.get(state) if machine is not None else None
    if clock is None or clock.silence is None:
        raise ValueError("wants KIND.STATE=DAYS with a state whose silence is told: docs/diagrams list them")
    try:
        return (kind, state), _seconds(str(float(days) * 86_400))
    except ValueError:
        raise ValueError("wants KIND.STATE=DAYS with days such as 5 or 0.5, less than a year") from None


def _seal_key(value: str) -> SealKey:
    key_id, _, encoded = value.partition(":")
    wants = "wants id:base64 with 32 bytes of key and an id of 1-16 letters, digits, - or _"
    if not (
        1 <= len(key_id) <= 16 and key_id.isascii() and key_id.replace("-", "").replace("_", "").isalnum()
    ):
        raise ValueError(wants)
    try:
        secret = base64.b64decode(encoded.replace("-", "+").replace("_", "/"), validate=True)
    except binascii.Error:
        raise ValueError(wants) from None
    if len(secret) != 32:
        raise ValueError(wants)
    return SealKey(key_id, secret)


def _long_text(value: str) -> str:
    if len(value) < 16:
        raise ValueError("wants at least 16 characters")
    return value


def _long_secret(value: str) -> bytes:
    return _long_text(value).encode()


def _token(value: str) -> str:
    if not value.isascii() or not value.isprintable():
        raise ValueError("wants printable ASCII")
    return value


def _hmac_key(value: str) -> str:
    if value.startswith("whsec_"):
        try:
            base64.b64decode(value.removeprefix("whsec_"), validate=True)
        except binascii.Error:
            raise ValueError("wants base64 behind whsec_") from None
    return value


def _user_password(value: str) -> str:
    user, found, password = value.partition(":")
    if not (user and found and password):
        raise ValueError("wants user:password")
    return value


def _header_name(value: str) -> str:
    if not value.isascii() or not value.replace("-", "").replace("_", "").isalnum():
        raise ValueError("wants a header's name")
    return value.lower()


def _network(value: str) -> Network:
    try:
        return ipaddress.ip_network(value, strict=False)
    except ValueError:
        raise ValueError("wants addresses or networks such as 192.0.2.0/24") from None
