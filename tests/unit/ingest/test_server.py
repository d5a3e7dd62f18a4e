"""How the receiver is served, whatever the environment of its process says to uvicorn."""

from __future__ import annotations

import pytest
from starlette.applications import Starlette

from ingest.server import configured

#: The longest of the usual times for which a proxy or a load balancer keeps an idle connection.
LONGEST_KEPT_BEFORE_US = 600


def test_a_connection_is_kept_longer_than_by_who_stands_before_us() -> None:
    assert configured(Starlette(), "127.0.0.1", 0).timeout_keep_alive > LONGEST_KEPT_BEFORE_US


@pytest.mark.parametrize("value", ["", "auto", "4"])
def test_how_many_processes_a_platform_wants_is_not_read(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("WEB_CONCURRENCY", value)
    assert configured(Starlette(), "127.0.0.1", 0).workers == 1
