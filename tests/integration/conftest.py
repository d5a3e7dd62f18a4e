"""What the tests of the command line share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ops.local.embedded import Addresses
from ops.render.console import notes, screen
from store.db.connections import connect
from tests.support.backends import empty, fresh_database
from tests.support.commandline import Cli


@pytest.fixture(scope="session")
def cli_url(servers: Addresses) -> Iterator[str]:
    """A database migrated to head, for the command line alone."""
    with fresh_database(servers.database_url) as url:
        yield url


@pytest.fixture
def cli(
    cli_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Cli]:
    """The command line over an empty ledger; its tables are wide enough to be read in one line."""
    monkeypatch.setenv("COLUMNS", "220")
    monkeypatch.setattr(notes, "_width", 220)
    monkeypatch.setattr(screen, "_width", 220)
    with connect(cli_url, "test") as conn:
        empty(conn)
        yield Cli(cli_url, conn, tmp_path, monkeypatch, capsys)
