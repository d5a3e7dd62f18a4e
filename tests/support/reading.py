"""What the tests of reading Truepill callbacks share: a keyed hash, and reading one body."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping

import pytest

from partners.reading import Stated, Unreadable
from partners.truepill.callbacks import read
from tests.support.factories import body

__all__ = ["keyed", "reason", "stated", "without_status"]


def keyed(domain: str, value: str) -> bytes:
    return hmac.digest(b"a key of the tests", f"{domain}\0{value}".encode(), hashlib.sha256)[:16]


def stated(content: Mapping[str, object]) -> Stated:
    reading = read(body(content), keyed)
    (one,) = reading.stated
    return one


def reason(content: Mapping[str, object] | bytes) -> str:
    with pytest.raises(Unreadable) as raised:
        read(content if isinstance(content, bytes) else body(content), keyed)
    return raised.value.reason


def without_status(content: Mapping[str, object]) -> dict[str, object]:
    """A pulled copy, as far as its status goes."""
    return {name: value for name, value in content.items() if name != "status"}
