"""A sandbox served on loopback, a receiver that records its callbacks, and a time that the test moves."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import json
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import uvicorn

from sandbox.customers import Customer, callback
from sandbox.healnow.signature import signing
from sandbox.plan import Planner
from sandbox.profile import CALM, Profile
from sandbox.server import Options, Sandbox, configured
from tests.support.printed import CALLBACKS

__all__ = [
    "HMAC_KEY",
    "KEY",
    "LIVE_KEY",
    "OTHER_KEY",
    "START",
    "Desk",
    "Received",
    "Recorder",
    "bare",
    "desk",
    "shape",
]

KEY, OTHER_KEY, LIVE_KEY = "tp_test_key_one", "tp_test_key_two", "tp_live_key_one"
HMAC_KEY = "the-key-that-signs-payments"
START = 1_770_000_000.0
SETTLE_SECONDS = 20.0


def printed(name: str) -> Any:
    """A callback of the reference."""
    return json.loads((CALLBACKS / name).read_text())


def shape(value: Any) -> Any:
    """Names and types: two documents of one shape are equal here. Of a list, its first item counts."""
    if isinstance(value, dict):
        return {name: shape(item) for name, item in sorted(value.items())}
    if isinstance(value, list):
        return [shape(item) for item in value[:1]]
    return type(value).__name__


def bare(callback: Mapping[str, Any]) -> dict[str, Any]:
    """A callback as pulls give it: without its request's id and its status, as printed."""
    return {name: value for name, value in callback.items() if name not in ("request_id", "status")}


@dataclass(frozen=True)
class Received:
    """A request to the recorder."""

    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def document(self) -> Any:
        return json.loads(self.body)


class Recorder(ThreadingHTTPServer):
    """Keeps what is posted to it; answers with `status`."""

    daemon_threads = True
    # The sandbox opens many connections at once.
    request_queue_size = 128

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.received: list[Received] = []
        self.status = 200
        self.close_after = False

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/webhooks"

    @property
    def callbacks(self) -> list[Any]:
        return [received.document for received in self.received]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Or a body waits 40 ms for the other end to confirm its headers.
    disable_nagle_algorithm = True
    server: Recorder

    def do_POST(self) -> None:
        length = int(self.headers["Content-Length"])
        body = self.rfile.read(length)
        if len(body) < length:  # the sender gave up in the middle
            self.close_connection = True
            return
        self.server.received.append(Received(self.path, dict(self.headers), body))
        self.send_response(self.server.status)
        self.send_header("Content-Length", "2")
        self.end_headers()
        with contextlib.suppress(ConnectionError):  # or did not wait for the answer
            self.wfile.write(b"{}")
        # Without a word, as a server does that has waited long enough.
        self.close_connection = self.server.close_after

    def log_message(self, format: str, *arguments: Any) -> None:
        """Nothing is logged."""


