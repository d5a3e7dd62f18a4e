"""The environment of this process and the env file of its data folder: read here and nowhere else."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from pathlib import Path

from settings.errors import SettingsError

__all__ = [
    "child_environment",
    "data_folder",
    "own_environment",
    "read_env_file",
    "use_data_folder",
    "variables",
]

ENV_FILE = "env"


def own_environment() -> dict[str, str]:
    """A copy of the environment of this process."""
    return dict(os.environ)


def data_folder(environ: Mapping[str, str]) -> Path:
    """The data folder that this environment names: what RXLEDGER_DATA says, else `var`."""
    return Path(environ.get("RXLEDGER_DATA") or "var")


def variables(environ: Mapping[str, str], folder: Path) -> dict[str, str]:
    """What is set: by the environment, and by the folder's env file for what it lacks. No value is empty.

    Raises SettingsError when the file can be read by others.
    """
    return {**read_env_file(folder / ENV_FILE), **{name: value for name, value in environ.items() if value}}


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

    Without one it is the one that the environment names.
    """
    found = (folder or data_folder(os.environ)).expanduser().resolve()
    os.environ["RXLEDGER_DATA"] = str(found)
    return found


def child_environment(extra: Mapping[str, str]) -> dict[str, str]:
    """The environment for a process that we start: ours, with `extra` on top."""
    return {**os.environ, **extra}
