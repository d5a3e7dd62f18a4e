"""What the tests of reading callbacks share: a keyed hash, reading one body, and readers of their own."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Mapping

import pytest

from partners.reading import Stated, Unreadable
from partners.registry import Reader
from partners.truepill.callbacks import read
from tests.support.factories import body
from workers.apply.read import Readers

__all__ = ["keyed", "reading_with", "reason", "stated", "without_status"]


def reading_with(**readers: Reader) -> Callable[..., Readers]:
    """Takes the place of `workers.apply.read.readers`: these partners are known, and no others."""
    return lambda folders=(): Readers(readers, {})


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
