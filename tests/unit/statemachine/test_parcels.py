"""A fill's parcels, each folded from its own scans."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from statemachine import MACHINES, Fact
from statemachine.parcels import Parcel, parcels

FILL = MACHINES["fill_request"]
DAY = 86_400
SCANS = ("pre_transit", "transit", "delivered", "failure", "returned")


def scan(at: int, status: str, due: int | None = None) -> Fact:
    return Fact(at, f"shipment:{status}", None, b"", (), due)


def test_each_parcel_is_where_its_own_scans_say() -> None:
    found = parcels(
        FILL,
        [
            ("b", scan(300, "transit", due=9_000)),
            ("a", scan(200, "transit")),
            ("a", scan(400, "delivered")),
            ("b", scan(100, "pre_transit")),
        ],
    )
    assert found == {
        "b": Parcel("in_transit", 300, 9_000, True),
        "a": Parcel("delivered", 400, None, False),
    }
    assert list(found) == ["b", "a"]  # by their first scans


def test_without_a_date_of_the_carrier_a_parcel_is_due_by_the_clock_of_its_state() -> None:
    (parcel,) = parcels(FILL, [("a", scan(100, "transit"))]).values()
    assert parcel == Parcel("in_transit", 100, 100 + 10 * DAY, False)


@given(
    st.lists(st.tuples(st.sampled_from("ab"), st.integers(1, 50), st.sampled_from(SCANS)), max_size=12),
    st.randoms(use_true_random=False),
)
def test_the_parcels_are_a_function_of_the_scans_whatever_their_order(scans, order) -> None:  # type: ignore[no-untyped-def]
    told = [(number, scan(at, status)) for number, at, status in scans]
    shuffled = list(told)
    order.shuffle(shuffled)
    assert parcels(FILL, shuffled) == parcels(FILL, told)
    for number in "ab":
        alone = [one for one in told if one[0] == number]
        assert parcels(FILL, told).get(number) == parcels(FILL, alone).get(number)
