"""What a partner says of its records, so that they can be pulled: its lists, and what is read one by one.

This is for partners that have records and no events by time. Nothing here makes a call: a partner's folder
fills these in with the reads of its own client.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from partners.envelopes import Envelope
from partners.partner_clock import PartnerClock

__all__ = ["Listing", "RecordList", "RecordReads", "Singles", "read_whole"]

#: How often a list that is read in one go is read again because its records moved meanwhile.
TRIES = 3
#: More pages than a list has that is read in one go.
MOST_PAGES = 100


class Listing(NamedTuple):
    """A page of a list: its records as decoded JSON, and how many pages there were; None where not said."""

    records: tuple[object, ...]
    total_pages: int | None


class RecordList(NamedTuple):
    """A list without a filter, and without an order that it keeps to: each pass reads it whole.

    `page` gives a page, counted from 1. `envelope` is how a record of it is stored; None where none is, since
    they only tell what there is to be read. Then `finds` names the `Singles` that they are.
    """

    name: str
    page: Callable[[int], Listing]
    envelope: Callable[[object], Envelope] | None = None
    finds: str | None = None


class Singles(NamedTuple):
    """Things that are read one by one, for as long as news of them is expected and now and then after that.

    `read` gives all records of one, by its id. `kind` and `state`: the entities of this kind in this state
    are such things, by their keys, and are left alone once their record says that they are not any more;
    None where a list tells which there are.
    """

    name: str
    read: Callable[[str], list[Envelope]]
    kind: str | None = None
    state: str | None = None


class RecordReads(NamedTuple):
    """All that can be read of a partner. Every read raises CallFailed, and as the gate of its wire.

    `records` are the reads of single entities, by kind. `open_signals` are those of a record from which news
    is expected.
    """

    lists: Sequence[RecordList]
    singles: Sequence[Singles]
    records: Mapping[str, Callable[[str], list[Envelope]]]
    open_signals: frozenset[str]
    partner_clock: PartnerClock
    close: Callable[[], None]


def read_whole(page: Callable[[int], Listing], name_of: Callable[[object], object]) -> list[object]:
    """All records of a short list, each once, the last that was read of it; read again where they moved.

    `name_of` tells records apart. Raises what `page` does.
    """
    found: dict[object, object] = {}
    for _ in range(TRIES):
        totals: set[int | None] = set()
        seen: set[object] = set()
        moved = False
        for number in range(1, MOST_PAGES + 1):
            listing = page(number)
            totals.add(listing.total_pages)
            names = [name_of(record) for record in listing.records]
            moved = moved or not seen.isdisjoint(names)
            # Whoever gives the same page for every number has no more.
            over = not names or seen.issuperset(names) or number >= (listing.total_pages or MOST_PAGES)
            seen.update(names)
            found.update(zip(names, listing.records, strict=True))
            if over:
                break
        if not moved and len(totals) == 1:
            break
    return list(found.values())
