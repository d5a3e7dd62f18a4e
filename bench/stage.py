"""What a run stands on: embedded servers, a database for each side, and processes stopped by their pid."""

from __future__ import annotations

import base64
import contextlib
import os
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import psycopg
import redis
from psycopg import sql

from bench import limit
from bench.load import LoadError
from bench.traffic import HMAC_HEADER, HMAC_KEY
from ops.local.children import environment, module
from ops.local.embedded import Holder, hold
from ops.local.ports import free_port
from settings import Settings
from store.db import migrate
from store.db.connections import connect

__all__ = ["OURS", "TUTORIAL", "Process", "Stage", "StageError", "stage", "truncate"]

OURS, TUTORIAL = "ours", "tutorial"
START_SECONDS = 60.0
STOP_SECONDS = 20.0


class StageError(Exception):
    """Something did not start, or did not do its work; the text ends with what the processes logged."""


class Process:
    """One process that we started, in a session of its own so that Ctrl-C reaches only us."""

    def __init__(self, name: str, child: subprocess.Popen[bytes], log: Path, port: int) -> None:
        self.name = name
        self.log = log
        self.port = port
        self._child = child

    @property
    def pid(self) -> int:
        return self._child.pid

    def check(self) -> None:
        """Raise StageError when it has ended."""
        if self._child.poll() is not None:
            raise StageError(f"{self.name} ended with {self._child.returncode}")

    def last_lines(self) -> str:
        """The end of its log, for the text of an error: the folder it stands in is removed with the run."""
        lines = self.log.read_text(errors="replace").splitlines()[-8:]
        return "\n".join([f"--- {self.name}", *lines])

    def wait_until_it_listens(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while True:
            self.check()
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
            except OSError:
                if time.monotonic() > deadline:
                    raise StageError(f"{self.name} does not listen") from None
                time.sleep(0.05)
            else:
                return

    def ask_to_end(self) -> None:
        if self._child.poll() is None:
            self._child.send_signal(signal.SIGTERM)

    def end(self) -> None:
        """Wait for the end that was asked for; kill what is left of the group."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._child.wait(STOP_SECONDS)
        if self._child.returncode is None:
            os.killpg(self._child.pid, signal.SIGKILL)
            self._child.wait()


class Stage:
    """The servers, and the processes on them. Our database is migrated; the tutorial makes its own tables."""

    def __init__(self, folder: Path, holder: Holder) -> None:
        self.folder = folder
        self.holder = holder
        self._running: list[Process] = []
        self._connections: dict[str, psycopg.Connection[Any]] = {}
        self._keys = {
            "RXLEDGER_SEAL_KEYS": f"bench:{base64.b64encode(secrets.token_bytes(32)).decode()}",
            "RXLEDGER_LOOKUP_KEY": secrets.token_urlsafe(32),
            "RXLEDGER_TRUEPILL_WEBHOOK_HMAC_KEYS": HMAC_KEY,
            "RXLEDGER_TRUEPILL_WEBHOOK_HMAC_HEADER": HMAC_HEADER,
        }
        with connect(holder.addresses.database_url, "bench") as conn:
            for side in (OURS, TUTORIAL):
                conn.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(f"bench_{side}")))
        migrate.upgrade(self.database_url(OURS))

    def database_url(self, side: str) -> str:
        head, _, options = self.holder.addresses.database_url.partition("?")
        return f"{head.rpartition('/')[0]}/bench_{side}?{options}"

    def broker_url(self, side: str) -> str:
        return f"{self.holder.addresses.broker_url.rpartition('/')[0]}/{(OURS, TUTORIAL).index(side)}"

    def settings(self, side: str = OURS) -> Settings:
        """The settings that the processes of a side see, and nothing of our own environment."""
        return Settings.load(self.variables(side), self.folder)

    def variables(self, side: str) -> dict[str, str]:
        folder = self.folder / side
        folder.mkdir(exist_ok=True)
        broker = self.broker_url(side)
        return {
            **self._keys,
            "RXLEDGER_DATA": str(folder),
            "RXLEDGER_SPOOL_DIR": str(folder / "spool"),
            "DATABASE_URL": self.database_url(side),
            "REDIS_URL": broker,
            "BROKER_URL": broker,
            # Set to nothing, so that what our own environment says about another installation is not heard.
            "RXLEDGER_BROKER_PREFIX": "",
            "RXLEDGER_TRUEPILL_WEBHOOK_TOKENS": "",
            "RXLEDGER_TRUEPILL_ALLOWED_CIDRS": "",
            "RXLEDGER_TRUSTED_PROXIES": "",
        }

    def connection(self, side: str = OURS) -> psycopg.Connection[Any]:
        """Our own connection to a side's database, in autocommit."""
        if side not in self._connections:
            self._connections[side] = connect(self.database_url(side), "bench", statement_ms=300_000)
        return self._connections[side]

    def broker(self, side: str = OURS) -> redis.Redis:
        return redis.Redis.from_url(self.broker_url(side))

    def empty(self) -> None:
        """Empty our tables and both brokers, and rest: nothing runs into the next figure."""
        truncate(self.connection(), limit.tables(self.connection()))
        for side in (OURS, TUTORIAL):
            with self.broker(side) as client:
                client.flushdb()
        self.rest()

    def rest(self) -> None:
        """Have everything written that waits to be, so that it is not written during the next figure."""
        self.connection().execute("CHECKPOINT")

    @contextlib.contextmanager
    def running(self, side: str, *commands: tuple[str, Sequence[str]]) -> Iterator[list[Process]]:
        """Run modules as processes; `{port}` in an argument becomes a free port, which is waited for."""
        started: list[Process] = []
        try:
            for name, arguments in commands:
                started.append(self._start(name, arguments, self.variables(side)))
            for process in started:
                if process.port:
                    process.wait_until_it_listens()
            yield started
        except (LoadError, StageError) as error:
            raise StageError("\n".join([str(error), *(p.last_lines() for p in started)])) from error
        finally:
            for process in reversed(started):
                process.ask_to_end()
            for process in reversed(started):
                process.end()
                self.holder.release(process.pid)

    def _start(self, name: str, arguments: Sequence[str], variables: Mapping[str, str]) -> Process:
        port = free_port() if "{port}" in arguments else 0
        path = self.folder / f"{name}.log"
        with path.open("ab") as log:
            child = subprocess.Popen(
                module(*[argument.format(port=port) for argument in arguments]),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=environment(variables),
                start_new_session=True,
            )
        self.holder.guard(child.pid)
        return Process(name, child, path, port)

    def close(self) -> None:
        for conn in self._connections.values():
            conn.close()


def truncate(conn: psycopg.Connection[Any], tables: Sequence[str]) -> None:
    conn.execute(sql.SQL("TRUNCATE {}").format(sql.SQL(", ").join(map(sql.Identifier, tables))))


@contextlib.contextmanager
def stage(parent: Path) -> Iterator[Stage]:
    """Fresh servers in a new folder below `parent`, which is removed afterwards. Raises EmbeddedError."""
    parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="bench-", dir=parent)).resolve()
    try:
        with hold(folder) as holder:
            made = Stage(folder, holder)
            try:
                yield made
            finally:
                made.close()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
