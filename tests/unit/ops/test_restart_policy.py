"""When what died is started again."""

from __future__ import annotations

from ops.local.restart_policy import MOST, RestartPolicy


class FixedSeconds:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_pauses_grow_until_a_part_is_given_up() -> None:
    seconds = FixedSeconds()
    policy = RestartPolicy(seconds)
    pauses = []
    for _ in range(MOST + 1):
        pauses.append(policy.died("web"))
        seconds.now += 9.9
        policy.due()
    assert pauses == [0.5, 1, 2, 4, 8, None]


def test_deaths_are_forgotten_after_a_minute() -> None:
    seconds = FixedSeconds()
    policy = RestartPolicy(seconds)
    for _ in range(20):
        assert policy.died("web") is not None
        seconds.now += 12
        assert policy.due() == ["web"]
    seconds.now += 60
    assert policy.died("web") == 0.5


def test_parts_are_counted_each_for_itself() -> None:
    policy = RestartPolicy(FixedSeconds())
    for _ in range(MOST):
        policy.died("web")
    assert policy.died("beat") == 0.5
    assert policy.died("web") is None


def test_a_part_is_due_once_and_not_before_its_pause_is_over() -> None:
    seconds = FixedSeconds()
    policy = RestartPolicy(seconds)
    policy.died("web")
    seconds.now += 0.4
    assert policy.due() == []
    assert policy.pending("web")
    seconds.now += 0.1
    assert policy.due() == ["web"]
    assert not policy.pending("web")
    assert policy.due() == []
