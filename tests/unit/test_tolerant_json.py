"""JSON as others write it: read whole wherever its grammar allows, and nothing else taken for it."""

from __future__ import annotations

import json
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tolerant_json import NOT_JSON, loads

LOST = "\N{REPLACEMENT CHARACTER}"


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        (rb'{"message": "Out for delivery \ud83d"}', {"message": f"Out for delivery {LOST}"}),
        (rb'["\ud83d\ude9a"]', ["\N{DELIVERY TRUCK}"]),
        (rb'["\uD83D\uD83D\uDE9A"]', [f"{LOST}\N{DELIVERY TRUCK}"]),
        (rb'["\ude9a\ud83d"]', [LOST * 2]),
        (rb'["\\ud83d", "\\\ud83d"]', ["\\ud83d", f"\\{LOST}"]),
        (rb'{"\ud83d": 1}', {LOST: 1}),
        (b'\xef\xbb\xbf{"a": 1}', {"a": 1}),
        (b'\xef\xbb\xbf  {"a": "\xef\xbb\xbf"}', {"a": "\N{ZERO WIDTH NO-BREAK SPACE}"}),
    ],
)
def test_half_a_character_and_a_byte_order_mark_are_good_json(raw: bytes, value: Any) -> None:
    assert loads(raw) == loads(raw, mend=True) == value
    orjson.dumps(loads(raw))


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        (b'{"city": "Malm\xf6"}', {"city": f"Malm{LOST}"}),
        (b'["\xed\xa0\xbd"]', [LOST * 3]),
        (b'[NaN, Infinity, -Infinity, 1e999, "NaN"]', [None, None, None, None, "NaN"]),
        (rb'[NaN, 18446744073709551616, 0.5, 7, "\ud83d"]', [None, 1.8446744073709552e19, 0.5, 7, LOST]),
    ],
)
def test_what_the_grammar_does_not_allow_is_read_only_where_others_depend_on_it(
    raw: bytes, value: Any
) -> None:
    assert loads(raw) is NOT_JSON
    assert loads(raw, mend=True) == value
    orjson.dumps(loads(raw, mend=True))


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\xef\xbb\xbf",
        b"\xff\xfe{\0}\0",
        b"<html>",
        b"{",
        b"{'a': 1}",
        b'{"a": 1} {',
        rb'["\x"]',
        rb'["\ud8"]',
        b"[1,]",
        b"[" * 5000,
    ],
)
def test_what_is_no_json_stays_none(raw: bytes) -> None:
    assert loads(raw) is loads(raw, mend=True) is NOT_JSON


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(JSON)
def test_whole_text_is_read_as_ever_and_behind_a_mark_too(value: Any) -> None:
    raw = orjson.dumps(value)
    escaped = json.dumps(orjson.loads(raw)).encode()
    assert loads(raw) == loads(b"\xef\xbb\xbf" + raw) == loads(escaped) == orjson.loads(raw)


@given(st.text(st.characters(categories=["Cs", "Lu", "Po"]), max_size=8))
def test_any_cut_text_is_read_with_the_replacement_character(text: str) -> None:
    """As UTF-16 has it, which is where such texts come from."""
    whole = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    assert loads(json.dumps([text]).encode()) == [whole]
