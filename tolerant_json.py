"""JSON as others write it: what its grammar allows is read, also where a text is not quite whole.

Half a character is good JSON: a text that was cut between the halves of a surrogate pair (JavaScript's
`slice` does that) is written as `"\\ud83d"`, and readers of Unicode text refuse it. Here it becomes U+FFFD,
the replacement character. A byte-order mark in front is passed over.
"""

from __future__ import annotations

import json
import re
from typing import Any

import orjson

__all__ = ["NOT_JSON", "loads"]

#: What is given for a text that is no JSON. It is no error: that would lead to its cause, which has the
#: whole text.
NOT_JSON = object()

_MARK = b"\xef\xbb\xbf"
#: Escapes one after another, so that a backslash which is escaped itself begins none: pairs, halves, others.
_ESCAPES = re.compile(
    rb"(\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2})"
    rb"|(\\u[dD][89a-fA-F][0-9a-fA-F]{2})|\\.",
    re.DOTALL,
)
_REPLACEMENT = rb"\ufffd"


def loads(raw: bytes, *, mend: bool = False) -> Any:
    """The value of a document, in which every text can be written as UTF-8; NOT_JSON for what is none.

    `mend` also reads what the grammar does not allow but some writers print: bytes that are not UTF-8 become
    U+FFFD, `NaN` and its like null. It is for what many share, so that one of them does not hold back the
    others.
    """
    try:
        return orjson.loads(raw)
    except orjson.JSONDecodeError:
        whole = _ESCAPES.sub(_whole, raw.removeprefix(_MARK))
    try:
        return orjson.loads(whole)
    except orjson.JSONDecodeError:
        return _mended(whole.decode("utf-8", "replace")) if mend else NOT_JSON


def _whole(escape: re.Match[bytes]) -> bytes:
    return _REPLACEMENT if escape[2] else escape[0]


def _mended(text: str) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        try:
            return json.loads(text, parse_constant=_null, parse_int=_number, parse_float=_number)
        except (ValueError, RecursionError):
            return NOT_JSON


def _null(_: str) -> None:
    return None


def _number(digits: str) -> Any:
    """As orjson reads it; null for one that no float holds."""
    try:
        return orjson.loads(digits)
    except orjson.JSONDecodeError:
        return None
