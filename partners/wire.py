"""Calls to a partner over HTTP.

A read is tried again a few times, after a growing wait; what changes something there is sent once and never
again. Before each attempt the `Gate` is asked, and afterwards told how it went: the budget of calls and the
circuit stand there, for all workers.
"""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Protocol, TypeVar
from urllib.parse import urlencode

import httpx
import orjson
import stamina

from partners.faults import CallFailed, Garbled, NotGranted, Silent
from partners.http_answers import TOO_SLOW, body_of, document_of, refusal_of
from partners.partner_clock import PartnerClock

__all__ = ["Gate", "HttpClient", "OpenGate", "Wire", "url_name"]

T = TypeVar("T")

#: A page has a hundred events of some kilobytes each.
LARGEST = 16 << 20
ATTEMPTS = 3
LONGEST_ANSWER = 60.0


# A token in a path must not become another path.
_plain = re.compile(r"(?!\.{1,2}\Z)[A-Za-z0-9_.-]{1,128}").fullmatch


def url_name(token: str) -> str:
    """A token that may stand in a URL's path. Raises ValueError for any other."""
    if not _plain(token):
        raise ValueError("a name in a URL wants 1 to 128 of A-Z, a-z, 0-9, _, . and -")
    return token


class Gate(Protocol):
    """What every attempt passes through."""

    def enter(self, attempt: int) -> None:
        """Return when a call may be made. Whatever it raises ends the read.

        `attempt` counts from 1 within one read: the first says that another read begins.
        """

    def leave(self, failure: CallFailed | None) -> None:
        """Hear how the call went."""


class OpenGate:
    """Lets every call through."""

    def enter(self, attempt: int) -> None:
        return None

    def leave(self, failure: CallFailed | None) -> None:
        return None


@dataclass(frozen=True)
class HttpClient:
    """How a partner is reached. `base_url` has no /v1; `timeout` is seconds, for each step of a call, and
    a whole answer may take six times as long, up to a minute; `connections` is how many are open at once.
    `scheme` is the word before the key in `Authorization`.
    """

    base_url: str
    key: str = field(repr=False)
    timeout: float = 10.0
    connections: int = 4
    scheme: str = "ApiKey"


_SPARING = (("httpx", logging.WARNING), ("httpcore", logging.WARNING), ("stamina", logging.ERROR))


def _now() -> datetime:
    return datetime.now(UTC)


