"""A real beat whose connection is cut: it sends on."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import redis

from ops.local.embedded import servers
from settings import Database
from tests.support.backends import IN_CI, own_vhost
from tests.support.workers import Broker, environment, start, until

#: What cuts all connections of a broker that nobody else uses.
Cut = Callable[[], None]


def _cut_redis(url: str) -> None:
    with redis.Redis.from_url(url) as client:
        client.execute_command("CLIENT", "KILL", "TYPE", "normal")


def _cut_rabbitmq(url: str) -> None:
    command = ["rabbitmqctl", "close_all_connections", "--vhost", url.rpartition("/")[2], "a test"]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, timeout=60)


@pytest.fixture(params=["valkey", "rabbitmq"] if IN_CI else ["valkey"])
def broker(request: pytest.FixtureRequest, short_tmp: Path) -> Iterator[tuple[Broker, Cut]]:
    with ExitStack() as stack:
        if request.param == "rabbitmq":
            url, _ = stack.enter_context(own_vhost())
            cut = _cut_rabbitmq
        else:
            url = stack.enter_context(servers(short_tmp / "beats-broker", postgres=False)).broker_url
            cut = _cut_redis
        broker = Broker(url, "")
        yield broker, lambda: cut(url)
        broker.app.close()


def test_beat_sends_on_after_its_connection_was_cut(broker: tuple[Broker, Cut], tmp_path: Path) -> None:
    sent_to, cut = broker
    log = tmp_path / "log"
    command = ["-m", "celery", "-A", "workers.celery.app", "beat", f"--schedule={tmp_path / 'schedule'}"]
    with log.open("ab") as out:
        beat = start(command, environment(Database("postgresql://127.0.0.1/none"), sent_to, tmp_path), out)
    try:
        until(lambda: sent_to.waiting() > 0, "beat sent nothing")
        cut()
        sent_to.forget()
        until(lambda: sent_to.waiting() > 0, f"beat sends nothing any more: {log.read_text()[-2000:]}")
        assert beat.poll() is None
    finally:
        beat.kill()
        beat.wait()
