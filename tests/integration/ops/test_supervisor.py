"""The supervisor over small processes that stand in for ours."""

from __future__ import annotations

import contextlib
import io
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from rich.console import Console

from ops.local import restart_policy
from ops.local.embedded import Holder, hold
from ops.local.supervisor import Supervisor

STAYS = "import time; print('hello', flush=True); time.sleep(60)"
LEAVES = "print('bye', flush=True); raise SystemExit(3)"
HAS_A_CHILD = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'import time; time.sleep(60)'])"


@pytest.fixture(scope="module")
def holder(short_tmp: Path) -> Iterator[Holder]:
    with hold(short_tmp / "supervised", postgres=False, valkey=False) as holder:
        yield holder


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(restart_policy, "FIRST_PAUSE", 0.01)


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


def members(group: int) -> list[int]:
    """The living processes of a group."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.NoSuchProcess, ProcessLookupError):
            if process.status() != psutil.STATUS_ZOMBIE and os.getpgid(process.pid) == group:
                found.append(process.pid)
    return found


def run_until_replaced(supervisor: Supervisor, name: str, pid: int) -> list[bool]:
    """Run until another process has this name; what `complete` said on the way, without repeats."""
    seen: list[bool] = []

    def tick() -> None:
        if seen[-1:] != [supervisor.complete]:
            seen.append(supervisor.complete)
        if supervisor.pids.get(name, pid) != pid:
            os.kill(os.getpid(), signal.SIGTERM)

    with supervisor.signals():
        assert supervisor.run(tick) is None
    return seen


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


def test_a_process_that_ends_by_itself_is_started_again(supervisor: Supervisor, output: io.StringIO) -> None:
    start(supervisor, "stays", STAYS)
    start(supervisor, "mortal", STAYS)
    before = supervisor.pids
    os.kill(before["mortal"], signal.SIGKILL)
    assert run_until_replaced(supervisor, "mortal", before["mortal"]) == [False, True]
    assert supervisor.pids["stays"] == before["stays"]
    assert "mortal   | ended by SIGKILL: started again in 0.01 s" in output.getvalue()


def test_a_process_that_cannot_be_started_at_the_beginning_is_named(
    supervisor: Supervisor, output: io.StringIO
) -> None:
    start(supervisor, "stays", STAYS)
    start(supervisor, "leaves", LEAVES)
    assert supervisor.run(lambda: None) == "leaves cannot be started"
    assert output.getvalue().count("leaves   | bye") == 6
    assert output.getvalue().count("leaves   | ended with exit code 3") == 6


def test_a_command_that_is_gone_counts_as_a_death(supervisor: Supervisor, tmp_path: Path) -> None:
    program = tmp_path / "program"
    program.symlink_to(sys.executable)
    supervisor.start("mortal", [str(program), "-c", LEAVES], {})
    program.unlink()
    assert supervisor.run(lambda: None) == "mortal cannot be started"


def test_what_fails_once_all_came_up_never_ends_the_others(
    supervisor: Supervisor, output: io.StringIO
) -> None:
    start(supervisor, "stays", STAYS)
    start(supervisor, "leaves", LEAVES)
    pid = supervisor.pids["stays"]
    supervisor.all_came_up()
    with supervisor.signals():

        def tick() -> None:
            if output.getvalue().count("leaves   | bye") >= 9:
                os.kill(os.getpid(), signal.SIGTERM)

        assert supervisor.run(tick) is None
    assert supervisor.pids["stays"] == pid
    assert "leaves   | ended with exit code 3: started again in" in output.getvalue()


def test_a_process_started_again_leaves_nothing_of_its_group(supervisor: Supervisor) -> None:
    start(supervisor, "parent", HAS_A_CHILD)
    group = supervisor.pids["parent"]
    until(lambda: len(members(group)) == 2)
    os.kill(group, signal.SIGKILL)
    run_until_replaced(supervisor, "parent", group)
    assert members(group) == []
    assert supervisor.complete


def test_the_holders_guard_follows_a_restart(
    supervisor: Supervisor, holder: Holder, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[tuple[str, int]] = []
    monkeypatch.setattr(holder, "guard", lambda pid: told.append(("+", pid)))
    monkeypatch.setattr(holder, "release", lambda pid: told.append(("-", pid)))
    start(supervisor, "mortal", STAYS)
    first = supervisor.pids["mortal"]
    os.kill(first, signal.SIGKILL)
    run_until_replaced(supervisor, "mortal", first)
    second = supervisor.pids["mortal"]
    assert told == [("+", first), ("-", first), ("+", second)]


def test_a_holder_that_ends_is_named(short_tmp: Path, output: io.StringIO) -> None:
    with hold(short_tmp / "ending", postgres=False, valkey=False) as holder:
        supervisor = Supervisor(Console(file=output), holder)
        start(supervisor, "stays", STAYS)
        os.kill(holder.addresses.holder, signal.SIGTERM)
        why = supervisor.run(lambda: None)
        supervisor.stop()
        assert why == "the embedded servers were told to end"
    # It ends what it guards; that was not taken for a death.
    assert "started again" not in output.getvalue()


class Closed(io.StringIO):
    def write(self, _text: str) -> int:
        raise OSError(5, "Input/output error")


def test_output_that_nobody_reads_any_more_asks_for_the_end(holder: Holder) -> None:
    supervisor = Supervisor(Console(file=Closed()), holder)
    start(supervisor, "leaves", LEAVES)
    assert supervisor.run(lambda: None) is None
    supervisor.stop()


def test_output_carries_the_name_of_its_process(supervisor: Supervisor, output: io.StringIO) -> None:
    start(supervisor, "stays", STAYS)
    until(lambda: "hello" in output.getvalue())
    assert "stays    | hello" in output.getvalue()


def test_stopping_leaves_no_child_of_a_child(supervisor: Supervisor) -> None:
    start(supervisor, "parent", HAS_A_CHILD)
    group = supervisor.pids["parent"]
    until(lambda: len(members(group)) == 2)
    supervisor.stop()
    until(lambda: members(group) == [])
