"""Every process starts through the command line: it brings along nothing that it does not need."""

from __future__ import annotations

import subprocess
import sys

import pytest

import ops.commands
from ops.commands import MODULES, Commands

HEAVY = (
    "sandbox",
    "store",
    "workers",
    "partners",
    "pydantic",
    "httpx",
    "sqlalchemy",
    "rich.table",
    "rich.progress",
)

#: What commands use when they run.
USED = ("asyncio", "psycopg", "sqlalchemy", "celery", "orjson")


def run(*arguments: str, heavy: tuple[str, ...]) -> tuple[str, list[str]]:
    """What a command prints, and which of `heavy` it has loaded when its process ends."""
    program = (
        f"import atexit, sys, ops.cli; loaded = lambda: [name for name in {heavy!r} if name in sys.modules];"
        "atexit.register(lambda: print(*loaded(), file=sys.stderr)); ops.cli.main()"
    )
    started = [sys.executable, "-c", program, *arguments]
    done = subprocess.run(started, capture_output=True, text=True, check=True)
    return done.stdout, done.stderr.split()


def test_the_command_line_loads_no_command_before_it_runs() -> None:
    program = f"import sys, ops.cli; print(*[name for name in {HEAVY!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_a_command_loads_nothing_that_only_others_need() -> None:
    others = ("rich", "ops.commands.show", "ops.commands.sandbox")
    printed, loaded = run("diagram", "copay", heavy=(*USED, *others))
    assert printed.startswith("stateDiagram-v2")
    assert loaded == []


def test_the_help_loads_nothing_that_commands_use_when_they_run() -> None:
    printed, loaded = run("--help", heavy=(*USED, "httpx", "pydantic", "sandbox", "store", "workers"))
    assert "quarantine" in printed
    assert loaded == []


def test_no_module_of_commands_brings_what_only_running_one_needs() -> None:
    modules = sorted({f"ops.commands.{module}" for module in MODULES.values()})
    program = (
        "import sys; from importlib import import_module; [import_module(name) for name in sys.argv[1:]];"
        f"print(*[name for name in {(*HEAVY, *USED, 'rich.console')!r} if name in sys.modules])"
    )
    started = [sys.executable, "-c", program, *modules]
    done = subprocess.run(started, capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_a_command_that_cannot_be_loaded_is_not_said_to_be_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(name: str) -> object:
        raise KeyError(name)

    monkeypatch.setattr(ops.commands, "import_module", broken)
    with pytest.raises(KeyError):
        Commands().get("show")
    assert Commands().get("nonsense") is None


def test_every_command_is_found_in_the_module_that_is_said_to_hold_it() -> None:
    commands = Commands()
    assert {name: commands[name].name for name in commands} == {name: name for name in MODULES}
