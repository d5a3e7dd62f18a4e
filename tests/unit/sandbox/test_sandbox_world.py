"""The sandbox's state: transactions, the order of steps, one owner of a file."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from sandbox.ledger import Ledger
from sandbox.world import Record, StateError, World


def record(token: str, owner: str = "", look: str = "") -> Record:
    return Record("sandbox", "c", "thing", token, 1.0, {"of": token}, owner, look)


def test_steps_come_by_time_and_then_in_the_order_in_which_they_were_planned() -> None:
    world = World()
    for name, due in (("late", 9.0), ("first", 5.0), ("second", 5.0), ("early", 1.0)):
        world.plan_step(due, name, "c", "thing", "t", {})
    taken = []
    while due_step := world.take_step(5.0):
        taken.append(due_step.name)
    assert taken == ["early", "first", "second"]
    assert world.next_step() == 9.0
    world.drop_steps("c", "thing", "t")
    assert world.next_step() is None


def test_a_list_and_its_length_are_of_one_environment() -> None:
    world = World()
    world.put(record("a"))
    world.put(record("b"))
    world.put(replace(record("c"), environment="live"))
    for environment, tokens in (("sandbox", ["a", "b"]), ("live", ["c"])):
        listed = world.scattered(environment, "c", "thing", 0, 9)
        assert [one.token for one in listed] == tokens
        assert world.how_many(environment, "c", "thing") == len(tokens)


def fail_after(world: World, token: str) -> None:
    world.put(record(token))
    raise RuntimeError


def test_what_fails_leaves_nothing_behind() -> None:
    world = World()
    with pytest.raises(RuntimeError), world.transaction():
        fail_after(world, "a")
    with world.transaction():
        world.put(record("b"))
        with pytest.raises(RuntimeError), world.savepoint():
            fail_after(world, "c")
    assert [world.get("sandbox", "thing", token) is not None for token in "abc"] == [False, True, False]


def test_a_record_keeps_its_place_when_it_changes() -> None:
    world = World()
    for token in "xy":
        world.put(record(token, owner="o", look="l"))
    changed = world.owned("sandbox", "thing", "o")[0]
    changed.document["of"] = "other"
    world.put(changed)
    assert [row.document["of"] for row in world.owned("sandbox", "thing", "o")] == ["other", "y"]
    assert [row.token for row in world.look("sandbox", "thing", "l")] == ["x", "y"]
    assert [row.token for row in world.listed("c", "thing", changed.number, 10)] == ["y"]
    assert world.get("live", "thing", "x") is None


def test_a_state_file_has_one_sandbox_at_a_time(tmp_path: Path) -> None:
    path = tmp_path / "state.sqlite"
    first = World(path, seed=5)
    with pytest.raises(StateError, match="locked"):
        World(path)
    first.close()
    # The seed of the first run stays: tokens of before must not come again.
    assert World(path, seed=6).ids.seed == 5


def test_without_a_seed_two_sandboxes_give_different_tokens() -> None:
    assert World().ids.hex(12) != World().ids.hex(12)


@pytest.mark.parametrize("kind", [[], [("kind", "$eq", "thing")]])
def test_the_events_of_one_thing_are_found_without_a_look_at_all_others(
    kind: list[tuple[str, str, str]],
) -> None:
    world = World()
    ledger = Ledger(world)
    for n in range(300):
        ledger.add("truepill", "sandbox", "c", "thing", f"t{n}", "ORDER", n, {}, None)
    looked = 0

    def count() -> None:
        nonlocal looked
        looked += 1

    world.connection.set_progress_handler(count, 50)  # each fifty steps of the database's
    found = ledger.find("c", [("key", "$eq", "t7"), *kind], 101)
    assert [event.timestamp for event in found] == [7]
    assert looked < 5


def test_a_file_from_before_contradictions_were_marked_is_gone_on_with(tmp_path: Path) -> None:
    path = tmp_path / "state.sqlite"
    world = World(path)
    Ledger(world).add("truepill", "sandbox", "c", "thing", "t", "ORDER", 1, {"n": 1}, None)
    world.connection.execute("ALTER TABLE event DROP COLUMN contradicts")
    world.close()
    again = Ledger(World(path))
    again.add("truepill", "sandbox", "c", "thing", "t", "ORDER", 2, {"n": 2}, None, contradicts=True)
    assert [row.event.contradicts for row in again.truth(0, 10)] == [0, 1]
