"""What comes back over HTTP: a body within bounds, a document, or a refusal that says whose fault it is."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Any

import httpx

from partners.faults import CallFailed, Failing, Garbled, KeyRefused, NotGranted, Throttled
from partners.partner_clock import moment_of
from tolerant_json import NOT_JSON, loads

__all__ = ["TOO_SLOW", "body_of", "document_of", "refusal_of"]

#: What a 429 without Retry-After asks for, and the most that it or a 503 with one gets, in seconds.
PAUSE, LONGEST_PAUSE = 30.0, 900.0

TOO_SLOW = "the answer did not end in time"


def document_of(surface: str, body: bytes) -> tuple[Any, CallFailed | None]:
    """What a body says, or what is wrong with it."""
    # One event that is not as it should be holds back no other of its page.
    found = loads(body, mend=True)
    if found is NOT_JSON:
        looks = "HTML" if body.lstrip()[:1] == b"<" else "no whole JSON"
        return None, Garbled(surface, f"the answer is {looks}", 200)
    return found, None


def body_of(response: httpx.Response, deadline: float, largest: int) -> bytes | str:
    """The body, or what is wrong with it: a peer may send for ever, or a byte a second."""
    if response.headers.get("Content-Encoding", "identity").lower() != "identity":
        return "the answer is packed, though we asked for plain text"
    parts, size = [], 0
    for part in response.iter_raw():
        parts.append(part)
        size += len(part)
        if size > largest:
            return f"the answer is larger than {largest >> 20} MiB"
        if time.monotonic() > deadline:
            return TOO_SLOW
    return b"".join(parts)


def refusal_of(surface: str, response: httpx.Response, beyond: bool, of_others: bool) -> CallFailed | None:
    status = response.status_code
    if 200 <= status < 300:
        return None
    if status == 401 and of_others:
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
        seconds = (until - (moment_of(response.headers.get("Date")) or datetime.now(UTC))).total_seconds()
    return min(max(seconds, 1.0), LONGEST_PAUSE)
