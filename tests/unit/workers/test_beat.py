"""Beat goes on: after a refusal, after its clock was set back, and without a file."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from celery import Celery

from workers.celery.beat import PAUSE_SECONDS, EnduringScheduler


class Broken(Exception):
    """What a broker's client raises."""


class Producer:
    """Stands for kombu's; `connection` is what it was made with."""

    def __init__(self, connection: Any, **_: Any) -> None:
        self.connection = connection


@pytest.fixture
def app() -> Iterator[Celery]:
    app = Celery("beat", broker="memory://", set_as_current=False)
    app.conf.beat_schedule = {"often": {"task": "often", "schedule": 5.0}}
    yield app
    app.close()


@pytest.fixture
def sent(app: Celery, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Through which producers tasks were sent."""
    producers: list[Any] = []

    def send(name: str, *_: Any, producer: Any, **__: Any) -> None:
        producers.append(producer)
        if len(producers) == 1:
            raise Broken

    monkeypatch.setattr(app, "send_task", send)
    return producers


def scheduler(app: Celery, file: Path) -> EnduringScheduler:
    return EnduringScheduler(app, schedule_filename=str(file), Producer=Producer)


def overdue(beat: EnduringScheduler) -> None:
    for entry in beat.schedule.values():
        entry.last_run_at -= timedelta(minutes=1)
    beat._heap = None


def test_what_failed_is_sent_through_a_new_connection_next(
    app: Celery, sent: list[Any], tmp_path: Path
) -> None:
    beat = scheduler(app, tmp_path / "beat")
    for _ in range(2):
        overdue(beat)
        beat.tick()
    beat.close()

    first, second = sent
    assert first is not second
    assert first.connection is not second.connection


def test_a_broker_that_lets_nobody_in_ends_nothing(
    app: Celery, sent: list[Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    beat = scheduler(app, tmp_path / "beat")
    overdue(beat)
    with monkeypatch.context() as closed:
        closed.setattr(beat, "_ensure_connected", lambda: 1 / 0)
        assert beat.tick() == PAUSE_SECONDS
    overdue(beat)
    beat.tick()
    beat.close()

    assert len(sent) == 1


def test_after_the_clock_was_set_back_it_is_due_within_its_interval(
    app: Celery, sent: list[Any], tmp_path: Path
) -> None:
    before = scheduler(app, tmp_path / "beat")
    for entry in before.schedule.values():
        entry.last_run_at += timedelta(days=1)
    before.close()

    beat = scheduler(app, tmp_path / "beat")
    assert beat.tick() <= 5.0
    overdue(beat)
    beat.tick()
    beat.close()
    assert len(sent) == 1


@pytest.mark.parametrize("broken", ["_open_schedule", "sync"])
def test_without_a_file_it_sends_all_the_same(
    app: Celery, sent: list[Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, broken: str
) -> None:
    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(f"celery.beat.PersistentScheduler.{broken}", full)
    beat = scheduler(app, tmp_path / "beat")
    overdue(beat)
    beat.tick()
    beat.close()
    assert len(sent) == 1
