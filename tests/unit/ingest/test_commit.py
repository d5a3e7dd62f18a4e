"""The group committer over connections and spools that are made of dictionaries."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import cast

import pytest

from ingest.commit import Committer, NoDurablePlace
from ingest.connection import TimedConnection
from ingest.limits import Limits
from ingest.metrics import Metrics
from ingest.spool import Spool
from ingest.spool_drainer import SpoolDrainer
from store.inbox.model import Arrival

START = datetime(2026, 3, 1, tzinfo=UTC)
LIMITS = Limits(batch_rows=4, probe_seconds=0.001, idle_seconds=0.001, commit_seconds=1)


def arrival(number: int, size: int = 10, *, timeless: bool = False) -> Arrival:
    return Arrival(number.to_bytes(16, "big"), "truepill", "push", START, bytes(size), timeless)


class Database:
    """Admits into a dict; `gate` holds every COMMIT back, `error` fails it."""

    def __init__(self) -> None:
        self.seqs: dict[bytes, int] = {}
        self.batches: list[list[int]] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.error: Exception | None = None
        self.refused: set[bytes] = set()
        self.pings = 0

    async def admit(self, batch: Sequence[Arrival], seconds: float) -> dict[bytes, int]:
        assert len({a.id for a in batch}) == len(batch)
        self.batches.append([a.id[-1] for a in batch])
        await self.gate.wait()
        if self.error is not None:
            raise self.error
        if any(a.id in self.refused for a in batch):
            raise ValueError("this one is poison")
        new = {a.id: len(self.seqs) + n for n, a in enumerate(a for a in batch if a.id not in self.seqs)}
        self.seqs |= new
        return new

    async def stalls(self, seconds: float) -> bool:
        return False

    async def ping(self, seconds: float) -> None:
        self.pings += 1
        if self.error is not None:
            raise self.error

    async def close(self) -> None:
        return None


class Fixture:
    """A committer and its surroundings, on the running loop."""

    def __init__(self, root: Path, connections: int = 1, limits: Limits = LIMITS) -> None:
        self.database = Database()
        self.spool = Spool(root)
        self.metrics = Metrics()
        self.hints: list[int] = []
        connection = cast(TimedConnection, self.database)
        self.committer = Committer(
            [connection] * connections, self.spool, self.hints.extend, self.metrics, limits
        )
        self.drainer = SpoolDrainer(connection, self.committer, self.spool, self.metrics, limits)

    async def commit(self, *numbers: int) -> list[bool | BaseException]:
        futures = [self.committer.commit(arrival(number)) for number in numbers]
        return await asyncio.wait_for(asyncio.gather(*futures, return_exceptions=True), 5)

    def value(self, name: str) -> float | None:
        return self.metrics.registry.get_sample_value(name)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not condition():  # noqa: ASYNC110 - any condition, not one event
            await asyncio.sleep(0.001)


@pytest.fixture
def play(tmp_path: Path) -> Callable[[Callable[[Fixture], Awaitable[None]]], None]:
    """Runs a story on a loop of its own."""

    def run(
        story: Callable[[Fixture], Awaitable[None]], connections: int = 1, limits: Limits = LIMITS
    ) -> None:
        async def told() -> None:
            fixture = Fixture(tmp_path, connections, limits)
            await story(fixture)
            await fixture.committer.close()

        asyncio.run(told())

    return cast(Callable[[Callable[[Fixture], Awaitable[None]]], None], run)


Play = Callable[..., None]


def test_a_lone_request_is_committed_at_once_and_alone(play: Play) -> None:
    async def story(f: Fixture) -> None:
        assert await f.commit(1) == [False]
        assert await f.commit(2) == [False]
        assert f.database.batches == [[1], [2]]

    play(story)


def test_requests_that_wait_together_share_one_commit(play: Play) -> None:
    async def story(f: Fixture) -> None:
        f.database.gate.clear()
        first = asyncio.ensure_future(f.commit(1))
        await until(lambda: f.database.batches == [[1]])
        rest = asyncio.ensure_future(f.commit(2, 3, 4))
        await asyncio.sleep(0)
        f.database.gate.set()
        assert await first + await rest == [False] * 4
        assert f.database.batches == [[1], [2, 3, 4]]
        assert sorted(f.hints) == [0, 1, 2, 3]

    play(story)


def test_a_batch_holds_no_more_than_its_rows_and_bytes(play: Play) -> None:
    async def rows(f: Fixture) -> None:
        await f.commit(*range(10))
        assert [len(batch) for batch in f.database.batches] == [4, 4, 2]

    async def size(f: Fixture) -> None:
        await asyncio.gather(*(f.committer.commit(arrival(n, 60)) for n in range(3)))
        await f.committer.commit(arrival(9, 1000))
        assert f.database.batches == [[0], [1], [2], [9]]

    play(rows)
    play(size, limits=Limits(batch_bytes=100))


def test_a_second_lane_joins_when_a_whole_batch_waits(play: Play) -> None:
    async def story(f: Fixture) -> None:
        f.database.gate.clear()
        answers = [asyncio.ensure_future(f.commit(1))]
        await until(lambda: len(f.database.batches) == 1)
        answers.append(asyncio.ensure_future(f.commit(2, 3, 4)))
        await asyncio.sleep(0.01)
        assert len(f.database.batches) == 1
        answers.append(asyncio.ensure_future(f.commit(5)))
        await until(lambda: len(f.database.batches) == 2)
        assert f.database.batches == [[1], [2, 3, 4, 5]]
        f.database.gate.set()
        await asyncio.gather(*answers)

    play(story, connections=2)


def test_equal_bodies_in_one_batch_are_stored_once_and_both_answered(play: Play) -> None:
    async def story(f: Fixture) -> None:
        assert await f.commit(7, 7, 8) == [False, True, False]
        assert f.database.batches == [[7, 8]]

    play(story)


def test_a_copy_seen_before_is_a_duplicate_and_no_hint(play: Play) -> None:
    async def story(f: Fixture) -> None:
        await f.commit(1)
        f.hints.clear()
        assert await f.commit(1) == [True]
        assert f.hints == []

    play(story)


def test_a_batch_without_a_commit_is_spooled_and_answered(play: Play) -> None:
    async def story(f: Fixture) -> None:
        f.database.error = TimeoutError()
        assert await f.commit(1, 2) == [False, False]
        assert not f.committer.available
        assert await f.commit(3) == [False]
        assert f.database.batches == [[1, 2]]
        assert [a.id[-1] for path in f.spool.files() for a in f.spool.read(path)] == [1, 2, 3]
        assert (f.value("rxledger_spooled_total"), f.value("rxledger_database_up")) == (3, 0)

    play(story)


def test_a_copy_of_what_was_spooled_in_this_outage_is_a_duplicate_and_not_written_again(play: Play) -> None:
    async def story(f: Fixture) -> None:
        f.database.error = TimeoutError()
        assert await f.commit(1) == [False]
        assert await f.commit(1, 2, 2) == [True, False, True]
        assert await f.commit(2) == [True]
        assert len(f.spool.files()) == 2

    play(story)


def test_a_timeless_copy_is_spooled_again_because_it_may_be_news(play: Play) -> None:
    async def story(f: Fixture) -> None:
        f.database.error = TimeoutError()
        assert await f.committer.commit(arrival(1, timeless=True)) is False
        assert await f.committer.commit(arrival(1, timeless=True)) is True
        assert len(f.spool.files()) == 2

    play(story)


def test_without_any_durable_place_the_request_is_told_so(
    play: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(batch: Sequence[Arrival]) -> None:
        raise OSError(errno.ENOSPC, "full")

    async def story(f: Fixture) -> None:
        monkeypatch.setattr(f.spool, "write", full)
        f.database.error = TimeoutError()
        (answer,) = await f.commit(1)
        assert isinstance(answer, NoDurablePlace)
        assert f.value("rxledger_spool_failures_total") == 1

    play(story)


def test_an_error_of_ours_in_a_flush_leaves_nobody_waiting(
    play: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(batch: Sequence[Arrival]) -> None:
        raise RuntimeError("a bug")

    async def story(f: Fixture) -> None:
        monkeypatch.setattr(f.spool, "write", broken)
        f.database.error = TimeoutError()
        assert all(isinstance(answer, NoDurablePlace) for answer in await f.commit(*range(6)))

    play(story)


def test_a_hint_that_fails_costs_no_answer(play: Play) -> None:
    async def story(f: Fixture) -> None:
        f.committer._publish = lambda seqs: 1 / 0  # type: ignore[assignment]
        assert await f.commit(1) == [False]
        assert await f.commit(2) == [False]

    play(story)


def test_a_request_that_was_cancelled_disturbs_no_other(play: Play) -> None:
    async def story(f: Fixture) -> None:
        f.database.gate.clear()
        gone, stays = f.committer.commit(arrival(1)), f.committer.commit(arrival(2))
        await until(lambda: bool(f.database.batches))
        gone.cancel()
        f.database.gate.set()
        assert await stays is False

    play(story)


def test_closing_brings_what_was_taken_to_a_durable_place(play: Play) -> None:
    async def story(f: Fixture) -> None:
        f.database.gate.clear()
        futures = [f.committer.commit(arrival(n)) for n in range(9)]
        asyncio.get_running_loop().call_later(0.01, f.database.gate.set)
        await f.committer.close()
        assert all(future.done() for future in futures)
        assert len(f.database.seqs) == 9

    play(story)


def test_the_spool_is_drained_and_hinted_when_postgresql_is_back(play: Play) -> None:
    async def story(f: Fixture) -> None:
        f.drainer.start()
        f.database.error = TimeoutError()
        await f.commit(1, 2)
        await until(lambda: f.database.pings > 3)
        assert len(f.spool.files()) == 1
        f.database.error = None
        await until(lambda: f.committer.available and f.value("rxledger_spool_files") == 0)
        assert sorted(f.hints) == [0, 1]
        assert f.spool.files() == []
        assert f.value("rxledger_drained_total") == 2
        assert await f.commit(1) == [True]
        await f.drainer.close()

    play(story)


def test_a_database_that_answers_but_takes_nothing_is_not_back(play: Play) -> None:
    async def story(f: Fixture) -> None:
        f.drainer.start()
        f.database.error = TimeoutError()
        await f.commit(1)
        f.database.refused = {arrival(1).id}
        f.database.error = None
        await until(lambda: len(f.database.batches) > 4)
        assert not f.committer.available
        f.database.refused = set()
        await until(lambda: f.committer.available)
        await f.drainer.close()

    play(story)


def test_a_file_that_is_not_taken_stays_and_holds_up_no_other(play: Play) -> None:
    async def story(f: Fixture) -> None:
        f.database.error = TimeoutError()
        for number in range(12):
            await f.commit(number)
        f.database.refused = {arrival(number).id for number in range(8)}
        f.database.error = None
        f.drainer.start()
        await until(lambda: len(f.database.seqs) == 4)
        assert f.committer.available
        await f.drainer.close()
        again = Spool(f.spool._root)
        again.adopt()
        assert len(again.files()) == 8
        again.close()

    play(story)


def test_a_damaged_file_is_counted_and_passed_over(play: Play) -> None:
    async def story(f: Fixture) -> None:
        f.database.error = TimeoutError()
        await f.commit(1)
        await f.commit(2)
        f.spool.files()[0].write_bytes(b"scratched")
        f.database.error = None
        f.drainer.start()
        await until(lambda: f.value("rxledger_spool_damaged_total") == 1 and len(f.database.seqs) == 1)
        await f.drainer.close()
        assert len(list(f.spool._root.glob("*/*.damaged"))) == 1

    play(story)


def test_what_a_dead_process_left_is_drained_at_the_start(play: Play) -> None:
    async def story(f: Fixture) -> None:
        dead = Spool(f.spool._root)
        dead.write([arrival(5)])
        dead.close()
        f.drainer.start()
        await until(lambda: list(f.database.seqs) == [arrival(5).id])
        await until(lambda: not list(f.spool._root.iterdir()))
        await f.drainer.close()

    play(story)
