"""Real worker processes for tests, and hints sent to them as anybody on the broker could send them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import redis
from celery import Celery

from settings import Database
from tests.support.backends import variables
from tests.support.keys import KEY_SETTINGS

SECONDS = 30.0


class Broker:
    """A broker of one test: where it is, and our part of it."""

    def __init__(self, url: str, prefix: str) -> None:
        self.url = url
        self.prefix = prefix
        options: dict[str, Any] = {"global_keyprefix": prefix} if prefix else {}
        self.app = Celery("test", broker=url, broker_transport_options=options, set_as_current=False)

    def send(self, task: str, *arguments: Any, **options: Any) -> None:
        """Send one message, as the receiver or beat would."""
        self.app.send_task(task, args=arguments, kwargs=options, queue="rxledger", retry=False)

    def put(self, content: Any, **headers: Any) -> None:
        """Put one message into the workers' queue, as another application could."""
        with self.app.connection_for_write() as conn:
            conn.Producer().publish(content, routing_key="rxledger", serializer="json", headers=headers)

    def put_raw(self, raw: bytes) -> None:
        """Put this into the list that is the workers' queue in a Redis."""
        with redis.Redis.from_url(self.url) as client:
            client.lpush(f"{self.prefix}rxledger", raw)

    def waiting(self) -> int:
        """How many messages wait for a worker."""
        with self.app.connection_for_write() as conn:
            return int(conn.default_channel.queue_declare("rxledger", durable=True, auto_delete=False)[1])

    def forget(self) -> None:
        """Lose every message that waits."""
        with self.app.connection_for_write() as conn:
            conn.default_channel.queue_purge("rxledger")


def environment(database: Database, broker: Broker, data: Path) -> dict[str, str]:
    """What a worker process needs; the keys are those of the contract tests."""
    return {
        **os.environ,
        **variables(database),
        "BROKER_URL": broker.url,
        "RXLEDGER_BROKER_PREFIX": broker.prefix,
        "RXLEDGER_DATA": str(data),
        **KEY_SETTINGS,
        "REMAP_SIGTERM": "SIGQUIT",
    }


@contextmanager
def worker(
    env: Mapping[str, str], log: Path, app: str = "workers.celery.app", *, wait: bool = True
) -> Iterator[subprocess.Popen[bytes]]:
    """A worker with two children that answers, or is to; killed afterwards, by pid, if it still runs."""
    command = ["-m", "celery", "-A", app, "worker", "-c", "2", "-l", "INFO", "-E"]
    command += ["--without-gossip", "--without-mingle"]
    with log.open("ab") as out:
        process = start(command, env, out)
    try:
        if wait:
            until(lambda: b" ready." in log.read_bytes(), f"the worker was not ready: see {log}")
        yield process
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(SECONDS)


def start(command: list[str], env: Mapping[str, str], out: IO[bytes]) -> subprocess.Popen[bytes]:
    """A Python process that leads a group of its own, so that its children can be ended with it."""
    return subprocess.Popen(
        [sys.executable, *command], env=dict(env), stdout=out, stderr=out, start_new_session=True
    )


def until(condition: Callable[[], bool], otherwise: str, seconds: float = SECONDS) -> None:
    """Wait for a condition, bounded; AssertionError when it does not come."""
    assert comes(condition, seconds), otherwise


def comes(condition: Callable[[], bool], seconds: float) -> bool:
    """Wait for a condition so long at most; whether it came."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() >= end:
            return False
        time.sleep(0.05)
    return True
