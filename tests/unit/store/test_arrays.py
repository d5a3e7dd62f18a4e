"""Arrays in the server's text form."""

from __future__ import annotations

import pytest

from store.db.arrays import numbers, texts


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([], "{}"),
        ([""], '{""}'),
        (["a", "b"], '{"a","b"}'),
        (["a", None], '{"a",NULL}'),
        ([None], "{NULL}"),
        (['say "a"', "b"], '{"say \\"a\\"","b"}'),
        (['","', "b"], '{"\\",\\"","b"}'),
        (["a\\", "b"], '{"a\\\\","b"}'),
        (["{a,b}", "NULL", " "], '{"{a,b}","NULL"," "}'),
    ],
)
def test_texts_are_quoted_and_escaped_where_they_must_be(values: list[str | None], expected: str) -> None:
    assert texts(iter(values)) == expected


def test_numbers_stand_as_they_are() -> None:
    assert numbers([1, None, -2]) == "{1,NULL,-2}"
