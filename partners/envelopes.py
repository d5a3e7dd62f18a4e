"""The form in which a partner's record is stored, whoever's it is. Pure.

    {"snapshot": RESOURCE, "id": ID, ..., "content": {...}}

What a partner adds to it, and how it reads one, stands in that partner's folder.
"""

from __future__ import annotations

from typing import NamedTuple

from partners.fields import Json
from partners.reading import Unreadable
from tolerant_json import NOT_JSON, loads

__all__ = ["Envelope", "callback_type_of", "opened"]


class Envelope(NamedTuple):
    """One record, ready for the door: the id that it was asked for, "" where it has none, and the body."""

    id: str
    body: bytes


def callback_type_of(resource: str) -> str:
    """What lists of events print as the type of a snapshot."""
    return f"SNAPSHOT_{resource.upper()}"


def opened(body: bytes) -> Json:
    """The object that a body is. Raises Unreadable not_json or not_an_object."""
    envelope: Json = loads(body)
    if type(envelope) is not dict:
        raise Unreadable("not_json" if envelope is NOT_JSON else "not_an_object")
    return envelope
