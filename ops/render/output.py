"""What commands share: their common options, the settings, and one JSON document on stdout."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from settings import Settings, use_data_folder

__all__ = ["DataOption", "JsonOption", "load", "write_json"]

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


def load(data: Path | None) -> Settings:
    """The settings, with `--data` applied for this process and those it starts. Raises SettingsError."""
    return Settings.load(data_dir=use_data_folder(data))


def write_json(document: Any) -> None:
    """One JSON document, UTF-8, as the whole of stdout. Times become ISO 8601 in UTC with a Z."""
    import orjson

    sys.stdout.write(orjson.dumps(document, option=orjson.OPT_UTC_Z).decode() + "\n")
    sys.stdout.flush()
