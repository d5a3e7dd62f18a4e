"""One HTTP request to a receiver of ours. No proxy is asked and no redirect followed."""

from __future__ import annotations

import http.client
from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import urlsplit

__all__ = ["Answer", "Unanswered", "request"]


class Answer(NamedTuple):
    status: int
    body: bytes


class Unanswered(Exception):
    """No answer came; the text says why, as the end of a sentence."""


def request(
    method: str,
    url: str,
    body: bytes | None = None,
    headers: Mapping[str, str] | None = None,
    timeout: float = 5.0,
) -> Answer:
    """Send it and read the answer, whatever its status; `timeout` in seconds. Raises Unanswered."""
    connection, path = _connection(url, timeout)
    try:
        connection.request(method, path, body, dict(headers or {}))
        answer = connection.getresponse()
        return Answer(answer.status, answer.read(65_536))
    except (OSError, http.client.HTTPException) as error:
        raise Unanswered(f"does not answer ({type(error).__name__})") from None
    finally:
        connection.close()


def _connection(url: str, timeout: float) -> tuple[http.client.HTTPConnection, str]:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise Unanswered("is no http address") from None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise Unanswered("is no http address")
    connect = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    return connect(parts.hostname, port, timeout=timeout), parts.path or "/"
