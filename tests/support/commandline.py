"""The command line for tests: run in this process on a database of our own, with what it printed."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import orjson
import psycopg
import pytest

from ops.cli import main
from tests.support.keys import KEY_SETTINGS, tools_at
from tests.support.ledger import Ledger

__all__ = ["Cli", "Ran", "run"]

UNSET = (
    "REDIS_URL",
    "BROKER_URL",
    "RXLEDGER_TRUEPILL_API_KEY",
    "RXLEDGER_TRUEPILL_WEBHOOK_TOKENS",
    "RXLEDGER_HEALNOW_API_KEY",
    "RXLEDGER_HEALNOW_WEBHOOK_TOKENS",
    "RXLEDGER_RECEIVER_URL",
    "RXLEDGER_SPOOL_DIR",
)


class Ran(NamedTuple):
    """What one command came to."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """Standard output as the one JSON document that it has to be."""
        return orjson.loads(self.out)


def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *arguments: str) -> Ran:
    """Run `rxledger …` in this process."""
    capsys.readouterr()
    with monkeypatch.context() as patch:
        patch.setattr(sys, "argv", ["rxledger", *arguments])
        try:
            main()
            code: int | str | None = 0
        except SystemExit as end:
            code = end.code
    out, err = capsys.readouterr()
    return Ran(int(code or 0), out, err)


class Cli:
    """Runs `rxledger …`; `ledger` writes to the same database under the same keys."""

    def __init__(
        self,
        url: str,
        conn: psycopg.Connection[Any],
        data: Path,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        self.ledger = Ledger(conn, tools_at(lambda: datetime.now(UTC)))
        self.data = data
        self._monkeypatch = monkeypatch
        self._capsys = capsys
        self.setenv(
            DATABASE_URL=url,
            **KEY_SETTINGS,
            # Set, so that what a command sets is taken back with it.
            RXLEDGER_DATA=str(data),
        )
        for name in UNSET:
            monkeypatch.delenv(name, raising=False)

    def setenv(self, **values: str) -> None:
        for name, value in values.items():
            self._monkeypatch.setenv(name, value)

    def run(self, *arguments: str) -> Ran:
        return run(self._monkeypatch, self._capsys, *arguments)

    def event_id(self, body: dict[str, Any] | bytes) -> str:
        """The public id of a pushed body."""
        return self.ledger.arrival(body).id.hex()

    def one(self, query: str) -> Any:
        row = self.ledger.conn.execute(query).fetchone()
        return None if row is None else row[0]
