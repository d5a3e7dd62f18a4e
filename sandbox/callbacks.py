"""How the callbacks of a partner are written: what planning and misbehaving need to know of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["Callbacks"]

Body = Mapping[str, Any]


def _nothing(_: Body) -> list[dict[str, Any]]:
    return []


@dataclass(frozen=True)
class Callbacks:
    """`type_of` reads a body's type, `retyped` writes another into it. `changed`: another body
    that states the same, as both are sent. `unknown_types`: no reader can know them. `with_unknown_code`:
    what can come beside an event, with a code that no reader knows.
    """

    type_of: Callable[[Body], str]
    retyped: Callable[[Body, str], dict[str, Any]]
    changed: Callable[[bytes], bytes]
    unknown_types: tuple[str, ...]
    with_unknown_code: Callable[[Body], list[dict[str, Any]]] = _nothing
