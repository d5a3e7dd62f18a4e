"""GET from Truepill over HTTP.

A read is tried again a few times, after a growing wait. Before each attempt the `Gate` is asked, and
afterwards told how it went: the budget of calls and the circuit stand there, for all workers.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Protocol
from urllib.parse import urlencode

import httpx
import stamina

from partners.truepill.faults import CallFailed, Failing, Garbled, KeyRefused, NotGranted, Silent, Throttled
from partners.truepill.partner_clock import PartnerClock, moment_of
from tolerant_json import NOT_JSON, loads

__all__ = ["Gate", "HttpClient", "OpenGate", "Wire"]

#: A page has a hundred events of some kilobytes each.
LARGEST = 16 << 20
ATTEMPTS = 3
LONGEST_ANSWER = 60.0
#: What a 429 without Retry-After asks for, and the most that it or a 503 with one gets, in seconds.
PAUSE, LONGEST_PAUSE = 30.0, 900.0


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
    """How the partner is reached. `base_url` has no /v1; `timeout` is seconds, for each step of a call, and
    a whole answer may take six times as long, up to a minute; `connections` is how many are open at once.
    """

    base_url: str
    key: str = field(repr=False)
    timeout: float = 10.0
    connections: int = 4


_SPARING = (("httpx", logging.WARNING), ("httpcore", logging.WARNING), ("stamina", logging.ERROR))


def _now() -> datetime:
    return datetime.now(UTC)


class Wire:
    """One pool of connections to the partner. `clock` is ours, which `partner_clock` is measured against."""

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
                "Authorization": f"ApiKey {http_client.key}",
                "Accept": "application/json",
                # What is packed could be small here and large in memory.
                "Accept-Encoding": "identity",
                "User-Agent": "rxledger",
            }
        )
        self._extensions = {"timeout": httpx.Timeout(http_client.timeout).as_dict()}
        self._http = httpx.Client(
            limits=httpx.Limits(
                max_connections=http_client.connections, max_keepalive_connections=http_client.connections
            ),
            follow_redirects=False,
            transport=transport,
        )

    def close(self) -> None:
        self._http.close()

    def noted(self, failure: CallFailed) -> CallFailed:
        """A failure that shows in a document, once the gate has heard of it."""
        self._gate.leave(failure)
        return failure

    def get(
        self, surface: str, path: str, asked: Mapping[str, str] | None = None, *, beyond: bool = False
    ) -> Any:
        """The JSON document. `surface` names what is read, in errors. Raises CallFailed, and as the gate.

        `beyond` the reference a 403 says that the partner does not offer it to us, and nothing of our key.
        """
        for attempt in stamina.retry_context(
            on=_again, attempts=ATTEMPTS, timeout=None, wait_initial=0.5, wait_max=5.0, wait_jitter=1.0
        ):
            with attempt:
                self._gate.enter(attempt.num)
                return self._attempt(surface, path, asked or {}, beyond)
        raise AssertionError("the last attempt returns or raises")

    def _attempt(self, surface: str, path: str, asked: Mapping[str, str], beyond: bool) -> Any:
        document, failure = self._send(surface, path, asked, beyond)
        self._gate.leave(failure)
        if failure is not None:
            raise failure
        return document

    def _send(
        self, surface: str, path: str, asked: Mapping[str, str], beyond: bool
    ) -> tuple[Any, CallFailed | None]:
        """The document, or why there is none: raised here, it would be chained to what has the request."""
        try:
            url = self._base_url + path + (f"?{urlencode(asked)}" if asked else "")
            request = httpx.Request("GET", url, headers=self._headers, extensions=self._extensions)
            self.partner_clock.asks()
            with closing(self._http.send(request, stream=True)) as response:
                self.partner_clock.answers(response.headers)
                failure = _refusal(surface, response, beyond)
                if failure is not None:
                    return None, failure
                body = _read(response, time.monotonic() + self._longest)
        except httpx.TimeoutException:
            return None, Silent(surface, "no answer in time")
        except httpx.TransportError as error:
            return None, Silent(surface, f"no answer: {type(error).__name__}")
        except httpx.InvalidURL:
            # Tokens of pages are the partner's own: one of them may be longer than any URL.
            return None, NotGranted(surface, "what it wants to be asked does not fit in a URL")
        if isinstance(body, str):
            slow = body == _TOO_SLOW
            return None, Silent(surface, body) if slow else Garbled(surface, body, 200)
        # One event that is not as it should be holds back no other of its page.
        found = loads(body, mend=True)
        if found is NOT_JSON:
            looks = "HTML" if body.lstrip()[:1] == b"<" else "no whole JSON"
            return None, Garbled(surface, f"the answer is {looks}", 200)
        return found, None


_TOO_SLOW = "the answer did not end in time"


def _read(response: httpx.Response, deadline: float) -> bytes | str:
    """The body, or what is wrong with it: a peer may send for ever, or a byte a second."""
    if response.headers.get("Content-Encoding", "identity").lower() != "identity":
        return "the answer is packed, though we asked for plain text"
    parts, size = [], 0
    for part in response.iter_raw():
        parts.append(part)
        size += len(part)
        if size > LARGEST:
            return f"the answer is larger than {LARGEST >> 20} MiB"
        if time.monotonic() > deadline:
            return _TOO_SLOW
    return b"".join(parts)


#: Surfaces that say with a 401 that a single thing is another customer's, and nothing of our key ("Get a
#: Consult").
_OF_OTHERS = frozenset({"consult", "consults"})


def _refusal(surface: str, response: httpx.Response, beyond: bool) -> CallFailed | None:
    status = response.status_code
    if 200 <= status < 300:
        return None
    if status == 401 and surface in _OF_OTHERS:
        return NotGranted(surface, "401, it is not ours to read", status)
    if status == 403 and beyond:
        return NotGranted(surface, "403, the partner does not offer it", status)
    if status in (401, 403):
        return KeyRefused(surface, f"{status}, the API key is refused", status)
    if status == 429:
        return Throttled(surface, _pause(response))
    if status == 503 and "Retry-After" in response.headers:
        return Throttled(surface, _pause(response), status)
    if status >= 500:
        return Failing(surface, f"{status}, the partner failed", status)
    if status < 400:
        return Garbled(surface, f"{status}, a redirect, which is not followed", status, again=False)
    return NotGranted(surface, f"{status}, the partner does not give it", status)


def _pause(response: httpx.Response) -> float:
    """Retry-After in either of its forms (RFC 9110, 10.2.3), within bounds."""
    asked = response.headers.get("Retry-After", "").strip()
    seconds = PAUSE
    if asked.isascii() and asked.isdigit():
        seconds = float(asked.lstrip("0")[:9] or 0)
    elif asked:
        until = moment_of(asked)
        if until is None:
            return PAUSE
        # A moment by the partner's clock is as far away as that clock says.
        seconds = (until - (moment_of(response.headers.get("Date")) or _now())).total_seconds()
    return min(max(seconds, 1.0), LONGEST_PAUSE)


def _again(error: Exception) -> bool:
    return isinstance(error, CallFailed) and error.again
