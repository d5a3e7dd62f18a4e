"""Any input at all is read or refused, and no text of a body gets where it may not."""

from __future__ import annotations

import string
import traceback

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from partners.reading import Reading, Unreadable
from partners.truepill.callbacks import read
from statemachine import MACHINES
from tests.support.reading import keyed

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
# What a line of any type may have; what the details of each type may have beside `metadata` and lists.
LINE = {
    "prescription_token": anything,
    "medication_token": anything,
    "reject_reason": anything,
    "error_code": anything,
    "status": anything,
    "copay_amount": anything,
    "claim_reject_codes": anything | st.lists(st.fixed_dictionaries({"code": anything}), max_size=2),
    "next_fill_date": anything | st.sampled_from(["2020-04-12", "2020-04-12T00:00:00.000Z", "2020-99-99"]),
    "insurance_token": anything,
    "document_id": anything,
}
ORDERS = (
    "status",
    "code",
    "error_code",
    "message",
    "additional_information",
    "tracking_number",
    "eta",
    "medications",
    "claims",
)
TRANSFERS = (
    "error_code",
    "message",
    "transfer_token",
    "direct_transfer_token",
    "prescription_token",
    "contact_method",
    "contact_number",
    "medications",
)
COPAYS = ("code", "error_code", "additional_information", "message", "copay_token", "prescriptions")
DETAILS = {
    **dict.fromkeys(["ORDER", "SHIPMENT", "ORDER_CLAIM"], ORDERS),
    **dict.fromkeys(["TRANSFER", "TRANSFER_CONTACT", "DIRECT_TRANSFER", "DIRECT_TRANSFER_V2"], TRANSFERS),
    "COPAY": COPAYS,
    "PRIOR_AUTH": ("error_code", "message", "prescription_token", "insurance_token"),
    "COVERAGE": ("message", "coverage_request_token", "insurances", "error_code"),
    "CONSULT": ("state", "reject_reason", "message", "provider"),
    "FILE": ("documents", "message"),
    "NOTIFY_RX": ("prescription_token", "transfer_prescription_token", "merged_patients", "rx_link"),
}
LISTS = {"medications", "claims", "prescriptions", "insurances", "documents"}
line = st.fixed_dictionaries({}, optional=LINE)
lines = st.lists(line | anything, max_size=3) | anything


def details_with(names: tuple[str, ...]) -> st.SearchStrategy[dict[str, object]]:
    fields = {name: lines if name in LISTS else anything for name in names}
    return st.fixed_dictionaries({}, optional={**fields, "metadata": anything})


details = details_with(ORDERS)
callback = st.fixed_dictionaries(
    {},
    optional={
        "callback_type": st.sampled_from([*DETAILS, "VISIT", CANARY]) | anything,
        "request_id": st.just("fill_request_1") | anything,
        "consult_id": st.just("consult_1") | anything,
        "message": anything,
        "timestamp": st.integers(0, 2_000_000_000) | anything,
        "status": st.sampled_from(["success", "error", "triage"]) | anything,
        "details": details | anything,
        "results": anything,
    },
)
STATUSES = ["success", "error", "triage", None, "pending", "approved", "assigned", "completed", "rejected"]


def near(callback_type: str) -> st.SearchStrategy[dict[str, object]]:
    """A callback that is right but for its details, so that most examples get past the envelope."""
    given_key = {"prescription_token": st.just("rx1")} if callback_type == "NOTIFY_RX" else {}
    inner = st.builds(
        lambda found, key: {**found, **key},
        details_with(DETAILS[callback_type]),
        st.fixed_dictionaries({}, optional=given_key),
    )
    return st.fixed_dictionaries(
        {
            "callback_type": st.just(callback_type),
            "request_id": st.just("fill_request_1"),
            "consult_id": st.just("consult_1"),
            "timestamp": st.just(AT),
            "status": st.sampled_from(STATUSES),
            "details": inner,
        }
    )


steady = settings(deadline=None, derandomize=True, database=None, max_examples=150)
brief = settings(steady, max_examples=40)
CALLBACKS = {callback_type: near(callback_type) for callback_type in DETAILS}
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
        assert one.key or one.aliases
        assert one.fact.signal in MACHINES[one.kind].rank
        assert type(one.fact.occurred_at) is int
        assert len(one.fact.discriminator) in (0, 16)
        assert one.fact.due is None or type(one.fact.due) is int
        clear = [one.key or "", *one.aliases, *(line.token or "" for line in one.fact.lines)]
        clear += [line.status for line in one.fact.lines]
        clear += [value for domain, value in one.links if domain not in ("metadata", "rx_number")]
        codes = [one.fact.code, *(line.code for line in one.fact.lines)]
        clear += [(code or "").removeprefix("#") for code in codes]
        assert all(set(text) <= PLAIN for text in clear)
        MACHINES[one.kind].fold([one.fact])


@steady
@given(callback)
def test_any_object_is_read_or_refused_and_a_refusal_repeats_nothing(content: dict[str, object]) -> None:
    check_reading(orjson.dumps(content))


@pytest.mark.parametrize("callback_type", DETAILS)
@brief
@given(data=st.data())
def test_any_details_are_read_or_refused_and_only_plain_text_stands_in_the_clear(
    callback_type: str, data: st.DataObject
) -> None:
    check_reading(orjson.dumps(data.draw(CALLBACKS[callback_type])))


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
