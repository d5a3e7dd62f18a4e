"""kombu's Redis transport as we register it, on an embedded Valkey."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from ops.local.embedded import Addresses
from workers.celery.app import app
from workers.celery.transport import Channel, Transport


@pytest.fixture
def connection(servers: Addresses) -> Iterator[Any]:
    with app.connection_for_write(servers.broker_url) as connection:
        yield connection


def test_the_address_of_a_redis_stands_for_it(connection: Any) -> None:
    assert app.conf.broker_transport is None
    assert isinstance(connection.transport, Transport)
    assert isinstance(connection.default_channel, Channel)
    assert connection.as_uri().startswith("redis://")
    assert isinstance(app.connection_for_write("rediss://127.0.0.1").transport, Transport)


def test_all_commands_of_a_channel_go_through_one_client(connection: Any) -> None:
    channel = connection.default_channel
    with channel.conn_or_acquire() as one, channel.conn_or_acquire() as another:
        assert one is another
    with connection.channel() as other, other.conn_or_acquire() as client:
        assert client is not one


def test_a_channel_that_lost_its_connection_sends_on(connection: Any) -> None:
    queue = connection.SimpleQueue("rxledger_test_transport")
    queue.put("before")
    channel = connection.default_channel
    with channel.conn_or_acquire() as before:
        channel._disconnect_pools()
    queue.put("after")
    with channel.conn_or_acquire() as after:
        assert after is not before
    assert [queue.get(timeout=5).payload for _ in range(2)] == ["before", "after"]
    queue.clear()
    queue.close()
