"""`rxledger up`: everything together."""

from __future__ import annotations

import base64
import json
import os
import signal
import socket
import stat
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import psutil
import psycopg
import pytest

from ops.readiness import answers
from settings import read_env_file
from tests.e2e.conftest import Up, clean_environment, start_up, wait_until_gone

NAMES = {"web", "worker", "beat", "flower", "postgres", "valkey"}


def request(url: str, method: str = "GET", login: str | None = None, body: bytes | None = None) -> int:
    headers = {"Authorization": f"Basic {base64.b64encode(login.encode()).decode()}"} if login else {}
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(urllib.request.Request(url, body, headers, method=method), timeout=10) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        error.close()
        return error.code


def test_the_ready_file_says_where_everything_is(up: Up) -> None:
    ready = up.ready
    assert set(ready) == {"receiver", "flower", "sandbox", "database", "broker", "env", "pids"}
    assert ready["sandbox"] is None
    assert set(up.pids) == NAMES
    assert all(psutil.pid_exists(pid) for pid in up.pids.values())
    assert answers(f"{ready['receiver']}/readyz")
    with psycopg.connect(ready["database"]) as conn:
        assert conn.execute("SELECT count(*) FROM alembic_version").fetchone() == (1,)
    assert stat.S_IMODE(up.data.with_suffix(".ready").stat().st_mode) == 0o600


def test_the_ready_files_settings_are_those_of_the_data_folder(up: Up) -> None:
    held = read_env_file(up.data / "env")
    assert {name: up.ready["env"][name] for name in held} == held
    assert held["RXLEDGER_RECEIVER_URL"] == up.ready["receiver"]
    assert held["DATABASE_URL"] == up.ready["database"]


def test_a_second_shell_needs_the_data_folder_alone(up: Up) -> None:
    done = up.rxledger("migrate", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["revision"]


def test_flower_wants_its_password_on_every_page(up: Up) -> None:
    login = up.ready["env"]["RXLEDGER_FLOWER_BASIC_AUTH"]
    for page in ("/", "/tasks", "/broker", "/metrics", "/healthcheck", "/api/workers", "/api/tasks"):
        assert request(up.ready["flower"] + page) == 401
        assert request(up.ready["flower"] + page, login="rxledger:wrong") == 401
        assert request(up.ready["flower"] + page, login=login) == 200


def test_flower_changes_nothing_even_with_the_password(up: Up) -> None:
    login = up.ready["env"]["RXLEDGER_FLOWER_BASIC_AUTH"]
    worker = f"worker-{up.ready['receiver'].rpartition(':')[2]}@{socket.gethostname()}"
    for path in (
        f"/api/worker/shutdown/{worker}",
        "/api/task/send-task/rxledger.sweep",
        "/api/task/revoke/x",
    ):
        assert request(up.ready["flower"] + path, "POST", login, b"{}") == 405
    assert psutil.pid_exists(up.pids["worker"])


def test_a_port_that_is_taken_is_refused_by_name(short_tmp: Path) -> None:
    with socket.socket() as busy:
        busy.bind(("127.0.0.1", 0))
        busy.listen()
        port = str(busy.getsockname()[1])
        arguments = ["up", "--data", str(short_tmp / "taken"), "--port", port]
        done = subprocess.run(
            [sys.executable, "-m", "ops.cli", *arguments],
            env=clean_environment(),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert done.returncode == 1
    assert f"port {port} is taken" in done.stderr


def test_ctrl_c_stops_all_of_it_and_a_second_start_goes_on(up: Up, short_tmp: Path) -> None:
    data = short_tmp / "again" / "data"
    first = start_up(data, "--no-sandbox")
    assert first.ready["receiver"] != up.ready["receiver"]
    with psycopg.connect(first.ready["database"]) as conn:
        conn.execute("CREATE TABLE kept (value int)")
    assert first.end(signal.SIGINT) == 0
    wait_until_gone(list(first.pids.values()))

    second = start_up(data)
    # The same keys, the same addresses, the same data.
    assert second.ready["env"] == first.ready["env"]
    with psycopg.connect(second.ready["database"]) as conn:
        assert conn.execute("SELECT count(*) FROM kept").fetchone() == (0,)

    # Killed, it can stop nothing itself: the holder does.
    second.end(signal.SIGKILL)
    wait_until_gone(list(second.pids.values()))
    assert all(psutil.pid_exists(pid) for pid in up.pids.values())


@pytest.mark.parametrize("victim", ["beat", "valkey"])
def test_a_part_that_dies_ends_the_whole_with_a_failure(short_tmp: Path, victim: str) -> None:
    running = start_up(short_tmp / f"dies-{victim}" / "data")
    os.kill(running.pids[victim], signal.SIGKILL)
    assert running.process.wait(60) == 1
    wait_until_gone(list(running.pids.values()))
