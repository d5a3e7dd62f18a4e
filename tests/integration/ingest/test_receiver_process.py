"""The receiver as a process of its own: how it stops, what it logs, how much memory it takes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from ops.local.ports import free_port
from tests.support.printed import ROOT
from tests.support.receiver import TOKEN, Cable, Running, raw, stored, until

CANARY = "Zephyrine-Quillfeather-1931"

# What `rxledger web` does, without the hints; the seal fails for one body, as a bug of ours might.
PROGRAM = """
import pathlib, sys
from ingest.server import run
from settings import Settings
from tests.support.printed import ROOT
from store.crypto.sealing import Sealer

seal = Sealer.seal
def failing(self, plain, context):
    if b"crash" in plain:
        raise ValueError("failed on " + plain.decode())
    return seal(self, plain, context)
Sealer.seal = failing

def publish(seqs):
    print("hint", len(seqs), flush=True)

settings = Settings.load(data_dir=pathlib.Path(sys.argv[1]))
run(settings, host="127.0.0.1", port=int(sys.argv[2]), publish=publish)
print("returned", flush=True)
"""


class Process:
    def __init__(self, process: subprocess.Popen[str], http: Running) -> None:
        self.process = process
        self.http = http

    def stop(self, number: int = signal.SIGTERM) -> tuple[str, str]:
        self.process.send_signal(number)
        return self.process.communicate(timeout=30)


def launch(folder: Path, database_url: str, port: int) -> subprocess.Popen[str]:
    environment = {
        "PATH": os.environ["PATH"],
        "DATABASE_URL": database_url,
        "RXLEDGER_SEAL_KEYS": "a:" + "A" * 43 + "=",
        "RXLEDGER_LOOKUP_KEY": "look-up key of the tests",
        "RXLEDGER_TRUEPILL_WEBHOOK_TOKENS": TOKEN,
    }
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(folder), str(port)],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@contextmanager
def receiver_process(folder: Path, database_url: str) -> Iterator[Process]:
    port = free_port()
    process = launch(folder, database_url, port)
    http = Running(port, None)  # type: ignore[arg-type]

    def answers() -> bool:
        assert process.poll() is None
        try:
            return http.request("GET", "/healthz").status == 200
        except ConnectionRefusedError:
            return False

    try:
        until(answers)
        yield Process(process, http)
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_receiver_that_is_told_to_stop_answers_what_it_took_and_returns(
    number: int, cable: Cable, inbox_url: str, tmp_path: Path
) -> None:
    body = b'{"last": "%b"}' % os.urandom(8).hex().encode()
    with receiver_process(tmp_path, cable.url) as receiver, ThreadPoolExecutor(1) as pool:
        assert receiver.http.post(b"[]").status == 200
        cable.stall()
        waiting = pool.submit(receiver.http.post, body)
        assert cable.held.wait(10)
        output, errors = receiver.stop(number)
        answer = waiting.result(20)
        assert answer.status == 200
        assert "returned" in output
        assert receiver.process.returncode == 0
        assert "Traceback" not in errors
    event = answer.json["event"]
    spooled = list((tmp_path / "spool").glob("*/*.batch"))
    assert spooled or stored(inbox_url, event)
    cable.mend()
    with receiver_process(tmp_path, cable.url):
        until(lambda: stored(inbox_url, event))
        until(lambda: not list((tmp_path / "spool").glob("*/*.batch")))


def test_nothing_of_a_request_is_ever_logged(inbox_url: str, tmp_path: Path) -> None:
    text = CANARY.encode()
    secret = f"Bearer {CANARY}"
    with receiver_process(tmp_path, inbox_url) as receiver:
        post = receiver.http.post
        assert post(json.dumps({"name": CANARY}).encode()).status == 200
        assert post(b"{" + text).status == 200
        assert post(b"crash " + text).status == 500
        assert post(text, Authorization=secret).status == 401
        assert post(text, Content_Encoding=CANARY).status == 415
        request = receiver.http.request
        assert request("POST", f"/webhooks/truepill?token={CANARY}", text).status == 401
        assert request("GET", f"/{CANARY}?q={CANARY}", headers={"X-Junk": CANARY}).status == 404
        assert (
            request("GET", "/metrics", headers={"X-Forwarded-For": "1.1.1.1", "Authorization": secret}).status
            == 401
        )
        assert raw(receiver.http.port, text + b"\r\n\r\n").startswith(b"HTTP/1.1 400 ")
        assert text not in request("GET", "/metrics").body
        output, errors = receiver.stop()
    assert CANARY not in output + errors
    assert TOKEN not in output + errors
    assert "a request crashed: ValueError in <string>:failing" in errors
    assert "Traceback" not in errors


def test_the_process_stays_small(inbox_url: str, tmp_path: Path) -> None:
    with receiver_process(tmp_path, inbox_url) as receiver:
        with ThreadPoolExecutor(8) as pool:
            bodies = [os.urandom(1500) for _ in range(300)]
            assert {answer.status for answer in pool.map(receiver.http.post, bodies)} == {200}
        lines = receiver.http.request("GET", "/metrics").body.decode().splitlines()
        sizes = [
            float(line.split()[1]) for line in lines if line.startswith("process_resident_memory_bytes ")
        ]
        assert all(size < 90 * 2**20 for size in sizes)
        code = (
            "import sys, ingest.server; print(sorted({'celery', 'kombu', 'sqlalchemy'} & set(sys.modules)))"
        )
        loaded = subprocess.run(
            [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
        )
        assert loaded.stdout.strip() == "[]"


def test_an_address_in_use_ends_the_process_with_a_word_about_it(inbox_url: str, tmp_path: Path) -> None:
    with receiver_process(tmp_path, inbox_url) as receiver:
        second = launch(tmp_path, inbox_url, receiver.http.port)
        _, errors = second.communicate(timeout=30)
    assert second.returncode != 0
    assert "OSError[EADDRINUSE]" in errors
