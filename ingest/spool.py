"""The spool: where batches wait on local disk while PostgreSQL is away. Blocking; called in threads.

Each process writes into a folder of its own and holds a lock on it for as long as it lives; the lock of a
dead process can be taken, and its folder drained. A file holds one batch. It is written under another name,
flushed, renamed, and its folder flushed, so that a file with a batch's name is whole and stays.
"""

from __future__ import annotations

import contextlib
import fcntl
import itertools
import logging
import os
import secrets
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from errors import describe
from ingest.batchfile import Damaged, decode, encode, microseconds
from store.inbox.model import Arrival

__all__ = ["BATCH", "DAMAGED", "Damaged", "Spool"]

log = logging.getLogger(__name__)

BATCH = ".batch"
DAMAGED = ".damaged"
PARTIAL = ".partial"
LOCK = "lock"
UNFINISHED = ".new-"


@dataclass(frozen=True)
class Folder:
    """A folder whose lock we hold through an open descriptor."""

    path: Path
    lock: int


class Spool:
    """The spool folders under one root; safe to write from several threads."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._own: Folder | None = None
        self._adopted: list[Folder] = []
        self._guard = threading.Lock()
        self._numbers = itertools.count()

    def write(self, batch: Sequence[Arrival]) -> None:
        """Make a batch durable as one file. Raises OSError, after which nothing of it is promised."""
        # Named by when it was received, so that folders of several processes drain in one order.
        name = f"{microseconds(batch[0].received_at):020d}-{next(self._numbers):08d}"
        _write_durably(self._folder() / name, encode(batch))

    def check(self) -> bool:
        """Whether a batch could be written now: writes as much as one and takes it away again."""
        try:
            probe = self._folder() / f"check-{next(self._numbers):08d}{PARTIAL}"
            try:
                _write_file(probe, bytes(4096))
            finally:
                probe.unlink(missing_ok=True)
        except OSError:
            return False
        return True

    def adopt(self) -> None:
        """Take over the folders that dead processes left. Raises OSError when the root cannot be read."""
        if not self._root.is_dir():
            return
        mine = {folder.path for folder in (*self._adopted, *([self._own] if self._own else []))}
        for path in sorted(self._root.iterdir()):
            if path in mine or path.name.startswith(UNFINISHED) or not path.is_dir():
                continue
            try:
                lock = _take_lock(path)
            except FileNotFoundError:
                continue  # another process drained it and removed it
            except OSError as error:
                log.error("spool folder %s cannot be taken over: %s", path.name, describe(error))
                continue
            if lock is not None:
                # What was not renamed was never acknowledged.
                for partial in path.glob(f"*{PARTIAL}"):
                    partial.unlink(missing_ok=True)
                self._adopted.append(Folder(path, lock))

    def files(self) -> list[Path]:
        """The batches that wait, oldest first; empty folders of the dead are removed on the way."""
        found: list[Path] = []
        for folder in tuple(self._adopted):
            batches = list(folder.path.glob(f"*{BATCH}"))
            if not batches:
                self._adopted.remove(folder)
                _remove(folder)
            found += batches
        if self._own is not None:
            found += self._own.path.glob(f"*{BATCH}")
        return sorted(found, key=lambda path: path.name)

    def read(self, path: Path) -> list[Arrival]:
        """The batch in a file. Raises OSError, or Damaged once the file has been set aside."""
        try:
            return decode(path.read_bytes())
        except Damaged:
            path.rename(path.with_suffix(DAMAGED))
            log.error("spool file %s/%s is damaged: set aside", path.parent.name, path.name)
            raise

    def remove(self, path: Path) -> None:
        """Forget a batch that PostgreSQL has."""
        path.unlink(missing_ok=True)

    def close(self) -> None:
        """Let go of every folder; those that hold nothing are removed."""
        for folder in (*self._adopted, *([self._own] if self._own else [])):
            _remove(folder)
        self._adopted, self._own = [], None

    def _folder(self) -> Path:
        """Our own folder, made when it is missing."""
        with self._guard:
            if self._own is None or not self._own.path.is_dir():
                if self._own is not None:
                    os.close(self._own.lock)
                    self._own = None
                self._own = _make_folder(self._root)
            return self._own.path


def _make_folder(root: Path) -> Folder:
    """A new folder that is locked before it has its name, so that nobody takes it for a dead one's."""
    root.mkdir(mode=0o700, parents=True, exist_ok=True)
    name = f"{os.getpid()}-{secrets.token_hex(4)}"
    unfinished = root / f"{UNFINISHED}{name}"
    unfinished.mkdir(mode=0o700)
    lock = _take_lock(unfinished)
    if lock is None:
        raise OSError("a new folder is locked already")
    unfinished.rename(root / name)
    _flush_folder(root)
    return Folder(root / name, lock)


def _take_lock(folder: Path) -> int | None:
    """A descriptor that holds the folder's lock; None when a living process has it. Raises OSError."""
    lock = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        return None
    except BaseException:
        os.close(lock)
        raise
    return lock


def _remove(folder: Folder) -> None:
    """Remove a folder that holds nothing but its lock; in any case let go of it."""
    if {path.name for path in folder.path.glob("*")} <= {LOCK}:
        with contextlib.suppress(OSError):  # somebody put something there: the next look finds it
            (folder.path / LOCK).unlink(missing_ok=True)
            folder.path.rmdir()
    os.close(folder.lock)


def _write_durably(path: Path, data: bytes) -> None:
    partial = path.with_suffix(PARTIAL)
    try:
        _write_file(partial, data)
        partial.rename(path.with_suffix(BATCH))
    except BaseException:
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)
        raise
    _flush_folder(path.parent)


def _write_file(path: Path, data: bytes) -> None:
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb", buffering=0) as file:
        view = memoryview(data)
        while view:
            view = view[file.write(view) :]
        _flush(file.fileno())


def _flush_folder(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        _flush(descriptor)
    finally:
        os.close(descriptor)


def _flush(descriptor: int) -> None:
    full = getattr(fcntl, "F_FULLFSYNC", None)
    if full is not None:
        # macOS: fsync alone leaves the data in the drive's cache.
        with contextlib.suppress(OSError):  # not every file system has it
            fcntl.fcntl(descriptor, full)
            return
    os.fsync(descriptor)
