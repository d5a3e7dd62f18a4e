"""DIR/env: what `up` generates once, and the addresses of what it runs just now.

Lines that it does not know stay as they are, so that a person may add settings there. The file holds every
secret: it is 0600, and replaced by one rename after its content is on the disk, since a lost seal key loses
every body.
"""

from __future__ import annotations

import base64
import secrets
from collections.abc import Callable, Mapping
from pathlib import Path

from ops.files import write_private
from settings import SettingsError, read_env_file

__all__ = ["ADDRESSES", "ENV_FILE", "generate", "partner_values", "set_values"]

ENV_FILE = "env"
ADDRESSES = ("DATABASE_URL", "REDIS_URL", "BROKER_URL", "RXLEDGER_RECEIVER_URL", "RXLEDGER_FLOWER_URL")
# Where calls to a partner go, and below which path the sandbox has it; `up` points them at its sandbox.
PARTNERS = (
    ("RXLEDGER_TRUEPILL_BASE_URL", "RXLEDGER_TRUEPILL_API_KEY", ""),
    ("RXLEDGER_HEALNOW_BASE_URL", "RXLEDGER_HEALNOW_API_KEY", "/healnow"),
)
HEADER = """\
# The settings of this data folder; what the environment sets goes before them. Secrets: keep it 0600.
# The addresses are written again by every `rxledger up`; the keys are made once: without them nothing
# that was stored can be read.
"""


def _token(_folder: Path) -> str:
    return secrets.token_urlsafe(24)


GENERATED: Mapping[str, Callable[[Path], str]] = {
    "RXLEDGER_SEAL_KEYS": lambda _: f"k1:{base64.b64encode(secrets.token_bytes(32)).decode()}",
    "RXLEDGER_LOOKUP_KEY": lambda _: secrets.token_urlsafe(32),
    "RXLEDGER_TRUEPILL_WEBHOOK_TOKENS": _token,
    "RXLEDGER_HEALNOW_WEBHOOK_TOKENS": _token,
    "RXLEDGER_HEALNOW_WEBHOOK_HMAC_KEYS": _token,
    "RXLEDGER_HEALNOW_WEBHOOK_HMAC_HEADER": lambda _: "X-Healnow-Signature",
    "RXLEDGER_METRICS_TOKEN": _token,
    "RXLEDGER_FLOWER_BASIC_AUTH": lambda _: f"rxledger:{secrets.token_urlsafe(18)}",
    "RXLEDGER_FLOWER_COOKIE_SECRET": lambda _: secrets.token_urlsafe(32),
    "RXLEDGER_SANDBOX_KEYS": lambda folder: f"tp_test_key_{_token(folder)}",
    "RXLEDGER_SANDBOX_LIVE_KEYS": lambda folder: f"tp_live_key_{_token(folder)}",
    "RXLEDGER_SPOOL_DIR": lambda folder: str(folder / "spool"),
}


def generate(folder: Path, environ: Mapping[str, str]) -> dict[str, str]:
    """Make what neither the environment nor DIR/env sets; returns all that DIR/env holds then.

    `folder` exists and is absolute. What the environment sets is not copied: it may be a secret that is
    not meant for this disk. Raises SettingsError when the file is open to others.
    """
    stored = read_env_file(folder / ENV_FILE)
    missing = [name for name in GENERATED if not environ.get(name) and name not in stored]
    set_values(folder, {name: GENERATED[name](folder) for name in missing})
    return read_env_file(folder / ENV_FILE)


def partner_values(
    stored: Mapping[str, str], environ: Mapping[str, str], sandbox_url: str | None, key: str | None
) -> dict[str, str | None]:
    """What to set so that calls to the partners reach the sandbox of this run, None for no sandbox.

    Nothing of a partner where a person has set either variable, in the environment or in DIR/env: theirs is a
    real partner. What an earlier run has set is recognised by the sandbox's address of then.
    """
    before = stored.get("RXLEDGER_SANDBOX_URL")
    found: dict[str, str | None] = {}
    for *names, path in PARTNERS:
        ours = before is not None and stored.get(names[0]) == f"{before}{path}"
        if not ours and any(stored.get(name) for name in names):
            continue
        if any(environ.get(name) for name in names) or sandbox_url is None:
            found |= dict.fromkeys(names, None) if ours else {}
        else:
            found |= dict(zip(names, (f"{sandbox_url}{path}", key), strict=True))
    return found


def set_values(folder: Path, values: Mapping[str, str | None]) -> None:
    """Set these variables in DIR/env; None takes one out. Every other line stays."""
    path = folder / ENV_FILE
    for name, value in values.items():
        if value is not None and ("\n" in value or "\r" in value or value != value.strip()):
            raise SettingsError(f"{name} cannot be used: it has a line break, or spaces around it")
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else HEADER.splitlines()
    left = dict(values)
    result = []
    for line in lines:
        name = line.partition("=")[0].strip()
        if name not in values:
            result.append(line)
        elif (value := left.pop(name, None)) is not None:
            result.append(f"{name}={value}")
    result += [f"{name}={value}" for name, value in left.items() if value is not None]
    if result != lines or not path.exists():
        write_private(path, ("\n".join(result) + "\n").encode())
