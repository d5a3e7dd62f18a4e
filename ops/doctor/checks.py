"""The checks of `doctor`: what each one is, and those that need nothing but the settings and the disk."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from ops.doctor.spool_depth import spool_depth
from partners.registry import partners_of
from settings import SHORTEST, PartnerSettings, Settings, SettingsError, hmac_secret

__all__ = ["Check", "required", "secrets", "signatures", "spool"]


@dataclass(frozen=True)
class Check:
    """One part looked at. `todo` says what to do about it, when there is anything to do."""

    name: str
    status: Literal["ok", "warn", "fail"]
    text: str
    todo: str | None = None


def required(settings: Settings) -> Check:
    """Whether everything that the processes refuse to run without is set."""
    try:
        settings.require("database", "broker", "sealing", "receiver")
    except SettingsError as error:
        missing = "; ".join(str(error).splitlines())
        return Check("settings", "fail", missing, "Set it, or name the data folder with --data.")
    try:
        settings.require("flower")
    except SettingsError as error:
        missing = "; ".join(str(error).splitlines())
        return Check("settings", "warn", missing, "Set it to run Flower; nothing else needs it.")
    return Check("settings", "ok", f"all are set; the data folder is {settings.data_dir}")


def secrets(settings: Settings) -> Check:
    """Secrets that could be guessed, by the name of their setting; never their values."""
    short = [name for partner in settings.partners for name in _short(partner)]
    for name, value in (
        ("RXLEDGER_METRICS_TOKEN", settings.metrics_token),
        ("RXLEDGER_FLOWER_BASIC_AUTH", _password(settings.flower_basic_auth)),
    ):
        if value is not None and len(value) < SHORTEST:
            short.append(name)
    if short:
        todo = f"Use at least {SHORTEST} random characters; old and new can both be set meanwhile."
        return Check("secrets", "warn", f"short secrets in {', '.join(dict.fromkeys(short))}", todo)
    return Check("secrets", "ok", f"none is shorter than {SHORTEST} characters")


def _short(partner: PartnerSettings) -> Iterator[str]:
    prefix = f"RXLEDGER_{partner.name.upper()}_WEBHOOK_"
    for suffix, values in (
        ("TOKENS", partner.tokens),
        ("BASIC", tuple(_password(value) or "" for value in partner.basic)),
        ("HMAC_KEYS", tuple(hmac_secret(key) for key in partner.hmac_keys)),
    ):
        if any(len(value) < SHORTEST for value in values):
            yield prefix + suffix


def _password(login: str | None) -> str | None:
    return None if login is None else login.partition(":")[2]


def signatures(settings: Settings) -> Iterator[Check]:
    """Keys that nothing is verified by, since no setting names the header of a partner's digest."""
    known = partners_of(settings.partner_folders)
    for partner in settings.partners:
        if known[partner.name].bare_digest and partner.hmac_keys and partner.hmac_header is None:
            prefix = f"RXLEDGER_{partner.name.upper()}_WEBHOOK"
            yield Check(
                "signatures",
                "warn",
                f"{prefix}_HMAC_KEYS is set and {prefix}_HMAC_HEADER is not: no digest is looked at",
                f"Set {prefix}_HMAC_HEADER to the header in which {partner.name} sends its digest; until then"
                " its signed webhooks are refused.",
            )


def spool(settings: Settings) -> Check:
    """What waits on this machine's disk for PostgreSQL to come back."""
    root = settings.spool
    try:
        depth = spool_depth(root)
    except OSError as error:
        todo = "Let the user that runs the receiver write there."
        return Check("spool", "fail", f"{root} cannot be read: {error.strerror}", todo)
    if depth.damaged:
        todo = f"Look for disk trouble; what *.damaged under {root} held must be asked of the partner again."
        return Check("spool", "fail", f"{depth.damaged} damaged files under {root}", todo)
    if depth.files:
        todo = "The receiver drains it once PostgreSQL answers; if it stays, start `rxledger web` here."
        return Check("spool", "warn", f"{depth.files} batches wait, {depth.bytes} bytes", todo)
    return Check("spool", "ok", "nothing waits here")
