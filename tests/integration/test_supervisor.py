"""The supervisor over small processes that stand in for ours."""

from __future__ import annotations

import io
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from rich.console import Console

from ops.embedded import Holder, hold
from ops.supervisor import Supervisor

STAYS = "import time; print('hello', flush=True); time.sleep(60)"
LEAVES = "print('bye', flush=True)"
HAS_A_CHILD = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'import time; time.sleep(60)'])"


@pytest.fixture(scope="module")
def holder(short_tmp: Path) -> Iterator[Holder]:
    with hold(short_tmp / "supervised", postgres=False, valkey=False) as holder:
        yield holder


@pytest.fixture
def output() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
def supervisor(holder: Holder, output: io.StringIO) -> Iterator[Supervisor]:
    supervisor = Supervisor(Console(file=output), holder)
    yield supervisor
    supervisor.stop()


def start(supervisor: Supervisor, name: str, code: str) -> None:
    supervisor.start(name, [sys.executable, "-c", code], {})


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_signal_ends_the_run_without_blame(supervisor: Supervisor) -> None:
    start(supervisor, "one", STAYS)
    with supervisor.signals():
        threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGTERM)).start()
        assert supervisor.run(lambda: None) is None
    assert supervisor.asked


def test_a_process_that_ends_by_itself_is_named(supervisor: Supervisor) -> None:
    start(supervisor, "stays", STAYS)
    start(supervisor, "leaves", LEAVES)
    assert supervisor.run(lambda: None) == "leaves"


def test_output_carries_the_name_of_its_process(supervisor: Supervisor, output: io.StringIO) -> None:
    start(supervisor, "stays", STAYS)
    until(lambda: "hello" in output.getvalue())
    assert "stays    | hello" in output.getvalue()


def test_stopping_leaves_no_child_of_a_child(supervisor: Supervisor) -> None:
    start(supervisor, "parent", HAS_A_CHILD)
    group = supervisor.pids["parent"]

    def members() -> int:
        import psutil

        alive = (p for p in psutil.process_iter() if p.status() != psutil.STATUS_ZOMBIE)
        return sum(os.getpgid(p.pid) == group for p in alive)

    until(lambda: members() == 2)
    supervisor.stop()
    until(lambda: members() == 0)
