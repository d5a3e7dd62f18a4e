"""When what died is started again."""

from __future__ import annotations

from ops.local.restart_policy import MOST, RestartPolicy


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_pauses_grow_until_a_part_is_given_up() -> None:
    clock = Clock()
    restarts = RestartPolicy(clock)
    pauses = []
    for _ in range(MOST + 1):
        pauses.append(restarts.died("web"))
        clock.now += 9.9
        restarts.due()
    assert pauses == [0.5, 1, 2, 4, 8, None]


def test_deaths_are_forgotten_after_a_minute() -> None:
    clock = Clock()
    restarts = RestartPolicy(clock)
    for _ in range(20):
        assert restarts.died("web") is not None
        clock.now += 12
        assert restarts.due() == ["web"]
    clock.now += 60
    assert restarts.died("web") == 0.5


def test_parts_are_counted_each_for_itself() -> None:
    restarts = RestartPolicy(Clock())
    for _ in range(MOST):
        restarts.died("web")
    assert restarts.died("beat") == 0.5
    assert restarts.died("web") is None


def test_a_part_is_due_once_and_not_before_its_pause_is_over() -> None:
    clock = Clock()
    restarts = RestartPolicy(clock)
    restarts.died("web")
    clock.now += 0.4
    assert restarts.due() == []
    assert restarts.pending("web")
    clock.now += 0.1
    assert restarts.due() == ["web"]
    assert not restarts.pending("web")
    assert restarts.due() == []
