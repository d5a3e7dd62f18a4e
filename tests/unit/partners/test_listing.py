"""Short lists that are read in one go, although their records may move meanwhile."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from partners.listing import MOST_PAGES, TRIES, Listing, read_whole


def pages(*listed: str, size: int = 2, total: bool = True) -> Callable[[int], Listing]:
    def page(number: int) -> Listing:
        start = (number - 1) * size
        return Listing(listed[start : start + size], -(-len(listed) // size) or None if total else None)

    return page


@pytest.mark.parametrize("total", [True, False])
@pytest.mark.parametrize("count", range(6))
def test_a_list_that_rests_is_read_once_to_its_end(count: int, total: bool) -> None:
    asked: list[int] = []
    listed = tuple("abcdef"[:count])

    def page(number: int) -> Listing:
        asked.append(number)
        return pages(*listed, total=total)(number)

    assert read_whole(page, str) == list(listed)
    assert asked == sorted(set(asked))


def test_a_list_that_grows_in_front_is_read_again() -> None:
    listed = ["c", "d", "e"]

    def page(number: int) -> Listing:
        if number == 2 and "b" not in listed:
            listed.insert(0, "b")
        return pages(*listed)(number)

    assert sorted(map(str, read_whole(page, str))) == ["b", "c", "d", "e"]


def test_what_moves_all_the_time_comes_to_an_end() -> None:
    asked: list[int] = []

    def page(number: int) -> Listing:
        asked.append(number)
        return Listing(("a", str(len(asked))), None)

    read_whole(page, str)
    assert len(asked) == TRIES * MOST_PAGES


def test_one_page_for_every_number_has_an_end() -> None:
    assert read_whole(lambda _: Listing(("a", "b"), None), str) == ["a", "b"]


def test_of_a_record_that_is_read_twice_the_last_copy_counts() -> None:
    asked: list[int] = []

    def page(number: int) -> Listing:
        asked.append(number)
        version = "old" if asked.count(1) == 1 else "new"
        # The number of pages changes while they are read first.
        return Listing((f"{'ab'[number - 1]} {version}",), 2 if version == "new" or number == 2 else 3)

    assert read_whole(page, lambda record: str(record)[0]) == ["a new", "b new"]
