"""Flower while its broker is away: it goes on trying, and it stops when told to."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import pytest

from ops import flower
from ops.local.ports import free_port
from tests.support.workers import comes, start


def test_flower_stops_while_its_broker_is_away(tmp_path: Path) -> None:
    nowhere = f"redis://127.0.0.1:{free_port()}/0"
    settings = {
        "BROKER_URL": nowhere,
        "RXLEDGER_DATA": str(tmp_path),
        "RXLEDGER_FLOWER_BASIC_AUTH": "somebody:a-password-that-is-long",
        "RXLEDGER_FLOWER_COOKIE_SECRET": "a cookie secret that is long",
    }
    log = tmp_path / "log"
    with log.open("ab") as out:
        process = start(
            ["-m", "ops.cli", "flower", "--port", str(free_port())], {**os.environ, **settings}, out
        )
    try:
        assert comes(lambda: b"is not heard" in log.read_bytes(), 30), log.read_text()
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def test_the_pause_between_two_tries_has_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    class Enough(BaseException):
        pass

    class Away:
        def connection(self) -> Any:
            raise ConnectionError

    pauses: list[float] = []

    def sleep(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 12:
            raise Enough

    monkeypatch.setattr("ops.flower.time.sleep", sleep)
    with pytest.raises(Enough):
        flower.PatientEvents(Away(), None, max_tasks_in_memory=1).run()
    assert pauses[0] == 1.0
    assert max(pauses) == pauses[-1] == flower.LONGEST_PAUSE
