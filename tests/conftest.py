"""What every tier shares: a guard against the network, and real servers, started once a session."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadFileScheduling

from ops.local.embedded import Addresses
from ops.local.embedded import servers as embedded_servers
from tests.support.network_guard import no_network


def pytest_xdist_auto_num_workers() -> int:
    """One process more than there are cores: half of their time tests wait for servers and processes."""
    return (os.cpu_count() or 1) + 1


#: They share the session's `rxledger up`: each process that runs one of them starts one.
WITH_UP = ("tests/e2e/test_no_leak.py", "tests/e2e/test_reference_callbacks.py", "tests/e2e/test_up.py")


class Scheduling(LoadFileScheduling):  # type: ignore[misc]
    """A file is run by one process, and so are those that share a service."""

    def _split_scope(self, nodeid: str) -> str:
        file = super()._split_scope(nodeid)
        return "up" if file in WITH_UP else file


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> Scheduling | None:
    return Scheduling(config, log) if config.getoption("dist") == "loadfile" else None


@pytest.fixture(scope="session", autouse=True)
def network_guard() -> Iterator[None]:
    """No test, and no fixture, reaches the network beyond loopback."""
    with no_network():
        yield


@pytest.fixture(scope="session")
def short_tmp() -> Iterator[Path]:
    """A folder for the session, removed at its end.

    Not pytest's own: that one is closed to the user that PostgreSQL runs as when we are root.
    """
    folder = Path(tempfile.mkdtemp(prefix="rxledger-tests-"))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session", autouse=True)
def no_authorities(short_tmp: Path) -> Iterator[None]:
    """Nothing here speaks TLS: no client reads all the certificates of the system, which takes it 25 ms."""
    folder = short_tmp / "no certificates"
    folder.mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("SSL_CERT_FILE", raising=False)
        patch.setenv("SSL_CERT_DIR", str(folder))
        yield


@pytest.fixture(scope="session")
def servers(short_tmp: Path) -> Iterator[Addresses]:
    """An embedded PostgreSQL and an embedded Valkey."""
    with embedded_servers(short_tmp / "servers") as addresses:
        yield addresses


@pytest.fixture(scope="session")
def database_url(servers: Addresses) -> str:
    """A database migrated to head."""
    from store.db.migrate import upgrade

    with psycopg.connect(servers.database_url, autocommit=True) as conn:
        conn.execute("CREATE DATABASE tests")
    url = servers.database_url.replace("/rxledger?", "/tests?")
    upgrade(url)
    return url


@pytest.fixture(scope="session")
def broker_url(servers: Addresses) -> str:
    """A Valkey that nobody else uses."""
    return servers.broker_url
