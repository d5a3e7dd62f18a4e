"""Pages of lists: by number, in no stated order, so that a list may grow anywhere while it is read.

They are in the order of the records' tokens, which are drawn.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sandbox.engine import Turn
from sandbox.healnow.models import PageQuery
from sandbox.world import Record

__all__ = ["all_of", "page_of"]


def all_of(
    turn: Turn, kind: str, query: PageQuery, tell: Callable[[Record], dict[str, Any]], size: str = "per_page"
) -> dict[str, Any]:
    """A page of a customer's records of one kind. `size` is what the page's size is called."""
    customer = turn.customer
    skip = _skip(turn, query)
    found = turn.world.scattered(customer.environment, customer.name, kind, skip, query.per_page)
    number = turn.world.how_many(customer.environment, customer.name, kind)
    return _page(query, number, [tell(row) for row in found], size)


def page_of(
    turn: Turn,
    records: list[Record],
    query: PageQuery,
    tell: Callable[[Record], dict[str, Any]],
    size: str = "per_page",
) -> dict[str, Any]:
    """A page of these."""
    ordered = sorted(records, key=lambda row: row.token)
    skip = _skip(turn, query)
    return _page(query, len(records), [tell(row) for row in ordered[skip : skip + query.per_page]], size)


def _skip(turn: Turn, query: PageQuery) -> int:
    """How many come before; one less when the profile shifts pages, as if a record had come meanwhile."""
    skip = (query.page - 1) * query.per_page
    return skip - 1 if skip and turn.strikes("shift_page") else skip


def _page(query: PageQuery, number: int, data: list[dict[str, Any]], size: str) -> dict[str, Any]:
    return {
        "page": query.page,
        size: query.per_page,
        "total_pages": -(-number // query.per_page),
        "data": data,
    }
