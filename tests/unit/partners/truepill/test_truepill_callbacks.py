"""What the envelope of a callback may look like, whatever its type."""

from __future__ import annotations

import pytest

from partners.truepill.callbacks import read
from tests.support.factories import OrderSuccess, Shipment, body
from tests.support.reading import keyed, reason, stated

AT = 1_590_800_072


@pytest.mark.parametrize(
    "junk",
    [
        b"",
        b"{",
        b'{"a": NaN}',
        b'{"a": Infinity}',
        b'{"a": "\xff"}',
        b"[" * 100_000,
        b'{"a":' * 2000 + b"1" + b"}" * 2000,
        body(OrderSuccess())[:-7],
        "{'callback_type': 'ORDER'}".encode("utf-16"),
    ],
)
def test_what_is_no_json_is_refused(junk: bytes) -> None:
    assert reason(junk) == "not_json"


@pytest.mark.parametrize("cut", [rb"\ud83d", rb"\uDE9A", rb"\ud83d\ud83d"])
def test_a_text_that_was_cut_within_a_character_is_read(cut: bytes) -> None:
    whole = body(Shipment(request_id="f1", details__message="on its way CUT"))
    (one,) = read(whole.replace(b"CUT", cut), keyed).stated
    assert (one.key, one.fact.signal) == ("f1", stated(Shipment(request_id="f1")).fact.signal)


def test_a_byte_order_mark_before_a_callback_is_passed_over() -> None:
    whole = body(OrderSuccess(request_id="f1"))
    assert read(b"\xef\xbb\xbf" + whole, keyed) == read(whole, keyed)


@pytest.mark.parametrize("junk", [b"[]", b"null", b"1", b'"text"', b"true", b'[{"callback_type": "ORDER"}]'])
def test_a_list_or_a_scalar_is_refused(junk: bytes) -> None:
    assert reason(junk) == "not_an_object"


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ({}, "missing_type"),
        ({"callback_type": None}, "missing_type"),
        ({"callback_type": ""}, "missing_type"),
        ({"results": []}, "page"),
        ({"results": [], "callback_type": None}, "page"),
        ({"callback_type": "WEATHER"}, "unknown_type"),
        ({"callback_type": "ORDERS"}, "unknown_type"),
        ({"callback_type": 7}, "unknown_type"),
        ({"callback_type": ["ORDER"]}, "unknown_type"),
        ({"callback_type": "CONSULT_TASK"}, "no_machine"),
        ({"callback_type": "CONTACT"}, "no_machine"),
        ({"callback_type": "TRANSFER_OUT"}, "no_machine"),
        ({"callback_type": "VISIT"}, "no_machine"),
        ({"callback_type": "ORDER"}, "missing_key"),
        ({"callback_type": "ORDER", "request_id": "a"}, "missing_time"),
        ({"callback_type": "ORDER", "request_id": "a", "timestamp": AT}, "missing_status"),
        ({"callback_type": "SHIPMENT", "request_id": "a", "timestamp": AT}, "missing_status"),
        ({"callback_type": "ORDER_CLAIM", "request_id": "a", "timestamp": AT}, "bad_details"),
        ({"callback_type": "TRANSFER", "request_id": "a", "timestamp": AT}, "missing_status"),
        ({"callback_type": "TRANSFER_CONTACT", "request_id": "a", "timestamp": AT}, "missing_status"),
        ({"callback_type": "DIRECT_TRANSFER_V2", "request_id": "a", "timestamp": AT}, "missing_status"),
        ({"callback_type": "COPAY", "request_id": "a", "timestamp": AT}, "missing_status"),
        ({"callback_type": "PRIOR_AUTH", "request_id": "a", "timestamp": AT}, "missing_status"),
        ({"callback_type": "COVERAGE", "request_id": "a", "timestamp": AT}, "missing_status"),
        ({"callback_type": "CONSULT", "request_id": "a", "timestamp": AT}, "missing_key"),
        ({"callback_type": "CONSULT", "consult_id": "a", "timestamp": AT}, "missing_status"),
        ({"callback_type": "FILE", "request_id": "a", "timestamp": AT}, "missing_key"),
        ({"callback_type": "FILE", "consult_id": "a"}, "missing_time"),
        ({"callback_type": "NOTIFY_RX", "request_id": "a", "timestamp": AT}, "missing_key"),
    ],
)
def test_what_is_missing_is_named(content: dict[str, object], expected: str) -> None:
    assert reason(content) == expected