@dataclass
class Desk:
    """The test's end of a running sandbox."""

    sandbox: Sandbox
    loop: asyncio.AbstractEventLoop
    url: str
    recorder: Recorder
    time: list[float] = field(default_factory=lambda: [START])

    @property
    def callbacks(self) -> list[Any]:
        return self.recorder.callbacks

    @property
    def told(self) -> list[Any]:
        """The callbacks by their times: what is due together arrives in any order."""
        return sorted(self.callbacks, key=lambda row: row["timestamp"])

    def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        key: str | None = KEY,
        headers: Mapping[str, str] | None = None,
    ) -> tuple[int, Any]:
        """Send a request; bytes go as they are, everything else as JSON."""
        sent = {"Authorization": f"ApiKey {key}"} if key else {}
        if not isinstance(body, bytes | None):
            body, sent = json.dumps(body).encode(), {**sent, "Content-Type": "application/json"}
        parts = urlsplit(self.url)
        connection = http.client.HTTPConnection(str(parts.hostname), parts.port, timeout=20)
        try:
            connection.request(method, path, body, {**sent, **(headers or {})})
            answer = connection.getresponse()
            text = answer.read()
            assert answer.headers["Content-Type"] == "application/json"
            return answer.status, json.loads(text)
        finally:
            connection.close()

    def done(self, method: str, path: str, body: Any = None, *, key: str | None = KEY) -> Any:
        """As `call`; the document of a 200."""
        status, document = self.call(method, path, body, key=key)
        assert status == 200, document
        return document

    def upload(self, url: str, content: bytes) -> int:
        """Put it to a signed URL, without a key; the status."""
        parts = urlsplit(quote(url, safe=":/?&=%"))
        connection = http.client.HTTPConnection(str(parts.hostname), parts.port, timeout=20)
        try:
            connection.request("PUT", f"{parts.path}?{parts.query}", content)
            return connection.getresponse().status
        finally:
            connection.close()

    def wait(self, seconds: float = 0.0) -> None:
        """Let so much of the partner's time pass, and all happen that is due then."""
        self.time[0] += seconds
        self.loop.call_soon_threadsafe(self.sandbox.engine.wake)
        deadline = time.monotonic() + SETTLE_SECONDS
        while not self._settled():
            assert time.monotonic() < deadline, "the sandbox does not settle"
            time.sleep(0.005)

    def _settled(self) -> bool:
        async def ask() -> bool:
            return self.sandbox.engine.settled

        return asyncio.run_coroutine_threadsafe(ask(), self.loop).result(10)

    def patient(self, *prescriptions: Any, key: str = KEY, **fields: Any) -> str:
        """Make a patient with these simulated prescriptions; its token."""
        body = {"first_name": "Ada", "last_name": "Doe", "gender": "female", "dob": "19820115", **fields}
        if prescriptions:
            body["simulation"] = {"newRx": list(prescriptions)}
        return str(self.done("PUT", "/v1/patient", body, key=key)["patient_token"])

    def prescriptions(self, patient: str) -> list[str]:
        listed = self.done("GET", f"/v1/patient/{patient}/prescriptions")["prescriptions"]
        return [row["prescription_token"] for row in listed]


@contextlib.contextmanager
def desk(
    *,
    planner: Planner | None = None,
    profile: Profile = CALM,
    state: Path | None = None,
    live_contract: bool = False,
    seed: int = 7,
    callback_timeout: float = 10.0,
    until_ended: bool = True,
) -> Iterator[Desk]:
    """A sandbox at speed 1 whose present stands still until the test moves it, and its receiver.

    Not `until_ended`: its end is not waited for, which takes a fifth of a second (`wait_for_ends`).
    """
    recorder = Recorder()
    serving = threading.Thread(target=recorder.serve_forever, args=(0.01,), daemon=True)
    serving.start()
    sign = signing(HMAC_KEY.encode(), None)
    target = {
        "truepill": callback(recorder.url, "secret-of-the-url"),
        "healnow": callback(f"{recorder.url}/healnow", None, sign),
    }
    present = [START]
    options = Options(
        customers=(
            Customer("sandbox", "sandbox", KEY, target),
            Customer("sandbox-2", "sandbox", OTHER_KEY, target),
            Customer("live", "live", LIVE_KEY, target),
        ),
        seed=seed,
        state=state,
        live_contract=live_contract,
        callback_timeout=callback_timeout,
        profile=profile,
    )
    sandbox = Sandbox(options, lambda: present[0], planner)
    server = uvicorn.Server(configured(sandbox, "127.0.0.1", 0))
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_until_complete, args=(server.serve(),), daemon=True)
    thread.start()
    try:
        deadline = time.monotonic() + SETTLE_SECONDS
        while not server.started:
            assert thread.is_alive()
            assert time.monotonic() < deadline
            time.sleep(0.002)
        port = server.servers[0].sockets[0].getsockname()[1]
        yield Desk(sandbox, loop, f"http://127.0.0.1:{port}", recorder, present)
    finally:
        server.should_exit = True
        ending = threading.Thread(target=_end, args=(thread, loop, recorder))
        ending.start()
        if until_ended:
            ending.join()
        else:
            _ENDING.append(ending)


_ENDING: list[threading.Thread] = []


def _end(serving: threading.Thread, loop: asyncio.AbstractEventLoop, recorder: Recorder) -> None:
    serving.join(20)
    loop.close()
    recorder.shutdown()
    recorder.server_close()


def wait_for_ends() -> None:
    """Wait for the desks whose end nobody has waited for."""
    while _ENDING:
        _ENDING.pop().join()
