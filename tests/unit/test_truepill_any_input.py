"""Any input at all is read or refused, and no text of a body gets where it may not."""

from __future__ import annotations

import string
import traceback

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st

from partners.reading import Reading, Unreadable
from partners.truepill.callbacks import read
from statemachine import MACHINES
from tests.reading import keyed

AT = 1_590_800_072

CANARY = "CANARY jane.doe"
scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from([CANARY, "R0", "TRANSIT", "success", "error", "triage", "T001", "12.50", "1590800072"])
    | st.text(string.printable, max_size=6)
)
anything = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
)
medication = st.fixed_dictionaries(
    {},
    optional=dict.fromkeys(
        ["prescription_token", "medication_token", "reject_reason", "error_code", "status", "copay_amount"],
        anything,
    ),
)
details = st.fixed_dictionaries(
    {},
    optional={
        "medications": anything | st.lists(medication | anything, max_size=3),
        "claims": anything | st.lists(medication | anything, max_size=3),
        **dict.fromkeys(
            [
                "status",
                "code",
                "error_code",
                "message",
                "additional_information",
                "tracking_number",
                "metadata",
            ],
            anything,
        ),
    },
)
callback = st.fixed_dictionaries(
    {},
    optional={
        "callback_type": st.sampled_from(["ORDER", "SHIPMENT", "ORDER_CLAIM", "COPAY", CANARY]) | anything,
        "request_id": st.just("fill_request_1") | anything,
        "timestamp": st.integers(0, 2_000_000_000) | anything,
        "status": st.sampled_from(["success", "error", "triage"]) | anything,
        "details": details | anything,
        "results": anything,
    },
)
# A callback that is right but for its details, so that most examples get past the envelope.
near = st.fixed_dictionaries(
    {
        "callback_type": st.sampled_from(["ORDER", "SHIPMENT", "ORDER_CLAIM"]),
        "request_id": st.just("fill_request_1"),
        "timestamp": st.just(AT),
        "status": st.sampled_from(["success", "error", "triage", None]),
        "details": details,
    }
)
steady = settings(deadline=None, derandomize=True, database=None, max_examples=150)
PLAIN = set(string.ascii_letters + string.digits + "_.-")


def check_reading(content: bytes) -> None:
    try:
        reading = read(content, keyed)
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
    for one in reading.stated:
        orjson.dumps(one.detail)
        assert one.fact.signal in MACHINES[one.kind].rank
        assert type(one.fact.occurred_at) is int
        assert len(one.fact.discriminator) in (0, 16)
        clear = [one.key, *(line.token or "" for line in one.fact.lines)]
        codes = [one.fact.code, *(line.code for line in one.fact.lines)]
        clear += [(code or "").removeprefix("#") for code in codes]
        assert all(set(text) <= PLAIN for text in clear)
        MACHINES[one.kind].fold([one.fact])


@steady
@given(callback)
def test_any_object_is_read_or_refused_and_a_refusal_repeats_nothing(content: dict[str, object]) -> None:
    check_reading(orjson.dumps(content))


@steady
@given(near)
def test_any_details_are_read_or_refused_and_only_plain_text_stands_in_the_clear(
    content: dict[str, object],
) -> None:
    check_reading(orjson.dumps(content))


@steady
@given(st.binary(max_size=64) | anything.map(orjson.dumps))
def test_any_bytes_are_read_or_refused(content: bytes) -> None:
    check_reading(content)


def test_a_refusal_of_broken_json_chains_nothing_that_holds_the_body() -> None:
    check_reading(f'{{"callback_type": "{CANARY}"'.encode())


def test_details_nested_deeper_than_can_be_written_are_still_read() -> None:
    raw = b'{"callback_type":"ORDER","status":"triage","request_id":"a","timestamp":1,"details":{"metadata":'
    nested = raw + b"[" * 300 + b"]" * 300 + b"}}"
    assert read(nested, keyed).stated[0].detail == {}
