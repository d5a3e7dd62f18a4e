"""Pages of HealNow's lists: `{"page", "per_page" or "per_pate", "total_pages", "data"}`. Pure.

Lists have no filter and no stated order, so that nothing but their end says that all was read.
"""

from __future__ import annotations

from typing import NamedTuple

from partners.healnow.prescriptions import whole

__all__ = ["Listing", "listing_of"]


class Listing(NamedTuple):
    """The records of a page as decoded JSON, and how many pages there were then; None where it is not said.

    The number of the page itself is printed as 0 in samples and taken from nowhere but the question.
    """

    records: tuple[object, ...]
    total_pages: int | None


def listing_of(document: object) -> Listing | None:
    """The page that a document is; None for a document of another shape."""
    if type(document) is not dict:
        return None
    data = document.get("data")
    return Listing(tuple(data), whole(document.get("total_pages"))) if type(data) is list else None
