"""`rxledger up`: everything together."""

from __future__ import annotations

import base64
import contextlib
import http.client
import json
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psutil
import psycopg

from ops.local.embedded import Addresses
from ops.local.readiness import answers
from settings import read_env_file
from tests.e2e.conftest import Up, clean_environment, wait_until_gone

Start = Callable[..., Up]
NAMES = {"web", "worker", "beat", "flower", "sandbox", "postgres", "valkey"}


WITHOUT_PAUSES = """
import ops.cli, ops.local.restart_policy
ops.local.restart_policy.FIRST_PAUSE = 0.001
ops.cli.main()
"""


def kill_children(parent: int, argument: str) -> None:
    """Kill the children of a process that have this on their command line."""
    with contextlib.suppress(psutil.NoSuchProcess):
        for child in psutil.Process(parent).children():
            if argument in child.cmdline():
                child.kill()


def request(url: str, method: str = "GET", login: str | None = None, body: str | None = None) -> int:
    headers = {"Authorization": f"Basic {base64.b64encode(login.encode()).decode()}"} if login else {}
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(str(parts.hostname), parts.port, timeout=10)
    try:
        connection.request(method, parts.path, body, headers)
        return connection.getresponse().status
    finally:
        connection.close()


def test_the_ready_file_says_where_everything_is(up: Up) -> None:
    ready = up.ready
    assert set(ready) == {"receiver", "flower", "sandbox", "database", "broker", "env", "pids"}
    assert answers(f"{ready['sandbox']}/_sandbox/ready")
    assert set(up.pids) == NAMES
    assert all(psutil.pid_exists(pid) for pid in up.pids.values())
    assert answers(f"{ready['receiver']}/readyz")
    with psycopg.connect(ready["database"]) as conn:
        assert conn.execute("SELECT count(*) FROM alembic_version").fetchone() == (1,)
    assert stat.S_IMODE(up.data.with_suffix(".ready").stat().st_mode) == 0o600


def test_the_ready_files_settings_are_those_of_the_data_folder(up: Up) -> None:
    stored = read_env_file(up.data / "env")
    assert {name: up.ready["env"][name] for name in stored} == stored
    assert stored["RXLEDGER_RECEIVER_URL"] == up.ready["receiver"]
    assert stored["DATABASE_URL"] == up.ready["database"]


def call(up: Up, method: str, path: str, body: object = None) -> Any:
    """A request to the sandbox, as a client that has read the settings."""
    env = up.ready["env"]
    parts = urlsplit(env["RXLEDGER_TRUEPILL_BASE_URL"])
    headers = {
        "Authorization": f"ApiKey {env['RXLEDGER_TRUEPILL_API_KEY']}",
        "Content-Type": "application/json",
    }
    connection = http.client.HTTPConnection(str(parts.hostname), parts.port, timeout=10)
    try:
        connection.request(method, path, json.dumps(body), headers)
        answer = connection.getresponse()
        assert answer.status == 200
        return json.loads(answer.read())
    finally:
        connection.close()


def test_a_simulated_fill_of_the_sandbox_arrives_and_is_delivered(up: Up) -> None:
    patient = {"first_name": "Ada", "last_name": "Doe", "gender": "female", "dob": "19820115"}
    token = call(up, "PUT", "/v1/patient", {**patient, "simulation": {"newRx": [True]}})["patient_token"]
    (prescription,) = call(up, "GET", f"/v1/patient/{token}/prescriptions")["prescriptions"]
    address = dict.fromkeys(("name", "street1", "city", "state", "zip", "phone"), "x")
    fill = {
        "patient_token": token,
        "patient_payment_type": "cash",
        "medications": [{"prescription_token": prescription["prescription_token"]}],
        **{f"address_to_{name}": value for name, value in address.items()},
        "patient_survey": {"conditions": None, "medications": None, "allergies": None},
        "simulation": {},
    }
    request_id = call(up, "POST", "/v1/fill_request", fill)["request_id"]
    deadline = time.monotonic() + 60
    state = None
    with psycopg.connect(up.ready["database"], autocommit=True) as conn:
        while state != ("delivered",):
            assert time.monotonic() < deadline, state
            time.sleep(0.05)
            state = conn.execute("SELECT state FROM entities WHERE key = %s", [request_id]).fetchone()
    shown = up.rxledger("show", "fill_request", request_id, "--json")
    assert json.loads(shown.stdout)["state"] == "delivered"
    assert call(up, "GET", "/v1/webhook_events/order")["results"], "the live contract is on"


def test_a_watched_journey_prints_its_states_as_they_come_and_ends_as_one_story(up: Up) -> None:
    done = up.rxledger("sandbox", "load", "--journeys", "1", "--watch")
    assert done.returncode == 0, done.stderr
    assert "(new) → received" in done.stdout  # the prescription; what becomes of its fill is drawn
    (trace,) = [line for line in done.stdout.splitlines() if line.startswith("rxledger trace ")]
    key = trace.split()[-1]
    story = up.rxledger("trace", key, "--json")
    assert story.returncode == 0, story.stderr
    document = json.loads(story.stdout)
    assert key in {entity["key"] for entity in document["entities"]}
    assert document["story"]


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
        assert request(up.ready["flower"] + path, "POST", login, "{}") == 405
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


def test_ctrl_c_stops_all_of_it_and_a_second_start_goes_on(up: Up, start: Start, short_tmp: Path) -> None:
    data = short_tmp / "again" / "data"
    first = start(data, "--no-sandbox")
    assert first.ready["sandbox"] is None
    assert "sandbox" not in first.pids
    assert "RXLEDGER_TRUEPILL_BASE_URL" not in first.ready["env"]
    assert first.ready["receiver"] != up.ready["receiver"]
    with psycopg.connect(first.ready["database"]) as conn:
        conn.execute("CREATE TABLE kept (value int)")
    assert first.end(signal.SIGINT) == 0
    wait_until_gone(list(first.pids.values()))

    second = start(data, "--no-sandbox")
    # The same keys, the same addresses, the same data.
    assert second.ready["env"] == first.ready["env"]
    with psycopg.connect(second.ready["database"]) as conn:
        assert conn.execute("SELECT count(*) FROM kept").fetchone() == (0,)

    # Killed, it can stop nothing itself: the holder does.
    second.end(signal.SIGKILL)
    wait_until_gone(list(second.pids.values()))
    assert all(psutil.pid_exists(pid) for pid in up.pids.values())


def test_servers_of_ones_own_are_used_and_left_alone(
    start: Start, servers: Addresses, short_tmp: Path
) -> None:
    own = {"DATABASE_URL": servers.database_url, "REDIS_URL": servers.broker_url}
    running = start(short_tmp / "own" / "data", settings=own, entry=["-c", WITHOUT_PAUSES])
    assert set(running.pids) == NAMES - {"postgres", "valkey"}
    assert running.ready["database"] == servers.database_url
    # A part that cannot stay up ends no other.
    log, web = running.data.with_suffix(".log"), running.pids["web"]
    while log.read_text().count("beat     | ended by SIGKILL: started again in") < 8:
        kill_children(running.process.pid, "beat")
        time.sleep(0.05)
    assert running.process.poll() is None
    assert psutil.pid_exists(web)
    assert answers(f"{running.ready['receiver']}/healthz")
    running.end(signal.SIGINT)
    wait_until_gone(list(running.pids.values()))
    assert all(psutil.pid_exists(pid) for pid in servers.pids.values())
    # The next run without these settings is on servers of its own again.
    assert not (running.data / "postgres").exists()
    assert set(start(running.data).pids) == NAMES
