"""A receiver that serves on loopback in a thread, the requests sent to it, and the cable to its database."""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import psycopg
import uvicorn

from ingest.app import build
from ingest.limits import Limits
from ingest.server import configured
from settings import PartnerSettings, SealKey, Settings

__all__ = ["Answer", "Cable", "Running", "configuration", "raw", "serve", "until"]

TOKEN = "token-of-the-tests"
SEAL_KEYS = (SealKey("test", bytes(range(32))),)
LOOKUP_KEY = b"look-up key of the tests"


def until(condition: Callable[[], object], seconds: float = 10) -> None:
    """Wait for a condition; AssertionError when it does not come true."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come true in time"
        time.sleep(0.01)


def configuration(folder: Path, database_url: str, **changes: Any) -> Settings:
    partner = PartnerSettings("truepill", tokens=(TOKEN,))
    settings = Settings(folder, database_url, seal_keys=SEAL_KEYS, lookup_key=LOOKUP_KEY, partners=(partner,))
    return replace(settings, **changes)


@dataclass
class Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        assert self.headers["content-type"] == "application/json"
        return json.loads(self.body)


@dataclass
class Running:
    """Where a receiver listens, and the inbox ids it hinted."""

    port: int
    server: uvicorn.Server
    hints: list[int] = field(default_factory=list)

    def request(
        self,
        method: str,
        path: str,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
        **options: Any,
    ) -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            connection.request(method, path, body, dict(headers or {}), **options)
            response = connection.getresponse()
            names = {name.lower(): value for name, value in response.getheaders()}
            return Answer(response.status, names, response.read())
        finally:
            connection.close()

    def post(self, body: bytes, **headers: str) -> Answer:
        """To truepill's webhook, with the token unless an Authorization is given."""
        sent = {"Authorization": f"Bearer {TOKEN}"} | {n.replace("_", "-"): v for n, v in headers.items()}
        return self.request("POST", "/webhooks/truepill", body, sent)


@contextlib.contextmanager
def serve(
    settings: Settings,
    *,
    clock: Callable[[], datetime],
    limits: Limits | None = None,
    publish: Callable[[Sequence[int]], None] | None = None,
) -> Iterator[Running]:
    """Run a receiver as its process would, on a free port, until the block ends."""
    hints: list[int] = []
    app = build(settings, publish=publish or hints.extend, clock=clock, limits=limits)
    server = uvicorn.Server(configured(app, "127.0.0.1", 0))
    thread = threading.Thread(target=server.run, name="receiver")
    thread.start()
    try:
        until(lambda: server.started or not thread.is_alive())
        port = server.servers[0].sockets[0].getsockname()[1]
        yield Running(port, server, hints)
    finally:
        server.should_exit = True
        thread.join(30)
        assert not thread.is_alive()


def raw(port: int, *pieces: bytes, pause: float = 0.0, seconds: float = 10) -> bytes:
    """Send bytes as they are and return everything that comes back until the other end closes."""
    with socket.create_connection(("127.0.0.1", port), timeout=seconds) as connection:
        for piece in pieces:
            connection.sendall(piece)
            time.sleep(pause)
        received = b""
        with contextlib.suppress(ConnectionResetError):
            while chunk := connection.recv(65536):
                received += chunk
        return received


class Cable:
    """A Unix socket between a receiver and its PostgreSQL that can be stalled, cut and mended."""

    def __init__(self, database_url: str, folder: Path) -> None:
        parts = urlsplit(database_url)
        query = parse_qs(parts.query)
        self._target = f"{query['host'][0]}/.s.PGSQL.{query['port'][0]}"
        self._path = folder / f".s.PGSQL.{query['port'][0]}"
        self.url = f"postgresql://postgres@{parts.path}?host={folder}&port={query['port'][0]}"
        self._flows = threading.Event()
        #: Set once something waits to pass through a stalled cable.
        self.held = threading.Event()
        self._flows.set()
        self._pairs: list[tuple[socket.socket, socket.socket]] = []
        self._listener: socket.socket | None = None
        self.mend()

    def stall(self) -> None:
        """Nothing passes any more, and nobody is told."""
        self.held.clear()
        self._flows.clear()

    def cut(self) -> None:
        """Every connection ends and no new one is taken."""
        self._path.unlink(missing_ok=True)
        if self._listener is not None:
            self._listener.close()
            self._listener = None
        for pair in self._pairs:
            for end in pair:
                with contextlib.suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)
        self._pairs.clear()
        self._flows.set()

    def mend(self) -> None:
        self._flows.set()
        if self._listener is None:
            self._listener = socket.socket(socket.AF_UNIX)
            self._listener.bind(str(self._path))
            self._listener.listen()
            threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def _accept(self, listener: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = listener.accept()
                server = socket.socket(socket.AF_UNIX)
                server.connect(self._target)
                self._pairs.append((client, server))
                for source, sink in ((client, server), (server, client)):
                    threading.Thread(target=self._pass_on, args=(source, sink), daemon=True).start()

    def _pass_on(self, source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                if not self._flows.is_set():
                    self.held.set()
                    self._flows.wait()
                sink.sendall(data)
        for end in (source, sink):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        source.close()


def stored(database_url: str, event: str) -> list[tuple[Any, ...]]:
    """(partner, via, received_at, sealed) of an event, one row for each body kept."""
    with psycopg.connect(database_url) as conn:
        return conn.execute(
            "SELECT e.partner, e.via, e.received_at, b.sealed FROM events e JOIN bodies b USING (seq) "
            "WHERE e.id = %s",
            [event],
        ).fetchall()
