"""`python -m bench.puller`: one run of the stream of NOTIFY_RX, as a worker runs it; its figures on stdout.

A pull waits for the partner while bytes are on their way: in the transport of its HTTP client, less the time
that this process computes there itself. Everything else it does for its own sake.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import orjson
import psutil

from bench.memory import MIB
from settings import Settings
from store.db.connections import connect
from store.pulls.streams import NOTIFY
from workers.celery.app import spare_the_collector
from workers.celery.hints import HintPublisher
from workers.celery.runtime import tools
from workers.pull.puller import Puller
from workers.pull.run import Report

__all__: list[str] = []

LOOK_PAGES = 20


class Waits:
    """Seconds in the transport in which no thread of this process computed."""

    def __init__(self) -> None:
        self.seconds = 0.0

    @contextmanager
    def counted(self) -> Iterator[None]:
        began, computed = time.perf_counter(), time.process_time()
        try:
            yield
        finally:
            self.seconds += time.perf_counter() - began - (time.process_time() - computed)

    def watch(self) -> None:
        """Count in every transport that is made from now on."""
        send = httpx.HTTPTransport.handle_request

        def handle_request(transport: httpx.HTTPTransport, request: httpx.Request) -> httpx.Response:
            with self.counted():
                response = send(transport, request)
            assert isinstance(response.stream, httpx.SyncByteStream)
            response.stream = _Watched(response.stream, self)
            return response

        setattr(httpx.HTTPTransport, "handle_request", handle_request)  # noqa: B010 - the class is not ours


class _Watched(httpx.SyncByteStream):
    def __init__(self, stream: httpx.SyncByteStream, waits: Waits) -> None:
        self._stream = stream
        self._waits = waits

    def __iter__(self) -> Iterator[bytes]:
        parts = iter(self._stream)
        while True:
            with self._waits.counted():
                part = next(parts, None)
            if part is None:
                return
            yield part

    def close(self) -> None:
        self._stream.close()


class Memory:
    """The most that the process held when it was looked at: what the system tells of the most that it ever
    held begins with what its parent held.
    """

    def __init__(self) -> None:
        self.most = 0
        self._process = psutil.Process()

    def look(self, report: Report) -> None:
        if report.pages % LOOK_PAGES == 0:
            self.most = max(self.most, self._process.memory_info().rss)


def main() -> None:
    spare_the_collector()
    settings, waits, memory = Settings.load(), Waits(), Memory()
    waits.watch()
    with (
        connect(settings.database, "pull") as conn,
        HintPublisher() as hints,
        Puller(settings, conn, tools(settings), patience=60.0, hint=hints.publish) as puller,
    ):
        began, computed = time.perf_counter(), time.process_time()
        report = puller.pull(NOTIFY, tell=memory.look)
        wall, cpu = time.perf_counter() - began, time.process_time() - computed
    figures = {
        "events": report.stored,
        "wall": wall,
        "waited": waits.seconds,
        "cpu": cpu,
        "peak_mib": memory.most / MIB,
    }
    if not report.finished:
        sys.exit(f"the pull did not end: {report.trouble}")
    sys.stdout.buffer.write(orjson.dumps(figures))


if __name__ == "__main__":
    main()
