"""The embedded servers of a data folder: PostgreSQL in DIR/postgres and Valkey in DIR/valkey.

A *holder* process (`ops.local.server_holder`) in a session of its own starts them, so that a terminal's
Ctrl-C reaches neither it nor them. It prints a JSON line with the addresses, starts a server again that
dies, and stops all, cleanly, when its standard input closes. That happens when the caller leaves `servers`,
and also when the caller is killed.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from ops.local.children import ROOT
from ops.local.processes import EmbeddedError, piped

__all__ = ["Addresses", "EmbeddedError", "Holder", "hold", "servers"]

START_SECONDS = 180.0
STOP_SECONDS = 120.0
SILENT = "the embedded servers did not start; postgres.log and valkey.log may say why"


@dataclass(frozen=True)
class Addresses:
    """Where the servers listen: empty for one that was not asked for. `holder` is who stops them."""

    database_url: str = field(default="", repr=False)
    broker_url: str = field(default="", repr=False)
    pids: dict[str, int] = field(default_factory=dict)
    holder: int = 0


class Holder:
    """The caller's end of a holder process. Waits for its first line; raises EmbeddedError.

    For one thread at a time.
    """

    def __init__(self, process: subprocess.Popen[bytes], stdin: IO[bytes], stdout: IO[bytes]) -> None:
        self._process = process
        self._stdin = stdin
        self._stdout = stdout
        self._heard = b""
        self._addresses = Addresses()
        self._trouble = ""
        deadline = time.monotonic() + START_SECONDS
        while not self._addresses.holder:
            if not self._listen(max(0.0, deadline - time.monotonic())):
                raise EmbeddedError(self._trouble or SILENT)

    @property
    def addresses(self) -> Addresses:
        """The newest: a server that was started again has another pid, and the address it had."""
        self._catch_up()
        return self._addresses

    @property
    def trouble(self) -> str:
        """Why the holder gave up; empty while it has not."""
        self._catch_up()
        return self._trouble

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    def guard(self, pid: int) -> None:
        """Should this process end without `release`, the holder ends that one before its servers.

        `pid` leads a process group of its own; what is left of the group is killed after a while.
        """
        self._tell(f"+{pid}\n")

    def release(self, pid: int) -> None:
        self._tell(f"-{pid}\n")

    def _tell(self, line: str) -> None:
        # A holder that is gone is noticed through `alive`.
        with contextlib.suppress(BrokenPipeError):
            self._stdin.write(line.encode())
            self._stdin.flush()

    def _catch_up(self) -> None:
        while not self._stdout.closed and self._listen(0):
            pass

    def _listen(self, seconds: float) -> bool:
        """Take in what the holder prints within this time; False when there was nothing."""
        ready, _, _ = select.select([self._stdout], [], [], seconds)
        chunk = os.read(self._stdout.fileno(), 4096) if ready else b""
        *lines, self._heard = (self._heard + chunk).split(b"\n")
        for line in lines:
            answer = json.loads(line)
            if "error" in answer:
                self._trouble = answer["error"]
            else:
                self._addresses = Addresses(**answer)
        return bool(chunk)


@contextlib.contextmanager
def servers(data_dir: Path, *, postgres: bool = True, valkey: bool = True) -> Iterator[Addresses]:
    """Run the servers of a data folder for as long as the block lasts.

    Raises EmbeddedError when a wheel is missing, when a server does not start, and when another process
    runs the servers of this folder already.
    """
    with hold(data_dir, postgres=postgres, valkey=valkey) as holder:
        yield holder.addresses


@contextlib.contextmanager
def hold(data_dir: Path, *, postgres: bool = True, valkey: bool = True) -> Iterator[Holder]:
    """As `servers`; what it gives can also guard processes. Without servers it still locks the folder."""
    folder = data_dir.expanduser().resolve()
    wanted = [name for name, wants in (("postgres", postgres), ("valkey", valkey)) if wants]
    process = subprocess.Popen(
        [sys.executable, "-m", "ops.local.server_holder", str(folder), *wanted],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        # Where `ops` is importable from, whatever the caller's working directory.
        cwd=ROOT,
        start_new_session=True,
    )
    stdin, stdout = piped(process.stdin), piped(process.stdout)
    _held.add(stdin)
    try:
        yield Holder(process, stdin, stdout)
    finally:
        _held.discard(stdin)
        with contextlib.suppress(BrokenPipeError):
            stdin.close()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        stdout.close()


def _let_go() -> None:
    for stdin in _held:
        stdin.close()
    _held.clear()


# A process that is forked off us must not keep the servers alive after us.
_held: set[IO[bytes]] = set()
os.register_at_fork(after_in_child=_let_go)
