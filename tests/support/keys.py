"""The keys of the tests' ledgers, as objects and as the settings that give the same."""

from __future__ import annotations

import base64
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from settings import SealKey
from store.crypto.keyed_hash import KeyedHash
from store.crypto.sealing import Sealer
from workers.apply.model import Tools

__all__ = ["KEY_SETTINGS", "tools_at"]

SEAL_KEY = SealKey("k1", b"1" * 32)
LOOKUP_KEY = "a look-up key of the tests"
KEY_SETTINGS = {
    "RXLEDGER_SEAL_KEYS": f"{SEAL_KEY.id}:{base64.b64encode(SEAL_KEY.secret).decode()}",
    "RXLEDGER_LOOKUP_KEY": LOOKUP_KEY,
}


def tools_at(clock: Callable[[], datetime], partner_folders: tuple[Path, ...] = ()) -> Tools:
    """What applying needs, with these keys and this source of the present."""
    return Tools(Sealer([SEAL_KEY]), KeyedHash(LOOKUP_KEY.encode()), clock, partner_folders)
