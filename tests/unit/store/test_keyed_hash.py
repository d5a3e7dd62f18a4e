"""The names of events, which outlive every version."""

from __future__ import annotations

import hmac
from struct import pack

import pytest

from store.crypto.keyed_hash import KeyedHash

KEY = b"a look-up key of the tests"


@pytest.mark.parametrize(
    ("via", "url_id", "body"),
    [("push", "", b'{"a": 1}'), ("pull", "fill_request_1", b""), ("pull", "é", b"x")],
)
def test_an_events_name_is_the_hash_of_how_it_came_and_of_its_body(
    via: str, url_id: str, body: bytes
) -> None:
    keyed_hash = KeyedHash(KEY)
    fields = b"truepill", via.encode(), url_id.encode()
    plain = b"event" + pack(">HHHI", *map(len, fields), len(body)) + b"".join(fields) + body
    expected = hmac.digest(KEY, plain, "sha256")[:16]
    assert [keyed_hash.event_id("truepill", via, url_id, body) for _ in range(2)] == [expected] * 2
