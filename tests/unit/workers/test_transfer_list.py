"""Finding the end of a list of pages, and going back from it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from workers.pull.transfer_list import newest_first, pending


@given(st.integers(0, 300))
def test_the_pages_come_from_the_last_to_the_first_each_once(pages: int) -> None:
    asked = []

    def read(page: int) -> list[int]:
        asked.append(page)
        return [page] if page < pages else []

    assert [page for (page,) in newest_first(read)] == list(range(pages))[::-1]
    assert len(asked) == len(set(asked)) <= pages + 2 * max(1, pages).bit_length() + 1


@given(st.integers(1, 100_000))
def test_the_end_is_found_by_few_calls(pages: int) -> None:
    asked = []

    def read(page: int) -> list[int]:
        asked.append(page)
        return [page] if page < pages else []

    assert next(newest_first(read)) == [pages - 1]
    assert len(asked) <= 2 * pages.bit_length() + 2


def test_a_partner_that_ignores_the_number_is_no_endless_list() -> None:
    asked = []

    def read(page: int) -> list[str]:
        asked.append(page)
        return ["the same"]

    assert next(newest_first(read)) == ["the same"]
    assert len(asked) < 45


def test_pending_are_the_items_that_say_so() -> None:
    items = [{"status": "pending", "url_token": "a"}, {"status": "completed"}, "x", {}]
    assert pending(items) == [{"status": "pending", "url_token": "a"}]
    assert pending({"results": items}) == pending(None) == []
