"""How our own processes are started: this interpreter, this code, these settings."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import NoReturn

from settings import child_environment

__all__ = ["become", "environment", "module"]

ROOT = Path(__file__).resolve().parents[2]


def module(name: str, *arguments: str) -> list[str]:
    """The command line that runs a module."""
    return [sys.executable, "-m", name, *arguments]


def environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """Our environment with `extra` on top, in which our packages can be imported from anywhere."""
    ours = child_environment(extra or {})
    paths = [str(ROOT), *(path for path in ours.get("PYTHONPATH", "").split(os.pathsep) if path)]
    return {**ours, "PYTHONPATH": os.pathsep.join(dict.fromkeys(paths))}


def become(command: list[str], extra: Mapping[str, str] | None = None) -> NoReturn:
    """Turn this process into another program; its pid stays."""
    sys.stdout.flush()
    os.execve(command[0], command, environment(extra))  # noqa: S606 - a list of our own, no shell
