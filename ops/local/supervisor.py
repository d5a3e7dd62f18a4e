"""Runs our processes together: their output with a prefix, what dies started again, one end for all of them.

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
from dataclasses import dataclass
from itertools import cycle
from typing import IO

from rich.console import Console
from rich.text import Text

from ops.local.embedded import Holder
from ops.local.processes import ending, has_ended, piped
from ops.local.restart_policy import RestartPolicy

__all__ = ["Supervisor"]

COLOURS = ("cyan", "yellow", "green", "magenta", "blue", "bright_cyan")
STOP_SECONDS = 30.0
TICK_SECONDS = 0.1

Child = subprocess.Popen[bytes]


@dataclass
class Part:
    """How one of the processes is started, and what runs of it; None while it waits to be started again."""

    command: Sequence[str]
    environment: Mapping[str, str]
    colour: str
    child: Child | None = None


class Supervisor:
    """Start with `start`, then `run` until somebody asks for the end.

    A part that dies is started again, with pauses that grow, and the others go on meanwhile. Only before
    `all_came_up` is a part that cannot be started the end of all: then nobody relies on the others yet.
    """

    def __init__(self, console: Console, holder: Holder, width: int = 8) -> None:
        self._console = console
        self._holder = holder
        self._width = width
        self._colours = cycle(COLOURS)
        self._parts: dict[str, Part] = {}
        self._policy = RestartPolicy()
        self._came_up = False
        self._readers: list[threading.Thread] = []
        self._asked = threading.Event()
        self._hurry = threading.Event()

    @property
    def pids(self) -> dict[str, int]:
        """What runs now; a part that waits to be started again is missing."""
        return {name: part.child.pid for name, part in self._parts.items() if part.child}

    @property
    def complete(self) -> bool:
        """Whether no part waits to be started again."""
        return all(part.child for part in self._parts.values())

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
        self._parts[name] = Part(command, environment, next(self._colours))
        self._launch(name)

    def all_came_up(self) -> None:
        """Everything has answered once: from now on nothing is given up."""
        self._came_up = True

    def run(self, tick: Callable[[], None]) -> str | None:
        """Keep all up and call `tick` now and then. None when asked to end, else why it cannot go on."""
        while not self._asked.wait(TICK_SECONDS):
            if trouble := self._mend():
                # A server's end may be noticed before the signal that caused it all.
                return None if self._asked.wait(TICK_SECONDS) else trouble
            tick()
        return None

    def stop(self) -> None:
        """Ask every process to end, wait, then kill what is left of their groups."""
        children = [part.child for part in self._parts.values() if part.child]
        for child in children:
            # Not through Popen, which would wait for one that has ended and so free its pid.
            with contextlib.suppress(ProcessLookupError):
                os.kill(child.pid, signal.SIGTERM)
        deadline = time.monotonic() + STOP_SECONDS
        while not self._hurry.wait(0.02) and time.monotonic() < deadline:
            if all(has_ended(child) for child in children):
                break
        for child in children:
            self._bury(child)
        for reader in self._readers:
            reader.join(2)

    def say(self, name: str, text: str, colour: str = "white") -> bool:
        """Print a line. False when nobody reads our output any more, which asks for the end."""
        prefix = (f"{time.strftime('%H:%M:%S')} {name:<{self._width}} | ", colour)
        try:
            self._console.print(Text.assemble(prefix, text), soft_wrap=True)
        except (OSError, SystemExit):  # the latter is what rich makes of a broken pipe
            self._asked.set()
            return False
        return True

    def _launch(self, name: str) -> None:
        part = self._parts[name]
        child = subprocess.Popen(
            part.command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env={**part.environment, "PYTHONUNBUFFERED": "1"},
            start_new_session=True,
        )
        self._holder.guard(child.pid)
        part.child = child
        arguments = (name, part.colour, piped(child.stdout))
        reader = threading.Thread(target=self._relay, args=arguments, name=f"output-{name}", daemon=True)
        reader.start()
        self._readers = [*(reader for reader in self._readers if reader.is_alive()), reader]

    def _mend(self) -> str | None:
        """Bury what has died, start again what has waited long enough. Returns why it cannot go on."""
        if self._holder.trouble or not self._holder.alive:
            return self._holder.trouble or "the holder of the servers ended"
        troubles = []
        for name, part in self._parts.items():
            if part.child and has_ended(part.child):
                how = self._bury(part.child)
                part.child = None
                troubles.append(self._put_off(name, how))
        for name in self._policy.due():
            try:
                self._launch(name)
            except OSError as error:  # a machine that is out of memory or processes may recover
                troubles.append(self._put_off(name, f"cannot be started ({error.strerror})"))
        return next(filter(None, troubles), None)

    def _put_off(self, name: str, how: str) -> str | None:
        """Plan the next start of a part; returns why there is none."""
        pause = self._policy.died(name)
        colour = self._parts[name].colour
        if not self._came_up and self._policy.is_hopeless(name):
            self.say(name, how, colour)
            return f"{name} cannot be started"
        self.say(name, f"{how}: started again in {pause:g} s", colour)
        return None

    def _bury(self, child: Child) -> str:
        """Kill what is left of a process and of its group; says how it ended."""
        # Not waited for yet, so its pid still names its group and nobody else's.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(child.pid, signal.SIGKILL)
        self._holder.release(child.pid)
        return ending(child.wait())

    def _relay(self, name: str, colour: str, output: IO[bytes]) -> None:
        deaf = False
        with output:
            for line in output:
                # Read on when nobody listens, or the child would block on a full pipe.
                deaf = deaf or not self.say(name, line.decode("utf-8", "replace").rstrip("\r\n"), colour)
