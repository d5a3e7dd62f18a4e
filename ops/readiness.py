"""Whether everything that `up` started answers."""

from __future__ import annotations

import base64
import http.client
import threading
import time
from collections.abc import Callable
from urllib.parse import urlsplit

from ops.output import Refused
from settings import Settings

__all__ = ["Readiness", "answers"]

READY_SECONDS = 120.0


class Readiness:
    """Asks the receiver, Flower and the worker from a thread of its own until each has answered once."""

    def __init__(self, settings: Settings, node: str) -> None:
        self._waiting: dict[str, Callable[[], bool]] = {
            "the receiver": lambda: answers(f"{settings.receiver_url}/readyz"),
            "Flower": lambda: answers(f"{settings.flower_url}/healthcheck", settings.flower_basic_auth),
            "the worker": lambda: _worker_answers(node),
        }
        self._deadline = time.monotonic() + READY_SECONDS
        self._told = False
        threading.Thread(target=self._ask, name="readiness", daemon=True).start()

    def is_news(self) -> bool:
        """True once: at the first call after all have answered. Raises Refused when it takes too long."""
        if self._told:
            return False
        if self._waiting:
            if time.monotonic() > self._deadline:
                raise Refused(f"{', '.join(self._waiting)} did not answer in {READY_SECONDS:.0f} s")
            return False
        self._told = True
        return True

    def _ask(self) -> None:
        while self._waiting and time.monotonic() < self._deadline:
            for name, check in list(self._waiting.items()):
                if check():
                    del self._waiting[name]
            time.sleep(0.1)


def answers(url: str, login: str | None = None) -> bool:
    """Whether a GET of this loopback address is answered with 200 now. Proxies are not asked."""
    parts = urlsplit(url)
    headers = {"Authorization": f"Basic {base64.b64encode(login.encode()).decode()}"} if login else {}
    connection = http.client.HTTPConnection(str(parts.hostname), parts.port, timeout=2)
    try:
        connection.request("GET", parts.path, headers=headers)
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _worker_answers(node: str) -> bool:
    # Imported here: it reads the settings, which stand in the data folder only by now.
    from workers.app import app

    try:
        return bool(app.control.ping(destination=[node], timeout=1))
    except Exception:  # whatever a transport raises while its broker is away: not yet
        return False
