"""Refuses the network beyond loopback to the process of the tests: a test that needs more is a mistake.

Guarded are connections, datagrams and look-ups of names by Python's sockets (so HTTP clients, Redis, AMQP and
asyncio's own loop), by uvloop, which connects in C, and by psycopg, whose libpq does. Unix sockets and
loopback are free. Processes that a test starts have no guard: they are our own servers, and what they are
told to call stands on loopback.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache, wraps
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Any

import psycopg
import pytest
import uvloop
from psycopg.conninfo import conninfo_to_dict

__all__ = ["BeyondLoopback", "no_network"]

Check = Callable[..., None]


class BeyondLoopback(RuntimeError):
    """A test reached for another host."""

    def __init__(self, host: object) -> None:
        super().__init__(f"tests may not reach the network: {host!r} is not loopback")


@contextmanager
def no_network() -> Iterator[None]:
    """Within it, what reaches beyond loopback raises BeyondLoopback at once."""
    with pytest.MonkeyPatch.context() as patch:
        for name, check in _SOCKET.items():
            patch.setattr(socket.socket, name, _checked(getattr(socket.socket, name), check))
        for name, check in _LOOKUPS.items():
            patch.setattr(socket, name, _checked(getattr(socket, name), check))
        for name, check in _UVLOOP.items():
            patch.setattr(uvloop.Loop, name, _checked(getattr(uvloop.Loop, name), check))
        for connection in (psycopg.Connection, psycopg.AsyncConnection):
            connect = vars(connection)["connect"].__func__
            patch.setattr(connection, "connect", classmethod(_checked(connect, _connect_postgres)))
        patch.setattr(psycopg, "connect", psycopg.Connection.connect)
        yield


def _checked(call: Callable[..., Any], check: Check) -> Callable[..., Any]:
    @wraps(call)
    def guarded(*arguments: Any, **options: Any) -> Any:
        check(*arguments, **options)
        return call(*arguments, **options)

    return guarded


def _reach(host: str | bytes | None) -> None:
    """A host that is connected to, by its address or its name."""
    if not _is_loopback(host):
        raise BeyondLoopback(host)


def _look_up(host: str | bytes | None, *rest: Any, **options: Any) -> None:
    """A name that is looked up; an address needs no look-up."""
    if _address(host) is None:
        _reach(host)


@lru_cache
def _is_loopback(host: str | bytes | None) -> bool:
    address = _address(host)
    if address is None:
        return host in {None, "", b"", "localhost", b"localhost"}
    # An unspecified address leads to this machine too.
    return address.is_loopback or address.is_unspecified


@lru_cache
def _address(host: str | bytes | None) -> IPv4Address | IPv6Address | None:
    text = host.decode("ascii", "replace") if isinstance(host, bytes) else host
    try:
        address = ip_address((text or "").partition("%")[0])
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def _connect(sock: socket.socket, address: Any) -> None:
    if sock.family in (socket.AF_INET, socket.AF_INET6):
        _reach(address[0])


def _send_to(sock: socket.socket, data: Any, *flags_and_address: Any) -> None:
    _connect(sock, flags_and_address[-1])


def _send_message(
    sock: socket.socket, buffers: Any, ancillary: Any = (), flags: int = 0, address: Any = None
) -> None:
    if address is not None:
        _connect(sock, address)


def _name_address(address: Any, flags: int) -> None:
    if not flags & socket.NI_NUMERICHOST:
        _reach(address[0])


def _loop_connect(loop: Any, factory: Any, host: Any = None, *rest: Any, **options: Any) -> None:
    _reach(host)


def _loop_send_to(
    loop: Any, factory: Any, local: Any = None, remote_addr: Any = None, **options: Any
) -> None:
    if isinstance(remote_addr, tuple):  # of a Unix socket it is a path
        _reach(remote_addr[0])


def _loop_look_up(loop: Any, host: Any, *rest: Any, **options: Any) -> None:
    _look_up(host)


def _connect_postgres(kind: Any, conninfo: str = "", **options: Any) -> None:
    hosts = {name: options[name] for name in ("host", "hostaddr") if name in options}
    parameters = conninfo_to_dict(conninfo, **hosts)
    for name in ("host", "hostaddr"):
        # Where an address gives none, libpq takes that of the environment.
        found = parameters.get(name) or os.environ.get(f"PG{name.upper()}", "")
        for host in str(found).split(","):
            if not host.startswith(("/", "@")):  # the folder of a Unix socket
                _reach(host)


_SOCKET: dict[str, Check] = {
    "connect": _connect,
    "connect_ex": _connect,
    "sendto": _send_to,
    "sendmsg": _send_message,
}
_LOOKUPS: dict[str, Check] = {
    "getaddrinfo": _look_up,
    "gethostbyname": _look_up,
    "gethostbyname_ex": _look_up,
    "gethostbyaddr": _reach,
    "getnameinfo": _name_address,
}
_UVLOOP: dict[str, Check] = {
    "create_connection": _loop_connect,
    "create_datagram_endpoint": _loop_send_to,
    "getaddrinfo": _loop_look_up,
}
