"""From push to applied at a gentle pace: when does what was sent stand in the database for others to read?

A poller asks the database about the fills whose events are under way, every millisecond and only while there
are any; it is the same for both sides, and adds at most its period to both.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Sequence
from typing import Any, NamedTuple

import psycopg

from bench.load import LoadError, complete, percentile
from bench.traffic import Event, request

__all__ = ["Paced", "watch"]

SENDERS = 4
POLL_SECONDS = 0.001
LOST_SECONDS = 60.0


class Paced(NamedTuple):
    """Seconds from just before each request was sent until its state was visible, and our own CPU share."""

    latencies: list[float]
    cpu_share: float

    def at(self, share: float) -> float:
        return percentile(self.latencies, share)


def watch(
    port: int, events: Sequence[Event], rate: float, conn: psycopg.Connection[Any], query: str
) -> Paced:
    """Send `rate` events a second and wait for each.

    `query` takes an array of keys and gives (key, newest time applied in Unix seconds); a fill's events must
    come in ascending time. Raises LoadError.
    """
    run = _Run(port, rate, time.perf_counter() + 0.1)
    requests = [(event.key, event.at, request(event.body)) for event in events]
    cpu, started = time.process_time(), time.perf_counter()
    senders = [
        threading.Thread(target=run.send, args=(requests, first), daemon=True) for first in range(SENDERS)
    ]
    for sender in senders:
        sender.start()
    run.poll(conn, query, len(requests))
    for sender in senders:
        sender.join()
    return Paced(run.latencies, (time.process_time() - cpu) / (time.perf_counter() - started))


class _Run:
    def __init__(self, port: int, rate: float, start: float) -> None:
        self.latencies: list[float] = []
        self._port = port
        self._rate = rate
        self._start = start
        self._lock = threading.Condition()
        # (key, time) -> when it was sent
        self._under_way: dict[tuple[str, int], float] = {}
        self._failure = ""

    def send(self, requests: Sequence[tuple[str, int, bytes]], first: int) -> None:
        try:
            with socket.create_connection(("127.0.0.1", self._port), 30) as connection:
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                for number in range(first, len(requests), SENDERS):
                    key, at, data = requests[number]
                    time.sleep(max(0.0, self._start + number / self._rate - time.perf_counter()))
                    with self._lock:
                        self._under_way[key, at] = time.perf_counter()
                        self._lock.notify()
                    connection.sendall(data)
                    _read(connection)
        except (OSError, LoadError) as error:
            self._failure = f"{type(error).__name__}: {error}"

    def poll(self, conn: psycopg.Connection[Any], query: str, expected: int) -> None:
        cursor = conn.cursor(binary=True)
        deadline = self._start + expected / self._rate + LOST_SECONDS
        while len(self.latencies) < expected:
            with self._lock:
                if not self._under_way:
                    self._lock.wait(0.1)
                waiting = dict(self._under_way)
            if self._failure or time.perf_counter() > deadline:
                raise LoadError(self._failure or f"{len(waiting)} events were never applied")
            if waiting:
                keys = list({key for key, _ in waiting})
                found = dict(cursor.execute(query, (keys,), prepare=True).fetchall())
                now = time.perf_counter()
                seen = [name for name in waiting if found.get(name[0], -1) >= name[1]]
                with self._lock:
                    self.latencies += [now - self._under_way.pop(name) for name in seen]
                time.sleep(POLL_SECONDS)


def _read(connection: socket.socket) -> None:
    answer = b""
    while not complete(answer):
        chunk = connection.recv(65_536)
        if not chunk:
            raise LoadError("the server closed a connection")
        answer += chunk
    if not answer.startswith(b"HTTP/1.1 200"):
        raise LoadError(f"answered {answer[9:12].decode('latin-1')}")
