"""Who sits at the terminal, for the audit."""

from __future__ import annotations

import os
import pwd

__all__ = ["person"]


def person() -> str:
    """The name of the user that this process runs as: the system's answer, not what a variable claims."""
    number = os.getuid()
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return f"uid {number}"
