"""Places where a test lets a process die, to see what is left behind.

Nothing happens unless RXLEDGER_CRASH_AT names the place, which is read once, at import.
"""

from __future__ import annotations

import os

__all__ = ["CRASHED", "crash_point"]

#: The exit code of a process that died at one.
CRASHED = 70
_ARMED = os.environ.get("RXLEDGER_CRASH_AT")


def crash_point(name: str) -> None:
    """End this process here and now, without any clean-up, where a test asked for it."""
    if _ARMED is not None and name == _ARMED:
        os._exit(CRASHED)
