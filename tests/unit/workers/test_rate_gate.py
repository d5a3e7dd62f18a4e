"""How long a read waits for its permits, its retries included."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, cast

import httpx
import psycopg
import pytest
import stamina

from partners.faults import Failing
from partners.wire import ATTEMPTS, HttpClient, Wire
from store.pulls import rate_limit
from store.pulls.rate_limit import Permit
from workers.pull.rate_gate import NotNow, SharedGate

#: Seconds for which each permit is refused once, before it is given.
REFUSED_FOR = 4.0


@pytest.fixture(autouse=True)
def without_waits() -> Iterator[None]:
    with stamina.set_testing(True, attempts=ATTEMPTS):
        yield


@pytest.fixture
def refusing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every permit is refused for a short while, then given."""
    refused = False

    def take_calls(*_: object) -> Permit:
        nonlocal refused
        refused = not refused
        return Permit(REFUSED_FOR, "budget") if refused else Permit(0.0, None)

    def unwritten(*_: object, **__: object) -> None:
        """The circuit is of no concern here."""

    monkeypatch.setattr(rate_limit, "take_calls", take_calls)
    monkeypatch.setattr(rate_limit, "failed", unwritten)


@contextmanager
def wire(
    patience: float, slept: list[float], answer: Callable[[httpx.Request], httpx.Response]
) -> Iterator[Wire]:
    no_database = cast("psycopg.Connection[Any]", None)
    gate = SharedGate(no_database, "truepill", 60, patience=patience, sleep=slept.append)
    reads = Wire(HttpClient("http://partner.test", "key"), gate, httpx.MockTransport(answer))
    try:
        yield reads
    finally:
        reads.close()


def failing(_: httpx.Request) -> httpx.Response:
    return httpx.Response(500)


@pytest.mark.usefixtures("refusing")
@pytest.mark.parametrize(("patience", "waits"), [(5.0, 1), (9.0, 2)])
def test_a_read_that_is_retried_waits_no_longer_than_the_gate_is_patient(patience: float, waits: int) -> None:
    slept: list[float] = []
    with wire(patience, slept, failing) as reads, pytest.raises(NotNow) as raised:
        reads.get("a surface", "/v1/a")
    assert (raised.value.why, slept) == ("budget", [REFUSED_FOR] * waits)


@pytest.mark.usefixtures("refusing")
def test_a_read_that_is_retried_uses_all_of_its_patience_before_it_gives_up() -> None:
    slept: list[float] = []
    with wire(ATTEMPTS * REFUSED_FOR, slept, failing) as reads, pytest.raises(Failing):
        reads.get("a surface", "/v1/a")
    assert slept == [REFUSED_FOR] * ATTEMPTS


@pytest.mark.usefixtures("refusing")
def test_each_read_begins_with_the_whole_patience_whatever_the_one_before_has_waited() -> None:
    answers = iter([500, 200, 200, 500, 200])
    slept: list[float] = []

    def answer(_: httpx.Request) -> httpx.Response:
        return httpx.Response(next(answers), content=iter([b"{}"]))

    with wire(2 * REFUSED_FOR, slept, answer) as reads:
        for _ in range(3):
            assert reads.get("a surface", "/v1/a") == {}
    assert slept == [REFUSED_FOR] * 5
