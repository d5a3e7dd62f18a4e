"""A database for the receiver alone, and receivers that stop with their test."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from ingest.limits import Limits
from ops.local.embedded import Addresses
from tests.support.backends import fresh_database
from tests.support.receiver import Cable, Running, configuration, serve

NOW = datetime(2026, 3, 1, 12, 0, 0, 123456, tzinfo=UTC)

Serve = Callable[..., Running]


@pytest.fixture(scope="session")
def inbox_url(servers: Addresses) -> Iterator[str]:
    with fresh_database(servers.database_url) as url:
        yield url


@pytest.fixture
def cable(inbox_url: str, short_tmp: Path) -> Iterator[Cable]:
    folder = short_tmp / "cable"
    folder.mkdir(exist_ok=True)
    cable = Cable(inbox_url, folder)
    yield cable
    cable.cut()


@pytest.fixture
def start(inbox_url: str, tmp_path: Path) -> Iterator[Serve]:
    """`start(limits=…, url=…, **settings)`: a receiver whose clock stands at NOW."""
    with contextlib.ExitStack() as stack:

        def run(
            limits: Limits | None = None, url: str = inbox_url, publish: Any = None, **changes: Any
        ) -> Running:
            settings = configuration(tmp_path, url, **changes)
            return stack.enter_context(serve(settings, clock=lambda: NOW, limits=limits, publish=publish))

        yield run
