"""Whether everything that `up` started answers."""

from __future__ import annotations

import base64
import http.client
import threading
from collections.abc import Callable
from urllib.parse import urlsplit

from settings import Settings

__all__ = ["Readiness", "answers"]

FIRST_PAUSE, LONGEST_PAUSE = 0.1, 2.0  # seconds between two rounds of questions


class Readiness:
    """Asks the receiver, Flower and the worker from a thread of its own until each has answered once."""

    def __init__(self, settings: Settings, node: str) -> None:
        self._waiting: dict[str, Callable[[], bool]] = {
            "the receiver": lambda: answers(f"{settings.receiver_url}/readyz"),
            "Flower": lambda: answers(f"{settings.flower_url}/healthcheck", settings.flower_basic_auth),
            "the worker": lambda: _worker_answers(node),
        }
        if settings.sandbox_url:
            self._waiting["the sandbox"] = lambda: answers(f"{settings.sandbox_url}/_sandbox/ready")
        self._enough = threading.Event()
        threading.Thread(target=self._ask, name="readiness", daemon=True).start()

    @property
    def missing(self) -> list[str]:
        """Who has not answered yet."""
        return list(self._waiting)

    def abandon(self) -> None:
        """Ask no more."""
        self._enough.set()

    def _ask(self) -> None:
        pause = FIRST_PAUSE
        while self._waiting and not self._enough.wait(pause):
            for name, check in list(self._waiting.items()):
                if check():
                    del self._waiting[name]
            pause = min(pause * 1.1, LONGEST_PAUSE)


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
    from workers.celery.app import app

    try:
        return bool(app.control.ping(destination=[node], timeout=1))
    except Exception:  # whatever a transport raises while its broker is away: not yet
        return False