class Wire:
    """One pool of connections to a partner. `clock` is ours, which `partner_clock` is measured against."""

    def __init__(
        self,
        http_client: HttpClient,
        gate: Gate | None = None,
        transport: httpx.BaseTransport | None = None,
        clock: Callable[[], datetime] = _now,
    ) -> None:
        self.partner_clock = PartnerClock(clock)
        # They log URLs, which name patients, and headers; stamina each retry, which is counted as a call.
        for name, level in _SPARING:
            logging.getLogger(name).setLevel(level)
        self._gate: Gate = gate or OpenGate()
        # A read with its attempts must end before the lease of its stream does.
        self._longest = min(http_client.timeout * 6, LONGEST_ANSWER)
        # Given to each request as they are: to have the client merge them costs half of a call's own time.
        self._base_url = http_client.base_url.rstrip("/").removesuffix("/v1")
        self._headers = httpx.Headers(
            {
                "Authorization": f"{http_client.scheme} {http_client.key}",
                "Accept": "application/json",
                # What is packed could be small here and large in memory.
                "Accept-Encoding": "identity",
                "User-Agent": "rxledger",
            }
        )
        self._extensions = {"timeout": httpx.Timeout(http_client.timeout).as_dict()}
        self._transport = transport
        self._http = self._pool(http_client.connections, http_client.connections)
        self._once: httpx.Client | None = None

    def _pool(self, connections: int, kept: int) -> httpx.Client:
        limits = httpx.Limits(max_connections=connections, max_keepalive_connections=kept)
        return httpx.Client(limits=limits, follow_redirects=False, transport=self._transport)

    def close(self) -> None:
        self._http.close()
        if self._once is not None:
            self._once.close()

    def noted(self, failure: CallFailed) -> CallFailed:
        """A failure that shows in a document, once the gate has heard of it."""
        self._gate.leave(failure)
        return failure

    def get(
        self,
        surface: str,
        path: str,
        asked: Mapping[str, str] | None = None,
        *,
        beyond: bool = False,
        of_others: bool = False,
    ) -> Any:
        """The JSON document. `surface` names what is read, in errors. Raises CallFailed, and as the gate.

        `beyond` the reference a 403 says that the partner does not offer it to us, and nothing of our key.
        `of_others`: a 401 says so of this single thing, which is another customer's.
        """

        def read() -> tuple[Any, CallFailed | None]:
            sent = self._send(self._http, surface, self._request("GET", path, asked), beyond, of_others)
            return (None, sent) if isinstance(sent, CallFailed) else document_of(surface, sent)

        return self._read(read)

    def get_file(self, surface: str, path: str, *, largest: int) -> bytes:
        """A file of at most so many bytes, of any type. Raises CallFailed, and as the gate."""

        def read() -> tuple[bytes, CallFailed | None]:
            request = self._request("GET", path, None, {"Accept": "*/*"})
            sent = self._send(self._http, surface, request, False, False, largest)
            return (b"", sent) if isinstance(sent, CallFailed) else (sent, None)

        return self._read(read)

    def post(self, surface: str, path: str, document: object, idempotency_key: str | None = None) -> Any:
        """Send a JSON document once, whatever comes of it; the JSON document of the answer, None for none.

        Raises CallFailed, whose `may_be_done` says whether it may have been done all the same; what the gate
        raises, before anything is sent; TypeError for a document that is none.
        """
        added = {"Content-Type": "application/json"}
        if idempotency_key is not None:
            added["Idempotency-Key"] = idempotency_key
        request = self._request("POST", path, None, added, orjson.dumps(document))
        if self._once is None:
            # Of a connection that was kept the partner may let go while we send, and nobody knew what it got.
            self._once = self._pool(1, 0)
        self._gate.enter(1)
        sent = self._send(self._once, surface, request, False, False)
        if isinstance(sent, CallFailed):
            raise self.noted(sent)
        found, failure = document_of(surface, sent) if sent.strip() else (None, None)
        self._gate.leave(failure)
        if failure is not None:
            raise failure
        return found

    def _read(self, read: Callable[[], tuple[T, CallFailed | None]]) -> T:
        for attempt in stamina.retry_context(
            on=_again, attempts=ATTEMPTS, timeout=None, wait_initial=0.5, wait_max=5.0, wait_jitter=1.0
        ):
            with attempt:
                self._gate.enter(attempt.num)
                found, failure = read()
                self._gate.leave(failure)
                if failure is not None:
                    raise failure
                return found
        raise AssertionError("the last attempt returns or raises")

    def _request(
        self,
        method: str,
        path: str,
        asked: Mapping[str, str] | None,
        added: Mapping[str, str] | None = None,
        content: bytes | None = None,
    ) -> httpx.Request | None:
        """None where what is asked fits in no URL: tokens of pages are the partner's own."""
        headers = self._headers
        if added is not None:
            headers = httpx.Headers(headers)
            headers.update(added)
        url = self._base_url + path + (f"?{urlencode(asked)}" if asked else "")
        try:
            return httpx.Request(method, url, headers=headers, content=content, extensions=self._extensions)
        except httpx.InvalidURL:
            return None

    def _send(
        self,
        http: httpx.Client,
        surface: str,
        request: httpx.Request | None,
        beyond: bool,
        of_others: bool,
        largest: int | None = None,
    ) -> bytes | CallFailed:
        """The body, or why there is none: raised here, it would be chained to what has the request."""
        if request is None:
            return NotGranted(surface, "what it wants to be asked does not fit in a URL")
        try:
            self.partner_clock.asks()
            with closing(http.send(request, stream=True)) as response:
                self.partner_clock.answers(response.headers)
                failure = refusal_of(surface, response, beyond, of_others)
                if failure is not None:
                    return failure
                body = body_of(response, time.monotonic() + self._longest, largest or LARGEST)
        except httpx.TimeoutException as error:
            return Silent(surface, "no answer in time", sent=not isinstance(error, _UNSENT))
        except httpx.TransportError as error:
            return Silent(surface, f"no answer: {type(error).__name__}", sent=not isinstance(error, _UNSENT))
        if isinstance(body, str):
            return Silent(surface, body) if body == TOO_SLOW else Garbled(surface, body, 200)
        return body


#: Errors from before anything was sent.
_UNSENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol)


def _again(error: Exception) -> bool:
    return isinstance(error, CallFailed) and error.again
