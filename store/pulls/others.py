"""Entities that another partner has spoken of: nobody else is asked about them.

Two partners may speak of one kind. What one of them is asked for stands in a URL of the other then, and would
be refused, round after round.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from store.db import arrays

__all__ = ["is_of_others", "others_of"]


def is_of_others(of: str) -> str:
    """A condition in SQL: whether another partner has spoken of an entity. `of` names what has its id.

    Nothing is looked up where no other partner speaks of the same kinds.
    """
    return f"""(cardinality(%(others)s::text[]) > 0 AND EXISTS (
        SELECT FROM facts said JOIN events copy ON copy.id = said.preferred
        WHERE said.entity_id = {of}.id AND copy.partner = ANY(%(others)s::text[])
    ))"""


def others_of(partners: Collection[str]) -> dict[str, Any]:
    """The parameters of `is_of_others`."""
    return {"others": arrays.texts(partners)}
