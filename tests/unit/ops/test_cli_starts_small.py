"""Every process starts through the command line: it brings along nothing that it does not need."""

from __future__ import annotations

import subprocess
import sys

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


def test_the_command_line_loads_no_command_before_it_runs() -> None:
    program = f"import sys, ops.cli; print(*[name for name in {HEAVY!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
