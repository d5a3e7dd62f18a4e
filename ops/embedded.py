"""The embedded servers of a data folder: PostgreSQL in DIR/postgres and Valkey in DIR/valkey.

A *holder* process in a session of its own starts them, so that a terminal's Ctrl-C reaches neither it
nor them; it prints one JSON line with the addresses and stops both, cleanly, when its standard input
closes. That happens when the caller leaves `servers`, and also when the caller is killed.
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Container, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO

from ops.postgres import Postgres
from ops.processes import EmbeddedError, piped
from ops.valkey import Valkey

__all__ = ["Addresses", "EmbeddedError", "Holder", "hold", "servers"]

START_SECONDS = 180.0
STOP_SECONDS = 120.0
GUARDED_SECONDS = 15.0

Servers = dict[str, Postgres | Valkey]


@dataclass(frozen=True)
class Addresses:
    """Where the servers listen: empty for one that was not asked for. `holder` is who stops them."""

    database_url: str = field(default="", repr=False)
    broker_url: str = field(default="", repr=False)
    pids: dict[str, int] = field(default_factory=dict)
    holder: int = 0


class Holder:
    """The caller's end of a holder process."""

    def __init__(self, process: subprocess.Popen[bytes], stdin: IO[bytes], addresses: Addresses) -> None:
        self._process = process
        self._stdin = stdin
        self.addresses = addresses

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
        [sys.executable, "-m", "ops.embedded", str(folder), *wanted],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        # Where `ops` is importable from, whatever the caller's working directory.
        cwd=Path(__file__).resolve().parent.parent,
        start_new_session=True,
    )
    stdin, stdout = piped(process.stdin), piped(process.stdout)
    _held.add(stdin)
    try:
        yield Holder(process, stdin, _addresses(stdout))
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


def _addresses(output: IO[bytes]) -> Addresses:
    ready, _, _ = select.select([output], [], [], START_SECONDS)
    line = output.readline() if ready else b""
    if not line:
        raise EmbeddedError("the embedded servers did not start; postgres.log and valkey.log may say why")
    answer = json.loads(line)
    if "error" in answer:
        raise EmbeddedError(answer["error"])
    return Addresses(**answer)


@contextlib.contextmanager
def _lock(folder: Path) -> Iterator[None]:
    """Hold the folder; a lock on an open file goes away with its process, however that ends."""
    descriptor = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(descriptor, 20).decode().strip() or "unknown"
            raise EmbeddedError(
                f"{folder} is in use: its servers are run by process {holder}. "
                "Stop that one, or take another folder with --data"
            ) from None
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        yield
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def _run(folder: Path, wanted: Container[str]) -> Iterator[tuple[Addresses, Servers]]:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with _lock(folder), contextlib.ExitStack() as started:
        running: Servers = {}
        database_url = broker_url = ""
        if "postgres" in wanted:
            postgres = running["postgres"] = Postgres(folder / "postgres")
            started.callback(postgres.stop)
            postgres.start()
            database_url = postgres.url()
        if "valkey" in wanted:
            valkey = running["valkey"] = Valkey(folder / "valkey")
            started.callback(valkey.stop)
            valkey.start()
            broker_url = valkey.url
        pids = {name: server.pid for name, server in running.items()}
        yield Addresses(database_url, broker_url, pids, os.getpid()), running


def _serve(running: Servers, guarded: set[int]) -> int:
    """Until standard input closes (0) or a server has died (1); its lines say whom to guard."""
    said = b""
    while True:
        ready, _, _ = select.select([0], [], [], 0.5)
        if ready:
            chunk = os.read(0, 4096)
            if not chunk:
                return 0
            *lines, said = (said + chunk).split(b"\n")
            for line in lines:
                pid = int(line[1:])
                (guarded.add if line[:1] == b"+" else guarded.discard)(pid)
        for name, server in running.items():
            if server.process is None or server.process.poll() is not None:
                sys.stderr.write(f"the embedded {name} server stopped by itself\n")
                return 1


def _end(guarded: set[int]) -> None:
    """End the processes that our caller left behind, and what is left of their groups."""
    for ask, seconds in ((signal.SIGTERM, GUARDED_SECONDS), (signal.SIGKILL, 1.0)):
        for pid in guarded:
            with contextlib.suppress(ProcessLookupError):
                # Gracefully only the leader: it ends its own children when their work is done.
                (os.killpg if ask == signal.SIGKILL else os.kill)(pid, ask)
        deadline = time.monotonic() + seconds
        while any(_exists(pid) for pid in guarded) and time.monotonic() < deadline:
            time.sleep(0.05)


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def _raise_exit(_number: int, _frame: object) -> None:
    raise SystemExit(0)


def main() -> int:
    parser = argparse.ArgumentParser(prog="ops.embedded", description="Run a data folder's servers.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("server", nargs="*", help="postgres and valkey, or none of them")
    arguments = parser.parse_args()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, _raise_exit)
    guarded: set[int] = set()
    try:
        with _run(arguments.folder.resolve(), arguments.server) as (addresses, running):
            sys.stdout.write(json.dumps(asdict(addresses)) + "\n")
            sys.stdout.flush()
            try:
                return _serve(running, guarded)
            finally:
                _end(guarded)
    except (EmbeddedError, OSError) as error:
        with contextlib.suppress(BrokenPipeError):
            sys.stdout.write(json.dumps({"error": str(error)}) + "\n")
            sys.stdout.flush()
        return 1


if __name__ == "__main__":
    sys.exit(main())
