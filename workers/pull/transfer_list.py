"""The list of transfers, from its newest page back: which of many that wait are pending ("List Transfers").

Its items say less than a transfer's own record, neither reasons nor what came of each medication, but a page
has fifty of them. So the list is asked what need not be asked for one by one: the pending ones.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, TypeVar

__all__ = ["BARREN", "LIST_FROM", "items_of", "newest_first", "pending"]

T = TypeVar("T")

#: So many transfers that wait are worth the few calls that find the end of the list.
LIST_FROM = 20
#: After so many pages in a row without one of them the rest are asked for one by one: the list is long.
BARREN = 3
#: More pages than any list has: a partner that ignores the number gives the same one for each.
MOST_PAGES = 1 << 20


def items_of(answer: Any) -> list[Any]:
    """The items of a page, as decoded JSON."""
    return answer if type(answer) is list else []


def newest_first(read: Callable[[int], T], items: Callable[[T], list[Any]] = items_of) -> Iterator[T]:
    """The pages, the last first, of a list that begins with the earliest at page 0 and is empty past its end.

    `items` are those of what `read` gives. Where the end is, twice the logarithm of their number of calls
    tells. Raises what `read` does.
    """
    found = {0: read(0)}
    if not items(found[0]):
        return
    last, past = 0, 1
    while past < MOST_PAGES and items(found.setdefault(past, read(past))):
        last, past = past, past * 2
    while past - last > 1:
        middle = (last + past) // 2
        found[middle] = read(middle)
        last, past = (middle, past) if items(found[middle]) else (last, middle)
    for page in range(last, -1, -1):
        yield found[page] if page in found else read(page)


def pending(answer: Any) -> list[dict[str, Any]]:
    """The items of a page that say that they are pending."""
    return [item for item in items_of(answer) if type(item) is dict and item.get("status") == "pending"]
