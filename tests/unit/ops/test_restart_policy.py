"""When what died is started again."""

from __future__ import annotations

from ops.local.restart_policy import MOST, RestartPolicy


class FixedSeconds:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_pauses_grow_until_a_part_is_given_up() -> None:
    seconds = FixedSeconds()
    restarts = RestartPolicy(seconds)
    pauses = []
    for _ in range(MOST + 1):
        pauses.append(restarts.died("web"))
        seconds.now += 9.9
        restarts.due()
    assert pauses == [0.5, 1, 2, 4, 8, None]


def test_deaths_are_forgotten_after_a_minute() -> None:
    seconds = FixedSeconds()
    restarts = RestartPolicy(seconds)
    for _ in range(20):
        assert restarts.died("web") is not None
        seconds.now += 12
        assert restarts.due() == ["web"]
    seconds.now += 60
    assert restarts.died("web") == 0.5


def test_parts_are_counted_each_for_itself() -> None:
    restarts = RestartPolicy(FixedSeconds())
    for _ in range(MOST):
        restarts.died("web")
    assert restarts.died("beat") == 0.5
    assert restarts.died("web") is None


def test_a_part_is_due_once_and_not_before_its_pause_is_over() -> None:
    seconds = FixedSeconds()
    restarts = RestartPolicy(seconds)
    restarts.died("web")
    seconds.now += 0.4
    assert restarts.due() == []
    assert restarts.pending("web")
    seconds.now += 0.1
    assert restarts.due() == ["web"]
    assert not restarts.pending("web")
    assert restarts.due() == []
