"""What a partner sent that its contract does not speak of: types, fields and codes. Pure.

Names are told and never values: a name that is not plain is told as "?", a code that is not plain as "free
text".
"""

from __future__ import annotations

import re
from typing import NamedTuple

from partners.fields import EMPTY, Json, is_plain

__all__ = ["MAX_FOUND", "Shape", "Unseen", "unseen_in"]

DEPTH = 4  # parts of a field's name; what stands deeper is not looked at
MAX_NAMES = 20  # more unseen names in one object are no fields but data that is keyed by something
MAX_FOUND = 100  # of one body

_plain_name = re.compile(r"[A-Za-z0-9_]{1,40}").fullmatch


class Shape(NamedTuple):
    """What is known of an object: its fields, the objects (or lists of them) among these, and its codes.

    `described` are codes that are documented as descriptions: only what is spelled like a code is judged.
    """

    fields: frozenset[str]
    objects: tuple[tuple[str, Shape], ...] = ()
    codes: tuple[tuple[str, frozenset[str]], ...] = ()
    described: frozenset[str] = frozenset()


class Unseen(NamedTuple):
    """`what` is "type", "field", "code" or "form". Of a type, `callback_type` and `name` are the same."""

    what: str
    callback_type: str
    name: str


def unseen_in(shape: Shape, callback_type: str, content: Json) -> tuple[Unseen, ...]:
    """What an object holds that is not in a shape, each once."""
    found: dict[Unseen, None] = {}
    _walk(callback_type, shape, content, "", 1, found)
    return tuple(found)


def _walk(
    callback_type: str, shape: Shape, fields: Json, path: str, depth: int, found: dict[Unseen, None]
) -> None:
    names, objects, known_codes, described = shape
    if not names.issuperset(fields):
        _add_fields(callback_type, fields.keys() - names, path, found)
    for name, known in known_codes:
        value = fields.get(name)
        if value is not None and not (type(value) is str and value in known):
            _add_code(callback_type, value, known, name in described, found)
    if depth == DEPTH:
        return
    for name, inner in objects:
        value = fields.get(name)
        if type(value) is dict:
            _walk(callback_type, inner, value or EMPTY, f"{path}{name}.", depth + 1, found)
        elif type(value) is list:
            below = f"{path}{name}[]."
            for item in value:
                if type(item) is dict:
                    _walk(callback_type, inner, item, below, depth + 1, found)


def _add_fields(callback_type: str, names: set[str], path: str, found: dict[Unseen, None]) -> None:
    if len(names) > MAX_NAMES:
        names = {"?"}
    for name in sorted(names):
        shown = name if _plain_name(name) else "?"
        _add(found, Unseen("field", callback_type, path + shown))


def _add_code(
    callback_type: str, value: object, known: frozenset[str], described: bool, found: dict[Unseen, None]
) -> None:
    for each in value if type(value) is list else [value]:
        if type(each) is bool or each is None or each == "":
            continue
        code = str(each).strip() if type(each) is str or type(each) is int else " "
        if {code, code.upper(), code.lower()} & known:
            continue
        if described and not _is_spelled_like_a_code(code):
            continue
        _add(found, Unseen("code", callback_type, code if is_plain(code) else "free text"))


def _add(found: dict[Unseen, None], one: Unseen) -> None:
    if len(found) < MAX_FOUND:
        found[one] = None


def _is_spelled_like_a_code(text: str) -> bool:
    return is_plain(text) and text == text.upper()
