"""`rxledger up`, running for real."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.support.printed import ROOT

START_SECONDS = 90.0
OURS = ("RXLEDGER_", "DATABASE_URL", "REDIS_URL", "BROKER_URL")


def clean_environment() -> dict[str, str]:
    """This environment without settings of ours: a second shell."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(OURS)}
    return {**kept, "PYTHONPATH": str(ROOT)}


def is_running(pid: int) -> bool:
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def wait_until_gone(pids: list[int], seconds: float = 40.0) -> None:
    deadline = time.monotonic() + seconds
    while left := [pid for pid in pids if is_running(pid)]:
        assert time.monotonic() < deadline, f"still running: {left}"
        time.sleep(0.05)


@dataclass
class Up:
    """A running `rxledger up`."""

    process: subprocess.Popen[bytes]
    data: Path
    ready: dict[str, Any]

    @property
    def pids(self) -> dict[str, int]:
        return dict(self.ready["pids"])

    def renewed(self, *names: str) -> dict[str, int]:
        """Wait until the ready file has new pids for these names only. Returns the pids of before."""
        before = self.pids
        deadline = time.monotonic() + START_SECONDS
        while any(self.pids[name] == before[name] for name in names):
            assert self.process.poll() is None, "up has ended"
            assert time.monotonic() < deadline, f"the ready file has no new pids: {self.pids}"
            time.sleep(0.05)
            self.ready = json.loads(self.data.with_suffix(".ready").read_text())
        assert {name for name in before if self.pids[name] != before[name]} == set(names)
        return before

    def rxledger(self, *arguments: str, seconds: float = 60.0) -> subprocess.CompletedProcess[str]:
        """Run a command as a second shell would."""
        return subprocess.run(
            [sys.executable, "-m", "ops.cli", *arguments, "--data", str(self.data)],
            env=clean_environment(),
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )

    def end(self, number: int) -> int:
        self.process.send_signal(number)
        return self.process.wait(60)


def start_up(
    data: Path,
    *arguments: str,
    settings: Mapping[str, str] | None = None,
    entry: Sequence[str] = ("-m", "ops.cli"),
) -> Up:
    """Start `up`, with these settings in its environment, and wait for its ready file."""
    data.parent.mkdir(exist_ok=True)
    ready, log = data.with_suffix(".ready"), data.with_suffix(".log")
    ready.unlink(missing_ok=True)
    with log.open("ab") as output:
        process = subprocess.Popen(
            [
                sys.executable,
                *entry,
                "up",
                "--data",
                str(data),
                "--ready-file",
                str(ready),
                *arguments,
            ],
            env={**clean_environment(), **(settings or {})},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    deadline = time.monotonic() + START_SECONDS
    while not ready.exists():
        if process.poll() is not None or time.monotonic() > deadline:
            process.kill()
            process.wait()
            pytest.fail(f"up did not come up:\n{log.read_text()}")
        time.sleep(0.05)
    return Up(process, data, json.loads(ready.read_text()))


@pytest.fixture
def start() -> Iterator[Callable[..., Up]]:
    """Starts an `up` of the test's own, which may end it in any way."""
    started: list[Up] = []

    def start(data: Path, *arguments: str, **options: Any) -> Up:
        started.append(start_up(data, *arguments, **options))
        return started[-1]

    yield start
    for running in started:
        running.process.kill()
        running.process.wait()


@pytest.fixture(scope="session")
def up(short_tmp: Path) -> Iterator[Up]:
    """One `rxledger up` for the session. Tests that stop it start one of their own."""
    running = start_up(short_tmp / "up" / "data")
    yield running
    running.process.terminate()
    running.process.wait(60)
