"""What a profile makes of one event: attempts, changed copies, and events of which nothing is known."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from partners.reading import Unreadable
from partners.truepill.callbacks import read
from sandbox import misbehave
from sandbox.misbehave import Surprise
from sandbox.plan import Attempt, Emitted
from sandbox.profile import CALM, Profile, bundled, load_profile
from sandbox.truepill.callbacks import CALLBACKS as WRITTEN
from statemachine import MACHINES
from tests.support.printed import CALLBACK_NAMES, CALLBACKS
from tests.support.reading import keyed

SEEDS = st.integers(0, 2**62)
PROFILES = st.sampled_from([load_profile(name) for name in bundled()])


def plan(profile: Profile, seed: int, event: Emitted) -> Sequence[Attempt]:
    return misbehave.plan(profile, seed, event, WRITTEN)


def surprises(profile: Profile, seed: int, kind: str, key: str, body: Mapping[str, Any]) -> list[Surprise]:
    return misbehave.surprises(profile, seed, kind, key, body, WRITTEN)


def printed(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((CALLBACKS / f"{name}.json").read_text())
    return found


def event(number: int = 1, timestamp: int = 1_700_000_000, body: bytes = b'{"details":{}}') -> Emitted:
    return Emitted(number, "sandbox", "sandbox", "fill_request", "fill_1", "ORDER", timestamp, body)


def test_calm_sends_each_event_once_and_at_once() -> None:
    assert list(plan(CALM, 5, event())) == [Attempt()]
    assert surprises(CALM, 5, "fill_request", "fill_1", printed("order.success.1")) == []


@given(PROFILES, SEEDS, st.integers(1, 10**6), st.integers(0, 2**31))
def test_the_same_profile_seed_and_event_give_the_same_plan(
    profile: Profile, seed: int, number: int, timestamp: int
) -> None:
    planned = plan(profile, seed, event(number, timestamp))
    assert planned == plan(profile, seed, event(number, timestamp))
    assert all(attempt.after >= 0 for attempt in planned)


def test_another_seed_gives_another_plan() -> None:
    hostile = load_profile("hostile")
    assert [plan(hostile, 1, event(n)) for n in range(50)] != [plan(hostile, 2, event(n)) for n in range(50)]


def test_a_dropped_event_has_no_attempt() -> None:
    assert plan(Profile(drop=1.0, duplicate=1.0), 5, event()) == ()


def test_events_are_dropped_as_often_as_the_profile_says() -> None:
    dropped = sum(not plan(Profile(drop=0.3), 5, event(number)) for number in range(2000))
    assert 500 < dropped < 700


def test_a_duplicate_comes_later_with_the_same_body() -> None:
    first, second = plan(Profile(duplicate=1.0, duplicate_seconds=60), 5, event())
    assert first == Attempt()
    assert 0 < second.after < 60
    assert second.body is None


def test_a_delay_and_a_reordering_add_up() -> None:
    profile = Profile(delay=1.0, delay_seconds=1000, reorder=1.0, reorder_seconds=10)
    delays = [plan(profile, 5, event(number))[0].after for number in range(200)]
    assert 900 < max(delays) < 1010
    assert len(set(delays)) == 200


def test_a_reordered_event_is_overtaken_by_a_later_one() -> None:
    profile = Profile(reorder=1.0, reorder_seconds=100)
    moments = [number + plan(profile, 5, event(number))[0].after for number in range(20)]
    assert moments != sorted(moments)


@given(st.integers(0, 2**31), st.integers(1, 600))
def test_a_burst_leaves_at_one_moment(timestamp: int, length: int) -> None:
    (attempt,) = plan(Profile(burst_seconds=length), 5, event(timestamp=timestamp))
    assert 0 < attempt.after <= length
    assert (timestamp + attempt.after) % length == 0


@pytest.mark.parametrize(
    ("profile", "how"), [(Profile(hang_up=1.0), "hang_up"), (Profile(stall=1.0), "stall")]
)
def test_a_connection_can_be_closed_or_stalled(profile: Profile, how: str) -> None:
    assert [attempt.how for attempt in plan(profile, 5, event())] == [how]


@pytest.mark.parametrize("name", CALLBACK_NAMES)
def test_a_changed_copy_states_what_the_event_states(name: str) -> None:
    body = json.dumps(printed(name)).encode()
    _, changed = plan(Profile(change=1.0), 5, event(body=body))
    assert changed.body is not None
    assert json.loads(changed.body) != json.loads(body)
    before, after = read(body, keyed), read(changed.body, keyed)
    assert [(row.kind, row.key, row.fact) for row in after.stated] == [
        (row.kind, row.key, row.fact) for row in before.stated
    ]


@pytest.mark.parametrize("name", CALLBACK_NAMES)
def test_an_event_of_an_unknown_type_cannot_be_read(name: str) -> None:
    (strange,) = surprises(Profile(unknown_type=1.0), 5, "any", "key", printed(name))
    assert strange.what == "type"
    with pytest.raises(Unreadable) as raised:
        read(json.dumps(strange.body).encode(), keyed)
    assert raised.value.reason == "unknown_type"


@pytest.mark.parametrize(
    "name", ["order.success.1", "order.success.4", *[f"shipment.success.{n}" for n in (1, 2, 3)]]
)
def test_an_unknown_code_is_a_fact_of_the_same_second_that_leaves_the_state(name: str) -> None:
    body = printed(name)
    (strange,) = surprises(Profile(unknown_code=1.0), 5, "fill_request", body["request_id"], body)
    assert strange.what == "code"
    alone = facts(body)
    both = alone + facts(strange.body)
    assert len({fact.occurred_at for fact in both}) == 1
    machine = MACHINES["fill_request"]
    assert len(set(map(machine.order, both))) == 2
    assert machine.fold(both)[0].state == machine.fold(alone)[0].state
    assert both[-1].code in ("T999", "HELD_AT_CUSTOMS")


def facts(body: Mapping[str, Any]) -> list[Any]:
    return [row.fact for row in read(json.dumps(body).encode(), keyed).stated]


@pytest.mark.parametrize(
    "name", [name for name in CALLBACK_NAMES if not name.startswith(("order.success", "shipment"))]
)
def test_where_a_type_has_no_codes_no_event_with_an_unknown_one_is_made_up(name: str) -> None:
    assert surprises(Profile(unknown_code=1.0), 5, "any", "key", printed(name)) == []
