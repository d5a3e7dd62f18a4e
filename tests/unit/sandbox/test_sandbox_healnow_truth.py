"""What webhooks say of a payment: no order of them, and no doubling, leads elsewhere."""

from __future__ import annotations

import json
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.healnow.callbacks import CALLBACKS, renamed
from sandbox.healnow.signature import signing
from sandbox.healnow.truth import offered, said, state_after
from sandbox.partners import partners, truth_of
from sandbox.truth import Said

SIGNALS = ("payment:pending", "payment:removed", "payment:paid", "payment:moto", "payment:cancelled")
ENDS = {
    ("payment:pending",): "pending",
    ("payment:pending", "payment:removed"): "removed",
    ("payment:pending", "payment:paid"): "paid",
    ("payment:pending", "payment:moto"): "paid",
    ("payment:pending", "payment:removed", "payment:paid"): "paid",
    ("payment:pending", "payment:paid", "payment:cancelled"): "cancelled",
}
DATA = {"eid": "e", "rx_number": "1", "order_id": "o", "amount_in_cents": 5, "qty": 1}


def end(signals: tuple[str, ...]) -> str | None:
    state: str | None = None
    for signal in signals:
        state = state_after(state, Said("payment", "p", signal))
    return state


@pytest.mark.parametrize("signals", ENDS)
def test_the_greatest_that_was_said_holds_in_whatever_order(signals: tuple[str, ...]) -> None:
    assert {end(order) for order in permutations((*signals, signals[0]))} == {ENDS[signals]}


@given(st.lists(st.sampled_from(SIGNALS), min_size=1))
def test_once_cancelled_always_cancelled(signals: list[str]) -> None:
    assert end(("payment:cancelled", *signals)) == "cancelled"


def test_a_surprise_changes_nothing() -> None:
    assert state_after("pending", Said("payment", "p", "payment:paid"), True) == "pending"


@pytest.mark.parametrize(
    ("status", "signal"),
    [
        ("pending", "payment:pending"),
        ("paid", "payment:paid"),
        ("moto", "payment:moto"),
        ("canceled", "payment:cancelled"),
        ("cancelled", "payment:cancelled"),
        ("manually_canceled", "payment:cancelled"),
        ("removed", "payment:removed"),
    ],
)
def test_each_type_says_one_thing_in_either_spelling(status: str, signal: str) -> None:
    assert said("payment", "p", f"prescription::{status}", {}) == [Said("payment", "p", signal)]


@pytest.mark.parametrize("type", [*CALLBACKS.unknown_types, "paid", "prescription::", ""])
def test_a_type_that_is_unknown_says_nothing(type: str) -> None:
    assert said("payment", "p", type, {}) == []


def test_no_surface_gives_a_webhook_again() -> None:
    assert offered("payment", "p", "prescription::paid", {}, True, whole=True) == []


@given(st.sampled_from(["paid", "canceled", "manually_canceled"]), st.integers(0, 31))
def test_a_changed_copy_differs_and_says_the_same(status: str, chosen: int) -> None:
    data = {name: value for place, (name, value) in enumerate(DATA.items()) if chosen >> place & 1}
    type = f"prescription::{status}"
    body = {"type": type, "data": data}
    for sent in (body, renamed(body)):
        changed = json.loads(CALLBACKS.changed(json.dumps(sent).encode()))
        assert changed != sent
        assert said("payment", "p", changed["type"], {}) == said("payment", "p", type, {})
        assert sorted(map(str, changed["data"].values())) == sorted(map(str, data.values()))


def test_a_signature_is_that_of_the_body_under_the_name_that_is_asked_for() -> None:
    sign = signing(b"key", "X-Other")
    assert {name for name, _ in sign(b"{}")} == {"X-Other"}
    assert list(sign(b"{}")) == list(sign(b"{}"))
    assert list(sign(b"{}")) != list(signing(b"other", "X-Other")(b"{}"))
    assert {name for name, _ in signing(b"key", None)(b"{}")} == {"X-Healnow-Signature"}


def test_every_kind_is_one_partners() -> None:
    kinds = [kind for partner in partners() for kind in partner.truth.kinds]
    assert len(kinds) == len(set(kinds))
    assert truth_of("payment").partner == "healnow"
    assert truth_of("fill_request").partner == "truepill"
    assert [partner.name for partner in partners()] == ["healnow", "truepill"]
