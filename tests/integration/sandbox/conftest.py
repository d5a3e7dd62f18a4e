"""A sandbox for each test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.sandbox import Desk, wait_for_ends
from tests.support.sandbox import desk as served


@pytest.fixture(scope="module", autouse=True)
def ends() -> Iterator[None]:
    yield
    wait_for_ends()


@pytest.fixture
def desk() -> Iterator[Desk]:
    """What the reference describes, and no more."""
    with served(until_ended=False) as running:
        yield running


@pytest.fixture
def live() -> Iterator[Desk]:
    """With what the live contract adds."""
    with served(live_contract=True, until_ended=False) as running:
        yield running
