"""What every type of callback shares: one copy with its key and time, and making of it what it states."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import orjson

from partners.fields import EMPTY, Hash, Json, clear_code, text
from partners.reading import Link, Stated, Unreadable
from partners.truepill.aliases import ALIASES, aliases_of
from partners.truepill.lines import NO_LINES, Lines
from partners.truepill.links import links_of
from statemachine.model import Fact

__all__ = ["Copy", "deciding_code", "details_of", "named_status", "stated"]


# Of what is made for every event: the generated __new__ of a NamedTuple costs three times as much.
_new = tuple.__new__


class Copy(NamedTuple):
    """One copy of a callback. `details` are empty where it has none, None where they are no object.

    `key` is None in a copy that names its request by other names alone. `at` is in whole seconds of Unix
    time, `millisecond` what is printed beyond them.
    """

    content: Json
    details: Json | None
    key: str | None
    at: int
    hash: Hash
    millisecond: int = 0


def details_of(content: Json) -> Json | None:
    """The details; empty when there are none, None when they are of another shape than an object."""
    details = content.get("details")
    if details is None:
        return EMPTY
    return details if type(details) is dict else None


def named_status(copy: Copy, *known: str) -> str | None:
    """The top-level status, one of `known`; None where there is none, as in a pulled copy.

    What is none of them is not guessed at: the set is open ("Webhook Events"). Raises Unreadable
    unknown_status.
    """
    status = copy.content.get("status")
    if status is None or status == "":
        return None
    found = status.strip().lower() if type(status) is str else None
    if found not in known:
        raise Unreadable("unknown_status")
    return found


def deciding_code(details: Json | None) -> str | None:
    """The code of an error that decides the state: it may be absent, but not unreadable.

    Raises Unreadable bad_details.
    """
    if details is None:
        raise Unreadable("bad_details")
    value = details.get("error_code") or details.get("code")
    if isinstance(value, list | dict | bool):
        raise Unreadable("bad_details")
    return text(value)


def stated(
    kind: str,
    copy: Copy,
    signal: str,
    *,
    detail: dict[str, object],
    code: str | None = None,
    apart: object = None,
    lines: Lines = NO_LINES,
    due: int | None = None,
    links: Iterable[Link] = (),
    parcel: str | None = None,
) -> Stated:
    """One fact about the entity that the copy names by its key, or by other names alone.

    `apart` is what tells it apart from another fact of the same second, signal and code, if anything does.
    `links` are those that no field's name gives away.
    """
    shown = clear_code(code, copy.hash) if code else None
    if shown != code:
        detail["code"] = code
    if any(lines.detail):
        detail["lines"] = lines.detail
    discriminator = copy.hash("fact", orjson.dumps(apart).decode()) if apart is not None else b""
    content, _, key, at, _, millisecond = copy
    fact = _new(Fact, (at, signal, shown, discriminator, lines.lines, due, millisecond))
    aliases = tuple(sorted(aliases_of(kind, content) - {key})) if kind in ALIASES else ()
    names = links_of(kind, key, content, links)
    return _new(Stated, (kind, key, fact, detail, names, aliases, parcel, False, None))
