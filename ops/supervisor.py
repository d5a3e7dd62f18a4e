"""Runs our processes together: their output with a prefix, one end for all of them.

Each leads a session of its own, so that a terminal's Ctrl-C reaches only us. On the way down each is asked
alone (a Celery worker ends its own pool when the work is done); what is left of its group is killed after.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import cycle
from typing import IO

from rich.console import Console
from rich.text import Text

from ops.embedded import Holder
from ops.processes import has_ended, piped

__all__ = ["Supervisor"]

COLOURS = ("cyan", "yellow", "green", "magenta", "blue", "bright_cyan")
STOP_SECONDS = 30.0
TICK_SECONDS = 0.1


class Supervisor:
    """Start with `start`, then `run` until somebody asks for the end or a process ends by itself."""

    def __init__(self, console: Console, holder: Holder, width: int = 8) -> None:
        self._console = console
        self._holder = holder
        self._width = width
        self._colours = cycle(COLOURS)
        self._children: dict[str, subprocess.Popen[bytes]] = {}
        self._readers: list[threading.Thread] = []
        self._asked = threading.Event()
        self._hurry = threading.Event()

    @property
    def pids(self) -> dict[str, int]:
        return {name: child.pid for name, child in self._children.items()}

    @contextlib.contextmanager
    def signals(self) -> Iterator[None]:
        """SIGINT, SIGTERM and SIGHUP ask for the end; a second one does not wait for it."""

        def ask(_number: int, _frame: object) -> None:
            (self._hurry if self._asked.is_set() else self._asked).set()

        numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
        before = [signal.signal(number, ask) for number in numbers]
        try:
            yield
        finally:
            for number, handler in zip(numbers, before, strict=True):
                signal.signal(number, handler)

    @property
    def asked(self) -> bool:
        """Whether the end was asked for."""
        return self._asked.is_set()

    def start(self, name: str, command: Sequence[str], environment: Mapping[str, str]) -> None:
        child = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env={**environment, "PYTHONUNBUFFERED": "1"},
            start_new_session=True,
        )
        self._holder.guard(child.pid)
        self._children[name] = child
        arguments = (name, next(self._colours), piped(child.stdout))
        reader = threading.Thread(target=self._relay, args=arguments, name=f"output-{name}", daemon=True)
        reader.start()
        self._readers.append(reader)

    def ended(self) -> str | None:
        """The name of a process that has ended, or of the embedded servers; None while all run."""
        for name, child in self._children.items():
            if has_ended(child):
                return name
        return None if self._holder.alive else "embedded servers"

    def run(self, tick: Callable[[], None]) -> str | None:
        """Call `tick` now and then. Returns None when asked to end, else the name of what ended."""
        while not self._asked.wait(TICK_SECONDS):
            if name := self.ended():
                # A server's end may be noticed before the signal that caused it all.
                return None if self._asked.wait(TICK_SECONDS) else name
            tick()
        return None

    def stop(self) -> None:
        """Ask every process to end, wait, then kill what is left of their groups."""
        for child in self._children.values():
            # Not through Popen, which would wait for one that has ended and so free its pid.
            with contextlib.suppress(ProcessLookupError):
                os.kill(child.pid, signal.SIGTERM)
        deadline = time.monotonic() + STOP_SECONDS
        while not self._hurry.wait(0.02) and time.monotonic() < deadline:
            if all(has_ended(child) for child in self._children.values()):
                break
        for child in self._children.values():
            # Not waited for yet, so its pid still names its group and nobody else's.
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(child.pid, signal.SIGKILL)
            child.wait()
            self._holder.release(child.pid)
        for reader in self._readers:
            reader.join(2)

    def say(self, name: str, text: str, colour: str = "white") -> None:
        prefix = (f"{time.strftime('%H:%M:%S')} {name:<{self._width}} | ", colour)
        self._console.print(Text.assemble(prefix, text), soft_wrap=True)

    def _relay(self, name: str, colour: str, output: IO[bytes]) -> None:
        deaf = False
        with output:
            for line in output:
                if deaf:
                    continue  # read on, or the child would block on a full pipe
                try:
                    self.say(name, line.decode("utf-8", "replace").rstrip("\r\n"), colour)
                except OSError:
                    # Nobody reads our output any more, as when a terminal is closed.
                    deaf = True
                    self._asked.set()
