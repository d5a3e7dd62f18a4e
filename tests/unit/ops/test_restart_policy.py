"""When what died is started again."""

from __future__ import annotations

from ops.local.restart_policy import HOPELESS, STEADY_SECONDS, RestartPolicy


class FixedSeconds:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_pauses_grow_up_to_half_a_minute_and_nothing_is_given_up() -> None:
    seconds = FixedSeconds()
    policy = RestartPolicy(seconds)
    pauses = []
    for _ in range(9):
        pauses.append(policy.died("web"))
        seconds.now += pauses[-1] + 0.1
        assert policy.due() == ["web"]
    assert pauses == [0.5, 1, 2, 4, 8, 16, 30, 30, 30]


def test_deaths_are_forgotten_once_a_part_has_stayed_up_for_a_minute() -> None:
    seconds = FixedSeconds()
    policy = RestartPolicy(seconds)
    for _ in range(3):
        seconds.now += policy.died("web")
        policy.due()
    seconds.now += STEADY_SECONDS - 1
    assert policy.died("web") == 4
    seconds.now += 4 + STEADY_SECONDS
    assert policy.due() == ["web"]
    assert policy.died("web") == 0.5


def test_parts_are_counted_each_for_itself() -> None:
    policy = RestartPolicy(FixedSeconds())
    for _ in range(HOPELESS + 1):
        policy.died("web")
    assert policy.died("beat") == 0.5
    assert policy.is_hopeless("web")
    assert not policy.is_hopeless("beat")
    assert not policy.is_hopeless("flower")


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
