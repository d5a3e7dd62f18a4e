"""Loopback ports: which are free, and keeping two starts at the same moment from taking the same one."""

from __future__ import annotations

import contextlib
import fcntl
import os
import socket
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

__all__ = ["claim", "free_port", "is_free"]


def is_free(port: int, host: str = "127.0.0.1") -> bool:
    """Whether a server could listen on the port now."""
    with socket.socket() as probe:
        # As servers do: what is left of closed connections does not hold a port.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
        return True


def free_port(host: str = "127.0.0.1") -> int:
    """A port that nobody uses just now."""
    with socket.socket() as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def claim(wanted: Iterable[int]) -> Iterator[int]:
    """The first of `wanted` that is free, else any free port; nobody else is given it while this lasts.

    From choosing a port to a child's listening on it some time passes. A locked file in the folder for
    temporary files covers it between processes of ours.
    """
    for port in (*wanted, *(free_port() for _ in range(20))):
        lock = _lock(port)
        if lock is None:
            continue
        try:
            if is_free(port):
                yield port
                return
        finally:
            _lock_file(port).unlink(missing_ok=True)
            os.close(lock)
    raise OSError("no free port was found")


def _lock_file(port: int) -> Path:
    return Path(tempfile.gettempdir()) / f"rxledger-{os.geteuid()}-port-{port}.lock"


def _lock(port: int) -> int | None:
    path = _lock_file(port)
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    except OSError:
        return None  # not ours to open: as good as taken
    with contextlib.suppress(BlockingIOError, FileNotFoundError):
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # Whoever held it may have removed it since we opened it: then this lock keeps nobody out.
        if path.stat().st_ino == os.fstat(descriptor).st_ino:
            return descriptor
    os.close(descriptor)
    return None
