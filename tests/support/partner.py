"""A partner that answers as it is told to: for what the sandbox never does."""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

__all__ = ["Answer", "Asked", "Partner", "events_page", "partner"]


@dataclass(frozen=True)
class Answer:
    """What is sent back. `cut`: only half of the body comes; `stall`: nothing comes for so many seconds."""

    status: int = 200
    body: bytes = b"{}"
    headers: Mapping[str, str] = field(default_factory=dict)
    cut: bool = False
    stall: float = 0.0
    drip: float = 0.0


@dataclass(frozen=True)
class Asked:
    """A request as it came."""

    path: str
    query: Mapping[str, list[str]]
    headers: Mapping[str, str]
    method: str = "GET"
    body: bytes = b""


class Partner(ThreadingHTTPServer):
    """Answers each request by `answer(asked)`, and remembers what it was asked."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, answer: Callable[[Asked], Answer]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answer = answer
        self.asked: list[Asked] = []

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Whoever asked may go before it has read all: that is nothing to print among what a command says."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Or a body waits 40 ms for the other end to confirm its headers.
    disable_nagle_algorithm = True
    server: Partner

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        asked = Asked(parts.path, parse_qs(parts.query), dict(self.headers), self.command, body)
        self.server.asked.append(asked)
        answer = self.server.answer(asked)
        time.sleep(answer.stall)
        with suppress(ConnectionError):  # whoever asked may have gone
            # Without a Date by this machine's clock, which is no partner's: a test may give one.
            self.send_response_only(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(answer.body)))
            self.end_headers()
            if answer.drip:
                for byte in answer.body:
                    self.wfile.write(bytes((byte,)))
                    self.wfile.flush()
                    time.sleep(answer.drip)
            else:
                self.wfile.write(answer.body[: len(answer.body) // 2] if answer.cut else answer.body)
        self.close_connection = answer.cut

    do_POST = do_GET

    def log_message(self, *_: object) -> None:
        """Nothing is logged."""


@contextmanager
def partner(answer: Callable[[Asked], Answer]) -> Iterator[Partner]:
    with Partner(answer) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


def events_page(*payloads: Any, next: str | None = None, status_code: int | None = 200) -> Answer:
    """A page of events as the partner gives it."""
    delivery = {"status": "success" if status_code == 200 else "error", "status_code": status_code}
    rows = [{"payload": payload, "delivery_data": delivery} for payload in payloads]
    return Answer(body=json.dumps({"results": rows, "next_page_token": next}).encode())
