"""Embedded servers that die while they are looked after."""

from __future__ import annotations

import os
import signal
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import redis

from ops.local import restart_policy
from ops.local.restart import ServerRestarter
from ops.local.valkey import Valkey


@pytest.fixture
def valkey(tmp_path: Path) -> Iterator[Valkey]:
    server = Valkey(tmp_path / "valkey")
    server.start()
    yield server
    server.stop()


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(restart_policy, "FIRST_PAUSE", 0.01)


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def kill(server: Valkey) -> None:
    os.kill(server.pid, signal.SIGKILL)
    process = server.process
    until(lambda: process is not None and process.poll() is not None)


def test_a_server_that_lives_is_left_alone(valkey: Valkey) -> None:
    pid, said = valkey.pid, list[str]()
    restarter = ServerRestarter({"valkey": valkey}, said.append)
    assert not restarter.mend()
    assert (valkey.pid, said) == (pid, [])


def test_a_killed_valkey_comes_back_with_its_port_and_password(valkey: Valkey, tmp_path: Path) -> None:
    url, pid, said = valkey.url, valkey.pid, list[str]()
    restarter = ServerRestarter({"valkey": valkey}, said.append)
    # Not even a lost address file makes it another server than the one its clients know.
    (tmp_path / "valkey" / "address.json").unlink()
    kill(valkey)
    until(restarter.mend)
    assert valkey.pid != pid
    assert valkey.url == url
    with redis.from_url(url) as client:
        assert client.ping()
    assert said == [
        "the embedded valkey server ended by SIGKILL; started again in 0.01 s",
        "the embedded valkey server is back",
    ]


def test_a_server_whose_port_is_taken_is_tried_again_and_again(valkey: Valkey) -> None:
    said: list[str] = []
    restarter = ServerRestarter({"valkey": valkey}, said.append)
    kill(valkey)
    with socket.socket() as thief:
        thief.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        thief.bind(("127.0.0.1", valkey.port))
        thief.listen()
        taken = f"cannot be started: port {valkey.port} of Valkey was taken while it was away"
        until(lambda: restarter.mend() or sum(taken in line for line in said) > restart_policy.HOPELESS + 1)
    until(restarter.mend)


def test_a_port_that_was_taken_for_a_moment_is_waited_for(valkey: Valkey) -> None:
    said: list[str] = []
    restarter = ServerRestarter({"valkey": valkey}, said.append)
    kill(valkey)
    with socket.socket() as thief:
        thief.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        thief.bind(("127.0.0.1", valkey.port))
        thief.listen()

        def was_refused() -> bool:
            assert not restarter.mend()
            return any("taken" in line for line in said)

        until(was_refused)
    until(restarter.mend)
