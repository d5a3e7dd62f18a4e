"""No test reaches the network beyond loopback: what tries to fails at once, and says why."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable, Coroutine
from typing import Any

import httpx
import psycopg
import pytest
import redis
import uvloop
from sqlalchemy import create_engine

from tests.support.network_guard import BeyondLoopback

# Of a block that is for documentation, and of a domain that never is one.
ADDRESS, SIXTH, NAME = "192.0.2.1", "2001:db8::1", "example.invalid"
REFUSED = "tests may not reach the network"


def connected(family: socket.AddressFamily, call: str, address: tuple[Any, ...]) -> None:
    with socket.socket(family) as one:
        one.settimeout(5)
        getattr(one, call)(address)


@pytest.mark.parametrize("call", ["connect", "connect_ex"])
@pytest.mark.parametrize(
    ("family", "host"),
    [(socket.AF_INET, ADDRESS), (socket.AF_INET, NAME), (socket.AF_INET6, SIXTH)],
)
def test_a_connection_to_another_host_is_refused_at_once(
    family: socket.AddressFamily, host: str, call: str
) -> None:
    with pytest.raises(BeyondLoopback, match=REFUSED):
        connected(family, call, (host, 9))


def test_a_datagram_to_another_host_is_refused() -> None:
    with socket.socket(type=socket.SOCK_DGRAM) as one:
        with pytest.raises(BeyondLoopback, match=ADDRESS):
            one.sendto(b"told", (ADDRESS, 9))
        with pytest.raises(BeyondLoopback, match=ADDRESS):
            one.sendto(b"told", 0, (ADDRESS, 9))
        with pytest.raises(BeyondLoopback, match=ADDRESS):
            one.sendmsg([b"told"], [], 0, (ADDRESS, 9))


@pytest.mark.parametrize(
    "look_up",
    [
        lambda: socket.getaddrinfo(NAME, 443),
        lambda: socket.getaddrinfo(NAME.encode(), 443),
        lambda: socket.gethostbyname(NAME),
        lambda: socket.gethostbyname_ex(NAME),
        lambda: socket.gethostbyaddr(ADDRESS),
        lambda: socket.getnameinfo((ADDRESS, 9), 0),
        lambda: socket.create_connection((NAME, 443), timeout=5),
    ],
    ids=["info", "bytes", "by name", "by name, all", "by address", "of an address", "to connect"],
)
def test_a_look_up_of_another_host_is_refused(look_up: Callable[[], object]) -> None:
    with pytest.raises(BeyondLoopback, match=REFUSED):
        look_up()


def test_clients_of_every_kind_are_refused() -> None:
    with pytest.raises(BeyondLoopback):
        httpx.get(f"https://{NAME}/")
    with pytest.raises(BeyondLoopback):
        redis.Redis(host=NAME).ping()
    with pytest.raises(BeyondLoopback):
        psycopg.connect(f"postgresql://{NAME}/rxledger")
    with pytest.raises(BeyondLoopback):
        psycopg.connect("dbname=rxledger", host="127.0.0.1", hostaddr=ADDRESS)
    with pytest.raises(BeyondLoopback):
        create_engine(f"postgresql+psycopg://rxledger@{ADDRESS}/rxledger").connect()


def test_a_server_that_the_environment_names_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGHOST", NAME)
    with pytest.raises(BeyondLoopback, match=NAME):
        psycopg.connect("dbname=rxledger")


async def _connect() -> None:
    await asyncio.get_running_loop().create_connection(asyncio.Protocol, ADDRESS, 9)


async def _send() -> None:
    transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
        asyncio.DatagramProtocol, remote_addr=(ADDRESS, 9)
    )
    transport.close()


async def _look_up() -> None:
    await asyncio.get_running_loop().getaddrinfo(NAME, 443)


async def _ask_postgres() -> None:
    await psycopg.AsyncConnection.connect(f"host={NAME}")


@pytest.mark.parametrize("loop", [asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
@pytest.mark.parametrize("act", [_connect, _send, _look_up, _ask_postgres])
def test_both_event_loops_are_refused(
    act: Callable[[], Coroutine[Any, Any, None]], loop: Callable[[], asyncio.AbstractEventLoop]
) -> None:
    with asyncio.Runner(loop_factory=loop) as runner, pytest.raises(BeyondLoopback, match=REFUSED):
        runner.run(act())


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_loopback_is_free(host: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with socket.create_connection((host, port), timeout=5) as one:
            one.sendall(b"told")
            other, _ = server.accept()
            with other:
                assert other.recv(4) == b"told"


@pytest.mark.parametrize("loop", [asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
def test_loopback_is_free_to_both_event_loops(loop: Callable[[], asyncio.AbstractEventLoop]) -> None:
    async def talk() -> bytes:
        async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(await reader.read(4))
            writer.close()

        server = await asyncio.start_server(echo, "127.0.0.1", 0)
        async with server:
            reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
            writer.write(b"told")
            answer = await reader.read(4)
            writer.close()
            return answer

    with asyncio.Runner(loop_factory=loop) as runner:
        assert runner.run(talk()) == b"told"


def test_datagrams_on_loopback_and_unix_sockets_are_free() -> None:
    with socket.socket(type=socket.SOCK_DGRAM) as one, socket.socket(type=socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.1", 0))
        one.sendto(b"told", other.getsockname())
        assert other.recv(4) == b"told"
    one, other = socket.socketpair(socket.AF_UNIX)
    with one, other:
        one.sendall(b"told")
        assert other.recv(4) == b"told"


def test_other_threads_are_guarded_too() -> None:
    raised: list[BaseException] = []

    def reach() -> None:
        try:
            connected(socket.AF_INET, "connect", (ADDRESS, 9))
        except BeyondLoopback as error:
            raised.append(error)

    thread = threading.Thread(target=reach)
    thread.start()
    thread.join()
    assert len(raised) == 1
