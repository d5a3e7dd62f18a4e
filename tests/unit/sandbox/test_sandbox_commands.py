"""How long a load is to last, as a person says it."""

from __future__ import annotations

import pytest
import typer

from ops.arguments.moments import parse_span


@pytest.mark.parametrize(
    ("text", "expected"), [("60s", 60.0), ("90", 90.0), ("1.5m", 90.0), ("2 min", 120.0), ("1h", 3600.0)]
)
def test_a_time_is_seconds_or_has_its_unit(text: str, expected: float) -> None:
    assert parse_span(text) == expected


@pytest.mark.parametrize("text", ["", "0", "0s", "-1s", "soon", "1d", "inf", "1e3"])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(typer.BadParameter):
        parse_span(text)