@pytest.mark.parametrize("key", [7.5, True, "", " ", "a b", "a/b", "a\n", "ä", "a" * 129, ["a"], {"a": 1}])
def test_a_key_that_may_not_stand_in_the_clear_is_refused(key: object) -> None:
    assert reason(OrderSuccess(request_id=key)) == "bad_key"


@pytest.mark.parametrize("key", ["a", "a" * 128, "fill_request_0f.b-c", "0fbbde7492c8b024d800"])
def test_a_plain_key_is_taken_as_it_is(key: str) -> None:
    assert stated(OrderSuccess(request_id=key)).key == key


@pytest.mark.parametrize(
    ("timestamp", "seconds"),
    [
        (1563916377, 1563916377),
        (1563916377515, 1563916377),
        (1563916377999.9, 1563916377),
        (1631571795.423, 1631571795),
        (1631571795.999, 1631571795),
        ("1590800072", 1590800072),
        (" 1590800072 ", 1590800072),
        ("1563916377515", 1563916377),
        ("1631571795.423", 1631571795),
        (1_590_800_072_123_456, 1590800072),
        (1_590_800_072_999_999_999, 1590800072),
        ("1590800072123456789", 1590800072),
        ("2020-05-30T00:54:32Z", 1590800072),
        ("2020-05-30T00:54:32.999999+00:00", 1590800072),
        ("2020-05-29 17:54:32-0700", 1590800072),
        ("Sat, 30 May 2020 00:54:32 GMT", 1590800072),
        ("Sat, 30 May 2020 02:54:32 +0200", 1590800072),
        (0, 0),
        (-1.5, -2),
        (99_999_999_999, 99_999_999_999),
        (100_000_000_000, 100_000_000),
    ],
)
def test_every_form_of_a_time_becomes_the_same_whole_second(timestamp: object, seconds: int) -> None:
    assert stated(OrderSuccess(timestamp=timestamp)).fact.occurred_at == seconds


@pytest.mark.parametrize(
    "timestamp",
    [
        True,
        "",
        "now",
        "2020-05-30T00:54:32",
        "2020-05-30",
        "Sat, 30 May 2020 00:54:32 -0000",
        "30/05/2020 00:54:32 +0000",
        "2020-02-30T00:54:32Z",
        "-1",
        "1e9",
        "١٢٣",
        [],
        {},
        2**63,
        -(2**63),
        1e300,
        -1e300,
        "9" * 19,
    ],
)
def test_a_time_that_is_none_is_refused(timestamp: object) -> None:
    assert reason(OrderSuccess(timestamp=timestamp)) == "bad_time"


@pytest.mark.parametrize(
    ("strange", "form"),
    [
        ({"request_id": 4711}, "key.number"),
        ({"timestamp": AT * 10**6}, "timestamp.microseconds"),
        ({"timestamp": AT * 10**9}, "timestamp.nanoseconds"),
        ({"timestamp": "2020-05-30T00:54:32Z"}, "timestamp.text"),
    ],
)
def test_a_form_that_the_reference_never_prints_is_counted(strange: dict[str, object], form: str) -> None:
    reading = read(body(OrderSuccess(**strange)), keyed)
    assert [one for one in reading.unseen if one[0] == "form"] == [("form", "ORDER", form)]
    assert not [one for one in read(body(OrderSuccess()), keyed).unseen if one[0] == "form"]


def test_a_number_and_its_digits_are_one_key() -> None:
    assert stated(OrderSuccess(request_id=4711)).key == stated(OrderSuccess(request_id="4711")).key == "4711"


def test_a_null_time_is_a_missing_one() -> None:
    assert reason(OrderSuccess(timestamp=None)) == "missing_time"
