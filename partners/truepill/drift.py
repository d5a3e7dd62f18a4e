"""What a callback holds that the partner's reference does not speak of: types, fields and codes. Pure.

What is known stands in `partners.truepill.contract`. Names are told and never values: a name that is not
plain is told as "?", a code that is not plain as "free text".
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

from partners.truepill.contract import SHAPES, Shape
from partners.truepill.fields import EMPTY, Json, is_plain, label

__all__ = ["Unseen", "unseen", "unseen_in"]

DEPTH = 4  # parts of a field's name; what stands deeper is not looked at
MAX_NAMES = 20  # more unseen names in one object are no fields but data that is keyed by something
MAX_FOUND = 100  # of one body

# A line's error_code is documented as a description, so only what is spelled like a code is judged there.
DESCRIBED = frozenset({"prescriptions[].error_code"})

# Known from the live contract alone: their names are not news, and of their fields nothing is known.
WITHOUT_A_SHAPE = ("CONSULT_TASK", "CONTACT", "TRANSFER_OUT", "VISIT")
_LABELS = {label(name): name for name in (*SHAPES, *WITHOUT_A_SHAPE)} | {"ORDERCLAIMS": "ORDER_CLAIM"}

_plain_name = re.compile(r"[A-Za-z0-9_]{1,40}").fullmatch


class Unseen(NamedTuple):
    """`what` is "type", "field", "code" or "form". Of a type, `callback_type` and `name` are the same."""

    what: str
    callback_type: str
    name: str


def unseen(callback_type: str | None, content: Mapping[str, object]) -> tuple[Unseen, ...]:
    """What a body holds that is not known of its type, each once; empty for a body that says no type.

    `callback_type` is the type as it was read; None where it could not be, and then the body's own is judged.
    """
    shape = SHAPES.get(callback_type) if callback_type is not None else None
    if shape is None:
        stated = content.get("callback_type") if callback_type is None else callback_type
        if stated is None or stated == "":
            return ()
        known = _LABELS.get(label(stated))
        if known is None:
            shown = stated if type(stated) is str and is_plain(stated) else "?"
            return (Unseen("type", shown, shown),)
        shape, callback_type = SHAPES.get(known), known
        if shape is None:
            return ()
    return unseen_in(shape, callback_type or "", content)


def unseen_in(shape: Shape, callback_type: str, content: Json) -> tuple[Unseen, ...]:
    """What an object holds that is not in a shape, each once."""
    found: dict[Unseen, None] = {}
    _walk(callback_type, shape, content, "", 1, found)
    return tuple(found)


def _walk(
    callback_type: str, shape: Shape, fields: Json, path: str, depth: int, found: dict[Unseen, None]
) -> None:
    names, objects, known_codes = shape
    if not names.issuperset(fields):
        _add_fields(callback_type, fields.keys() - names, path, found)
    for name, known in known_codes:
        value = fields.get(name)
        if value is not None and not (type(value) is str and value in known):
            _add_code(callback_type, value, known, f"{path}{name}", found)
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
    callback_type: str, value: object, known: frozenset[str], path: str, found: dict[Unseen, None]
) -> None:
    for each in value if type(value) is list else [value]:
        if type(each) is bool or each is None or each == "":
            continue
        code = str(each).strip() if type(each) is str or type(each) is int else " "
        if {code, code.upper(), code.lower()} & known:
            continue
        if path.removeprefix("details.") in DESCRIBED and not _is_spelled_like_a_code(code):
            continue
        _add(found, Unseen("code", callback_type, code if is_plain(code) else "free text"))


def _add(found: dict[Unseen, None], one: Unseen) -> None:
    if len(found) < MAX_FOUND:
        found[one] = None


def _is_spelled_like_a_code(text: str) -> bool:
    return is_plain(text) and text == text.upper()
