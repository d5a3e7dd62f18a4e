"""Every process starts through the command line: it brings along nothing that it does not need."""

from __future__ import annotations

import subprocess
import sys

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


#: What commands bring that no other should pay for.
OTHERS = (
    "asyncio",
    "psycopg",
    "sqlalchemy",
    "celery",
    "rich",
    "orjson",
    "ops.commands.show",
    "ops.commands.sandbox",
)


def test_the_command_line_loads_no_command_before_it_runs() -> None:
    program = f"import sys, ops.cli; print(*[name for name in {HEAVY!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_a_command_loads_nothing_that_only_others_need() -> None:
    program = (
        "import atexit, sys, ops.cli; sys.argv = ['rxledger', 'diagram', 'copay'];"
        f"loaded = lambda: [name for name in {OTHERS!r} if name in sys.modules];"
        "atexit.register(lambda: print(*loaded(), file=sys.stderr));"
        "ops.cli.main()"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("stateDiagram-v2")
    assert done.stderr.split() == []


def test_every_command_is_found_in_the_module_that_is_said_to_hold_it() -> None:
    commands = Commands()
    assert {name: commands[name].name for name in commands} == {name: name for name in MODULES}
