"""What comes to the receiver and reaches no webhook: counted by reason, and told in the log now and then.

Whoever sends to a wrong address, or through a proxy that is set up wrong, is answered and gone: the partner's
log has it, and ours would have nothing. The log's lines are fixed texts and paths of our own.
"""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Collection

from ingest.metrics import Metrics

__all__ = ["BEGINNINGS", "Strays", "beginning"]

log = logging.getLogger(__name__)

#: A reason is told again after so many seconds: probes and scanners come all the time.
TELL_AGAIN = 3600.0

#: What is no HTTP/1 request and tells by its first bytes what it is: reason, and what to do about it.
BEGINNINGS = (
    (
        b"PROXY ",
        "proxy_protocol",
        "turn the PROXY protocol off at the load balancer, X-Forwarded-For is read",
    ),
    (b"\r\n\r\n\0\r\nQUIT\n", "proxy_protocol", "turn the PROXY protocol off at the load balancer"),
    (b"\x16\x03", "tls", "TLS has to end before the receiver: have the proxy speak http:// to it"),
    (b"PRI * HTTP/2", "http2", "have the proxy speak HTTP/1.1 to the receiver"),
)
_SLASHES = re.compile(r"/+")


def beginning(data: bytes) -> tuple[str, str]:
    """Why these bytes are no HTTP/1 request, and what to do about it, which is empty when nobody knows."""
    for start, reason, todo in BEGINNINGS:
        if data.startswith(start):
            return reason, todo
    return "not_http", ""


class Strays:
    """`paths` are those of the webhooks that are there, `without_secret` of those that lack one."""

    def __init__(self, metrics: Metrics, paths: Collection[str], without_secret: Collection[str]) -> None:
        self._count = metrics.unrouted
        self._paths = paths
        self._without_secret = without_secret
        self._told: dict[str, float] = {}

    def unparsed(self, data: bytes) -> None:
        """Bytes that are no HTTP/1 request."""
        reason, todo = beginning(data)
        self._note(reason, todo)

    def too_large(self) -> None:
        """Headers or trailers beyond their limit."""
        self._note("large_head", "")

    def refused(self, status: int, method: str, path: str) -> None:
        """A request that was answered 404 or 405."""
        near = "/" + _SLASHES.sub("/", path).strip("/")
        todo = ""
        if near in self._paths and status == 405:
            todo = (
                f"{method} {near}: a redirect before the receiver makes this of a POST; probes use /healthz"
            )
        elif near in self._paths:
            todo = f"the webhook is {near}, without a further slash"
        elif near in self._without_secret:
            todo = f"{near} has no secret configured"
        self._note("method" if status == 405 else "not_found", todo)

    def _note(self, reason: str, todo: str) -> None:
        self._count.labels(reason).inc()
        now = time.monotonic()
        if todo and now - self._told.get(todo, float("-inf")) >= TELL_AGAIN:
            self._told[todo] = now
            log.warning("a request reached no webhook (%s): %s", reason, todo)
