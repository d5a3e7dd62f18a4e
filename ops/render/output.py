"""What commands share: their common options, one document on stdout, everything else on stderr."""

from __future__ import annotations

import sys
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from settings import Settings, use_data_folder

if TYPE_CHECKING:
    from rich.console import Console

    #: For people: tables and texts go to stdout when there is no --json, notes and progress to stderr.
    screen: Console
    notes: Console

__all__ = ["DataOption", "JsonOption", "load", "notes", "screen", "write_json"]

DataOption = Annotated[
    Path | None,
    typer.Option(
        "--data",
        metavar="DIR",
        help="The data folder [default: RXLEDGER_DATA, else var].",
        show_default=False,
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout.")]


def __getattr__(name: str) -> Any:
    """`screen` and `notes`, made when one is first asked for: a command that prints JSON does without."""
    if name in ("screen", "notes"):
        return _console(stderr=name == "notes")
    raise AttributeError(name)


@cache
def _console(*, stderr: bool) -> Console:
    from rich.console import Console

    return Console(stderr=stderr, highlight=False)


def load(data: Path | None) -> Settings:
    """The settings, with `--data` applied for this process and those it starts. Raises SettingsError."""
    return Settings.load(data_dir=use_data_folder(data))


def write_json(document: Any) -> None:
    """One JSON document, UTF-8, as the whole of stdout. Times become ISO 8601 in UTC with a Z."""
    import orjson

    sys.stdout.write(orjson.dumps(document, option=orjson.OPT_UTC_Z).decode() + "\n")
    sys.stdout.flush()
