"""What the embedded servers share: errors, logs, leftovers of a run that was killed, stopping."""

from __future__ import annotations

import contextlib
import os
import signal
import stat
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from typing import IO

from ops.refused import Refused

__all__ = [
    "SERVER_ENVIRONMENT",
    "EmbeddedError",
    "ending",
    "has_ended",
    "last_lines",
    "let_others_search",
    "piped",
    "stop",
    "stop_leftovers",
]

# Servers get this and nothing of ours: our environment holds secrets, and PGPORT and the like would
# move the server away from where we look for it.
SERVER_ENVIRONMENT = {"LC_ALL": "C", "PATH": "/usr/local/bin:/usr/bin:/bin"}

LEFTOVER_SECONDS = 30.0


class EmbeddedError(Refused):
    """An embedded server cannot be started; the text says why, and what to do about it."""


def last_lines(log: Path, count: int = 8) -> str:
    """The end of a server's log, for the text of an error; empty when there is none."""
    try:
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    except FileNotFoundError:
        return ""
    return "\n".join(lines[-count:])


def piped(stream: IO[bytes] | None) -> IO[bytes]:
    """The pipe of a Popen that was asked for one."""
    if stream is None:
        raise RuntimeError("started without a pipe")
    return stream


def ending(code: int) -> str:
    """How a process ended, in words; `code` is Popen's: below zero it is a signal's number."""
    if code >= 0:
        return f"ended with exit code {code}"
    names = {member.value: member.name for member in signal.Signals}
    return f"ended by {names.get(-code, f'signal {-code}')}"


def has_ended(process: subprocess.Popen[bytes]) -> bool:
    """Whether our child has ended; where the system can tell without it, it is not waited for yet."""
    if process.returncode is None and hasattr(os, "waitid"):  # macOS has it since Python 3.13
        return os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
    return process.poll() is not None


def stop(process: subprocess.Popen[bytes] | None, signals: Sequence[tuple[signal.Signals, float]]) -> None:
    """Send each signal in turn until the process has ended within the seconds given with it."""
    for number, seconds in signals:
        if process is None or process.poll() is not None:
            return
        process.send_signal(number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(seconds)


def stop_leftovers(name: str, folder: Path, ask: signal.Signals) -> None:
    """Stop what a killed run or server left behind: processes called `name` that run inside `folder`.

    The caller holds the data folder's lock, so nobody can be using them. A process is known by its name
    and working directory, never by a pid file alone: after a reboot that pid may be anybody's.
    """
    import psutil

    def leftovers() -> list[psutil.Process]:
        found = []
        for process in psutil.process_iter(["name"]):
            with contextlib.suppress(psutil.Error, OSError):
                if process.info["name"] == name and Path(process.cwd()) == folder:
                    found.append(process)
        return found

    asked: set[int] = set()
    began = time.monotonic()
    while running := leftovers():
        if time.monotonic() > began + LEFTOVER_SECONDS + 5:
            raise EmbeddedError(f"{name} of an earlier run does not stop: end process {running[0].pid}")
        if time.monotonic() > began + LEFTOVER_SECONDS:
            # Both servers recover from it, and nobody may be there to end it by hand.
            for process in running:
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.kill()
        # The parent comes first: it stops its own children, which must not be signalled one by one.
        pids = {process.pid for process in running}
        for process in running:
            with contextlib.suppress(psutil.NoSuchProcess):
                if process.ppid() not in pids and process.pid not in asked:
                    asked.add(process.pid)
                    process.send_signal(ask)
        time.sleep(0.05)


def let_others_search(path: Path) -> None:
    """Make `path` reachable by a server that runs as another user: search permission, not reading."""
    for folder in (path, *path.parents):
        mode = stat.S_IMODE(folder.stat().st_mode)
        if not mode & stat.S_IXOTH:
            folder.chmod(mode | stat.S_IXOTH)
