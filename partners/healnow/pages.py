"""Pages of HealNow's lists: `{"page", "per_page" or "per_pate", "total_pages", "data"}`. Pure.

The number of the page itself is printed as 0 in samples, and taken from nowhere but the question.
"""

from __future__ import annotations

from partners.healnow.prescriptions import whole
from partners.listing import Listing

__all__ = ["listing_of"]


def listing_of(document: object) -> Listing | None:
    """The page that a document is; None for a document of another shape."""
    if type(document) is not dict:
        return None
    data = document.get("data")
    # 0, as samples print it, is no number of pages that have something on them.
    return Listing(tuple(data), whole(document.get("total_pages")) or None) if type(data) is list else None
