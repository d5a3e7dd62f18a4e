"""Any input at all is read or refused, and no text of a body gets where it may not."""

from __future__ import annotations

import string
import traceback
from collections.abc import Callable

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st

from partners.healnow import callbacks, records
from partners.healnow.contract import CALLBACK_TYPES
from partners.healnow.envelopes import RESOURCES, envelope
from partners.reading import DOMAINS, Reading, Unreadable
from tests.support.reading import keyed

CANARY = "CANARY jane.doe"
scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from([CANARY, "paid", "pending", "lost", "0", "12.50", "e1", "fill_1:rx_a"])
    | st.text(string.printable, max_size=6)
)
anything = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
)
FIELDS = (
    *("id", "eid", "name", "rx_number", "refill_number", "price_in_cents", "amount_in_cents", "status"),
    *("qty", "days_supply", "order_id", "rxNumber", "external_id", "amount", "prescription_id"),
)
line = st.fixed_dictionaries({}, optional=dict.fromkeys(FIELDS, anything))
named = st.fixed_dictionaries(
    {"id": st.sampled_from(["p1", "p2", None]), "status": st.sampled_from(["paid", "pending", "lost"])},
    optional={field: anything for field in FIELDS if field not in ("id", "status")},
)
items = st.lists(
    line | named | st.fixed_dictionaries({"prescription": line | anything}) | anything, max_size=4
)
record = st.fixed_dictionaries(
    {},
    optional={
        **dict.fromkeys(FIELDS, anything),
        "status": st.sampled_from(["paid", "open", "expired", "pending"]) | anything,
        "items": items | anything,
        "prescriptions": items | anything,
        "patient": st.fixed_dictionaries({}, optional={"id": anything, "phone": anything}) | anything,
        "payment": st.fixed_dictionaries({}, optional={"id": anything, "last4": anything}) | anything,
        "total_in_cents": anything,
        "signature": st.just(CANARY),
    },
)
steady = settings(deadline=None, derandomize=True, database=None, max_examples=300)
PLAIN = set(string.ascii_letters + string.digits + "_.:-")
ANY_TEXT = {"metadata", "rx_number", "eid"}

Read = Callable[[bytes, Callable[[str, str], bytes]], Reading]


def check(read: Read, body: bytes) -> None:
    try:
        reading = read(body, keyed)
    except Unreadable as error:
        check_refusal(error)
    else:
        check_stated(reading)


def check_refusal(error: Unreadable) -> None:
    assert str(error) == error.reason
    assert CANARY not in "".join(traceback.format_exception(error))
    assert error.__context__ is None
    assert error.__cause__ is None


def check_stated(reading: Reading) -> None:
    assert CANARY not in "".join(name for one in reading.unseen for name in one)
    for one in reading.stated:
        orjson.dumps(one.detail)
        assert one.undated
        assert one.fact.occurred_at == 0
        assert (one.key is None) == (one.fallback is not None)
        assert one.fallback is None or one.fallback in one.aliases
        assert one.key not in one.aliases
        clear = [one.key or "", one.fact.code or "", *one.aliases]
        clear += [value for domain, value in one.links if domain not in ANY_TEXT]
        assert all(set(text) <= PLAIN and len(text) <= 128 for text in clear)
        assert {domain for domain, _ in one.links} <= set(DOMAINS)
        for field in ("price_in_cents", "qty", "days_supply", "total_in_cents"):
            assert type(one.detail.get(field, 0)) is int


@steady
@given(st.fixed_dictionaries({"type": st.sampled_from([*CALLBACK_TYPES]), "data": line | anything}))
def test_any_data_of_a_callback_is_read_or_refused(content: dict[str, object]) -> None:
    check(callbacks.read, orjson.dumps(content))


@steady
@given(st.sampled_from(RESOURCES), record | anything, st.none() | st.sampled_from(["p1", "a b", ""]))
def test_any_record_is_stored_and_then_read_or_refused(
    resource: str, content: object, asked_for: str | None
) -> None:
    check(records.read, envelope(resource, content, asked_for=asked_for, patient_id="pat1").body)


@steady
@given(
    st.fixed_dictionaries({}, optional={"snapshot": anything, "id": anything, "content": record | anything})
)
def test_any_envelope_is_read_or_refused(content: dict[str, object]) -> None:
    check(records.read, orjson.dumps(content))


@steady
@given(st.binary(max_size=64) | anything.map(orjson.dumps))
def test_any_bytes_are_read_or_refused(body: bytes) -> None:
    check(callbacks.read, body)
    check(records.read, body)
