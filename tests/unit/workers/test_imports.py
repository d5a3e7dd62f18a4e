"""What a worker loads: SQLAlchemy alone would be a fifth of its memory."""

from __future__ import annotations

import subprocess
import sys

import pytest


@pytest.mark.parametrize("module", ["workers.celery.tasks", "workers.pull.puller"])
def test_a_worker_never_loads_the_orm(module: str) -> None:
    code = f"import sys, {module}; sys.exit('sqlalchemy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
