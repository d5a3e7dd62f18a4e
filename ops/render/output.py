"""What commands print: one document on stdout, everything else on stderr, and the errors a person reads."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer
from rich.console import Console

from settings import Settings, use_data_folder

__all__ = ["DataOption", "JsonOption", "Refused", "load", "notes", "screen", "write_json"]

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

#: For people: tables and texts go to stdout when there is no --json, notes and progress to stderr.
screen = Console(highlight=False)
notes = Console(stderr=True, highlight=False)


class Refused(Exception):
    """Not found, refused or differing: the text, one line, goes to stderr and the exit code is 1."""


def load(data: Path | None) -> Settings:
    """The settings, with `--data` applied for this process and those it starts. Raises SettingsError."""
    return Settings.load(data_dir=use_data_folder(data))


def write_json(document: Any) -> None:
    """One JSON document, UTF-8, as the whole of stdout. Times become ISO 8601 in UTC with a Z."""
    sys.stdout.write(orjson.dumps(document, option=orjson.OPT_UTC_Z).decode() + "\n")
    sys.stdout.flush()
