"""A sandbox for each test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.sandbox import Desk
from tests.sandbox import desk as served


@pytest.fixture
def desk() -> Iterator[Desk]:
    """What the reference describes, and no more."""
    with served() as running:
        yield running


@pytest.fixture
def live() -> Iterator[Desk]:
    """With what the live contract adds."""
    with served(live_contract=True) as running:
        yield running
