"""The holder process: it runs a data folder's servers for a caller who holds the other end of its stdin.

`python -m ops.local.server_holder FOLDER [postgres] [valkey]`. Lines of stdin, `+PID` and `-PID`, say which
processes are ended before the servers once stdin is closed. Lines of stdout are JSON: the addresses, again
after a server came back, or `{"error": TEXT}` when it ends with 1.
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import json
import os
import select
import signal
import sys
import time
from collections.abc import Container, Iterator
from dataclasses import asdict
from pathlib import Path

from ops.local.embedded import Addresses
from ops.local.postgres import Postgres
from ops.local.processes import EmbeddedError
from ops.local.restart import ServerRestarter
from ops.local.valkey import Valkey

__all__ = ["main"]

GUARDED_SECONDS = 15.0
TICK_SECONDS = 0.2

Servers = dict[str, Postgres | Valkey]


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
def _run(folder: Path, wanted: Container[str]) -> Iterator[Servers]:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with _lock(folder), contextlib.ExitStack() as started:
        running: Servers = {}
        for name, kind in (("postgres", Postgres), ("valkey", Valkey)):
            if name in wanted:
                server = running[name] = kind(folder / name)
                started.callback(server.stop)
                server.start()
        yield running


def _tell(running: Servers) -> None:
    """Print where the servers are."""
    urls = {}
    for server in running.values():
        if isinstance(server, Postgres):
            urls["database_url"] = server.url()
        else:
            urls["broker_url"] = server.url
    pids = {name: server.pid for name, server in running.items()}
    _write(asdict(Addresses(**urls, pids=pids, holder=os.getpid())))


def _write(document: dict[str, object]) -> None:
    with contextlib.suppress(BrokenPipeError):  # a caller that is gone is noticed through stdin
        sys.stdout.write(json.dumps(document) + "\n")
        sys.stdout.flush()


def _say(text: str) -> None:
    with contextlib.suppress(OSError):  # the terminal may be closed
        sys.stderr.write(f"{text}\n")
        sys.stderr.flush()


def _serve(running: Servers, guarded: set[int]) -> None:
    """Until standard input closes; its lines say whom to guard. Raises EmbeddedError."""
    restarter = ServerRestarter(running, _say)
    said = b""
    while True:
        ready, _, _ = select.select([0], [], [], TICK_SECONDS)
        if ready:
            chunk = os.read(0, 4096)
            if not chunk:
                return
            *lines, said = (said + chunk).split(b"\n")
            for line in lines:
                pid = int(line[1:])
                (guarded.add if line[:1] == b"+" else guarded.discard)(pid)
        if restarter.mend():
            _tell(running)


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
    raise SystemExit("the embedded servers were told to end")


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="ops.local.server_holder", description="Run a data folder's servers."
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("server", nargs="*", help="postgres and valkey, or none of them")
    arguments = parser.parse_args()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, _raise_exit)
    guarded: set[int] = set()
    try:
        with _run(arguments.folder.resolve(), arguments.server) as running:
            try:
                _tell(running)
                _serve(running, guarded)
            except (EmbeddedError, SystemExit) as error:
                # Said first: the caller must not start again what is ended here.
                _write({"error": str(error)})
                return 1
            finally:
                _end(guarded)
    except (EmbeddedError, OSError, SystemExit) as error:  # told to end while it starts, too
        _write({"error": str(error)})
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
